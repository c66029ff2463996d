// Lease and journal agree on the fence, on a real Redis: whoever has the lease may write, and nobody else from that moment on.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { LeaseRecord } from "../../../src/cluster/lease.ts";
import type { LeaseOperation, LeaseReply } from "../../../src/cluster/node-state.ts";
import { LeaseClient } from "../../../src/node/cluster/lease-client.ts";
import { keyspaceOf } from "../../../src/replication/keyspace.ts";
import { RedisConnection } from "../../../src/replication/redis-connection.ts";
import { RedisStore } from "../../../src/replication/redis-store.ts";
import type { CommitOutcome } from "../../../src/replication/store.ts";
import { soon } from "../replication/nodes.ts";
import { RedisServer, redisObstacle, settingsFor } from "../replication/redis-server.ts";

const skip = redisObstacle;

class Writer {
  readonly node: string;
  readonly lease: LeaseClient;
  readonly connection: RedisConnection;
  readonly store: RedisStore;
  up = 0;

  constructor(port: number, node: string) {
    this.node = node;
    const boot = `boot-${node}`;
    const settings = settingsFor(port);
    const up = (): void => {
      this.up++;
    };
    this.lease = new LeaseClient(settings, { cluster: "edge", node, boot }, { up, down: () => {} });
    this.connection = new RedisConnection(settings, { random: Math.random, up, down: () => {} });
    this.connection.start();
    this.store = new RedisStore(this.connection, keyspaceOf("edge"), { node, boot, cluster: ["ours"] });
  }

  run(operation: LeaseOperation): Promise<LeaseReply> {
    return new Promise((resolve) => this.lease.run(operation, resolve));
  }

  /** A commit that begins a generation: it is refused by the fence alone. */
  commit(epoch: number): Promise<CommitOutcome> {
    const request = {
      after: null,
      laterThan: 0,
      epoch,
      complete: true,
      waitedMs: 0,
      records: 0,
      oldest: 1,
    };
    return new Promise((resolve) => this.store.commit({ ...request, batch: Buffer.alloc(0) }, resolve));
  }

  close(): void {
    this.lease.close();
    this.connection.close();
  }
}

describe("the fence", { skip }, () => {
  let redis: RedisServer;
  let a: Writer;
  let b: Writer;
  before(async () => {
    redis = await RedisServer.start();
    a = new Writer(redis.port, "edge-a");
    b = new Writer(redis.port, "edge-b");
    await soon("connections", () => a.up === 2 && b.up === 2);
  });
  after(async () => {
    a?.close();
    b?.close();
    await redis?.[Symbol.asyncDispose]();
  });

  function recordOf(reply: LeaseReply): LeaseRecord | null {
    assert.notEqual(reply.outcome, "error");
    return reply.outcome === "error" ? null : reply.reading.record;
  }

  test("whoever acquires the lease may write in its epoch, nobody else in it or below it", async () => {
    const acquired = await a.run({
      kind: "acquire",
      epoch: 1,
      expected: { record: null, compareCounter: true },
    });
    assert.equal(acquired.outcome, "granted");
    assert.equal((await a.commit(1)).kind, "committed");
    assert.deepEqual(await b.commit(1), { kind: "fenced", epoch: 1, node: "edge-a" });
  });

  test("the former holder is refused from the moment of the takeover, before the new one has written anything", async () => {
    const record = recordOf(await b.run({ kind: "read" }));
    const taken = await b.run({ kind: "acquire", epoch: 2, expected: { record, compareCounter: true } });
    assert.equal(taken.outcome, "granted");
    assert.deepEqual(await a.commit(1), { kind: "fenced", epoch: 2, node: "edge-b" });
    assert.equal((await b.commit(2)).kind, "committed");
  });

  test("a hand-over moves the right to write with the lease", async () => {
    const to = { node: "edge-a", boot: "boot-edge-a" };
    assert.equal((await b.run({ kind: "hand-over", epoch: 2, to })).outcome, "granted");
    assert.deepEqual(await b.commit(2), { kind: "fenced", epoch: 3, node: "edge-a" });
    assert.equal((await a.commit(3)).kind, "committed");
  });

  test("answers come in the order of the operations, and name the server's life", async () => {
    const replies = await Promise.all([
      a.run({ kind: "renew", epoch: 3 }),
      a.run({ kind: "renew", epoch: 3 }),
      a.run({ kind: "read" }),
    ]);
    const counters = replies.map((reply) => recordOf(reply)?.counter ?? 0);
    assert.deepEqual(counters, [counters[0], (counters[0] ?? 0) + 1, (counters[0] ?? 0) + 1]);
    const [reply] = replies;
    assert.match(reply?.outcome === "granted" ? reply.reading.source : "", /^[0-9a-f]{40} 127\.0\.0\.1:\d+$/);
  });

  test("Redis is away: an error within the time of a command, and never an exception", async () => {
    await redis.kill();
    assert.equal((await a.run({ kind: "read" })).outcome, "error");
  });
});
