/** Runs a floating IP script once, in a process group of its own, so that what it started ends with it. */
import { spawn } from "node:child_process";
import { type ScriptEnd, type ScriptRequest, scriptEnvironment, scriptInput } from "./script-protocol.ts";

/** What a script prints past this is dropped: it is asked for one line. */
const OUTPUT_BYTES_MAX = 65_536;

/** Never rejects: a script that can't be started has ended, too. @param timeoutMs past this its process group is killed */
export function runScript(
  command: readonly string[],
  request: ScriptRequest,
  timeoutMs: number,
): Promise<ScriptEnd> {
  const [program = "", ...args] = command;
  return new Promise((resolve) => {
    const child = spawn(program, [...args, request.action], {
      env: { ...process.env, ...scriptEnvironment(request) },
      stdio: ["pipe", "pipe", "pipe"],
      detached: true,
    });
    let [stdout, stderr] = ["", ""];
    let timedOut = false;
    const end = (code: number | null, words = ""): void => {
      clearTimeout(timer);
      resolve({ code, timedOut, stdout, stderr: words === "" ? stderr : words });
    };
    const timer = setTimeout(() => {
      timedOut = true;
      killGroup(child.pid);
      // Whatever has left its group may hold the pipes open.
      child.stdout.destroy();
      child.stderr.destroy();
    }, timeoutMs);
    child.stdin.on("error", () => undefined); // it may end without having read
    child.stdin.end(scriptInput(request));
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      stdout = (stdout + text).slice(0, OUTPUT_BYTES_MAX);
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      stderr = (stderr + text).slice(-OUTPUT_BYTES_MAX);
    });
    child.once("error", (error) => end(127, error.message));
    child.once("close", (code) => end(code));
  });
}

function killGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // it has ended between the time-out and the signal
  }
}
