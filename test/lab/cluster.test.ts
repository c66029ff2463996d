// A pair of real nodes on the real kernel, with a real Redis and SIPp on both sides: one round of each fault. `ROUNDS=20` makes more.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { untilCdrs } from "./cdr-lines.ts";
import { deafen, unplug } from "./faults.ts";
import { HEARTBEAT_PORT, Pair, type PairNode, Prober, wallNow } from "./pair.ts";
import { Callers } from "./pair-callers.ts";
import { labObstacle } from "./requirements.ts";
import { until } from "./until.ts";

const skip = labObstacle(["sipp", "redis-server", "socat"]);
const ROUNDS = Number(process.env["ROUNDS"] ?? 1);
/** What a takeover may take beside its own time on two cores that much else runs on. */
const SLACK_MS = 1_500;

let pair: Pair;
let prober: Prober;
let round = 0;

before(async () => {
  if (skip !== false) return;
  pair = new Pair();
  await Callers.answer(pair);
  await pair.start();
  prober = new Prober(pair.caller);
});
after(() => pair?.close());

async function begin(): Promise<Callers> {
  round++;
  return await Callers.begin(pair);
}

interface Fault {
  readonly name: string;
  /** From the fault to the first new call that is answered, by the rules, without slack. */
  readonly boundMs: number;
  /** @returns what heals it */
  make(active: PairNode): () => void;
}

const FAULTS: readonly Fault[] = [
  {
    name: "the engine is killed",
    boundMs: 250,
    make: (active) => {
      active.signalEngine("SIGKILL");
      return () => {};
    },
  },
  {
    name: "guardian and engine are killed together",
    boundMs: 800,
    make: (active) => {
      active.signalAll("SIGKILL");
      return () => active.start();
    },
  },
  {
    name: "every link of the active is down",
    boundMs: 800,
    make: ({ host }) => unplug(host, "front", "back"),
  },
  {
    name: "its SIP link is down, heartbeat and Redis are not",
    boundMs: 800,
    make: ({ host }) => unplug(host, "front"),
  },
  {
    name: "the engine is frozen: the guardian kills it",
    boundMs: 1_500,
    make: (active) => {
      active.signalEngine("SIGSTOP");
      return () => {};
    },
  },
];

