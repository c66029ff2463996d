// Faults of a pair that come seldom, and two at once: each a round on real nodes, with calls talking and ringing. `TANDEM_LAB_LONG=1` adds
// two of which the simulator has its own.
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { Capture } from "./capture.ts";
import { untilCdrs, wholeCdrs } from "./cdr-lines.ts";
import { unplug } from "./faults.ts";
import { HEARTBEAT_PORT, Pair, type PairNode, Prober, wallNow } from "./pair.ts";
import { Callers } from "./pair-callers.ts";
import { isLong, labObstacle, unlessLong } from "./requirements.ts";
import { SegmentOwners } from "./segment-owners.ts";
import type { TcpCallEvent, TcpCallKind, TcpCallLine } from "./tcp-callers.ts";
import { until } from "./until.ts";

const skip = labObstacle(["sipp", "redis-server", "socat"]);
/** What a takeover may take beside its own time on two cores that much else runs on. */
const SLACK_MS = 1_500;
/** A frozen node's address is in its kernel for a second. */
const FROZEN_WAIT_MS = 1_100;
const FORGED = 100_000;
/** Longer than the right to serve lasts, and shorter than its guardian waits. */
const HELD_UP_MS = 380;
const LONG_STALL_MS = 1_000;
const [STALLS, STALL_MS, STALL_EVERY_MS] = [4, 300, 1_200] as const;
/** Calls of a kind over TCP, and how long the callees of two of them ring. */
const [TCP_CALLS, RINGS_MS] = [10, 6_000];
const tcpCallers = join(import.meta.dirname, "tcp-callers.ts");
const forger = join(import.meta.dirname, "forged-heartbeats.ts");

let pair: Pair;
let prober: Prober;
/** What `fence.command` does: the file is there, and names the node that it can switch off. */
let outlet: string;
let round = 0;

before(async () => {
  if (skip !== false) return;
  outlet = join("/tmp", `tandem-outlet-${process.pid}`);
  writeFileSync(outlet, "");
  // It says whom it was asked to switch off, and waits until that is done, or is told that it can't be.
  const script = `echo "$TANDEM_NODE fences $1" >>${outlet}; for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do grep -q "^$1 is off" ${outlet} && exit 0; grep -q "^no outlet" ${outlet} && exit 1; sleep 0.05; done; exit 1`;
  pair = new Pair("", {
    cluster: `  fence: { command: ${JSON.stringify(["sh", "-c", script, "fence"])} }\n`,
  });
  await Callers.answer(pair);
  await pair.start();
  prober = new Prober(pair.caller);
});
after(() => pair?.close());

async function begin(): Promise<Callers> {
  round++;
  return await Callers.begin(pair);
}

function roles(): string[] {
  return [pair.a.role, pair.b.role];
}

/** Takeovers that were begun, by their logs. */
function takeovers(): number {
  const isOne = (line: Readonly<Record<string, unknown>>): boolean =>
    line["what"] === "role" && line["role"] === "taking-over";
  return [pair.a, pair.b].reduce((sum, node) => sum + node.logs().filter(isOne).length, 0);
}

/** Heartbeats that a node ignored, and that its kernel had no room for. */
async function ignoredBy(node: PairNode): Promise<number> {
  const { ignored } = await pair.ask(node, { command: "status" });
  const counted = Object.values(ignored as Readonly<Record<string, number>>).reduce(
    (sum, count) => sum + count,
    0,
  );
  const port = `:${HEARTBEAT_PORT.toString(16).toUpperCase()} `;
  const dropped = node.host
    .run(["cat", "/proc/net/udp"])
    .split("\n")
    .filter((line) => line.includes(port))
    .reduce((sum, line) => sum + Number(line.trim().split(/\s+/).at(-1)), 0);
  return counted + dropped;
}

