// Measurements of one proxy: processor time a call in a window of steady load, and its highest clean rate.

import type { Program } from "../../lab/program.ts";
import type { BenchHost } from "./bench-host.ts";
import { percentile } from "./figures.ts";
import { Load } from "./load.ts";
import { type ProcessorTime, processorTime } from "./process-tree.ts";
import { type Found, highestCleanRate, type Verdict } from "./rate-search.ts";
import { addressesOf, assertAlive, type LoopWindow, type Subject, type SubjectName } from "./subject.ts";
import { startSubject } from "./subjects.ts";

/** Failures and retransmissions as a share of the calls, below which a rate is clean. */
export const TROUBLE_MAX = 0.001;
const PROBE_S = 2.5;
const LAG_EVERY_MS = 100;
const RATE_MAX = 9_000;
const OVERLOAD_FACTOR = 2;
const OVERLOAD_S = 8;
/** A core that is busy for so much of the time has reached its end. */
const FULL_MIN = 0.85;
/** Calls begun, as a share of those asked for. */
const OFFERED_MIN = 0.97;

/** A running proxy with its callee. */
export interface Bench {
  host: BenchHost;
  subject: Subject;
  load: Load;
  /** Has half of the proxy's core; null: the proxy has it for itself. */
  neighbour: Program | null;
}

/** What a program beside the proxy used. */
export interface BesideTime {
  title: string;
  /** Microseconds of the processor a call. */
  us: number;
}

export interface WindowFigures {
  rate: number;
  /** Microseconds of the processor a call. */
  userUs: number;
  kernelUs: number;
  /** Shares of the calls. */
  failed: number;
  retransmissions: number;
  /** Milliseconds from INVITE to 200; NaN when not asked for. */
  answerP50Ms: number;
  answerP99Ms: number;
  loop: LoopWindow | null;
  /** Share of the window in which something else had the proxy's core. */
  disturbed: number;
  /** A standby, Redis: none where the proxy is alone. */
  beside: readonly BesideTime[];
  /** How far the standby was behind, at several moments of the window. */
  lagsMs: readonly number[];
}

export async function startBench(
  host: BenchHost,
  name: SubjectName,
  options: { profile?: boolean } = {},
): Promise<Bench> {
  const addresses = addressesOf(0);
  const place = { addresses, directory: host.directory, otherCheckout: host.otherCheckout };
  const subject = await startSubject({
    ...place,
    ...options,
    name,
    start: (label, argv, more) => host.startProxy(label, argv, more),
    startBeside: (label, argv, more) => host.startLoad(label, argv, more),
  });
  const load = await Load.start({
    ...place,
    start: (label, argv, more) => host.startLoad(label, argv, more),
  });
  return { host, subject, load, neighbour: null };
}

export async function stopBench({ subject, load, neighbour }: Bench): Promise<void> {
  load.stop();
  await neighbour?.stop();
  await Promise.all(
    [subject.program, ...subject.beside.map(({ program }) => program)].map((each) => each.stop()),
  );
}

function totalUs({ userUs, kernelUs }: ProcessorTime): number {
  return userUs + kernelUs;
}

/** What the programs beside the proxy have used since. */
function watchBeside({ beside }: Subject): () => { title: string; us: number }[] {
  const before = beside.map(({ program }) => totalUs(processorTime(program.pid)));
  return () =>
    beside.map(({ title, program }, index) => ({
      title,
      us: totalUs(processorTime(program.pid)) - (before[index] ?? 0),
    }));
}

/** What the proxy and its core have done since; its neighbour does not disturb. */
function watchCore({ host, subject, neighbour }: Bench): () => { own: ProcessorTime; disturbed: number } {
  const { pid } = subject.program;
  const startedAt = performance.now();
  const coreBefore = host.coreTime("proxy");
  const before = processorTime(pid);
  const neighbourUs = (): number => (neighbour === null ? 0 : totalUs(processorTime(neighbour.pid)));
  const neighbourBefore = neighbourUs();
  return () => {
    const after = processorTime(pid);
    const besideUs = neighbourUs() - neighbourBefore;
    const core = host.coreTime("proxy");
    const windowUs = (performance.now() - startedAt) * 1_000;
    const own = { userUs: after.userUs - before.userUs, kernelUs: after.kernelUs - before.kernelUs };
    const busyUs = core.busyUs - coreBefore.busyUs + core.stolenUs - coreBefore.stolenUs;
    return { own, disturbed: Math.max(0, (busyUs - besideUs - totalUs(own)) / windowUs) };
  };
}

/** Asks the standby how far it is behind, until the answers are wanted. One that is gone is named by `assertAlive`. */
function watchLag({ lagMs }: Subject): () => Promise<number[]> {
  const asked: Promise<number>[] = [];
  const timer =
    lagMs === null ? null : setInterval(() => asked.push(lagMs().catch(() => Number.NaN)), LAG_EVERY_MS);
  return async () => {
    if (timer !== null) clearInterval(timer);
    return await Promise.all(asked);
  };
}

