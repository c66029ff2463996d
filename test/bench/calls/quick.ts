// The two short runs, for work on the engine: how much, and where.
import { readFileSync } from "node:fs";
import type { BenchHost } from "./bench-host.ts";
import { type CpuProfile, selfTimes } from "./cpu-profile.ts";
import { median } from "./figures.ts";
import { describeOverload, startWarm } from "./full.ts";
import { measureOverloads, measureWindow, startBench, stopBench, type WindowFigures } from "./measure.ts";
import { SUBJECT_TITLES, type SubjectName } from "./subject.ts";

const RATE = 1_000;
/** V8 compiles for some twelve seconds of a thousand calls each: what is measured before is its compiler, too. */
const WARM_UP = { rate: RATE, seconds: 12 };
const QUICK_S = 6;
const QUICK_ROUNDS = 2;
const PROFILE_S = 10;
const PROFILE_LINES = 45;
/** Beyond it the figures say little. */
const DISTURBED_MAX = 0.03;

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

function describe(name: SubjectName, figures: WindowFigures): string {
  const { userUs, kernelUs, answerP50Ms, answerP99Ms, failed, retransmissions, loop, disturbed } = figures;
  const parts = [
    `${SUBJECT_TITLES[name].padEnd(26)} ${(userUs + kernelUs).toFixed(0).padStart(5)} µs a call`,
    `(user ${userUs.toFixed(0)}, kernel ${kernelUs.toFixed(0)})`,
    `answer p50 ${answerP50Ms.toFixed(2)} ms, p99 ${answerP99Ms.toFixed(1)} ms`,
  ];
  if (loop !== null) parts.push(`longest pause ${loop.maxMs.toFixed(1)} ms`);
  if (failed + retransmissions > 0) {
    parts.push(
      `NOT CLEAN: failed ${(100 * failed).toFixed(2)}%, sent again ${(100 * retransmissions).toFixed(2)}%`,
    );
  }
  if (disturbed > DISTURBED_MAX)
    parts.push(`DISTURBED: others had ${(100 * disturbed).toFixed(0)}% of the proxy's core`);
  return parts.join("  ");
}

/** Processor time a call of a few proxies, in turns. */
export async function quickRun(host: BenchHost, subjects: readonly SubjectName[]): Promise<void> {
  const totals = new Map<SubjectName, number[]>();
  for (let round = 0; round < QUICK_ROUNDS; round++) {
    for (const name of subjects) {
      const bench = await startBench(host, name);
      await bench.load.step(WARM_UP);
      const figures = await measureWindow(bench, { rate: RATE, seconds: QUICK_S, answerTimes: true });
      await stopBench(bench);
      say(describe(name, figures));
      totals.set(name, [...(totals.get(name) ?? []), figures.userUs + figures.kernelUs]);
    }
  }
  const first = subjects[0];
  if (first === undefined) return;
  const own = median(totals.get(first) ?? []);
  for (const name of subjects.slice(1)) {
    const ratio = own / median(totals.get(name) ?? []);
    say(
      `${SUBJECT_TITLES[first]} costs ${ratio.toFixed(2)} of ${SUBJECT_TITLES[name]} at ${RATE} calls a second`,
    );
  }
}

/** The highest clean rate of each on half a core, and what is completed at twice that. */
export async function overloadRun(host: BenchHost, subjects: readonly SubjectName[]): Promise<void> {
  for (const name of subjects) {
    const plan = { start: RATE, rounds: QUICK_ROUNDS, renew: () => startWarm(host, name) };
    await measureOverloads(plan, (figures) => say(`${SUBJECT_TITLES[name]}: ${describeOverload(figures)}`));
  }
}

/** Where Tandem's time goes. */
export async function profileRun(host: BenchHost): Promise<void> {
  const bench = await startBench(host, "tandem", { profile: true });
  await bench.load.step(WARM_UP);
  const figures = await measureWindow(bench, { rate: RATE, seconds: PROFILE_S, answerTimes: true });
  const profile = JSON.parse(readFileSync(bench.subject.profileFile, "utf8")) as CpuProfile;
  await stopBench(bench);
  say(`${describe("tandem", figures)} (the profiler's own cost included)`);
  const calls = RATE * PROFILE_S;
  say(`\nself time, µs a call; system calls are within the function that makes them, or in (program)`);
  for (const { name, selfUs, share } of selfTimes(profile).slice(0, PROFILE_LINES)) {
    say(`${(selfUs / calls).toFixed(2).padStart(8)}  ${(100 * share).toFixed(1).padStart(5)}%  ${name}`);
  }
}
