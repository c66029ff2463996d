// The load: SIPp as callee for as long as a proxy is measured, and as caller once a step.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { Program, ProgramOptions } from "../../lab/program.ts";
import { completedWithin, parseAnswerTimes, parseCounts, type SippCounts } from "./sipp-files.ts";
import { type Addresses, SIP_PORT } from "./subject.ts";

type Start = (label: string, argv: readonly string[], options?: ProgramOptions) => Program;

/** How long the caller keeps each call up. */
const TALK_MS = 100;
const REPORT_MS = 250;
/** A call that waits longer for a message has failed. */
const PATIENCE_MS = 5_000;
const BUFFER_BYTES = "4194304";
/** A step that lasts so much longer than its calls are begun is cut off: the proxy does not carry it. */
const OVERTIME_MS = 5_000;
/** Longer than the benchmark. */
const HOLD_MS = 3_600_000;
const HOLD_REST_MS = 2_000;
/** What of the last calls is still on its way in the proxy, and the callee's next report. */
const REST_MS = REPORT_MS + 150;
const scenarios = join(import.meta.dirname, "scenarios");

export interface LoadPlan {
  addresses: Addresses;
  directory: string;
  start: Start;
}

export interface StepPlan {
  rate: number;
  seconds: number;
  /** Keep the time of each answer; default: no. */
  answerTimes?: boolean;
  /** End at once when more than this share of the calls failed or had a message sent again; default: never. */
  troubleMax?: number;
}

/** What the load saw of one step. */
export interface StepResult {
  offered: number;
  /** Calls begun a second: less than asked for when the load itself can't keep up. */
  offeredRate: number;
  failed: number;
  /** Calls a second that came to their end while calls were begun. */
  completedRate: number;
  /** Messages that the caller and the callee sent again. */
  retransmissions: number;
  /** INVITE to 200 at the caller. */
  answerTimesMs: number[];
}

interface CallerPlan {
  rate: number;
  calls: number;
  port: number;
  talkMs?: number;
  extra: readonly string[];
}

interface SippPlan {
  scenario: "uac" | "uas";
  address: string;
  port: number;
  statistics: string;
}

function sippArgv({ scenario, address, port, statistics }: SippPlan): string[] {
  return [
    ...["sipp", "-sf", join(scenarios, `${scenario}.xml`), "-nostdin", "-t", "u1"],
    ...["-i", address, "-p", `${port}`, "-buff_size", BUFFER_BYTES],
    ...["-trace_stat", "-stf", statistics, "-fd", `${REPORT_MS}ms`],
  ];
}

/** Calls that ended otherwise than by their BYE: failed, or refused. */
function notCompleted(counts: SippCounts | null): number {
  return counts === null ? 0 : counts.calls - counts.current - counts.completed;
}

function readText(file: string): string {
  return existsSync(file) ? readFileSync(file, "utf8") : "";
}

export class Load {
  readonly #plan: LoadPlan;
  readonly #callee: Program;
  readonly #calleeStatistics: string;
  #callers = 0;

