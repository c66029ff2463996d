// Keys that are not ours, or that we can't read: named, and nothing is overwritten.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import type { StoreFaultCode } from "../../../src/replication/store.ts";
import { ActiveNode, KEYSPACE, StandbyNode, soon } from "./nodes.ts";
import { freePort, RedisServer, redisObstacle, settingsFor } from "./redis-server.ts";

const noOpenssl = spawnSync("openssl", ["version"]).status === 0 ? false : "openssl is not installed";

/** All that Redis holds, in words that change when anything does. */
async function contents(redis: RedisServer): Promise<string> {
  return String(await redis.ask(["DEBUG", "DIGEST"]));
}

const { meta, records, journal, fence } = KEYSPACE;
const META = [
  "HSET",
  meta,
  "format",
  "1",
  "cluster",
  "ours",
  "generation",
  "5",
  "commit",
  "7",
  "complete",
  "1",
];

const rows: { name: string; planted: string[][]; code: StoreFaultCode }[] = [
  { name: "another cluster's keys", planted: [META.with(5, "theirs")], code: "JOURNAL_FOREIGN" },
  { name: "keys of a newer format", planted: [META.with(3, "2")], code: "JOURNAL_NEWER" },
  { name: "garbage in place of the keys", planted: [["SET", meta, "x"]], code: "JOURNAL_GARBAGE" },
  {
    name: "a list in place of the records",
    planted: [META, ["RPUSH", records, "x"]],
    code: "JOURNAL_GARBAGE",
  },
  {
    name: "a string in place of the journal",
    planted: [META, ["SET", journal, "x"]],
    code: "JOURNAL_GARBAGE",
  },
  { name: "records without meta", planted: [["HSET", records, "call 1", "x"]], code: "JOURNAL_GARBAGE" },
  {
    name: "meta without a position",
    planted: [["HSET", meta, "format", "1", "cluster", "ours"]],
    code: "JOURNAL_GARBAGE",
  },
  { name: "a fence without an epoch", planted: [["HSET", fence, "epoch", "x"]], code: "JOURNAL_GARBAGE" },
  { name: "a string in place of the fence", planted: [["SET", fence, "x"]], code: "JOURNAL_GARBAGE" },
];

