// Starts other programs, hands signals on to them and takes their exit codes over.
import { spawn } from "node:child_process";
import { constants } from "node:os";
import { write } from "./progress.mjs";

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"];
const running = new Set();
let stoppedBy = null;

/** What to do when a signal ends us, once everything that we started has ended: newest first. */
const cleanups = [];

export function onStop(cleanup) {
  cleanups.unshift(cleanup);
  return () => {
    const at = cleanups.indexOf(cleanup);
    if (at >= 0) cleanups.splice(at, 1);
  };
}

function leave(code) {
  for (const cleanup of cleanups) cleanup();
  process.exit(code);
}

for (const signal of SIGNALS) {
  process.on(signal, () => {
    const again = stoppedBy === signal;
    stoppedBy = signal;
    if (running.size === 0) leave(128 + constants.signals[signal]);
    // Ctrl-C at a terminal reaches the whole foreground group, our children included; and npm repeats it to us.
    if (signal === "SIGINT" && (process.stdin.isTTY || again)) return;
    for (const child of running) child.kill(signal);
  });
}

/**
 * Runs a program to its end.
 * @param {string[]} argv     the program and its arguments
 * @param {{ env?: object, cwd?: string, output?: "inherit" | "stream" | "hold" }} options
 *   `inherit`: our own terminal; `stream`: shown as it comes, and returned; `hold`: returned only
 * @returns {Promise<{ code: number, output: string }>} code 127 if it can't be started
 */
export function run(argv, { env = process.env, cwd, output = "hold" } = {}) {
  return new Promise((resolve) => {
    const chunks = [];
    const take = (chunk) => {
      chunks.push(chunk);
      if (output === "stream") write(chunk);
    };
    const stdio = output === "inherit" ? "inherit" : ["ignore", "pipe", "pipe"];
    const child = spawn(argv[0], argv.slice(1), { env, cwd, stdio });
    const done = (code) => {
      if (!running.delete(child)) return;
      if (stoppedBy !== null && running.size === 0) {
        // A program that had the terminal to itself knows best how its end is to be called.
        leave(output === "inherit" ? code : 128 + constants.signals[stoppedBy]);
      }
      resolve({ code, output: chunks.join("") });
    };
    running.add(child);
    child.stdout?.setEncoding("utf8").on("data", take);
    child.stderr?.setEncoding("utf8").on("data", take);
    child.on("error", (error) => {
      chunks.push(`${argv[0]}: ${error.message}\n`);
      done(127);
    });
    child.on("close", (code, signal) => done(code ?? 128 + constants.signals[signal]));
  });
}

/** Is a stop under way? Then nothing more is started. */
export function stopping() {
  return stoppedBy !== null;
}
