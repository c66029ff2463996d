// The CDR file of a node of the lab.
import { existsSync, readFileSync } from "node:fs";
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
  return files.filter(existsSync).flatMap((file) => {
    const lines = readFileSync(file, "utf8").split("\n");
    if (lines.pop() !== "") throw new Error(`${file} ends in half a line`);
    return lines.map((line) => JSON.parse(line) as CdrRecord);
  });
}

/** The CDRs of the calls to one number, as soon as there are so many or more. */
export async function untilCdrs(
  count: number,
  number: string,
  ...files: string[]
): Promise<readonly CdrRecord[]> {
  const ofNumber = (): CdrRecord[] =>
    readCdrs(...files).filter(({ requested }) => requested.startsWith(`sip:${number}@`));
  return await until(`${count} CDRs of ${number}`, WRITTEN_WITHIN_MS, () => {
    const found = ofNumber();
    return found.length >= count ? found : null;
  });
}
