// A turn on a machine that others measure on, too: flock(1) holds the file for as long as the work takes.
import { spawn } from "node:child_process";
import { once } from "node:events";

/** @param file whose lock is to be held meanwhile; null: none */
export async function inTurn<T>(file: string | null, work: () => Promise<T>): Promise<T> {
  if (file === null) return await work();
  // It ends, and lets go, when its input ends: also where this process is killed.
  const holder = spawn("flock", [file, "sh", "-c", "echo held; exec cat"], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const ended = once(holder, "exit");
  try {
    await Promise.race([
      once(holder.stdout, "data"),
      ended.then(() => Promise.reject(new Error(`${file} can't be locked`))),
    ]);
    return await work();
  } finally {
    holder.stdin.end();
    await ended;
  }
}
