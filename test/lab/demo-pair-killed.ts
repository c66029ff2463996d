// Second act of the demo: a pair with a floating IP. The active's engine is killed, then the guardian and engine of the
// next active, each time while calls talk, ring and begin.
import { watchPackets } from "./capture.ts";
import { wholeCdrs } from "./cdr-lines.ts";
import { type FaultCounts, PairReport } from "./demo-pair-report.ts";
import { FrameLog } from "./frame-log.ts";
import { FLOATING_IP, Pair, type PairNode } from "./pair.ts";
import { type ScenarioName, type Sipp, startCaller, startPbx } from "./sipp.ts";
import { isRinging, isTalking, NUMBERS, type Purpose, SurvivingCalls } from "./surviving-calls.ts";
import { until } from "./until.ts";

const COHORTS: readonly { purpose: Purpose; calls: number; scenario: ScenarioName }[] = [
  { purpose: "talk", calls: 200, scenario: "uac-reinvite" },
  { purpose: "answer", calls: 40, scenario: "uac-reinvite" },
  { purpose: "decline", calls: 20, scenario: "uac-declined" },
  { purpose: "cancel", calls: 20, scenario: "uac-cancel" },
];
const COHORT_CALLS_PER_SECOND = 200;
const NEW_CALLS_PER_SECOND = 100;
const NEW_CALLS = 600;
/**
 * How long a call talks or rings: the fault falls into it. No call ends in the last milliseconds before a fault, as its end
 * may not be stored yet, and its CDR waits then until the successor gives the call up, which takes longer than a demo.
 */
const PAUSE_MS = 5_000;
const UP_WITHIN_MS = 4_000;
const FIRST_ANSWER_WITHIN_MS = 5_000;
const ENDED_WITHIN_MS = 14_000;
const CDRS_WITHIN_MS = 3_000;

/** What the pair's routes send the numbers to. */
const PBX: readonly { port: number; scenario: ScenarioName; pauseMs: number }[] = [
  { port: 5060, scenario: "uas-ring-answer", pauseMs: 0 },
  { port: 5070, scenario: "uas-ring-answer", pauseMs: PAUSE_MS },
  { port: 5080, scenario: "uas-ring-only", pauseMs: 0 },
  { port: 5090, scenario: "uas-ring-decline", pauseMs: PAUSE_MS },
];

interface Fault {
  readonly victim: PairNode;
  readonly survivor: PairNode;
  /** "guardian too" is as if the whole machine had gone. */
  readonly kill: "engine" | "engine and guardian";
}

class Act {
  readonly #pair: Pair;
  readonly #report = new PairReport();
  #book: SurvivingCalls;

  constructor(pair: Pair) {
    this.#pair = pair;
    this.#book = this.#newBook();
  }

