/**
 * The floating IP by a script: `add`, `remove`, `status`, for a cloud's interface or a routing daemon. There is no lifetime in
 * anybody's kernel behind it: what keeps two nodes from having the address is that the cloud gives it to one of them.
 */
import { setTimeout as delay } from "node:timers/promises";
import type { Added, DriverEvents, FloatingIpDriver, HeldAddress, Removed, Renewal } from "./driver.ts";
import { FloatingIpError } from "./floating-ip-error.ts";
import { runScript } from "./script-process.ts";
import {
  parseScriptStatus,
  retryWaitMs,
  type ScriptAction,
  type ScriptOutcome,
  scriptOutcome,
} from "./script-protocol.ts";

/** The wait before the second try; it doubles. */
const FIRST_RETRY_MS = 200;

export interface ScriptDriverOptions {
  /** Program and arguments; the action is added as the last one. */
  readonly command: readonly string[];
  readonly node: string;
  readonly interface: string;
  readonly addresses: readonly string[];
  /** For one run. 100..60,000 ms. */
  readonly timeoutMs: number;
  /** Runs in all, for one `add` or `remove`. 1..10. */
  readonly triesMax: number;
  readonly events: DriverEvents;
}

export class ScriptDriver implements FloatingIpDriver {
  readonly #options: ScriptDriverOptions;
  #held = false;
  /** Counts additions and removals: an `add` that is still being tried gives way to a removal. */
  #turn = 0;
  /** Runs follow each other: a cloud that gets `remove` while it adds may do either last. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(options: ScriptDriverOptions) {
    this.#options = options;
  }

  /** Asks for the status: a script that can't be run, or does not speak this, is found before it is needed. */
  async start(): Promise<void> {
    const held = await this.#askStatus();
    if (held && !(await this.remove()).confirmed)
      throw new FloatingIpError(
        "FLOATING_IP_FAILED",
        "the floating IP script can't remove a left-over address",
      );
  }

  async add(): Promise<Added> {
    const begun = performance.now();
    this.#turn += 1;
    const outcome = await this.#try("add", this.#turn);
    if (outcome.kind !== "done") throw new FloatingIpError("FLOATING_IP_FAILED", `add ${outcome.reason}`);
    if (!(await this.#askStatus()))
      throw new FloatingIpError(
        "FLOATING_IP_FAILED",
        "the script says that the address is not here after add",
      );
    this.#held = true;
    return { tookMs: performance.now() - begun };
  }

  renew(): Renewal {
    return this.#held ? "early" : "absent";
  }

  async remove(): Promise<Removed> {
    const begun = performance.now();
    this.#held = false;
    this.#turn += 1;
    const removed = (confirmed: boolean, reason: string): Removed => ({
      confirmed,
      reason,
      tookMs: performance.now() - begun,
    });
    try {
      const outcome = await this.#try("remove", this.#turn);
      if (outcome.kind !== "done") return removed(false, `remove ${outcome.reason}`);
      const held = await this.#askStatus();
      const words = held ? "the script says that it is still here" : "removed, and status says so";
      return removed(!held, words);
    } catch (error) {
      return removed(false, error instanceof Error ? error.message : String(error));
    }
  }

  async status(): Promise<readonly HeldAddress[]> {
    const held = await this.#askStatus();
    return this.#options.addresses.map((address) => ({ address, held, validS: null }));
  }

  async close(): Promise<void> {
    this.#turn += 1;
    await this.#last;
  }

  async #askStatus(): Promise<boolean> {
    const end = await this.#run("status");
    const outcome = scriptOutcome(end);
    if (outcome.kind === "hopeless" && (end.code === 126 || end.code === 127))
      throw new FloatingIpError(
        "FLOATING_IP_PROGRAM",
        `the floating IP script can't be run: ${outcome.reason}`,
      );
    if (outcome.kind !== "done") throw new FloatingIpError("FLOATING_IP_FAILED", `status ${outcome.reason}`);
    const held = parseScriptStatus(end.stdout);
    if (held === null)
      throw new FloatingIpError(
        "FLOATING_IP_FAILED",
        'status has to print {"held": true} or {"held": false}',
      );
    return held;
  }

  async #try(action: "add" | "remove", turn: number): Promise<ScriptOutcome> {
    for (let tries = 1; ; tries++) {
      const outcome = scriptOutcome(await this.#run(action));
      if (turn !== this.#turn)
        throw new FloatingIpError("FLOATING_IP_SUPERSEDED", `${action} was overtaken by a later one`);
      if (outcome.kind !== "again" || tries >= this.#options.triesMax) return outcome;
      this.#options.events.onFault(`${action} ${outcome.reason}; it is tried again`);
      await delay(retryWaitMs(tries, FIRST_RETRY_MS));
    }
  }

  #run(action: ScriptAction) {
    const { command, node, addresses, timeoutMs } = this.#options;
    const request = { action, node, interface: this.#options.interface, addresses };
    const run = this.#last.then(() => runScript(command, request, timeoutMs));
    this.#last = run;
    return run;
  }
}
