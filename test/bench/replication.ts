// What replication costs: node test/bench/replication.ts [calls a second] [milliseconds between commits]. It starts a Redis of its
// own; the standby is a process of its own, as in life. The keys and texts that it makes up count as the active's cost.
import { fork } from "node:child_process";
import { readFileSync } from "node:fs";
import { ActiveNode, StandbyNode, soon } from "../integration/replication/nodes.ts";
import { RedisServer, settingsFor } from "../integration/replication/redis-server.ts";

const SECONDS = 10;
/** Before it is measured: the compiler has seen everything by then. */
const WARM_UP_SECONDS = 5;
const TICK_MS = 5;
const PERIODS_MS = [2, 5, 10];
/** As the INVITE transaction and the dialog of a usual call are. */
const RECORD = `1;${"x".repeat(600)}`;
/** What changes at each step of a call: ten changes, which are six records of commits where a step is one moment. */
const STEPS = [
  ["invite", "call", "invite"], // INVITE, 100
  ["invite", "call", "invite", "call"], // 180, 200
  ["invite-"],
  ["call", "call-"], // BYE, 200
];

interface Figures {
  readonly cpuMs: number;
  readonly lags: readonly number[];
}

function cpuMs({ user, system }: NodeJS.CpuUsage): number {
  return (user + system) / 1_000;
}

/** Processor time of a process, in milliseconds, in steps of 10. */
function cpuOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

async function runStandby(port: number): Promise<void> {
  const standby = new StandbyNode(settingsFor(port));
  await soon("a warm copy", () => standby.reader.state.isWarm);
  standby.lags.length = 0;
  const start = process.cpuUsage();
  process.send?.("ready");
  process.once("message", () => {
    const figures: Figures = { cpuMs: cpuMs(process.cpuUsage(start)), lags: standby.lags };
    process.send?.(figures, () => process.exit(0));
  });
}

/** Changes as calls of this rate make them: step by step, a call a step behind the one before. */
class Load {
  private call = 0;
  private due = 0;

  tick(rate: number, change: (kind: string, id: number) => void): number {
    let changes = 0;
    for (this.due += (rate * TICK_MS) / 1_000; this.due >= 1; this.due--, this.call++) {
      for (const [step, whats] of STEPS.entries()) {
        const id = this.call - step * Math.ceil(rate / 2); // the steps of a call are half a second apart
        if (id < 0) continue;
        for (const what of whats) change(what, id);
        changes += whats.length;
      }
    }
    return changes;
  }
}

async function load(
  active: ActiveNode | null,
  rate: number,
  calls: Load,
  seconds = SECONDS,
): Promise<{ cpu: number; changes: number }> {
  const change = (what: string, id: number): void => {
    if (active === null) return;
    const isEnd = what.endsWith("-");
    const key = `${isEnd ? what.slice(0, -1) : what} 3848276298220188511@atlanta.example.com;${id}`;
    if (isEnd) active.end(key);
    else active.set(key, RECORD);
  };
  const start = process.cpuUsage();
  const end = performance.now() + seconds * 1_000;
  let changes = 0;
  while (performance.now() < end) {
    changes += calls.tick(rate, change);
    await new Promise((resolve) => setTimeout(resolve, TICK_MS));
  }
  return { cpu: cpuMs(process.cpuUsage(start)), changes };
}

function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((one, other) => one - other);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}

async function measure(rate: number, flushEveryMs: number): Promise<void> {
  await using redis = await RedisServer.start();
  using active = new ActiveNode(settingsFor(redis.port), { flushEveryMs });
  await active.committed();
  const child = fork(import.meta.filename, ["standby", String(redis.port)]);
  await new Promise((resolve) => child.once("message", resolve));
  const idle = await load(null, rate, new Load());
  const calls = new Load();
  await load(active, rate, calls, WARM_UP_SECONDS);
  const redisStart = cpuOf(redis.pid);
  const before = { ...active.writer.counts };
  const { cpu, changes } = await load(active, rate, calls);
  await active.committed();
  const redisCpu = cpuOf(redis.pid) - redisStart;
  const figures = await new Promise<Figures>((resolve) => {
    child.once("message", (message) => resolve(message as Figures));
    child.send("end");
  });
  const made = rate * SECONDS;
  const { commits, records, bytes } = active.writer.counts;
  const perCall = (ms: number): string => ((ms * 1_000) / made).toFixed(1);
  const n = commits - before.commits;
  console.log(
    [
      `${rate} calls/s, a commit each ${flushEveryMs} ms: µs a call: active ${perCall(cpu - idle.cpu)}`,
      `Redis ${perCall(redisCpu)}, standby ${perCall(figures.cpuMs)};`,
      `${(((cpu - idle.cpu) * 1_000) / changes).toFixed(2)} µs a change, ${(((cpu - idle.cpu) * 1_000) / n).toFixed(0)} µs a commit;`,
      `${n} commits, ${((records - before.records) / made).toFixed(1)} records and ${((bytes - before.bytes) / made).toFixed(0)} bytes a call;`,
      `lag p50 ${percentile(figures.lags, 0.5).toFixed(1)} ms, p99 ${percentile(figures.lags, 0.99).toFixed(1)}, max ${Math.max(...figures.lags).toFixed(1)}`,
    ].join(" "),
  );
}

const [mode = "500", argument = ""] = process.argv.slice(2);
const periodsMs = argument === "" ? PERIODS_MS : [Number(argument)];
if (mode === "standby") await runStandby(Number(argument));
else for (const flushEveryMs of periodsMs) await measure(Number(mode), flushEveryMs);
