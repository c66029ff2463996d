/**
 * Tells systemd how we are (sd_notify(3)). Its socket is a UNIX datagram socket, which Node has not: systemd's own
 * program `systemd-notify` is run for each notice. The unit needs NotifyAccess=all for that.
 */
import { spawn } from "node:child_process";

/** A notice that takes longer is lost. */
const NOTICE_WAIT_MS = 5_000;

type Env = Readonly<Record<string, string | undefined>>;

/**
 * How often the watchdog wants to hear of us: a third of its time, so that two notices may be lost. Null: there is none, or it
 * is meant for another process.
 */
export function watchdogEveryMs(env: Env, pid: number): number | null {
  const { WATCHDOG_USEC: micros, WATCHDOG_PID: meant, NOTIFY_SOCKET: socket } = env;
  if (socket === undefined || (meant !== undefined && meant !== String(pid))) return null;
  const ms = Number(micros) / 3_000;
  return Number.isFinite(ms) && ms >= 1 ? ms : null;
}

/** Without what is meant for the service's main process alone. */
export function withoutServiceVariables(env: Env): Record<string, string> {
  const { NOTIFY_SOCKET: _socket, WATCHDOG_USEC: _micros, WATCHDOG_PID: _pid, ...rest } = env;
  return Object.fromEntries(
    Object.entries(rest).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  );
}

export class ServiceNotice {
  readonly #env: Env;
  readonly #program: string;
  readonly #onFault: (reason: string) => void;
  #failed = false;

  /** @param onFault told once: where the program is missing it is so each time */
  constructor(env: Env, onFault: (reason: string) => void, program = "systemd-notify") {
    this.#env = env;
    this.#onFault = onFault;
    this.#program = program;
  }

  /** Such as "READY=1", "STATUS=standby". Nothing happens where no service manager has asked for it. Never waits. */
  send(...notices: string[]): void {
    if ((this.#env["NOTIFY_SOCKET"] ?? "") === "") return;
    const child = spawn(this.#program, notices, {
      env: { ...process.env, ...this.#env },
      stdio: "ignore",
      timeout: NOTICE_WAIT_MS,
    });
    child.once("error", (error) => this.#fail(error.message));
    child.once("exit", (code, signal) => {
      if (code !== 0) this.#fail(`ended (${signal ?? `exit code ${code}`})`);
    });
  }

  #fail(why: string): void {
    if (!this.#failed) this.#onFault(`systemd can't be told: ${this.#program} ${why}`);
    this.#failed = true;
  }
}
