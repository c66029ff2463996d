/** Plain text in columns. */

/** Characters that would move the cursor or colour the screen: what a peer wrote is shown, never obeyed. */
const UNSEEN = /[\u0000-\u001f\u007f-\u009f]/g;

/**
 * @param rows  the headings first
 * @param notes a line below each row but the headings
 */
export function table(rows: readonly (readonly string[])[], notes: readonly string[]): string {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [column, cell] of row.entries()) widths[column] = Math.max(widths[column] ?? 0, cell.length);
  }
  const lines = rows.flatMap((row, index) => {
    const line = row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  ");
    const note = index === 0 ? undefined : notes[index - 1];
    return note === undefined ? [line.trimEnd()] : [line.trimEnd(), `    ${note}`];
  });
  return `${lines.map((line) => line.replace(UNSEEN, "?")).join("\n")}\n`;
}
