// Memory an open call: the slope between few and many calls that are up, of several proxies side by side, as nothing here is timed.
import { setTimeout as delay } from "node:timers/promises";
import type { BenchHost } from "./bench-host.ts";
import { Load } from "./load.ts";
import { processorTime, residentBytes } from "./process-tree.ts";
import { addressesOf, assertAlive, type SubjectName } from "./subject.ts";
import { startSubject } from "./subjects.ts";

export interface MemoryPlan {
  /** Calls that are up at the first and at the second look. */
  few: number;
  many: number;
  /** New calls a second for each proxy. */
  rate: number;
  settleMs: number;
}

export const MEMORY_PLAN: MemoryPlan = {
  few: 5_000,
  many: 20_000,
  rate: 400,
  // Transactions that have done their work stay for 64*T1, 32 s (RFC 3261 §17, RFC 6026 §8): they are not to count.
  settleMs: 36_000,
};
const STARTED_MS = 2_000;
const IDLE_MS = 4_000;

export interface MemoryFigures {
  name: SubjectName;
  /** Between the two counts of open calls. */
  bytesACall: number;
  /** With the larger count. */
  residentBytes: number;
  /** Processor time a call after its last message, µs: timers that run out, memory that is given back. */
  afterworkUs: number;
  /** The same slope of what stands beside it. */
  beside: readonly { title: string; bytesACall: number }[];
}

async function busyUs(pid: number, ms: number): Promise<number> {
  const before = processorTime(pid);
  await delay(ms);
  const after = processorTime(pid);
  return after.userUs + after.kernelUs - before.userUs - before.kernelUs;
}

async function measureOne(
  host: BenchHost,
  { name, number, plan }: { name: SubjectName; number: number; plan: MemoryPlan },
): Promise<MemoryFigures> {
  const place = {
    addresses: addressesOf(number),
    directory: host.directory,
    otherCheckout: host.otherCheckout,
  };
  const start = host.startAnywhere.bind(host);
  const subject = await startSubject({ ...place, name, start, startBeside: start });
  const load = await Load.start({ ...place, start });
  const { pid } = subject.program;
  await delay(STARTED_MS); // a program that has just started is busy with itself
  const idleUs = await busyUs(pid, IDLE_MS);
  const few = await load.hold(plan.few, plan.rate);
  await delay(plan.settleMs);
  const fewBytes = residentBytes(pid);
  const besideBytes = (): number[] => subject.beside.map(({ program }) => residentBytes(program.pid));
  const fewBeside = besideBytes();
  const many = few + (await load.hold(plan.many - plan.few, plan.rate));
  const settlingUs = await busyUs(pid, plan.settleMs);
  const manyBytes = residentBytes(pid);
  const manyBeside = besideBytes();
  assertAlive(subject);
  subject.program.kill("SIGKILL"); // there is nothing to end gently: its calls stay up
  for (const { program } of subject.beside) program.kill("SIGKILL");
  load.stop();
  return {
    name,
    bytesACall: (manyBytes - fewBytes) / (many - few),
    residentBytes: manyBytes,
    afterworkUs: Math.max(0, settlingUs - (idleUs * plan.settleMs) / IDLE_MS) / (many - few),
    beside: subject.beside.map(({ title }, index) => ({
      title,
      bytesACall: ((manyBeside[index] ?? 0) - (fewBeside[index] ?? 0)) / (many - few),
    })),
  };
}

/** Two minutes, however many proxies are named; a name may be given several times. */
export async function measureMemory(
  host: BenchHost,
  names: readonly SubjectName[],
  plan: MemoryPlan,
): Promise<MemoryFigures[]> {
  return await Promise.all(names.map((name, index) => measureOne(host, { name, number: index + 1, plan })));
}
