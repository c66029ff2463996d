// What calls cost that another node knows, too: Tandem with its standby and Redis beside Kamailio with dialogs by DMQ.
import type { BenchHost } from "./bench-host.ts";
import { median } from "./figures.ts";
import { searchFrom, startWarm, WARM_UP } from "./full.ts";
import {
  type Bench,
  type Held,
  measureCleanRate,
  measureHeld,
  measureWindow,
  startBench,
  stopBench,
  type WindowFigures,
} from "./measure.ts";
import { MEMORY_PLAN, type MemoryFigures, measureMemory } from "./memory.ts";
import type { Found } from "./rate-search.ts";
import { SUBJECT_TITLES, type SubjectName } from "./subject.ts";

export const REPLICATION_RATES = [500, 1_000, 2_000] as const;
/** Without replication for what it adds. */
export const REPLICATION_SUBJECTS: readonly SubjectName[] = ["tandem-redis", "tandem", "kamailio-dmq"];

export interface ReplicationPlan {
  rounds: number;
  warmUp: { rate: number; seconds: number };
  windowS: Readonly<Record<(typeof REPLICATION_RATES)[number], number>>;
  /** Search for the highest clean rate, hold it so long, and measure memory; null: none of these. */
  holdS: number | null;
}

/** Some twenty minutes. */
export const WHOLE_PLAN: ReplicationPlan = {
  rounds: 3,
  warmUp: WARM_UP,
  windowS: { 500: 6, 1000: 6, 2000: 4 },
  holdS: 60,
};
export const SHORT_PLAN: ReplicationPlan = {
  rounds: 1,
  warmUp: { rate: 1_000, seconds: 4 },
  windowS: { 500: 4, 1000: 4, 2000: 3 },
  holdS: null,
};

export interface ReplicationResults {
  windows: { name: SubjectName; figures: WindowFigures }[];
  cleanRates: { name: SubjectName; found: Found }[];
  held: { name: SubjectName; held: Held }[];
  memory: MemoryFigures[];
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

function isReplicated(name: SubjectName): boolean {
  return name === "tandem-redis" || name === "kamailio-dmq";
}

/** "312 µs at 1000/s and standby 91" */
function describe({ rate, userUs, kernelUs, beside, failed, retransmissions }: WindowFigures): string {
  const others = beside.map(({ title, us }) => ` and ${title} ${us.toFixed(0)}`).join("");
  const clean = failed + retransmissions === 0 ? "" : " not clean";
  return `${(userUs + kernelUs).toFixed(0)} µs at ${rate}/s${others}${clean}`;
}

async function measureRound(
  host: BenchHost,
  results: ReplicationResults,
  { name, plan }: { name: SubjectName; plan: ReplicationPlan },
): Promise<void> {
  let bench = await startBench(host, name);
  await bench.load.step(plan.warmUp);
  const told: string[] = [];
  for (const rate of REPLICATION_RATES) {
    const figures = await measureWindow(bench, { rate, seconds: plan.windowS[rate] });
    results.windows.push({ name, figures });
    told.push(describe(figures));
  }
  if (plan.holdS !== null && isReplicated(name)) {
    const renew = (): Promise<Bench> => startWarm(host, name);
    const searched = await measureCleanRate(bench, { ...searchFrom(results, name), renew });
    bench = searched.bench;
    results.cleanRates.push({ name, found: searched.found });
    told.push(`clean to ${searched.found.rate}/s${searched.found.above ? " and more" : ""}`);
  }
  await stopBench(bench);
  say(`${SUBJECT_TITLES[name].padEnd(32)} ${told.join(", ")}`);
}

async function holdRate(
  host: BenchHost,
  results: ReplicationResults,
  { name, seconds }: { name: SubjectName; seconds: number },
): Promise<void> {
  const rate = median(results.cleanRates.filter((each) => each.name === name).map(({ found }) => found.rate));
  if (!(rate > 0)) return;
  const held = await measureHeld(() => startWarm(host, name), { rate, seconds });
  results.held.push({ name, held });
  say(`${SUBJECT_TITLES[name].padEnd(32)} held ${held.rate}/s for ${held.seconds} s`);
}

/** @returns what was measured, in the order in which it was */
export async function replicationRun(
  host: BenchHost,
  subjects: readonly SubjectName[],
  plan: ReplicationPlan,
): Promise<ReplicationResults> {
  const results: ReplicationResults = { windows: [], cleanRates: [], held: [], memory: [] };
  for (let round = 1; round <= plan.rounds; round++) {
    for (const name of subjects) await measureRound(host, results, { name, plan });
  }
  if (plan.holdS === null) return results;
  for (const name of subjects) await holdRate(host, results, { name, seconds: plan.holdS });
  results.memory = await measureMemory(host, subjects, MEMORY_PLAN);
  return results;
}
