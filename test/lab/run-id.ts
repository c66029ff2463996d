// Names of what a lab leaves on the machine: a fixed prefix, then who made it, so that a later run can tell a
// crashed run's left-overs (owner gone) from a neighbour's lab (owner alive).
import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";

/** Every namespace and directory of a lab begins with this. */
const LAB_PREFIX = "tdl-";

const OWNED_NAME = /^tdl-(\d+)-([0-9a-z]+)-[0-9a-f]{4}(?:-|$)/;

/**
 * When a process started, in clock ticks since boot: with the pid it names a process for good.
 * @returns null when there is no such process
 */
function startTicks(pid: number): string | null {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, "latin1");
  } catch {
    return null;
  }
  // The second field is the program's name in parentheses and may hold anything: count from the last one.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  if (fields[0] === "Z") return null; // dead, only not yet waited for
  return fields[19] ?? null; // field 22 of proc(5)
}

/** A new run id for this process, `tdl-<pid>-<start>-<random>`. */
export function newRunId(): string {
  const start = BigInt(startTicks(process.pid) ?? 0).toString(36);
  return `${LAB_PREFIX}${process.pid}-${start}-${randomBytes(2).toString("hex")}`;
}

/** Was `name` made by a lab whose process is gone? Names that no lab gives are never abandoned. */
export function isAbandoned(name: string): boolean {
  const match = OWNED_NAME.exec(name);
  if (match === null) return false;
  const ticks = startTicks(Number(match[1]));
  return ticks === null || BigInt(ticks).toString(36) !== match[2];
}