describe("keys that are not this cluster's", { skip: redisObstacle }, () => {
  test("are refused by name, and nothing is overwritten", async (suite) => {
    await using redis = await RedisServer.start();
    for (const { name, planted, code } of rows) {
      await suite.test(name, async () => {
        await redis.ask(["FLUSHALL"]);
        for (const command of planted) await redis.ask(command);
        const before = await contents(redis);
        using active = new ActiveNode(settingsFor(redis.port));
        active.set("call 1", "1;rings");
        await soon("the refusal", () => active.writer.counts.faults > 0);
        assert.deepEqual([active.writer.health.state, active.writer.health.code], ["degraded", code]);
        assert.equal(await contents(redis), before);
      });
    }
  });

  test("a standby does not read them, and says why", async () => {
    await using redis = await RedisServer.start();
    await redis.ask(META.with(5, "theirs"));
    using standby = new StandbyNode(settingsFor(redis.port));
    await soon("the reason", () => /another cluster/.test(standby.reader.state.reason));
    assert.equal(standby.reader.state.isWarm, false);
  });

  test("a secret that was changed: the former identity is accepted, and the new one written", async () => {
    await using redis = await RedisServer.start();
    {
      using former = new ActiveNode(settingsFor(redis.port), { cluster: ["old"] });
      former.set("call 1", "1;talks");
      await former.committed();
    }
    using active = new ActiveNode(settingsFor(redis.port), { cluster: ["new", "old"], epoch: 2 });
    await active.committed();
    assert.equal(await redis.ask(["HGET", meta, "cluster"]), "new");
  });

  test("an engine with an old epoch that wakes and writes: 0 records changed, and it is told", async () => {
    await using redis = await RedisServer.start();
    using old = new ActiveNode(settingsFor(redis.port), { node: "edge-a", epoch: 1 });
    old.set("call 1", "1;talks");
    await old.committed();
    // As the election does when it makes another node the active.
    await redis.ask(["HSET", fence, "epoch", "2", "node", "edge-b", "boot", "b"]);
    const before = await contents(redis);
    old.set("call 1", "1;from the past");
    old.set("call 2", "1;from the past");
    await soon("the fence", () => old.fences.length > 0);
    assert.deepEqual(old.fences, [{ epoch: 2, node: "edge-b" }]);
    assert.equal(await contents(redis), before);
  });

  test("a fence set back below an epoch that it had: all live records are sent again, whatever position stands there", async () => {
    await using redis = await RedisServer.start();
    using active = new ActiveNode(settingsFor(redis.port), { node: "edge-a", epoch: 2 });
    active.set("call 1", "1;talks");
    await active.committed();
    await redis.ask(["HSET", fence, "epoch", "1", "node", "edge-b", "boot", "b"]);
    await redis.ask(["HDEL", records, "call 1"]);
    active.set("call 2", "1;talks");
    await active.committed();
    await soon("all to be sent again", () => active.writer.counts.resends === 2); // the first one was its start
    await active.committed();
    assert.equal(await redis.ask(["HLEN", records]), 2);
    assert.equal(await redis.ask(["HGET", fence, "epoch"]), "2");
  });

  test("set back, the former active went on to the same number, and the lease was won anew: all live records are sent again", async () => {
    await using redis = await RedisServer.start();
    const settings = settingsFor(redis.port);
    const cutOff = { kind: "fault", code: "REDIS_AWAY", message: "cut off", uncertain: true } as const;
    const keys = [meta, records, journal, fence];
    using former = new ActiveNode(settings, { node: "edge-a", epoch: 1 });
    former.set("call 1", "1;talks");
    await former.committed();
    former.writer.down(cutOff);
    for (const key of keys) await redis.ask(["COPY", key, `kept:${key}`]);

    using active = new ActiveNode(settings, { node: "edge-b", epoch: 2, position: former.writer.committed });
    active.adopt("call 1", "1;talks");
    active.set("call 2", "1;of the active");
    await active.committed();
    active.writer.down(cutOff);
    const boot = String(await redis.ask(["HGET", fence, "boot"]));
    const commit = await redis.ask(["HGET", meta, "commit"]);

    for (const key of keys) await redis.ask(["COPY", `kept:${key}`, key, "REPLACE"]);
    while ((await redis.ask(["HGET", meta, "commit"])) !== commit) {
      former.set("call 3", "1;of the former active");
      former.writer.up();
      await former.committed();
      former.writer.down(cutOff);
    }
    await redis.ask(["HSET", fence, "epoch", "3", "node", "edge-b", "boot", boot]);
    active.writer.raise(3);
    active.set("call 4", "1;later");
    active.writer.up();
    await active.committed();
    assert.equal(active.writer.counts.resends, 1);
    using standby = new StandbyNode(settings);
    await standby.equals(active);
    assert.deepEqual(active.fences, []);
    assert.match(String(await redis.ask(["HGET", meta, "epoch"])), /^\d+-\d+ 3$/);
  });

  test("a wrong password: told, and right as soon as it is", async () => {
    await using redis = await RedisServer.start();
    await redis.ask(["CONFIG", "SET", "requirepass", "right"]);
    using wrong = new ActiveNode(settingsFor(redis.port, { login: { username: null, password: "wrong" } }));
    await soon("the refusal", () => wrong.writer.health.code === "REDIS_LOGIN");
    using active = new ActiveNode(settingsFor(redis.port, { login: { username: null, password: "right" } }), {
      node: "edge-c",
      epoch: 2,
    });
    await active.committed();
  });

  test("an ACL user that may do what the journal needs and nothing else", async () => {
    await using redis = await RedisServer.start();
    const commands =
      "+@connection +info +time +eval +evalsha +hset +hdel +hmget +hscan +type +unlink +xadd +xread".split(
        " ",
      );
    await redis.ask(["ACL", "SETUSER", "tandem", "on", ">secret", "~{tandem:edge}:*", ...commands]);
    const settings = settingsFor(redis.port, { login: { username: "tandem", password: "secret" } });
    using active = new ActiveNode(settings);
    using standby = new StandbyNode(settings);
    active.set("call 1", "1;talks");
    await standby.equals(active);
  });

  test("TLS: with the authority that signed its certificate, and not without", {
    skip: noOpenssl,
  }, async () => {
    const folder = mkdtempSync(join(tmpdir(), "tandem-tls-"));
    const [key, cert] = [join(folder, "key.pem"), join(folder, "cert.pem")];
    const subject = "/CN=redis -addext subjectAltName=IP:127.0.0.1";
    const made = spawnSync(
      "openssl",
      `req -x509 -newkey rsa:2048 -nodes -days 1 -keyout ${key} -out ${cert} -subj ${subject}`.split(" "),
    );
    assert.equal(made.status, 0, String(made.stderr));
    const port = await freePort();
    await using _redis = await RedisServer.start([
      `tls-port ${port}`,
      `tls-cert-file ${cert}`,
      `tls-key-file ${key}`,
      "tls-auth-clients no",
    ]);
    const tls = { ca: readFileSync(cert, "utf8"), cert: null, key: null, servername: null };
    using stranger = new ActiveNode(settingsFor(port, { tls: { ...tls, ca: null } }));
    await soon("the refusal", () => /certificate/.test(stranger.writer.health.reason));
    using active = new ActiveNode(settingsFor(port, { tls }));
    active.set("call 1", "1;talks");
    await active.committed();
    rmSync(folder, { recursive: true });
  });
});
