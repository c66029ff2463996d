// A pair whose Redis fails over by Sentinel, its newest writes lost: among them the epoch that just began, and the calls.
// Only with TANDEM_LAB_LONG=1: redis-access.test.ts has the same Sentinels around whole nodes in npm test.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { untilCdrs } from "./cdr-lines.ts";
import { Pair, Prober, wallNow } from "./pair.ts";
import { Callers } from "./pair-callers.ts";
import type { Program } from "./program.ts";
import { labObstacle, unlessLong } from "./requirements.ts";
import { until } from "./until.ts";

const skip = labObstacle(["sipp", "redis-server", "socat"]) || unlessLong;
const MASTER = "edge";
const REPLICA = 6_380;
const SENTINELS = [26_379, 26_380, 26_381];
/** Without an answer to a new call: nothing is switched, and two cores have much else to do. */
const GAP_MS_MAX = 1_500;

/** An engine that has just started is slow for some seconds. */
const WARM_MS = 3_000;

let pair: Pair;
let prober: Prober;
let replica: Program;
let rounds = 0;

/** Of `INFO replication`, `SENTINEL master`: the value after a name. */
function asked(port: number, ...words: string[]): string {
  return pair.redisAsk("-p", `${port}`, ...words);
}

before(async () => {
  if (skip !== false) return;
  pair = new Pair("", {
    redis: (host) =>
      `sentinels: ${JSON.stringify(SENTINELS.map((port) => `${host}:${port}`))}, master: ${MASTER}`,
  });
  await pair.redis.untilBound("tcp", 6379);
  replica = pair.startRedisServer(REPLICA, "--replicaof", pair.redisHost.ip4, "6379");
  pair.startSentinels(SENTINELS, MASTER);
  await until("the Sentinels to know all", 20_000, () =>
    SENTINELS.every((port) =>
      /num-slaves\n1\nnum-other-sentinels\n2\n/.test(asked(port, "SENTINEL", "master", MASTER)),
    )
      ? true
      : null,
  );
  await Callers.answer(pair);
  await pair.start();
  prober = new Prober(pair.caller);
  await delay(WARM_MS);
});
after(() => pair?.close());

describe("a pair whose Redis is watched by Sentinels", { skip }, () => {
  test("the master dies and its newest writes are lost: nothing is switched, epochs only grow, no call notices", async (context) => {
    const { active: former, standby: next } = pair;
    const { engine } = former;
    // What is written now the replica never gets: first of all a new epoch.
    replica.freeze();
    asked(6_379, "CLIENT", "KILL", "TYPE", "replica");
    assert.equal((await pair.ask(former, { command: "switchover" })).ok, true);
    await next.untilRole("active");
    await former.untilRestarted(engine);
    await pair.untilReady(former);
    const { active, standby } = pair;
    const epochLost = Number(asked(6_379, "HGET", "{tandem:lab}:lease", "epoch"));
    const calls = await Callers.begin(pair);
    rounds++;
    const at = wallNow();
    pair.redis.kill();
    replica.thaw();
    await until("the replica to be the master", 15_000, () =>
      /^role:master/m.test(asked(REPLICA, "INFO", "replication")) ? true : null,
    );
    const epochKept = Number(asked(REPLICA, "HGET", "{tandem:lab}:lease", "epoch"));
    await until("the active to be written in again", 10_000, () =>
      asked(REPLICA, "HGET", "{tandem:lab}:lease", "holder") === active.name ? true : null,
    );
    const told = await calls.finish();
    await delay(500);
    const epoch = Number(asked(REPLICA, "HGET", "{tandem:lab}:lease", "epoch"));
    context.diagnostic(
      `epoch ${epochLost} was lost, ${epochKept} was left, ${epoch} is written in; longest time without an answer ${Math.round(prober.longestGap(at))} ms; ${told}`,
    );
    assert.deepEqual([active.role, standby.role], ["active", "standby"]);
    assert.ok(epoch > epochLost, `${epoch}, ${epochLost}`);
    const epochs = active
      .logs()
      .filter(({ msg, role }) => msg === "cluster" && role === "active")
      .map((line) => Number(line["epoch"]));
    assert.deepEqual(
      epochs,
      epochs.toSorted((one, other) => one - other),
    );
    assert.ok(prober.longestGap(at) < GAP_MS_MAX);
  });

  test("then the active is killed: the other one has every call, from the new master", async (context) => {
    const { active, standby } = pair;
    const calls = await Callers.begin(pair);
    rounds++;
    active.signalEngine("SIGKILL");
    await standby.untilRole("active");
    context.diagnostic(await calls.finish());
  });

  test("every call has exactly one record", async () => {
    const files = [pair.cdrFile("edge-a"), pair.cdrFile("edge-b")];
    for (const { number, count } of Callers.begun(rounds)) {
      const ids = (await untilCdrs(count, number, ...files)).map(({ callId }) => callId);
      assert.deepEqual([new Set(ids).size, ids.length], [count, count], `calls to ${number}`);
    }
  });
});
