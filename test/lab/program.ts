// A program that runs in a host of the lab: its output in files, its signals, its end.
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, existsSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { until } from "./until.ts";

export interface ProgramOptions {
  /** Added to the environment of the lab's process. */
  env?: Record<string, string>;
  /** "pipe" hands standard output to the caller as `stdout` in place of the file. */
  stdout?: "file" | "pipe";
}

export interface ProgramSpec extends ProgramOptions {
  /** Names its output files; unique in the lab. */
  label: string;
  namespace: string;
  directory: string;
  argv: readonly string[];
}

export interface ProgramExit {
  code: number | null;
  signal: NodeJS.Signals | null;
}

/** Longer than a node gives its calls when it is told to stop. */
const STOP_GRACE_MS = 10_000;

/**
 * A running program. Output goes to files and not through pipes: a full pipe would stall the program while the lab's
 * own process is busy, and would so change what is measured.
 */
export class Program {
  readonly label: string;
  readonly pid: number;
  readonly stdoutFile: string;
  readonly stderrFile: string;
  /** Standard output when it was asked for as a pipe. */
  readonly stdout: Readable | null;
  /** Settles when the program has ended; never rejects. */
  readonly exited: Promise<ProgramExit>;
  readonly #child: ChildProcess;

  constructor(spec: ProgramSpec) {
    this.label = spec.label;
    this.stdoutFile = join(spec.directory, `${spec.label}.out`);
    this.stderrFile = join(spec.directory, `${spec.label}.err`);
    const out = openSync(this.stdoutFile, "w");
    const err = openSync(this.stderrFile, "w");
    // Each of these replaces itself by the next program, so that the pid is the program's own. pdeathsig: the program
    // goes with the lab's process even when that is killed with no chance to clean up.
    const argv = ["netns", "exec", spec.namespace, "setpriv", "--pdeathsig", "KILL", "--", ...spec.argv];
    this.#child = spawn("ip", argv, {
      cwd: spec.directory,
      env: { ...process.env, ...spec.env },
      stdio: ["ignore", spec.stdout === "pipe" ? "pipe" : out, err],
    });
    closeSync(out);
    closeSync(err);
    this.pid = this.#child.pid ?? 0;
    this.stdout = this.#child.stdout;
    this.exited = new Promise((resolve) => {
      this.#child.once("error", () => resolve({ code: 127, signal: null }));
      this.#child.once("exit", (code, signal) => resolve({ code, signal }));
    });
  }

  get running(): boolean {
    return this.pid !== 0 && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Sends a signal; nothing happens when the program has ended already. */
  kill(signal: NodeJS.Signals = "SIGKILL"): void {
    if (this.running) this.#child.kill(signal);
  }

  /** Stops it where it stands: its sockets stay open and fill. */
  freeze(): void {
    this.kill("SIGSTOP");
  }

  thaw(): void {
    this.kill("SIGCONT");
  }

  /** Asks it to end, and kills it when it does not within ten seconds. */
  async stop(signal: NodeJS.Signals = "SIGTERM"): Promise<ProgramExit> {
    this.kill(signal);
    const timer = setTimeout(() => this.kill("SIGKILL"), STOP_GRACE_MS);
    const exit = await this.exited;
    clearTimeout(timer);
    return exit;
  }

  /** Everything it has written so far: standard output, then standard error. */
  output(): string {
    return [this.stdoutFile, this.stderrFile].map((file) => readFileSync(file, "utf8")).join("");
  }

  /**
   * Waits until its output matches.
   * @throws when it ends before, or after `timeoutMs`; the message carries the end of its output
   */
  async untilOutput(pattern: RegExp, timeoutMs: number): Promise<RegExpExecArray> {
    return await this.#wait(`output ${pattern}`, timeoutMs, () => pattern.exec(this.output()));
  }

  /** Waits until it is bound to a port: UDP, or TCP in the state LISTEN. Throws as `untilOutput` does. */
  async untilBound(transport: "udp" | "tcp", port: number, timeoutMs = 5_000): Promise<void> {
    const hexPort = port.toString(16).toUpperCase().padStart(4, "0");
    // proc(5), /proc/PID/net/udp: "sl local_address rem_address st …", of the process's own namespace.
    const row = new RegExp(`^\\s*\\d+: [0-9A-F]+:${hexPort} \\S+ ${transport === "udp" ? "07" : "0A"}`, "m");
    await this.#wait(`${transport} port ${port}`, timeoutMs, () =>
      ["", "6"].some((family) => {
        const table = `/proc/${this.pid}/net/${transport}${family}`;
        return existsSync(table) && row.test(readFileSync(table, "latin1"));
      })
        ? true
        : null,
    );
  }

  async #wait<T>(what: string, timeoutMs: number, poll: () => T | null): Promise<T> {
    return await until(
      `${what} of ${this.label}`,
      timeoutMs,
      () => {
        const found = poll();
        if (found === null && !this.running) throw new Error(`${this.label} ended before ${what}`);
        return found;
      },
      () => this.output().slice(-2_000),
    );
  }
}
