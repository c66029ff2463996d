/** Forwarding is a few edits on the old text: what no edit names leaves byte for byte as it came (RFC 3261 §16.6 item 1). */

export interface Edit {
  /** Index of the first character replaced. */
  readonly at: number;
  /** Index after the last character replaced; equal to `at` for an insertion. */
  readonly end: number;
  readonly text: string;
}

/**
 * Applies edits to the part of a text from `start` on.
 * @param edits in ascending order of `at`, from `start` on, not overlapping
 */
export function spliceFrom(raw: string, start: number, edits: readonly Edit[]): string {
  let out = "";
  let at = start;
  for (const edit of edits) {
    out += raw.slice(at, edit.at) + edit.text;
    at = edit.end;
  }
  return out + raw.slice(at);
}
