/** A program of the operator's: `role.hook`, `fence.command`. It has its time, and is then killed with all that it started. */
import { spawn } from "node:child_process";

/** Longer than a page to somebody takes. */
const COMMAND_WAIT_MS = 10_000;
/** Of what it prints the end is kept, for the log. */
const OUTPUT_CHARACTERS_MAX = 4_096;

export interface CommandEnd {
  readonly ok: boolean;
  /** "exit code 1: no such outlet" */
  readonly reason: string;
}

/** Never rejects. @param command program and arguments, with what is added */
export function runBounded(
  command: readonly string[],
  env: Readonly<Record<string, string>>,
  waitMs = COMMAND_WAIT_MS,
): Promise<CommandEnd> {
  const [program = "", ...args] = command;
  return new Promise((resolve) => {
    const child = spawn(program, args, {
      env: { ...process.env, ...env },
      stdio: ["ignore", "pipe", "pipe"],
      detached: true,
    });
    let output = "";
    const timer = setTimeout(() => {
      end(false, `it did not end within ${waitMs} ms and was killed`);
      if (child.pid !== undefined) killGroup(child.pid);
      child.stdout.destroy();
      child.stderr.destroy();
    }, waitMs);
    const end = (ok: boolean, how: string): void => {
      clearTimeout(timer);
      const words = output.trim();
      resolve({ ok, reason: words === "" ? how : `${how}: ${words}` });
    };
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text: string) => {
        output = (output + text).slice(-OUTPUT_CHARACTERS_MAX);
      });
    }
    child.once("error", (error) => end(false, error.message));
    child.once("close", (code, signal) => end(code === 0, signal ?? `exit code ${code}`));
  });
}

function killGroup(pid: number): void {
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // it has ended between the time-out and the signal
  }
}