  private constructor(plan: LoadPlan) {
    this.#plan = plan;
    this.#calleeStatistics = this.#file("callee.csv");
    const address = plan.addresses.callee;
    // -aa: probes of the proxy are answered 200
    const argv = [
      ...sippArgv({ scenario: "uas", address, port: SIP_PORT, statistics: this.#calleeStatistics }),
      "-aa",
    ];
    this.#callee = plan.start("callee", argv, { env: { TERM: "dumb" } });
  }

  /** Starts the callee; resolves when it listens. */
  static async start(plan: LoadPlan): Promise<Load> {
    const load = new Load(plan);
    await load.#callee.untilBound("udp", SIP_PORT);
    return load;
  }

  /** Makes calls for so long, and waits until the last of them has ended. */
  async step(plan: StepPlan): Promise<StepResult> {
    const calls = Math.round(plan.rate * plan.seconds);
    const shortMessages = this.#file("short.csv");
    const before = this.#calleeRetransmissions();
    const extra = plan.answerTimes === true ? ["-trace_shortmsg", "-shortmessage_file", shortMessages] : [];
    const { program, statistics } = this.#startCaller({ ...plan, calls, port: SIP_PORT, extra });
    const trouble = plan.troubleMax === undefined ? Number.POSITIVE_INFINITY : plan.troubleMax * calls;
    const end = performance.now() + 1_000 * plan.seconds + OVERTIME_MS;
    await this.#untilOver(program, () => {
      if (performance.now() > end) return true;
      const counts = parseCounts(readText(statistics));
      const sentAgain = this.#calleeRetransmissions() - before;
      return notCompleted(counts) + (counts?.retransmissions ?? 0) + sentAgain > trouble;
    });
    await delay(REST_MS);
    const caller = this.#callerCounts(program, statistics);
    // The whole of the caller's life, less the end of its last call.
    const callingS = Math.max(plan.seconds, caller.elapsedS - TALK_MS / 1_000);
    return {
      offered: caller.calls,
      offeredRate: caller.calls / callingS,
      failed: notCompleted(caller) + caller.current + Math.max(0, calls - caller.calls),
      completedRate: completedWithin(readText(statistics), plan.seconds) / plan.seconds,
      retransmissions: caller.retransmissions + this.#calleeRetransmissions() - before,
      answerTimesMs: parseAnswerTimes(readText(shortMessages)),
    };
  }

  /** Makes so many calls that stay up until the lab ends. @returns how many are up, some seconds after the last was made */
  async hold(calls: number, rate: number): Promise<number> {
    const port = SIP_PORT + this.#callers + 1;
    const plan = { rate, talkMs: HOLD_MS, calls, port, extra: [] };
    const { program, statistics } = this.#startCaller(plan);
    await delay((1_000 * calls) / rate + HOLD_REST_MS);
    const caller = this.#callerCounts(program, statistics);
    return caller.calls - caller.failed;
  }

  stop(): void {
    this.#callee.kill("SIGKILL");
  }

  /** Until the caller has ended; it is ended when there is too much trouble, or it takes too long. */
  async #untilOver(program: Program, isEnough: () => boolean): Promise<void> {
    while (program.running) {
      const ended = program.exited.then(() => "ended" as const);
      if ((await Promise.race([ended, delay(REPORT_MS, "waiting" as const)])) === "ended") return;
      if (isEnough()) program.kill("SIGKILL");
    }
  }

  #startCaller(plan: CallerPlan): { program: Program; statistics: string } {
    const { addresses, start } = this.#plan;
    const statistics = this.#file("caller.csv");
    this.#callers += 1;
    const argv = [
      ...sippArgv({ scenario: "uac", address: addresses.caller, port: plan.port, statistics }),
      ...[
        `${addresses.proxy}:${SIP_PORT}`,
        "-r",
        `${plan.rate}`,
        "-m",
        `${plan.calls}`,
        "-l",
        `${plan.calls}`,
      ],
      ...["-d", `${plan.talkMs ?? TALK_MS}`, "-recv_timeout", `${PATIENCE_MS}`],
      ...plan.extra,
    ];
    return { program: start("caller", argv, { env: { TERM: "dumb" } }), statistics };
  }

  #callerCounts(program: Program, statistics: string): SippCounts {
    const counts = parseCounts(readText(statistics));
    if (counts === null) throw new Error(`SIPp told nothing:\n${program.output().slice(-2_000)}`);
    return counts;
  }

  #calleeRetransmissions(): number {
    return parseCounts(readText(this.#calleeStatistics))?.retransmissions ?? 0;
  }

  #file(name: string): string {
    return join(this.#plan.directory, `${this.#plan.addresses.proxy}-${process.hrtime.bigint()}-${name}`);
  }
}
