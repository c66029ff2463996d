/** The guardian: the small parent process of the engine. Performs what `guardian-step.ts` decides. */
import type { FloatingIpDriver, Removed } from "../floating-ip/driver.ts";
import { openDriver } from "../floating-ip/settings.ts";
import type { EngineMessage, ResignationCopy } from "./engine-message.ts";
import { EngineProcess } from "./engine-process.ts";
import {
  type GuardianEffect,
  type GuardianEvent,
  type GuardianLimits,
  type GuardianState,
  guardFrom,
  guardStep,
  TURN_MS_MAX,
} from "./guardian-step.ts";
import { sendResignation } from "./resign.ts";
import { ServiceNotice, watchdogEveryMs } from "./service-notice.ts";

/** How often the guardian looks at the time while the engine is silent. After a beat it need not for longer than to the next one. */
const TICK_MS = 50;

/** systemd is told of another status no more often. */
const STATUS_EVERY_MS = 5_000;

export const GUARDIAN_LIMITS: GuardianLimits = {
  ...{ silentMs: 500, idleSilentMs: 5_000 },
  ...{ startMs: 60_000, stopMs: 30_000 },
};

export type GuardianLog = (level: "info" | "warn" | "error", reason: string) => void;

export interface GuardianOptions {
  /** The engine's program and arguments. */
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly log: GuardianLog;
  readonly limits?: GuardianLimits;
}

/** Runs until it is told to stop, or the engine can't be started at all. @returns the exit code */
export function runGuardian(options: GuardianOptions): Promise<number> {
  return new Promise((resolve) => new Guardian(options, resolve).begin());
}

class Guardian {
  readonly #options: GuardianOptions;
  readonly #end: (code: number) => void;
  readonly #notice: ServiceNotice;
  readonly #undo: (() => void)[] = [];
  #state: GuardianState;
  #engine: EngineProcess | null = null;
  #driver: FloatingIpDriver | null = null;
  #resignation: readonly ResignationCopy[] = [];
  #resigning: Promise<void> = Promise.resolve();
  #tickTimer: NodeJS.Timeout | null = null;
  #isClosed = false;
  #status = { now: "", told: "", toldAt: Number.NEGATIVE_INFINITY };

  constructor(options: GuardianOptions, end: (code: number) => void) {
    this.#options = options;
    this.#end = end;
    this.#notice = new ServiceNotice(options.env, (reason) => options.log("warn", reason));
    this.#state = guardFrom(performance.now())[0];
  }

  begin(): void {
    for (const signal of ["SIGTERM", "SIGINT"] as const)
      this.#listen(signal, () => this.#feed({ kind: "stop", signal }));
    this.#listen("SIGHUP", () => this.#engine?.forward("SIGHUP"));
    this.#tickAfter(TICK_MS);
    const everyMs = watchdogEveryMs(this.#options.env, process.pid);
    if (everyMs !== null) {
      const watchdog = setInterval(() => this.#notice.send("WATCHDOG=1"), everyMs);
      this.#undo.push(() => clearInterval(watchdog));
    }
    const [state, effects] = guardFrom(performance.now());
    this.#state = state;
    for (const effect of effects) this.#perform(effect);
  }

  #listen(signal: NodeJS.Signals, listener: () => void): void {
    process.on(signal, listener);
    this.#undo.push(() => process.off(signal, listener));
  }

  #feed(event: GuardianEvent): void {
    const limits = this.#options.limits ?? GUARDIAN_LIMITS;
    const [state, effects] = guardStep(this.#state, event, { now: performance.now(), limits });
    this.#state = state;
    for (const effect of effects) this.#perform(effect);
  }

  #perform(effect: GuardianEffect): void {
    switch (effect.kind) {
      case "start":
        this.#engine = new EngineProcess({
          command: this.#options.command,
          env: this.#options.env,
          onMessage: (message) => this.#hear(message),
          onEnd: (end) => {
            this.#feed({ kind: "exited", ...end });
            this.#tickAfter(TICK_MS);
          },
        });
        break;
      case "kill":
        this.#engine?.kill();
        break;
      case "forward":
        this.#engine?.forward(effect.signal);
        break;
      case "clear":
        void this.#clear().then(({ confirmed, reason }) =>
          this.#feed({ kind: "cleared", confirmed, reason }),
        );
        break;
      case "resign": {
        const copies = this.#resignation;
        this.#resignation = []; // of that engine: the next one has another boot id
        this.#resigning = sendResignation(copies, effect.confirmed, (reason) =>
          this.#options.log("warn", reason),
        );
        break;
      }
      case "ready":
        this.#notice.send("READY=1", `STATUS=${this.#status.now}`);
        break;
      case "stopping":
        this.#notice.send("STOPPING=1");
        break;
      case "say":
        this.#options.log(effect.level, effect.reason);
        break;
      case "end":
        void this.#close().then(() => this.#end(effect.code));
        break;
    }
  }

  #hear(message: EngineMessage): void {
    if (message.kind === "settings") {
      void this.#driver?.close();
      this.#driver = openDriver(message.floatingIp, {
        onFault: (reason) => this.#options.log("warn", `floating IP: ${reason}`),
      });
      // Its helper process is there before it is needed.
      this.#driver.status().catch((error: unknown) => this.#options.log("error", String(error)));
      return;
    }
    if (message.resignation !== null) this.#resignation = message.resignation;
    this.#status.now = message.status;
    this.#feed({ kind: "beat", holds: message.holds, ready: message.ready });
    this.#tellStatus();
    // One that was told to stop has a time for it, beats or not.
    if (this.#state.stopBy === Number.POSITIVE_INFINITY) this.#tickAfter(TURN_MS_MAX);
  }

  /** The engine's beats that lie in the pipe are read before the time is looked at: setImmediate comes after them. */
  #tickAfter(ms: number): void {
    if (this.#tickTimer !== null) clearTimeout(this.#tickTimer);
    if (!this.#isClosed) this.#tickTimer = setTimeout(() => setImmediate(() => this.#tick()), ms);
  }

  #tick(): void {
    this.#feed({ kind: "tick" });
    this.#tickAfter(TICK_MS);
  }

  #tellStatus(): void {
    const now = performance.now();
    const { now: status, told, toldAt } = this.#status;
    if (!this.#state.everReady || status === told || now - toldAt < STATUS_EVERY_MS) return;
    this.#status = { now: status, told: status, toldAt: now };
    this.#notice.send(`STATUS=${status}`);
  }

  /** The engine's helpers end first: none of them may touch the address after it was read back. Never rejects. */
  async #clear(): Promise<Pick<Removed, "confirmed" | "reason">> {
    try {
      const gone = (await this.#engine?.groupGone()) ?? true;
      if (this.#driver === null)
        return { confirmed: false, reason: "the engine has not said which address it holds" };
      const removed = await this.#driver.remove();
      if (gone || !removed.confirmed) return removed;
      return { confirmed: false, reason: "a helper process of the engine is still there" };
    } catch (error) {
      // The cluster then waits for the lifetime of the address; a guardian that ended here would start no engine any more.
      return { confirmed: false, reason: error instanceof Error ? error.message : String(error) };
    }
  }

  async #close(): Promise<void> {
    this.#isClosed = true;
    if (this.#tickTimer !== null) clearTimeout(this.#tickTimer);
    for (const step of this.#undo.splice(0)) step();
    await this.#resigning;
    await this.#driver?.close();
  }
}
