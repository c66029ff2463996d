// The CDR file of a node of the lab.
import { createReadStream, existsSync, readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { until } from "./until.ts";

export interface CdrRecord {
  id: string;
  node: string;
  callId: string;
  from: string;
  to: string;
  requested: string;
  ingress: string;
  source: string;
  attempts: { target: string; status: number; reason: string; at: string; ms: number }[];
  target: string;
  start: string;
  ringing: string | null;
  answer: string | null;
  end: string;
  durationMs: number;
  status: number;
  endedBy: string;
  reason: string;
}

/** More than a call that ended badly is waited for: Timer B or F, 64*T1 (RFC 3261 §17.1.1.2). */
const WRITTEN_WITHIN_MS = 40_000;

/** All lines of some files, in order. @throws where one is not whole */
export function readCdrs(...files: string[]): CdrRecord[] {
  const { cdrs, rests } = linesOf(files);
  if (rests.some((rest) => rest !== "")) throw new Error(`half a line at the end of ${files.join(", ")}`);
  return cdrs;
}

/** The lines that are whole by now. */
export function wholeCdrs(...files: string[]): CdrRecord[] {
  return linesOf(files).cdrs;
}

/** Whole lines, and what follows them in each file: while a line is being written, its beginning. */
function linesOf(files: readonly string[]): { cdrs: CdrRecord[]; rests: (string | undefined)[] } {
  const texts = files.filter(existsSync).map((file) => readFileSync(file, "utf8").split("\n"));
  const rests = texts.map((lines) => lines.pop());
  return { cdrs: texts.flatMap((lines) => lines.map((line) => JSON.parse(line) as CdrRecord)), rests };
}

/** How many calls the files tell of, and in how many records; for files that are too large to be read at once. */
export async function countCdrs(...files: string[]): Promise<{ calls: number; records: number }> {
  const calls = new Set<string>();
  const records = new Set<string>();
  for (const file of files.filter(existsSync)) {
    for await (const line of createInterface({ input: createReadStream(file) })) {
      const { id, callId } = JSON.parse(line) as CdrRecord;
      calls.add(callId);
      records.add(id);
    }
  }
  return { calls: calls.size, records: records.size };
}

/** The CDRs of the calls to one number, as soon as there are so many or more. Lines with the same id are one (docs/cdr.md). */
export async function untilCdrs(
  count: number,
  number: string,
  ...files: string[]
): Promise<readonly CdrRecord[]> {
  const ofNumber = (): CdrRecord[] => {
    const some = linesOf(files).cdrs.filter(({ requested }) => requested.startsWith(`sip:${number}@`));
    return [...new Map(some.map((cdr) => [cdr.id, cdr])).values()];
  };
  return await until(
    `${count} CDRs of ${number}`,
    WRITTEN_WITHIN_MS,
    () => {
      const found = ofNumber();
      return found.length >= count ? found : null;
    },
    () => `there are ${ofNumber().length}`,
  );
}