  async run(): Promise<boolean> {
    const { a, b, caller, pbx } = this.#pair;
    this.#report.title({
      caller: caller.ip4,
      floating: FLOATING_IP,
      a: a.host.ip4,
      b: b.host.ip4,
      pbx: pbx.ip4,
    });
    for (const { port, scenario, pauseMs } of PBX)
      await startPbx(pbx, { scenario, port, pauseMs, ownMachine: true, isPatient: true });
    const startedAt = Date.now();
    await this.#pair.start();
    this.#report.started(Date.now() - startedAt);
    const stopWatching = await watchPackets(this.#pair.lab.switchHost(), {
      interface: "br-front",
      filter: "udp port 5060 or udp portrange 5070-5090 or udp portrange 5100-5110",
      onPacket: (packet) => this.#book.add(packet),
    });
    const first = await this.#round(1, { victim: a, survivor: b, kill: "engine" });
    await this.#pair.untilReady(a);
    this.#report.back("edge-a");
    const second = await this.#round(2, { victim: b, survivor: a, kill: "engine and guardian" });
    await stopWatching();
    return this.#report.close([first, second]);
  }

  #newBook(): SurvivingCalls {
    return new SurvivingCalls({ caller: this.#pair.caller.ip4, pbx: this.#pair.pbx.ip4 });
  }

  async #round(number: number, fault: Fault): Promise<FaultCounts> {
    const { victim, survivor, kill } = fault;
    const book = this.#newBook();
    this.#book = book;
    const callers = this.#startCallers();
    await this.#untilUp(book);
    const frames = await FrameLog.start(this.#pair.lab.switchHost(), "br-front", "arp");
    const at = Date.now();
    if (kill === "engine") victim.signalEngine("SIGKILL");
    else victim.signalAll("SIGKILL");
    const all = [...book.calls.values()];
    const talking = all.filter((call) => call.purpose !== "fresh" && isTalking(call));
    const ringing = all.filter((call) => call.purpose !== "fresh" && isRinging(call));
    this.#report.fault({
      number,
      victim: victim.name,
      kill,
      talking: talking.length,
      ringing: ringing.length,
    });
    const firstAnswerAt = await untilNewCallAnswered(book, at);
    await survivor.untilRole("active");
    const announced = announcedAt(await frames.stop(), at);
    this.#report.timeline({ at, victim, survivor, announcedAt: announced, firstAnswerAt });
    await Promise.race([
      Promise.all(callers.map(({ program }) => program.exited)),
      new Promise((resolve) => setTimeout(resolve, ENDED_WITHIN_MS).unref()),
    ]);
    const complaints = (await Promise.all(callers.map(complaintsOf))).flat();
    const cdrs = await this.#cdrs(book);
    return { at, talking, ringing, calls: [...book.calls.values()], cdrs, complaints };
  }

  #startCallers(): Sipp[] {
    const { caller } = this.#pair;
    const shared = { remote: { address: FLOATING_IP }, ownMachine: true };
    const fresh = startCaller(caller, {
      ...{ ...shared, scenario: "uac-call", port: 5100, number: NUMBERS.fresh },
      ...{ calls: NEW_CALLS, rate: NEW_CALLS_PER_SECOND, talkMs: PAUSE_MS },
    });
    const cohorts = COHORTS.map(({ purpose, calls, scenario }, index) =>
      startCaller(caller, {
        ...{ ...shared, scenario, port: 5101 + index, number: NUMBERS[purpose] },
        ...{ calls, rate: COHORT_CALLS_PER_SECOND, talkMs: PAUSE_MS },
      }),
    );
    return [fresh, ...cohorts];
  }

  /** Every call of the cohorts talks or rings; after a while the fault comes all the same, and what is up then counts. */
  async #untilUp(book: SurvivingCalls): Promise<void> {
    const deadline = Date.now() + UP_WITHIN_MS;
    await until("the calls to be up", 2 * UP_WITHIN_MS, () => {
      const up = COHORTS.every(({ purpose, calls }) => {
        const isUp = purpose === "talk" ? isTalking : isRinging;
        return book.of(purpose).filter(isUp).length === calls;
      });
      return up || Date.now() > deadline ? true : null;
    });
  }

  /** Number of CDRs of each Call-ID, by distinct id, in the files of both nodes. */
  async #cdrs(book: SurvivingCalls): Promise<Map<string, number>> {
    const files = [this.#pair.cdrFile("edge-a"), this.#pair.cdrFile("edge-b")];
    const deadline = Date.now() + CDRS_WITHIN_MS;
    return await until("the CDRs", 3 * CDRS_WITHIN_MS, () => {
      const counts = new Map<string, number>();
      // A line whose id was there already is a double that the reader drops (docs/cdr.md).
      for (const { callId } of new Map(wholeCdrs(...files).map((cdr) => [cdr.id, cdr])).values())
        if (book.calls.has(callId)) counts.set(callId, (counts.get(callId) ?? 0) + 1);
      return counts.size === book.calls.size || Date.now() > deadline ? counts : null;
    });
  }
}

/** The first answer to a call that was offered after the fault. */
async function untilNewCallAnswered(book: SurvivingCalls, since: number): Promise<number | null> {
  const deadline = Date.now() + FIRST_ANSWER_WITHIN_MS;
  const first = await until("a new call to be answered", 2 * FIRST_ANSWER_WITHIN_MS, () => {
    const answers = book
      .of("fresh")
      .filter((call) => call.offeredAt >= since && call.finalStatus === 200)
      .map(({ finalAt }) => finalAt ?? Number.POSITIVE_INFINITY);
    if (answers.length > 0) return Math.min(...answers);
    return Date.now() > deadline ? 0 : null;
  });
  return first === 0 ? null : first;
}

/** Wall time of the first gratuitous ARP for the floating IP. */
function announcedAt(frames: readonly string[], since: number): number | null {
  const words = new RegExp(`Announcement ${FLOATING_IP}|who-has ${FLOATING_IP}.* tell ${FLOATING_IP}`);
  const times = frames.filter((line) => words.test(line)).map((line) => 1_000 * Number.parseFloat(line));
  return times.find((time) => time >= since) ?? null;
}

/** The second witness: SIPp's own count. */
async function complaintsOf(caller: Sipp): Promise<string[]> {
  const { label } = caller.program;
  if (caller.program.running) {
    caller.program.kill("SIGKILL");
    return [`${label} did not come to its end in time`];
  }
  const { code, statistics, errors } = await caller.finished();
  return code === 0 ? [] : [`${label} counts ${statistics?.failed ?? "no"} failed: ${errors.slice(0, 600)}`];
}

/** @returns true when no call was lost, and every call has one CDR */
export async function pairKilled(): Promise<boolean> {
  using pair = new Pair();
  return await new Act(pair).run();
}
