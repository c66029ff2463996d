// Replication through a real Redis, undisturbed: what the active writes the standby has.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { readRedisFacts, redisWarnings } from "../../../src/replication/redis-checks.ts";
import { RedisConnection } from "../../../src/replication/redis-connection.ts";
import type { Standing } from "../../../src/replication/store.ts";
import { ActiveNode, KEYSPACE, StandbyNode, soon } from "./nodes.ts";
import { RedisServer, redisObstacle, settingsFor } from "./redis-server.ts";

describe("a pair through Redis", { skip: redisObstacle }, () => {
  test("a standby that follows has every change, every end, and nothing else", async () => {
    await using redis = await RedisServer.start();
    using active = new ActiveNode(settingsFor(redis.port));
    using standby = new StandbyNode(settingsFor(redis.port));
    for (let call = 0; call < 500; call++) active.set(`call ${call}`, `1;state ${call} é\u0000\r\n`);
    await standby.equals(active);
    for (let call = 0; call < 250; call++) active.end(`call ${call}`);
    for (let call = 250; call < 500; call++) active.set(`call ${call}`, "1;answered");
    await standby.equals(active);
    assert.equal(standby.copy.size, 250);
    assert.equal(standby.reader.snapshots, 1);
    assert.equal(await redis.ask(["HLEN", KEYSPACE.records]), 250);
  });

  test("a cold standby loads what is there while it changes", async () => {
    await using redis = await RedisServer.start();
    using active = new ActiveNode(settingsFor(redis.port));
    for (let call = 0; call < 5_000; call++) active.set(`call ${call}`, `1;${"x".repeat(400)}`);
    await active.committed();
    using standby = new StandbyNode(settingsFor(redis.port));
    for (let round = 0; round < 20; round++) {
      for (let call = round * 10; call < round * 10 + 10; call++) active.end(`call ${call}`);
      for (let call = 0; call < 50; call++) active.set(`call ${4_000 + call}`, `1;round ${round}`);
      active.set(`invite ${round}`, "1;rings");
      await soon("a commit", () => active.writer.uncommitted === 0);
    }
    await standby.equals(active);
  });

  test("a Redis that evicts and keeps nothing on disk is told of", async () => {
    await using redis = await RedisServer.start(["maxmemory 100mb", "maxmemory-policy allkeys-lru"]);
    const warnings = await new Promise<string[]>((resolve, reject) => {
      const connection = new RedisConnection(settingsFor(redis.port), {
        random: Math.random,
        up: (server) => {
          readRedisFacts(connection, server)
            .then((facts) => resolve(redisWarnings(facts)), reject)
            .finally(() => connection.close());
        },
        down: (fault) => reject(new Error(fault.message)),
      });
      connection.start();
    });
    assert.equal(warnings.length, 2);
  });

  test("a successor goes on where the active ended: same records, nothing sent again", async () => {
    await using redis = await RedisServer.start();
    const settings = settingsFor(redis.port, { commandTimeoutMs: 5_000 });
    using active = new ActiveNode(settings);
    using standby = new StandbyNode(settings);
    for (let call = 0; call < 100; call++) active.set(`call ${call}`, "1;talks");
    await standby.equals(active);
    active.set("call 1", "1;the last word");
    await active.committed();
    active.writer.retire();
    const position = await new Promise<Standing | null>((resolve) =>
      standby.reader.catchUp(standby.store, resolve),
    );
    assert.deepEqual(position, active.writer.committed);
    assert.deepEqual(standby.texts(), active.texts());
    using successor = new ActiveNode(settings, { node: "edge-b", epoch: 2, position });
    for (const [key, text] of standby.texts()) successor.adopt(key, text);
    successor.end("call 2");
    using third = new StandbyNode(settings);
    await third.equals(successor);
    assert.equal(successor.writer.counts.records, 1);
    assert.equal(successor.writer.counts.resends, 0);
  });
});
