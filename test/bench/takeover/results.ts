// Rounds in a file, a line each: a measurement that takes hours goes on where it was left, and its figures are those of all.
import { appendFileSync, existsSync, readFileSync } from "node:fs";
import type { LoadSize } from "./load.ts";
import type { Round } from "./round.ts";

/** As a line has it: JSON knows no NaN. */
interface Stored {
  readonly size: LoadSize;
  readonly round: Omit<Round, "outageMs"> & { readonly outageMs: number | null };
}

/** Adds a round to the file. */
export function keepRound(file: string, round: Round, size: LoadSize): void {
  const outageMs = Number.isNaN(round.outageMs) ? null : round.outageMs;
  const stored: Stored = { size, round: { ...round, outageMs } };
  appendFileSync(file, `${JSON.stringify(stored)}\n`);
}

/** @returns none where there is no such file. @throws Error for a person where a round was of another size */
export function keptRounds(file: string, size: LoadSize): Round[] {
  if (!existsSync(file)) return [];
  const lines = readFileSync(file, "utf8")
    .split("\n")
    .filter((line) => line !== "");
  return lines.map((line, index) => {
    const stored = JSON.parse(line) as Stored;
    if (JSON.stringify(stored.size) !== JSON.stringify(size))
      throw new Error(
        `${file}:${index + 1}: a round of other calls (${JSON.stringify(stored.size)}): name another file`,
      );
    return { ...stored.round, outageMs: stored.round.outageMs ?? Number.NaN };
  });
}