describe("a pair of nodes", { skip }, () => {
  for (const { name, boundMs, make } of FAULTS) {
    test(`${name}: the other one serves, and no call notices`, async (context) => {
      for (let i = 0; i < ROUNDS; i++) {
        const { active, standby } = pair;
        const calls = await begin();
        const at = wallNow();
        const heal = make(active);
        await standby.untilRole("active");
        await prober.firstAnswerAfter(wallNow());
        // From the last answer before the fault took effect: a command that makes it takes its time.
        const took = prober.longestGap(at - 100);
        const told = await calls.finish();
        heal();
        await pair.untilReady(active);
        context.diagnostic(`no new call answered for ${Math.round(took)} ms; ${told}`);
        assert.ok(took < boundMs + SLACK_MS, `${took} ms`);
        assert.equal(active.hasAddress, false);
      }
    });
  }

  test("guardian and engine are frozen, and wake ten seconds later: not a packet, not a record", async (context) => {
    const { active, standby } = pair;
    const frozen = active.engine;
    const calls = await begin();
    const at = wallNow();
    active.signalAll("SIGSTOP");
    const took = await prober.firstAnswerAfter(at);
    const told = await calls.finish();
    await delay(Math.max(0, 10_000 - (wallNow() - at)));
    const spoken = await pair.listenTo(active, async () => {
      const epoch = pair.redisAsk("HGET", "{tandem:lab}:fence", "epoch");
      process.kill(frozen, "SIGCONT"); // first: its guardian will kill it
      active.guardian?.kill("SIGCONT");
      await delay(1_500);
      assert.equal(pair.redisAsk("HGET", "{tandem:lab}:fence", "epoch"), epoch);
      assert.equal(pair.redisAsk("HGET", "{tandem:lab}:fence", "node"), standby.name);
    });
    context.diagnostic(`first new call answered after ${Math.round(took)} ms; ${told}`);
    assert.deepEqual(spoken, []);
    assert.ok(took < 2_000 + SLACK_MS, `${took} ms`);
    assert.equal(active.hasAddress, false);
    await pair.untilReady(active);
  });

  test("a planned switchover: calls go on, and the other one serves", async (context) => {
    const { active, standby } = pair;
    const calls = await begin();
    const at = wallNow();
    const answer = pair.tandem(active, "switchover");
    assert.match(answer, /switchover begun/);
    await standby.untilRole("active");
    await delay(500);
    const gap = prober.longestGap(at - 200);
    const told = await calls.finish();
    context.diagnostic(`longest time without an answer ${Math.round(gap)} ms; ${told}`);
    assert.ok(gap < 150 + SLACK_MS, `${gap} ms`);
    await pair.untilReady(active);
  });

  test("the heartbeat paths are cut, Redis is not: nothing is switched, and the standby says so", async () => {
    const { active, standby } = pair;
    const heal = deafen(standby.host, "udp", HEARTBEAT_PORT);
    await until("the standby to complain", 5_000, () =>
      standby.logs().some(({ row }) => row === "lost, renewed, active answers") ? true : null,
    );
    await delay(1_500);
    assert.deepEqual([active.role, standby.role], ["active", "standby"]);
    heal();
    await delay(500);
  });

  test("the history has the takeovers, with their phases, from both nodes", () => {
    const { entries } = JSON.parse(pair.tandem(pair.active, "history", "--json")) as {
      entries: { what: string; node: string; phases: Record<string, number> | null }[];
    };
    const takeovers = entries.filter(({ what, phases }) => what === "takeover" && phases !== null);
    assert.ok(takeovers.length > round, `${takeovers.length}`);
    assert.deepEqual([...new Set(takeovers.map(({ node }) => node))].sort(), ["edge-a", "edge-b"]);
  });

  test("Redis is killed and comes back empty: nothing is switched, no call is refused", async (context) => {
    const { active, standby } = pair;
    const calls = await begin();
    const at = wallNow();
    pair.redis.kill();
    await delay(3_000);
    assert.deepEqual([active.role, standby.role], ["active", "standby"]);
    pair.startRedis();
    await pair.redis.untilBound("tcp", 6379);
    const told = await calls.finish();
    assert.deepEqual([active.role, standby.role], ["active", "standby"]);
    const gap = prober.longestGap(at);
    context.diagnostic(`longest time without an answer ${Math.round(gap)} ms; ${told}`);
    assert.ok(gap < SLACK_MS, `${gap} ms`);
    await until("the active to be in Redis again", 5_000, () =>
      pair.redisAsk("HGET", "{tandem:lab}:lease", "holder") === active.name ? true : null,
    );
  });

  test("maintenance: the active hands over, and is passed over until it is ended", async () => {
    const { active, standby } = pair;
    await until("the standby to be ready", 20_000, () =>
      /ready: yes/.test(pair.tandem(standby, "status")) ? true : null,
    );
    assert.match(pair.tandem(active, "maintenance", "on"), /maintenance on/);
    await standby.untilRole("active");
    await active.untilRole("maintenance");
    await until("its peer to hear it", 10_000, () =>
      /maintenance/.test(pair.tandem(standby, "status")) ? true : null,
    );
    assert.match(pair.tandem(active, "maintenance", "off"), /maintenance off/);
    await active.untilRole("standby");
  });

  test("every call has exactly one record", async () => {
    const files = [pair.cdrFile("edge-a"), pair.cdrFile("edge-b")];
    for (const { number, count } of Callers.begun(round)) {
      const cdrs = await untilCdrs(count, number, ...files);
      const ids = cdrs.map(({ callId }) => callId);
      assert.equal(new Set(ids).size, count, `calls to ${number} without a record`);
      assert.equal(ids.length, count, `calls to ${number} with two records`);
    }
  });

  test("a node that is told to stop hands over first; one that boots alone takes the address", async () => {
    const { active, standby } = pair;
    const at = wallNow();
    const exit = await active.guardian?.stop("SIGTERM");
    assert.equal(exit?.code, 0, active.guardian?.output().slice(-2_000));
    await standby.untilRole("active");
    assert.ok((await prober.firstAnswerAfter(at)) < 150 + SLACK_MS);
    await standby.guardian?.stop("SIGTERM");
    active.start();
    await active.untilRole("active");
    assert.equal(active.hasAddress, true);
    standby.start();
    await standby.untilRole("standby");
  });
});
