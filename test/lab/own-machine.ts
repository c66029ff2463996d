// Cores as if each machine had its own, on the few that the lab has: who calls and is called comes before the nodes, and they before
// all else; a node that starts anew does so on its own machine, and takes the cores of nobody here.
import { processTree } from "../bench/calls/process-tree.ts";
import { runCommand } from "./command.ts";

const NODE_PRIORITY = "10";
/** Of Redis, of callers and callees: other machines, and with little to do. */
export const PEER_MACHINE = ["chrt", "--rr", "20"];
export const NODE_MACHINE = ["chrt", "--rr", NODE_PRIORITY];

/**
 * The process, all that it has started by now, and each thread.
 * @param options.children what it starts later: has a machine of its own as well, or shares what the others leave
 */
export function giveOwnMachine(pid: number, { children }: { children: "own" | "shared" }): void {
  for (const each of processTree(pid)) {
    const reset = children === "shared" && each === pid ? ["--reset-on-fork"] : [];
    try {
      runCommand(["chrt", ...reset, "--all-tasks", "--rr", "--pid", NODE_PRIORITY, `${each}`]);
    } catch {
      // it has ended meanwhile
    }
  }
}
