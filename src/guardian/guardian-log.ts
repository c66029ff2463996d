/** The guardian's lines of log: as the engine's in form, without the engine's logger, whose memory this small process does not need. */
import { writeSync } from "node:fs";
import type { GuardianLog } from "./run-guardian.ts";

const LEVELS = { info: 30, warn: 40, error: 50 } as const;
const STDOUT = 1;

export function guardianLog(node: string): GuardianLog {
  return (level, reason) => {
    const line = { level: LEVELS[level], time: Date.now(), node, part: "guardian", msg: reason };
    try {
      writeSync(STDOUT, `${JSON.stringify(line)}\n`);
    } catch {
      // a log that nobody reads any more must not end the one that watches
    }
  };
}
