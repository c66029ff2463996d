// The calls of one round: some talk, some ring, new ones are made all the time; after the fault each is to go on.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { Host } from "../../lab/host.ts";
import { FLOATING_IP } from "../../lab/pair.ts";
import { Sipp, type SippOptions, startCaller, startPbx } from "../../lab/sipp.ts";
import type { SippStatistics } from "../../lab/sipp-statistics.ts";
import { CALLEES, type Parties } from "./pair-under-test.ts";

/** All that are to talk or to ring begin by then, and do so a little later: SIPp, too, takes its time to start. */
const SET_UP_MS = 5_000;
const SETTLE_MS = 1_500;
/** New calls begin so long before the fault, and so long after it are the last ones made. */
const OFFERED_BEFORE_MS = 1_500;
const OFFERED_AFTER_MS = 4_500;
/** Between the fault and the first thing that a talking or ringing call does. */
const QUIET_MS = 2_500;
/** A message that was not answered for so long is lost: the fault is over, and UDP has been repeated four times. */
const PATIENCE_MS = 4_000;
/** SIPp's report comes each second. */
const LAST_REPORT_MS = 1_300;
const FAULT_AT_MS = SET_UP_MS + SETTLE_MS;
const ACT_AFTER_MS = FAULT_AT_MS + QUIET_MS;

export interface LoadSize {
  /** New calls a second. */
  rate: number;
  talking: number;
  /** In all: a third each is answered, declined, cancelled. */
  ringing: number;
}

export interface Share {
  done: number;
  of: number;
}

/** What went on after the fault. */
export interface Outcome {
  newCalls: Share;
  reinvited: Share;
  hungUp: Share;
  ringingAnswered: Share;
  declined: Share;
  cancelled: Share;
  /** Those that waited for a silent target when the fault came. */
  movedOn: Share;
}

const FIRST_CALLER_PORT = 5_070;
const CALLEE_SCENARIOS = [
  { scenario: "uas-ring-answer", ...CALLEES.answers, pauseMs: 0 },
  { scenario: "uas-ring-answer", ...CALLEES["rings, then answers"], pauseMs: ACT_AFTER_MS },
  { scenario: "uas-ring-decline", ...CALLEES["rings, then declines"], pauseMs: ACT_AFTER_MS },
  { scenario: "uas-ring-only", ...CALLEES["rings on"], pauseMs: 0 },
  { scenario: "uas-silent", ...CALLEES["is silent"], pauseMs: 0 },
] as const;

const NOTHING: SippStatistics = { offered: 0, current: 0, successful: 0, failed: 0, counters: {} };

interface Callers {
  fresh: Sipp;
  talking: Sipp;
  answered: Sipp;
  declined: Sipp;
  cancelled: Sipp;
  moving: Sipp;
}

export class FaultLoad {
  readonly #size: LoadSize;
  readonly #pbxs: Sipp[] = [];
  #caller: Host | null = null;
  #shortMessages = "";
  #callers: Callers | null = null;
  #port = FIRST_CALLER_PORT;

  constructor(size: LoadSize) {
    this.#size = size;
  }

  /** Starts the callees: before the pair, so that it finds them. */
  async prepare({ caller, pbx }: Parties): Promise<void> {
    this.#caller = caller;
    this.#shortMessages = join(caller.directory, "new-calls.messages");
    for (const { scenario, port, pauseMs } of CALLEE_SCENARIOS)
      this.#pbxs.push(await startPbx(pbx, { scenario, port, pauseMs, ownMachine: true, isPatient: true }));
  }