describe("a pair of nodes, and faults that come seldom", { skip }, () => {
  test(`${FORGED.toLocaleString("en")} forged, replayed, truncated and foreign heartbeats: counted, ignored, no change of role`, async (context) => {
    const { active, standby, redisHost } = pair;
    const capture = await Capture.start(standby.host, {
      interface: "eth1",
      filter: `udp port ${HEARTBEAT_PORT}`,
    });
    await delay(600);
    const heard = (await capture.stop()).map(({ payload }) => payload.toString("base64"));
    assert.ok(heard.length > 5, `${heard.length}`);
    const file = join(pair.lab.directory, "heard");
    writeFileSync(file, heard.join("\n"));
    const before = await Promise.all([active, standby].map(ignoredBy));
    const taken = takeovers();
    const at = wallNow();
    const places = [active, standby].map(({ host }) => `${host.attachment("back").ip4}:${HEARTBEAT_PORT}`);
    await redisHost.start("forger", [
      "chrt",
      "--rr",
      "5",
      process.execPath,
      forger,
      file,
      `${FORGED}`,
      ...places,
    ]).exited;
    const took = wallNow() - at;
    await delay(500);
    const counts = (await Promise.all([active, standby].map(ignoredBy))).map(
      (count, index) => count - (before[index] ?? 0),
    );
    context.diagnostic(
      `${counts.join(" and ")} ignored within ${Math.round(took)} ms; longest gap ${Math.round(prober.longestGap(at))} ms`,
    );
    assert.ok(counts.reduce((sum, count) => sum + count, 0) >= FORGED, counts.join());
    assert.equal(takeovers(), taken);
    assert.deepEqual([active.role, standby.role], ["active", "standby"]);
  });

  test(`Redis stalls ${STALLS} times for ${STALL_MS} ms under calls: nothing is switched, no call notices`, async (context) => {
    const taken = takeovers();
    const calls = await begin();
    const at = wallNow();
    for (let i = 0; i < STALLS; i++) {
      pair.redis.freeze();
      await delay(STALL_MS);
      pair.redis.thaw();
      await delay(STALL_EVERY_MS - STALL_MS);
    }
    const told = await calls.finish();
    context.diagnostic(`longest time without an answer ${Math.round(prober.longestGap(at))} ms; ${told}`);
    assert.equal(takeovers(), taken);
  });

  test(`the other node is dead, and the engine is held up for ${HELD_UP_MS} ms: it goes on with its calls, as the same process`, async (context) => {
    const { active, standby } = pair;
    const { engine } = active;
    standby.signalAll("SIGKILL");
    const calls = await begin();
    const at = wallNow();
    active.signalEngine("SIGSTOP");
    await delay(HELD_UP_MS);
    active.signalEngine("SIGCONT");
    await prober.firstAnswerAfter(wallNow());
    const took = prober.longestGap(at - 100);
    const told = await calls.finish();
    const rolesSince = active
      .logs()
      .filter(({ what, time }) => what === "role" && Number(time) >= at)
      .map(({ role }) => role);
    standby.start();
    await pair.untilReady(standby);
    context.diagnostic(`no new call answered for ${Math.round(took)} ms; ${told}`);
    assert.deepEqual(rolesSince, ["fenced", "standby", "taking-over", "active"]);
    assert.deepEqual([active.engine, active.role], [engine, "active"]);
    assert.ok(took < HELD_UP_MS + 500 + SLACK_MS, `${took} ms`);
  });

  test(`the other node in maintenance, and Redis stalls for ${LONG_STALL_MS} ms: the active serves on by its witness`, async (context) => {
    const { active, standby } = pair;
    await pair.ask(standby, { command: "maintenance", on: true });
    await standby.untilRole("maintenance");
    await delay(500);
    const at = wallNow();
    pair.redis.freeze();
    await delay(LONG_STALL_MS);
    pair.redis.thaw();
    await delay(500);
    const took = prober.longestGap(at - 100);
    const rolesSince = active.logs().filter(({ what, time }) => what === "role" && Number(time) >= at);
    await pair.ask(standby, { command: "maintenance", on: false });
    await standby.untilRole("standby");
    context.diagnostic(`longest time without an answer ${Math.round(took)} ms`);
    assert.deepEqual(rolesSince, []);
    assert.ok(took < LONG_STALL_MS, `${took} ms`);
  });

  for (const fences of isLong ? [false, true] : [true]) {
    const what = fences
      ? "it is fenced, and nobody waits"
      : "fencing fails, and the other one waits until its address is gone";
    test(`guardian and engine are frozen: ${what}`, async (context) => {
      const { active, standby } = pair;
      writeFileSync(outlet, fences ? "" : "no outlet\n");
      const frozen = active.engine;
      const calls = await begin();
      const at = wallNow();
      active.signalAll("SIGSTOP");
      let heal = (): void => {};
      if (fences) {
        await until("the standby to fence", 5_000, () =>
          standby.logs().some(({ reason }) => /fencing it instead/.test(String(reason))) ? true : null,
        );
        heal = unplug(active.host, "front");
        writeFileSync(outlet, `${active.name} is off\n`);
      }
      await standby.untilRole("active");
      const took = wallNow() - at;
      await prober.firstAnswerAfter(wallNow());
      const told = await calls.finish();
      const said = standby.logs().map(({ reason }) => String(reason));
      context.diagnostic(`taken over after ${Math.round(took)} ms; ${told}`);
      // Dead by the operator's word, or frozen: it comes back as a standby.
      active.guardian?.kill("SIGCONT");
      process.kill(frozen, "SIGCONT");
      heal();
      await pair.untilReady(active);
      assert.equal(active.hasAddress, false);
      if (fences) assert.ok(took < FROZEN_WAIT_MS, `${took} ms`);
      else {
        assert.ok(said.includes("fencing the peer failed"));
        assert.ok(took >= FROZEN_WAIT_MS - 300 && took < 2_000 + SLACK_MS, `${took} ms`);
      }
    });
  }

  test("TCP callers, talking and ringing, the engine is killed as they are answered: all go on over their next connection", async (context) => {
    const { active, standby } = pair;
    const callers = pair.caller.start("tcp", [
      process.execPath,
      tcpCallers,
      pair.addressOf(pair.caller),
      pair.floatingIp,
      `${TCP_CALLS}`,
    ]);
    const lines = (): TcpCallLine[] =>
      readFileSync(callers.stdoutFile, "utf8")
        .split("\n")
        .slice(0, -1)
        .map((line) => JSON.parse(line) as TcpCallLine);
    const of = (event: TcpCallEvent, kind?: TcpCallKind): TcpCallLine[] =>
      lines().filter((line) => line.event === event && (kind === undefined || line.kind === kind));
    const calls = (some: readonly TcpCallLine[]): number => new Set(some.map(({ call }) => call)).size;
    const toBegin = 3 * TCP_CALLS;
    await until("all to ring", 8_000, () => (calls(of("rings")) === toBegin ? true : null));
    await until("the first to be answered", 8_000, () =>
      of("answered", "ringing").length > 0 ? true : null,
    );
    const answeredBefore = calls([...of("answered", "ringing"), ...of("answered", "dialled")]);
    active.signalEngine("SIGKILL");
    await until(
      "all to have ended",
      15_000,
      () => (calls(of("ended")) === toBegin ? true : null),
      () => JSON.stringify(lines().slice(-40)),
    );
    assert.equal(calls(of("reinvited", "talking")), TCP_CALLS);
    const waits = of("answered")
      .filter(({ kind }) => kind !== "talking")
      .flatMap(({ call, at }) => {
        const again = of("connected").filter((line) => line.call === call)[1];
        const rang = of("rings").find((line) => line.call === call);
        // From the reconnect, or from when the callee answers.
        return again === undefined || rang === undefined ? [] : [at - Math.max(again.at, rang.at + RINGS_MS)];
      });
    callers.kill();
    await pair.untilReady(active);
    assert.equal(standby.role, "active");
    const worst = Math.max(...waits);
    assert.ok(answeredBefore < 2 * TCP_CALLS, "all were answered before the fault");
    context.diagnostic(
      `${TCP_CALLS} of each kind; ${answeredBefore} answered before the fault; answered at most ${Math.round(worst)} ms after the reconnect, or after the callee answered`,
    );
    assert.ok(worst < 2_000, `${worst} ms`);
    for (const number of ["1005", "2005", "2006"]) {
      const files = [pair.cdrFile("edge-a"), pair.cdrFile("edge-b")];
      // One whose 200 and ACK both went through the dying node, and whose record did not: its account comes with Timer C.
      const soon = number === "1005" ? TCP_CALLS : TCP_CALLS - answeredBefore;
      const ids = (await untilCdrs(soon, number, ...files)).map(({ callId }) => callId);
      assert.deepEqual([new Set(ids).size, ids.length >= soon], [ids.length, true], number);
    }
  });

  test("nodes cut from each other, the active from Redis too: it stops by itself, the other one serves, one owner", async (context) => {
    const { active, standby } = pair;
    const calls = await begin();
    const owners = await SegmentOwners.watch(pair.lab.switchHost(), pair.floatingIp);
    const at = wallNow();
    const heal = pair.cutApart(active);
    await standby.untilRole("active");
    await prober.firstAnswerAfter(wallNow());
    await until("the other one to have no address", 2_000, () => (active.hasAddress ? null : true));
    await delay(1_000);
    const took = prober.longestGap(at - 100);
    const { owners: count, overlapMs } = await owners.stop();
    heal();
    const told = await calls.finish();
    await pair.untilReady(active);
    context.diagnostic(
      `no new call answered for ${Math.round(took)} ms; two owners for ${Math.round(overlapMs)} ms; ${told}`,
    );
    assert.equal(count, 2);
    assert.ok(overlapMs < 1_500, `${overlapMs} ms`);
    assert.ok(took < 1_500 + SLACK_MS, `${took} ms`);
  });

  test("nodes cut from each other, the standby from Redis too: nothing is switched, one owner", {
    skip: unlessLong,
  }, async () => {
    const { active, standby } = pair;
    const taken = takeovers();
    const owners = await SegmentOwners.watch(pair.lab.switchHost(), pair.floatingIp);
    const heal = pair.cutApart(standby);
    await delay(2_500);
    heal();
    assert.equal((await owners.stop()).owners, 1);
    assert.deepEqual([active.role, standby.role, takeovers()], ["active", "standby", taken]);
    await delay(700);
  });

  test("every call has exactly one record", async () => {
    const files = [pair.cdrFile("edge-a"), pair.cdrFile("edge-b")];
    for (const { number, count } of Callers.begun(round)) {
      const ids = (await untilCdrs(count, number, ...files)).map(({ callId }) => callId);
      assert.deepEqual([new Set(ids).size, ids.length], [count, count], `calls to ${number}`);
    }
  });

  test("Redis is killed, then the active: calls that began in between go on by their tokens, at most one record each", async (context) => {
    const { active, standby } = pair;
    const files = [pair.cdrFile("edge-a"), pair.cdrFile("edge-b")];
    const before = new Set(wholeCdrs(...files).map(({ id }) => id));
    pair.redis.kill();
    await delay(500);
    const calls = await begin();
    const at = wallNow();
    active.signalAll("SIGKILL");
    await standby.untilRole("active");
    await prober.firstAnswerAfter(wallNow());
    const took = prober.longestGap(at - 100);
    // No record of what rings: an answer finds its way by its branch, and what has to be told to the callee does not.
    const told = await calls.finish(["cancelled", "declined"]);
    pair.startRedis();
    await pair.redis.untilBound("tcp", 6379);
    active.start();
    await pair.untilReady(active);
    const begun = Callers.begun(1).reduce((sum, { count }) => sum + count, 0);
    const numbers = new Set(Callers.begun(1).map(({ number }) => number));
    const cdrs = wholeCdrs(...files).filter(
      ({ id, requested }) => !before.has(id) && numbers.has(/^sip:(\d+)@/.exec(requested)?.[1] ?? ""),
    );
    const ids = new Set(cdrs.map(({ callId }) => callId));
    context.diagnostic(
      `no new call answered for ${Math.round(took)} ms; ${told}; ${ids.size} of ${begun} calls have a record`,
    );
    assert.ok(took < 3_000 + SLACK_MS, `${took} ms`);
    assert.equal(cdrs.length, ids.size, "a call with two records");
    assert.deepEqual(roles().sort(), ["active", "standby"]);
  });
});
