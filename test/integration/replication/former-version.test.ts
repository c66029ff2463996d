// A stored journal of a former version, as a file: what is made of it must not change by accident.
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { readRecord } from "../../../src/replication/record-text.ts";
import { openClient } from "../../../src/replication/redis-client.ts";
import { ActiveNode, KEYSPACE, StandbyNode, soon } from "./nodes.ts";
import { RedisServer, redisObstacle, settingsFor } from "./redis-server.ts";

async function stored(redis: RedisServer): Promise<void> {
  const file = join(import.meta.dirname, "journal-format-1.json");
  const { commands }: { commands: string[][] } = JSON.parse(readFileSync(file, "utf8"));
  const { at, ...rest } = settingsFor(redis.port);
  assert.ok(at.kind === "direct");
  const client = await openClient({ ...rest, server: at.server, connectTimeoutMs: 1_000 }, () => undefined);
  for (const command of commands) {
    await client.call(
      command.map((word) => Buffer.from(word, "latin1")),
      { bytes: false, timeoutMs: 1_000 },
    );
  }
  client.destroy();
}

describe("a journal that a former version stored", { skip: redisObstacle }, () => {
  test("is read: every record with its fields, and the default of those that it does not have", async () => {
    await using redis = await RedisServer.start();
    await stored(redis);
    using standby = new StandbyNode(settingsFor(redis.port));
    await soon("a warm copy", () => standby.reader.state.isWarm);
    const read = standby.texts().map(([key, text]) => {
      const fields = readRecord(text, 2);
      if (typeof fields === "string") return assert.fail(fields);
      return [
        key,
        fields.text(0),
        fields.number(1, 0),
        fields.flag(2),
        fields.number(3, 0),
        fields.text(4),
        fields.text(5),
      ];
    });
    assert.deepEqual(read, [
      ["call 1@atlanta.example.com", "1@atlanta.example.com", 200, true, 0, "é\u0000\r\n", ""],
      ["call 3@atlanta.example.com", "3@atlanta.example.com", 200, true, 43_200_000, "", ""],
    ]);
  });

  test("is taken over: the successor goes on behind its last commit", async () => {
    await using redis = await RedisServer.start();
    await stored(redis);
    using standby = new StandbyNode(settingsFor(redis.port));
    await soon("a warm copy", () => standby.reader.state.isWarm);
    const { applied } = standby.reader.state;
    using successor = new ActiveNode(settingsFor(redis.port), {
      node: "edge-b",
      epoch: 2,
      position: applied,
    });
    for (const [key, text] of standby.texts()) successor.adopt(key, text);
    successor.set("call 4@atlanta.example.com", "2;0:");
    await standby.equals(successor);
    assert.equal(successor.writer.counts.resends, 0);
  });

  test("over one of ours, whose epoch it left in meta: is no store that was set back", async () => {
    await using redis = await RedisServer.start();
    await stored(redis);
    await redis.ask(["HSET", KEYSPACE.meta, "epoch", "1-1 7"]);
    using standby = new StandbyNode(settingsFor(redis.port));
    await soon("a warm copy", () => standby.reader.state.isWarm);
    const { applied } = standby.reader.state;
    assert.ok(applied !== null);
    assert.equal(applied.epoch, null);
    const position = { ...applied, epoch: 1 }; // as its journal says
    using successor = new ActiveNode(settingsFor(redis.port), { node: "edge-b", epoch: 8, position });
    for (const [key, text] of standby.texts()) successor.adopt(key, text);
    successor.set("call 4@atlanta.example.com", "2;0:");
    await standby.equals(successor);
    assert.equal(standby.reader.state.applied?.epoch, 8);
    assert.equal(successor.writer.counts.resends, 0);
  });
});