export async function measureWindow(
  bench: Bench,
  plan: { rate: number; seconds: number; answerTimes?: boolean },
): Promise<WindowFigures> {
  const { subject, load } = bench;
  subject.openWindow();
  const besideUs = watchBeside(subject);
  const watched = watchCore(bench);
  const lags = watchLag(subject);
  const result = await load.step(plan);
  const { own, disturbed } = watched();
  const lagsMs = await lags();
  const beside = besideUs();
  assertAlive(subject);
  const loop = await subject.closeWindow();
  const calls = Math.max(1, result.offered);
  return {
    rate: plan.rate,
    userUs: own.userUs / calls,
    kernelUs: own.kernelUs / calls,
    failed: result.failed / calls,
    retransmissions: result.retransmissions / calls,
    answerP50Ms: percentile(result.answerTimesMs, 0.5),
    answerP99Ms: percentile(result.answerTimesMs, 0.99),
    loop,
    disturbed,
    beside: beside.map(({ title, us }) => ({ title, us: us / calls })),
    lagsMs,
  };
}

/** One step of the search. */
async function probe({ host, subject, load }: Bench, rate: number): Promise<Verdict> {
  const { pid } = subject.program;
  const startedAt = performance.now();
  const loadBefore = host.coreTime("load");
  const before = processorTime(pid);
  const result = await load.step({ rate, seconds: PROBE_S, troubleMax: TROUBLE_MAX });
  const after = processorTime(pid);
  const loadAfter = host.coreTime("load");
  assertAlive(subject);
  const trouble = (result.failed + result.retransmissions) / (rate * PROBE_S);
  if (trouble < TROUBLE_MAX && result.offeredRate >= OFFERED_MIN * rate) return "clean";
  const windowUs = 1_000 * Math.min(PROBE_S * 1_000, performance.now() - startedAt);
  const proxyBusy = (after.userUs + after.kernelUs - before.userUs - before.kernelUs) / windowUs;
  const loadBusy = (loadAfter.busyUs - loadBefore.busyUs) / windowUs;
  return loadBusy > FULL_MIN && proxyBusy < FULL_MIN ? "load" : "bad";
}

/** A proxy on half a core that is offered twice what it carries cleanly there. */
export interface OverloadFigures {
  cleanRate: number;
  /** Calls a second that were begun, as a share of the clean rate: 2, unless the load could not. */
  offered: number;
  /** Calls a second that came to their end, as a share of the clean rate. */
  completed: number;
  /** Share of the time in which something else had the proxy's core. */
  disturbed: number;
}

/** @param bench warm and without a backlog; it has one afterwards */
async function measureOverload(bench: Bench, cleanRate: number): Promise<OverloadFigures> {
  const { subject, load } = bench;
  const watched = watchCore(bench);
  const result = await load.step({ rate: OVERLOAD_FACTOR * cleanRate, seconds: OVERLOAD_S });
  assertAlive(subject);
  return {
    cleanRate,
    offered: result.offeredRate / cleanRate,
    completed: result.completedRate / cleanRate,
    disturbed: watched().disturbed,
  };
}

/**
 * What is completed at twice the clean rate. On half a core, as of a whole one the load can't begin twice the calls.
 * @param renew starts the proxy anew, warm
 * @returns nothing where no rate is clean
 */
export async function measureOverloads(
  plan: { start: number; rounds: number; renew: () => Promise<Bench> },
  told: (figures: OverloadFigures) => void,
): Promise<OverloadFigures[]> {
  const renew = async (): Promise<Bench> => {
    const bench = await plan.renew();
    return { ...bench, neighbour: bench.host.startNeighbour() };
  };
  const { found, bench } = await measureCleanRate(await renew(), { start: plan.start, factor: 1.25, renew });
  await stopBench(bench);
  const all: OverloadFigures[] = [];
  for (let round = 0; round < plan.rounds && found.rate > 0; round++) {
    const loaded = await renew();
    const figures = await measureOverload(loaded, found.rate);
    await stopBench(loaded);
    told(figures);
    all.push(figures);
  }
  return all;
}

/**
 * The highest clean rate. After a bad step the proxy is started anew, so that its backlog does not spoil the next.
 * @param start where to begin
 * @param renew starts the proxy anew, warm
 */
export async function measureCleanRate(
  bench: Bench,
  plan: { start: number; factor: number; renew: () => Promise<Bench> },
): Promise<{ found: Found; bench: Bench }> {
  let spoilt = false;
  const search = { ...plan, max: RATE_MAX, resolution: 1.06, probesMax: 7 };
  const found = await highestCleanRate(search, async (rate) => {
    if (spoilt) {
      await stopBench(bench);
      bench = await plan.renew();
    }
    const verdict = await probe(bench, rate);
    spoilt = verdict !== "clean";
    return verdict;
  });
  return { found, bench };
}

/** What a proxy carried for a long time. */
export interface Held {
  /** Highest of the tried rates that was clean to the end, calls a second; 0: none. */
  rate: number;
  seconds: number;
}

/** Of a rate that a search of short steps has found, the shares that are tried. */
const HELD_SHARES = [1, 0.92, 0.85, 0.75];

/** Is the rate that a search found also carried for long? @param renew starts the proxy anew, warm */
export async function measureHeld(
  renew: () => Promise<Bench>,
  plan: { rate: number; seconds: number },
): Promise<Held> {
  for (const share of HELD_SHARES) {
    const rate = Math.round(plan.rate * share);
    const bench = await renew();
    const result = await bench.load.step({ rate, seconds: plan.seconds, troubleMax: TROUBLE_MAX });
    assertAlive(bench.subject);
    await stopBench(bench);
    const trouble = (result.failed + result.retransmissions) / (rate * plan.seconds);
    if (trouble < TROUBLE_MAX && result.offeredRate >= OFFERED_MIN * rate)
      return { rate, seconds: plan.seconds };
  }
  return { rate: 0, seconds: plan.seconds };
}
