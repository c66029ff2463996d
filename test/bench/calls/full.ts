// The whole benchmark: every proxy in turns, round after round, then memory.
import type { BenchHost } from "./bench-host.ts";
import {
  type Bench,
  measureCleanRate,
  measureOverloads,
  measureWindow,
  type OverloadFigures,
  startBench,
  stopBench,
  type WindowFigures,
} from "./measure.ts";
import { MEMORY_PLAN, type MemoryFigures, type MemoryPlan, measureMemory } from "./memory.ts";
import type { Found } from "./rate-search.ts";
import { SUBJECT_TITLES, type SubjectName } from "./subject.ts";

export const RATES = [200, 1_000, 2_000] as const;
/** V8 compiles most of what it will in half a minute of a thousand calls each: what is measured before is its compiler, too. */
export const WARM_UP = { rate: 1_000, seconds: 30 };
/** The rate whose answer delay and pauses are told. */
export const TOLD_RATE = 1_000;

export interface FullPlan {
  rounds: number;
  /** How long each of the rates is measured. */
  windowS: Readonly<Record<(typeof RATES)[number], number>>;
  /** No search for the highest clean rate begins after so long. */
  searchesEndMs: number;
  memory: MemoryPlan;
}

/** Some twenty minutes, two of them for memory and six for overloads. */
const PLAN: FullPlan = {
  rounds: 3,
  windowS: { 200: 6, 1000: 6, 2000: 4 },
  searchesEndMs: 500_000,
  memory: MEMORY_PLAN,
};
/** A fresh node of Tandem has to be compiled by V8 before it is fast. */
const RENEWED_WARM_UP = { rate: 1_000, seconds: 6 };
/** Where the search begins on half a core, as a share of what was clean on a whole one. */
const HALF = 0.45;

/** Everything that was measured. */
export interface Results {
  windows: { name: SubjectName; figures: WindowFigures }[];
  cleanRates: { name: SubjectName; found: Found }[];
  overloads: { name: SubjectName; figures: OverloadFigures }[];
  memory: MemoryFigures[];
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** A proxy started anew that has carried some calls. */
export async function startWarm(host: BenchHost, name: SubjectName): Promise<Bench> {
  const bench = await startBench(host, name);
  await bench.load.step(RENEWED_WARM_UP);
  return bench;
}

/** "clean to 2000/s on half a core, at 2.0 times that 85% of it completed (others had 0% of the core)" */
export function describeOverload({ cleanRate, offered, completed, disturbed }: OverloadFigures): string {
  const others = `others had ${(100 * disturbed).toFixed(0)}% of the core`;
  const share = `${(100 * completed).toFixed(0)}% of it completed`;
  return `clean to ${cleanRate}/s on half a core, at ${offered.toFixed(1)} times that ${share} (${others})`;
}

/** Where to look first: what was found before, else what its processor time a call lets expect. */
export function searchFrom(
  results: Pick<Results, "windows" | "cleanRates">,
  name: SubjectName,
): { start: number; factor: number } {
  const before = results.cleanRates.findLast((each) => each.name === name);
  if (before !== undefined && before.found.rate > 0) return { start: before.found.rate, factor: 1.06 };
  const last = results.windows.findLast((each) => each.name === name)?.figures;
  const usACall = last === undefined ? 500 : last.userUs + last.kernelUs;
  return { start: Math.min(7_500, 800_000 / usACall), factor: 1.25 };
}

async function measureRound(
  host: BenchHost,
  results: Results,
  { name, plan, search }: { name: SubjectName; plan: FullPlan; search: boolean },
): Promise<void> {
  let bench = await startBench(host, name);
  await bench.load.step(WARM_UP);
  const told: string[] = [];
  for (const rate of RATES) {
    const answerTimes = rate === TOLD_RATE;
    const figures = await measureWindow(bench, { rate, seconds: plan.windowS[rate], answerTimes });
    results.windows.push({ name, figures });
    const clean = figures.failed + figures.retransmissions === 0 ? "" : " not clean";
    told.push(`${(figures.userUs + figures.kernelUs).toFixed(0)} µs at ${rate}/s${clean}`);
  }
  if (search) {
    const renew = (): Promise<Bench> => startWarm(host, name);
    const searched = await measureCleanRate(bench, { ...searchFrom(results, name), renew });
    bench = searched.bench;
    results.cleanRates.push({ name, found: searched.found });
    told.push(`clean to ${searched.found.rate}/s${searched.found.above ? " and more" : ""}`);
  }
  await stopBench(bench);
  say(`${SUBJECT_TITLES[name].padEnd(26)} ${told.join(", ")}`);
}

/** @returns what was measured, in the order in which it was */
export async function fullRun(
  host: BenchHost,
  subjects: readonly SubjectName[],
  plan: FullPlan = PLAN,
): Promise<Results> {
  const startedAt = performance.now();
  const results: Results = { windows: [], cleanRates: [], overloads: [], memory: [] };
  for (let round = 1; round <= plan.rounds; round++) {
    for (const name of subjects) {
      const inTime = performance.now() - startedAt < plan.searchesEndMs;
      // The floor's rate is the load's own limit: once is enough.
      const search = inTime && (round === 1 || name !== "forwarder");
      await measureRound(host, results, { name, plan, search });
    }
    say(
      `round ${round} of ${plan.rounds} done after ${((performance.now() - startedAt) / 1_000).toFixed(0)} s`,
    );
  }
  for (const name of subjects.filter((each) => each !== "forwarder")) {
    const clean = results.cleanRates.findLast((each) => each.name === name)?.found.rate ?? 0;
    const start = Math.max(200, HALF * clean);
    const overload = { start, rounds: plan.rounds, renew: () => startWarm(host, name) };
    const all = await measureOverloads(overload, (figures) => {
      say(`${SUBJECT_TITLES[name].padEnd(26)} ${describeOverload(figures)}`);
    });
    results.overloads.push(...all.map((figures) => ({ name, figures })));
  }
  const keeping = subjects.filter((name) => name !== "kamailio" && name !== "forwarder");
  results.memory = await measureMemory(
    host,
    Array.from({ length: plan.rounds }, () => keeping).flat(),
    plan.memory,
  );
  say(`done after ${((performance.now() - startedAt) / 1_000).toFixed(0)} s`);
  return results;
}
