/**
 * What the health of 1,000 targets costs without its datagrams, and what a call pays: `node test/bench/health.ts`.
 * Prints processor time a probe, the share of one core at 10 s, and nanoseconds an operation on the path of a call.
 */
import { HealthTable } from "../../src/health/health-table.ts";
import { TimerWheel } from "../../src/sip/timer/timer-wheel.ts";
import { DEFAULT_POLICY } from "../support/health-run.ts";

const TARGETS = 1_000;
const SECOND_MS = 1_000;
const TICK_MS = 10;
const ROUNDS = 5;

let now = 0;
let probes = 0;
const wheel = new TimerWheel(0, TICK_MS);
const waiting: { id: string; probe: number }[] = [];
const table = new HealthTable({
  wheel,
  random: Math.random,
  probe: (id, probe) => {
    probes++;
    waiting.push({ id, probe });
  },
  onChange: () => {},
});
const ids = Array.from({ length: TARGETS }, (_, index) => `udp:10.0.${index >> 8}.${index & 255}:5060`);
table.follow(
  ids.map((id) => ({ id, policies: [DEFAULT_POLICY] })),
  0,
);

/** Each probe is answered a tick later. */
function run(seconds: number): void {
  const answer = {
    status: 200,
    retryAfterS: null,
    rttMs: TICK_MS,
    allow: "INVITE, ACK, OPTIONS",
    server: "pbx",
  };
  for (const end = now + seconds * SECOND_MS; now < end; ) {
    now += TICK_MS;
    for (const { id, probe } of waiting.splice(0))
      table.feed(id, { kind: "probe-answered", probe, ...answer }, now);
    wheel.advance(now);
  }
}

function median(values: number[]): number {
  return values.sort((a, b) => a - b)[values.length >> 1] ?? 0;
}

function microseconds(work: () => void): number {
  const start = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(start);
  return user + system;
}

run(600);
const simulatedS = 3_600;
const before = probes;
const spent = median(Array.from({ length: ROUNDS }, () => microseconds(() => run(simulatedS))));
const perProbe = (spent * ROUNDS) / (probes - before);
console.log(
  `${TARGETS} targets each 10 s: ${perProbe.toFixed(2)} µs a probe with its answer and timers, ` +
    `${((spent / (simulatedS * 1e6)) * 100).toFixed(3)}% of one core`,
);

const OPERATIONS = 5_000_000;
const answered = { kind: "call-answered", status: 200, retryAfterS: null } as const;
let sum = 0;
const operations: Readonly<Record<string, (id: string) => number | undefined>> = {
  rank: (id) => table.rank(id),
  weightFactor: (id) => table.weightFactor(id, now),
  "feed, a call answered by a target that is up": (id) => {
    table.feed(id, answered, now);
    return 0;
  },
};
for (const [name, operation] of Object.entries(operations)) {
  const work = (): void => {
    for (let index = 0; index < OPERATIONS; index++) sum += operation(ids[index % 16] ?? "") ?? 0;
  };
  work();
  const ns = (median(Array.from({ length: ROUNDS }, () => microseconds(work))) * 1_000) / OPERATIONS;
  console.log(`${name}: ${ns.toFixed(0)} ns`);
}
if (sum < 0) console.log(sum);
