// Calls of every state over a pair: talking ones that change their session and hang up, and ringing ones that are answered, cancelled
// or declined after the fault.
import assert from "node:assert/strict";
import { setTimeout as delay } from "node:timers/promises";
import type { Pair } from "./pair.ts";
import { type Sipp, startCaller, startPbx } from "./sipp.ts";
import { until } from "./until.ts";

const TALKING = 40;
const RINGING = 10;
/** From their set-up, in which the fault falls, until talking ones go on and ringing ones are answered, declined or cancelled. */
const PAUSE_MS = 6_000;
const SETUP_MAX_MS = 4_000;
/** From a call's INVITE until its callee talks or rings, and the standby has its record. */
const SETTLE_MS = 250;

interface Kind {
  readonly name: string;
  readonly number: string;
  readonly scenario: "uac-reinvite" | "uac-call" | "uac-cancel" | "uac-declined";
  readonly port: number;
  readonly calls: number;
  readonly pauseMs: number;
}

const KINDS: readonly Kind[] = [
  {
    name: "talking",
    number: "1001",
    scenario: "uac-reinvite",
    port: 5_201,
    calls: TALKING,
    pauseMs: PAUSE_MS,
  },
  { name: "answered", number: "2000", scenario: "uac-call", port: 5_202, calls: RINGING, pauseMs: 0 },
  {
    name: "cancelled",
    number: "3000",
    scenario: "uac-cancel",
    port: 5_203,
    calls: RINGING,
    pauseMs: PAUSE_MS,
  },
  { name: "declined", number: "4000", scenario: "uac-declined", port: 5_204, calls: RINGING, pauseMs: 0 },
];

export class Callers {
  readonly #running: readonly (readonly [Kind, Sipp])[];

  private constructor(running: readonly (readonly [Kind, Sipp])[]) {
    this.#running = running;
  }

  /** The PBX's side, once. */
  static async answer(pair: Pair): Promise<void> {
    const { pbx } = pair;
    const own = { address: pair.addressOf(pbx), ownMachine: true, isPatient: true };
    await startPbx(pbx, { scenario: "uas-ring-answer", ...own });
    await startPbx(pbx, { scenario: "uas-ring-answer", port: 5_070, pauseMs: PAUSE_MS, ...own });
    await startPbx(pbx, { scenario: "uas-ring-only", port: 5_080, ...own });
    await startPbx(pbx, { scenario: "uas-ring-decline", port: 5_090, pauseMs: PAUSE_MS, ...own });
  }

  /** All calls are set up when it resolves. */
  static async begin(pair: Pair): Promise<Callers> {
    const { caller, floatingIp } = pair;
    const running = KINDS.map((kind) => {
      const { scenario, port, calls, pauseMs, number } = kind;
      const remote = { address: floatingIp };
      const ownMachine = true;
      const options = {
        address: pair.addressOf(caller),
        scenario,
        port,
        remote,
        ownMachine,
        calls,
        rate: calls,
        talkMs: pauseMs,
        number,
        patienceMs: 15_000,
      };
      return [kind, startCaller(caller, options)] as const;
    });
    for (const [{ name, calls }, sipp] of running)
      await until(`${calls} calls ${name} to be offered`, SETUP_MAX_MS, () =>
        sipp.statistics()?.offered === calls ? true : null,
      );
    await delay(SETTLE_MS);
    return new Callers(running);
  }

  /** Calls of some rounds, by number. */
  static begun(rounds: number): { number: string; count: number }[] {
    return KINDS.map(({ number, calls }) => ({ number, count: calls * rounds }));
  }

  /**
   * @param hopeless kinds of which calls may have been lost
   * @returns "talking 40 of 40, …". @throws where a call of another kind did not end as its scenario says
   */
  async finish(hopeless: readonly string[] = []): Promise<string> {
    const ends = await Promise.all(
      this.#running.map(async ([kind, sipp]) => ({ kind, ...(await sipp.finished()) })),
    );
    const told = ends
      .map(({ kind, statistics }) => `${kind.name} ${statistics?.successful ?? 0} of ${kind.calls}`)
      .join(", ");
    for (const { kind, code, errors } of ends)
      if (!hopeless.includes(kind.name)) assert.equal(code, 0, `${told}; ${kind.name}: ${errors}`);
    return told;
  }
}
