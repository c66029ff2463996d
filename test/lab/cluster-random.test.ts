// Single faults at random, one after the other, the pair in sync between them: 50 in some ten minutes. Only with TANDEM_LAB_LONG=1; SEED and
// FAULTS make other histories and shorter ones.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { Random } from "../fuzz/random.ts";
import { untilCdrs } from "./cdr-lines.ts";
import { unplug } from "./faults.ts";
import { Pair, type PairNode, Prober, wallNow } from "./pair.ts";
import { Callers } from "./pair-callers.ts";
import { labObstacle, unlessLong } from "./requirements.ts";

const skip = labObstacle(["sipp", "redis-server", "socat"]) || unlessLong;
const FAULTS = Number(process.env["FAULTS"] ?? 50);
const SEED = Number(process.env["SEED"] ?? 1);
/** As in cluster.test.ts: two cores, on which much else runs. */
const SLACK_MS = 1_500;

type Undo = () => void | Promise<void>;

interface Fault {
  readonly name: string;
  /** From the fault to the first new call that is answered; null: nothing is switched. */
  readonly boundMs: number | null;
  readonly make: (pair: Pair, active: PairNode, standby: PairNode) => Undo | Promise<Undo>;
}

const NOTHING = (): void => {};

const KINDS: readonly Fault[] = [
  {
    name: "engine killed",
    boundMs: 250,
    make: (_, active) => {
      active.signalEngine("SIGKILL");
      return NOTHING;
    },
  },
  {
    name: "guardian and engine killed",
    boundMs: 800,
    make: (_, active) => {
      active.signalAll("SIGKILL");
      return () => active.start();
    },
  },
  {
    name: "all links down",
    boundMs: 800,
    make: (_, { host }) => unplug(host, "front", "back"),
  },
  { name: "SIP link down", boundMs: 800, make: (_, { host }) => unplug(host, "front") },
  {
    name: "engine frozen",
    boundMs: 1_500,
    make: (_, active) => {
      active.signalEngine("SIGSTOP");
      return NOTHING;
    },
  },
  {
    name: "guardian and engine frozen",
    boundMs: 2_000,
    make: (_, active) => {
      const { engine } = active;
      active.signalAll("SIGSTOP");
      return () => {
        active.guardian?.kill("SIGCONT");
        process.kill(engine, "SIGCONT");
      };
    },
  },
  {
    name: "switchover",
    boundMs: 150,
    make: async (pair, active) => {
      assert.equal((await pair.ask(active, { command: "switchover", force: true })).ok, true);
      return NOTHING;
    },
  },
  {
    name: "nodes cut from each other, the active from Redis",
    boundMs: 1_500,
    make: (pair, active) => pair.cutApart(active),
  },
  {
    name: "heartbeats cut",
    boundMs: null,
    make: (pair) => pair.cutHeartbeats(),
  },
  {
    name: "Redis stalled for 300 ms",
    boundMs: null,
    make: async ({ redis }) => {
      redis.freeze();
      await delay(300);
      redis.thaw();
      return NOTHING;
    },
  },
  {
    name: "Redis killed, back empty",
    boundMs: null,
    make: (pair) => {
      pair.redis.kill();
      return () => void pair.startRedis();
    },
  },
  {
    name: "standby killed",
    boundMs: null,
    make: (_, __, standby) => {
      const { engine } = standby;
      standby.signalEngine("SIGKILL");
      return () => standby.untilRestarted(engine);
    },
  },
];

describe(`faults at random, seed ${SEED}`, { skip }, () => {
  let pair: Pair;
  let prober: Prober;
  before(async () => {
    pair = new Pair();
    await Callers.answer(pair);
    await pair.start();
    prober = new Prober(pair.caller);
  });
  after(() => pair?.close());

  const random = new Random(SEED);
  for (let number = 1; number <= FAULTS; number++) {
    const { name, boundMs, make } = random.pick(KINDS);
    test(`${number}: ${name}`, async (context) => {
      const { active, standby } = pair;
      const former = active.engine;
      const calls = await Callers.begin(pair);
      const at = wallNow();
      const heal = await make(pair, active, standby);
      if (boundMs === null) await delay(2_500);
      else await standby.untilRole("active");
      await prober.firstAnswerAfter(wallNow());
      const took = prober.longestGap(at - 100);
      if (boundMs === null) await heal();
      const told = await calls.finish();
      if (boundMs !== null) await heal();
      context.diagnostic(`no new call answered for ${Math.round(took)} ms; ${told}`);
      const [now, other] = boundMs === null ? [active, standby] : [standby, active];
      if (boundMs !== null) await other.untilRestarted(former);
      await pair.untilReady(other);
      assert.deepEqual([now.role, other.role], ["active", "standby"]);
      assert.ok(took < (boundMs ?? 0) + SLACK_MS, `${took} ms`);
    });
  }

  test("every call has exactly one record", async () => {
    const files = [pair.cdrFile("edge-a"), pair.cdrFile("edge-b")];
    for (const { number, count } of Callers.begun(FAULTS)) {
      const ids = (await untilCdrs(count, number, ...files)).map(({ callId }) => callId);
      assert.deepEqual([new Set(ids).size, ids.length], [count, count], `calls to ${number}`);
    }
  });
});