  /** Starts the callers; resolves in the moment of the fault. */
  async begin(): Promise<void> {
    const startedAt = performance.now();
    const until = (ms: number): Promise<void> => delay(Math.max(0, startedAt + ms - performance.now()));
    const { talking: calls } = this.#size;
    const acting = { talkMs: ACT_AFTER_MS, patienceMs: PATIENCE_MS };
    const waiting = { patienceMs: ACT_AFTER_MS + PATIENCE_MS }; // its callee acts
    const each = { calls: this.#perKind, rate: this.#rate(this.#perKind) };
    const talking = this.#call("uac-reinvite", "answers", { calls, rate: this.#rate(calls), ...acting });
    const answered = this.#call("uac-call", "rings, then answers", { ...each, ...waiting });
    const declined = this.#call("uac-declined", "rings, then declines", { ...each, ...waiting });
    const cancelled = this.#call("uac-cancel", "rings on", { ...each, ...acting });
    await until(FAULT_AT_MS - OFFERED_BEFORE_MS);
    const waits = { calls: this.#perKind, rate: this.#perKind, patienceMs: PATIENCE_MS };
    const moving = this.#call("uac-call", "is silent", waits);
    this.#callers = { fresh: this.#startFresh(), talking, answered, declined, cancelled, moving };
    await until(FAULT_AT_MS);
  }

  /** Waits until every call has ended. */
  async end(): Promise<Outcome> {
    if (this.#callers === null) throw new Error("the load was not begun");
    const { fresh, talking, answered, declined, moving } = this.#callers;
    await Promise.all(Object.values(this.#callers).map(({ program }) => program.exited));
    await delay(LAST_REPORT_MS);
    const of = (sipp: Sipp | undefined): SippStatistics => sipp?.statistics() ?? NOTHING;
    const [, , decliningPbx, ringingPbx] = this.#pbxs;
    const perKind = this.#perKind;
    const declinedAtBoth = Math.min(of(declined).successful, of(decliningPbx).counters["acknowledged"] ?? 0);
    return {
      newCalls: { done: of(fresh).successful, of: of(fresh).offered },
      reinvited: { done: of(talking).counters["reinvited"] ?? 0, of: this.#size.talking },
      hungUp: { done: of(talking).successful, of: this.#size.talking },
      ringingAnswered: { done: of(answered).successful, of: perKind },
      declined: { done: declinedAtBoth, of: perKind },
      cancelled: { done: of(ringingPbx).counters["cancelled"] ?? 0, of: perKind },
      movedOn: { done: of(moving).successful, of: perKind },
    };
  }

  /** Calls that were begun in all. */
  get offered(): number {
    if (this.#callers === null) return 0;
    return Object.values(this.#callers).reduce((sum, sipp) => sum + (sipp.statistics()?.offered ?? 0), 0);
  }

  /** The messages of the new calls, as SIPp noted them. */
  shortMessages(): string {
    return existsSync(this.#shortMessages) ? readFileSync(this.#shortMessages, "utf8") : "";
  }

  #call(
    scenario: SippOptions["scenario"],
    callee: keyof typeof CALLEES,
    options: { calls: number; rate: number; talkMs?: number; patienceMs: number },
  ): Sipp {
    this.#port += 1;
    const remote = { address: FLOATING_IP };
    const { number } = CALLEES[callee];
    return startCaller(this.#host(), {
      ...options,
      scenario,
      remote,
      number,
      port: this.#port,
      ownMachine: true,
    });
  }

  #startFresh(): Sipp {
    const { rate } = this.#size;
    const calls = Math.round((rate * (OFFERED_BEFORE_MS + OFFERED_AFTER_MS)) / 1_000);
    return new Sipp(this.#host(), { scenario: "uac-call", ownMachine: true }, [
      ...[`${FLOATING_IP}:5060`, "-m", `${calls}`, "-l", `${calls}`, "-r", `${rate}`, "-d", "0"],
      ...["-s", CALLEES.answers.number, "-recv_timeout", `${PATIENCE_MS}`],
      ...["-trace_shortmsg", "-shortmessage_file", this.#shortMessages],
    ]);
  }

  get #perKind(): number {
    return Math.max(1, Math.round(this.#size.ringing / 3));
  }

  #host(): Host {
    if (this.#caller === null) throw new Error("the load was not prepared");
    return this.#caller;
  }

  /** New calls a second so that all are up in time. */
  #rate(calls: number): number {
    return Math.max(1, Math.ceil((calls * 1_000) / SET_UP_MS));
  }
}
