// A Redis that dies, freezes, is slow, full, cut off or set back: the active goes on, and afterwards the standby has everything.
import assert from "node:assert/strict";
import { copyFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { CutRelay } from "./cut.ts";
import { ActiveNode, KEYSPACE, StandbyNode, soon } from "./nodes.ts";
import { RedisServer, redisObstacle, settingsFor } from "./redis-server.ts";

/** An active with 300 calls that a standby follows. */
async function pairOn(port: number): Promise<{ active: ActiveNode; standby: StandbyNode } & Disposable> {
  const active = new ActiveNode(settingsFor(port));
  const standby = new StandbyNode(settingsFor(port));
  for (let call = 0; call < 300; call++) active.set(`call ${call}`, `1;${"x".repeat(500)}`);
  await standby.equals(active);
  return {
    active,
    standby,
    [Symbol.dispose]: () => {
      active[Symbol.dispose]();
      standby[Symbol.dispose]();
    },
  };
}

/** Calls that change, end and begin while the fault lasts. */
function goOn(active: ActiveNode): void {
  for (let call = 0; call < 100; call++) active.end(`call ${call}`);
  for (let call = 100; call < 200; call++) active.set(`call ${call}`, "1;changed");
  for (let call = 0; call < 100; call++) active.set(`call later ${call}`, "1;new");
}

/** How long the loop was held up at most while `run` ran, in milliseconds. */
async function longestPause(run: () => Promise<void>): Promise<number> {
  let last = performance.now();
  let longest = 0;
  const beat = setInterval(() => {
    const now = performance.now();
    longest = Math.max(longest, now - last);
    last = now;
  }, 2);
  await run();
  clearInterval(beat);
  return longest;
}

describe("a Redis that fails", { skip: redisObstacle }, () => {
  test("killed, and back empty: everything is there again", async () => {
    await using redis = await RedisServer.start();
    using pair = await pairOn(redis.port);
    await redis.kill();
    await soon("it to be missed", () => pair.active.writer.health.state === "away");
    goOn(pair.active);
    assert.ok(pair.standby.copy.size >= 300, "the standby keeps what it knew");
    await redis.run();
    await pair.standby.equals(pair.active);
    assert.equal(pair.active.writer.counts.resends, 2);
  });

  test("frozen: missed within the time-out of a command, and caught up after it wakes", async () => {
    await using redis = await RedisServer.start();
    using pair = await pairOn(redis.port);
    redis.signal("SIGSTOP");
    const start = performance.now();
    pair.active.set("call 1", "1;while it is frozen");
    await soon("it to be missed", () => pair.active.writer.health.code === "REDIS_TIMEOUT");
    assert.ok(performance.now() - start < 2_000);
    goOn(pair.active);
    redis.signal("SIGCONT");
    await pair.standby.equals(pair.active);
    assert.equal(
      pair.active.writer.counts.resends,
      1,
      "the commit that was under way is known to have been applied or not",
    );
  });

  test("slow: a commit that outlasts the time-out is neither lost nor doubled", async () => {
    await using redis = await RedisServer.start();
    using pair = await pairOn(redis.port);
    const asleep = redis.ask(["DEBUG", "SLEEP", "0.6"]);
    goOn(pair.active);
    await soon("it to be missed", () => pair.active.writer.counts.faults > 0);
    await asleep;
    await pair.standby.equals(pair.active);
    assert.equal(pair.active.writer.counts.resends, 1);
  });

  test("out of memory: told, asked again twice a second, and caught up when there is room", async () => {
    await using redis = await RedisServer.start();
    using pair = await pairOn(redis.port);
    await redis.ask(["CONFIG", "SET", "maxmemory-policy", "noeviction"]);
    await redis.ask(["CONFIG", "SET", "maxmemory", "1"]);
    const before = await redis.ask(["HLEN", KEYSPACE.records]);
    goOn(pair.active);
    await soon("it to be told", () => pair.active.writer.health.code === "REDIS_MEMORY");
    assert.equal(pair.active.writer.health.state, "degraded");
    assert.equal(await redis.ask(["HLEN", KEYSPACE.records]), before, "nothing was written half");
    await redis.ask(["CONFIG", "SET", "maxmemory", "0"]);
    await pair.standby.equals(pair.active);
    assert.equal(pair.active.writer.counts.resends, 1);
  });

  test("made a replica, and a master again: told, and caught up", async () => {
    await using redis = await RedisServer.start();
    await using other = await RedisServer.start();
    using pair = await pairOn(redis.port);
    await redis.ask(["REPLICAOF", "127.0.0.1", String(other.port)]);
    goOn(pair.active);
    await soon("it to be told", () => pair.active.writer.health.code === "REDIS_READ_ONLY");
    await redis.ask(["REPLICAOF", "NO", "ONE"]);
    await pair.standby.equals(pair.active);
  });

  test("back with an older state: what it lost is sent again, what ended is gone", async () => {
    await using redis = await RedisServer.start();
    using pair = await pairOn(redis.port);
    await redis.ask(["SAVE"]);
    const dump = join(redis.directory, "dump.rdb");
    copyFileSync(dump, `${dump}.old`);
    goOn(pair.active);
    await pair.standby.equals(pair.active);
    await redis.kill();
    copyFileSync(`${dump}.old`, dump);
    await redis.run();
    await pair.active.committed();
    await pair.standby.equals(pair.active);
    const stored = await redis.ask(["HKEYS", KEYSPACE.records]);
    assert.ok(Array.isArray(stored));
    assert.deepEqual(stored.map(String).sort(), [...pair.active.records.keys()].sort());
  });

  test("its connection cut half-way through a commit, thirty times: nothing is lost or doubled", async () => {
    await using redis = await RedisServer.start();
    using relay = await CutRelay.to(redis.port);
    using active = new ActiveNode(settingsFor(relay.port));
    using standby = new StandbyNode(settingsFor(redis.port));
    active.set("call 0", "1;first");
    await standby.equals(active);
    for (let cut = 0; cut < 30; cut++) {
      // Within the head, within the batch, and after the last byte, so that only the answer is lost.
      const bytes = [40, 400, 5_000, 20_000][cut % 5];
      if (bytes === undefined) relay.cutAnswer();
      else relay.cutAfter(bytes);
      for (let call = 0; call < 40; call++) active.set(`call ${call}`, `1;${cut} ${"x".repeat(600)}`);
      if (cut % 3 === 0) active.end(`call ${cut}`);
      await soon("the cut", () => relay.cuts > cut);
      await soon("everything to be committed", () => active.writer.uncommitted === 0);
    }
    await standby.equals(active);
    assert.equal(active.writer.counts.resends, 1);
    assert.equal(standby.reader.snapshots, 1);
  });

  test("its scripts forgotten: loaded again, with no commit lost", async () => {
    await using redis = await RedisServer.start();
    using pair = await pairOn(redis.port);
    await redis.ask(["SCRIPT", "FLUSH", "SYNC"]);
    goOn(pair.active);
    await pair.standby.equals(pair.active);
    assert.equal(pair.active.writer.counts.resends, 1);
  });

  test("away while calls come and go: memory is bounded by the calls that live, nobody waits, and the standby catches up", async () => {
    await using redis = await RedisServer.start();
    using pair = await pairOn(redis.port);
    await redis.kill();
    await soon("it to be missed", () => pair.active.writer.health.state === "away");
    const pause = await longestPause(async () => {
      for (let call = 0; call < 12_000; call++) {
        pair.active.set(`call passing ${call}`, "1;rings");
        pair.active.set(`call passing ${call}`, "1;talks");
        if (call >= 200) pair.active.end(`call passing ${call - 200}`);
        if (call % 200 === 0) await new Promise((resolve) => setTimeout(resolve, 1));
      }
    });
    assert.equal(pair.active.writer.uncommitted, 200);
    assert.ok(pause < 250, `the loop was held up for ${pause} ms`);
    await redis.run();
    await pair.standby.equals(pair.active);
  });
});
