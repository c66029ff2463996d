/** A process and all that it has started, ended together. */
import { readdirSync, readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";

/** Longest wait for a killed group. Its processes die within a millisecond; a machine without a processor to spare takes longer. */
const GONE_WAIT_MS = 200;

const POLL_MS = 2;

/** After this the table of processes is read: a killed child whose new parent does not wait for it stays as a zombie. */
const ZOMBIES_AFTER_MS = 4;

/** Frozen processes, too. */
export function killGroup(leader: number): void {
  try {
    process.kill(-leader, "SIGKILL");
  } catch {
    // nobody is left
  }
}

function isEmpty(leader: number): boolean {
  try {
    process.kill(-leader, 0);
    return false;
  } catch (error) {
    return error instanceof Error && "code" in error && error.code === "ESRCH";
  }
}

/** Is every process of the group dead, waited for or not (proc(5), fields 3 and 5 of stat)? */
function hasOnlyZombies(leader: number): boolean {
  return readdirSync("/proc").every((pid) => {
    if (!/^\d+$/.test(pid)) return true;
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
      const [state, , group] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      return Number(group) !== leader || state === "Z" || state === "X";
    } catch {
      return true; // it has gone between the listing and the reading
    }
  });
}

/** @returns whether nobody of the group can run any more */
export async function untilGroupGone(leader: number): Promise<boolean> {
  const begun = performance.now();
  for (;;) {
    if (isEmpty(leader)) return true;
    const waited = performance.now() - begun;
    if (waited >= ZOMBIES_AFTER_MS && hasOnlyZombies(leader)) return true;
    if (waited >= GONE_WAIT_MS) return false;
    await delay(POLL_MS);
  }
}
