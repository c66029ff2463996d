// The scripts of the lease on a real Redis, beside the simulator's model of them.
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import type { LeaseRecord } from "../../../src/cluster/lease.ts";
import { leaseCommand, readLeaseAnswer } from "../../../src/cluster/lease-command.ts";
import type { LeaseOperation, LeaseReply } from "../../../src/cluster/node-state.ts";
import { Random } from "../../fuzz/random.ts";
import { runLeaseScript } from "../../simulation/cluster/redis-model.ts";

const KEY = "{tandem:edge}:lease";
const FENCE = "{tandem:edge}:fence";

/** What these tests need of Redis's protocol (RESP2), and no more. */
class RedisWire {
  private readonly socket: Socket;
  private buffered = "";
  private wake: () => void = () => {};

  constructor(socket: Socket) {
    this.socket = socket;
    socket.setEncoding("latin1");
    socket.on("data", (text) => {
      this.buffered += String(text);
      this.wake();
    });
  }

  async call(...words: string[]): Promise<unknown> {
    const parts = words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`);
    this.socket.write(`*${words.length}\r\n${parts.join("")}`);
    return this.value();
  }

  end(): void {
    this.socket.destroy();
  }

  private async line(): Promise<string> {
    for (;;) {
      const end = this.buffered.indexOf("\r\n");
      if (end >= 0) return this.take(end + 2).slice(0, -2);
      await this.more();
    }
  }

  private take(length: number): string {
    const taken = this.buffered.slice(0, length);
    this.buffered = this.buffered.slice(length);
    return taken;
  }

  private more(): Promise<void> {
    return new Promise((resolve) => {
      this.wake = resolve;
    });
  }

  private async value(): Promise<unknown> {
    const line = await this.line();
    const rest = line.slice(1);
    if (line.startsWith("-")) throw new Error(rest);
    if (line.startsWith(":")) return Number(rest);
    if (line.startsWith("+")) return rest;
    if (line.startsWith("$")) {
      const length = Number(rest);
      if (length < 0) return null;
      while (this.buffered.length < length + 2) await this.more();
      return this.take(length + 2).slice(0, -2);
    }
    const list: unknown[] = [];
    for (let i = 0; i < Number(rest); i++) list.push(await this.value());
    return list;
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  return typeof address === "object" && address !== null ? address.port : 0;
}

async function connected(port: number): Promise<Socket> {
  for (let tries = 0; ; tries++) {
    const socket = connect(port, "127.0.0.1");
    try {
      await once(socket, "connect");
      return socket;
    } catch (error) {
      if (tries > 100) throw error;
      await delay(50);
    }
  }
}

describe("the lease on a real Redis", () => {
  const folder = mkdtempSync(join(tmpdir(), "tandem-lease-"));
  let server: ChildProcess;
  let redis: RedisWire;

  before(async () => {
    const port = await freePort();
    const flags = ["--port", String(port), "--bind", "127.0.0.1", "--save", "", "--dir", folder];
    server = spawn("redis-server", flags, { stdio: "ignore" });
    redis = new RedisWire(await connected(port));
  });

  after(async () => {
    redis.end();
    server.kill();
    await once(server, "exit");
    rmSync(folder, { recursive: true });
  });

  async function run(node: string, operation: LeaseOperation): Promise<LeaseReply> {
    const command = leaseCommand(operation, { cluster: "edge", node, boot: `boot-${node}` });
    const { script, keys, arguments: words } = command;
    return readLeaseAnswer(await redis.call("EVAL", script, String(keys.length), ...keys, ...words), "run 1");
  }

  function acquire(epoch: number, record: LeaseRecord | null, compareCounter = true): LeaseOperation {
    return { kind: "acquire", epoch, expected: { record, compareCounter } };
  }

  async function heldByA(): Promise<LeaseRecord> {
    await redis.call("FLUSHALL");
    await run("a", acquire(1, null));
    return { holder: "a", boot: "boot-a", epoch: 1, counter: 1, ask: null };
  }

  test("the keys stand under the cluster's hash tag, and nothing expires", async () => {
    await heldByA();
    assert.deepEqual([await redis.call("TYPE", KEY), await redis.call("PTTL", KEY)], ["hash", -1]);
    assert.deepEqual(await redis.call("HMGET", FENCE, "epoch", "node", "boot"), ["1", "a", "boot-a"]);
  });

  const rows: readonly {
    readonly name: string;
    readonly node: string;
    readonly operation: (record: LeaseRecord) => LeaseOperation;
    readonly want: "granted" | "refused";
  }[] = [
    { name: "the holder renews", node: "a", operation: () => ({ kind: "renew", epoch: 1 }), want: "granted" },
    { name: "another renews", node: "b", operation: () => ({ kind: "renew", epoch: 1 }), want: "refused" },
    {
      name: "an old epoch renews",
      node: "a",
      operation: () => ({ kind: "renew", epoch: 0 }),
      want: "refused",
    },
    {
      name: "acquired as it was seen",
      node: "b",
      operation: (record) => acquire(2, record),
      want: "granted",
    },
    {
      name: "a renewal came in between: nothing is overtaken",
      node: "b",
      operation: (record) => acquire(2, { ...record, counter: 0 }),
      want: "refused",
    },
    {
      name: "after a resignation the counter is not compared",
      node: "b",
      operation: (record) => acquire(2, { ...record, counter: 0 }, false),
      want: "granted",
    },
    {
      name: "nor is the holder passed over",
      node: "b",
      operation: (record) => acquire(2, { ...record, holder: "c" }, false),
      want: "refused",
    },
    { name: "the same epoch again", node: "b", operation: (record) => acquire(1, record), want: "refused" },
    { name: "as if there were no record", node: "b", operation: () => acquire(2, null), want: "refused" },
    {
      name: "handed over by its holder",
      node: "a",
      operation: () => ({ kind: "hand-over", epoch: 1, to: { node: "b", boot: "boot-b" } }),
      want: "granted",
    },
    {
      name: "handed over by another",
      node: "b",
      operation: () => ({ kind: "hand-over", epoch: 1, to: { node: "b", boot: "boot-b" } }),
      want: "refused",
    },
    { name: "asked for", node: "b", operation: () => ({ kind: "please-resign", epoch: 1 }), want: "granted" },
    {
      name: "asked for in an old epoch",
      node: "b",
      operation: () => ({ kind: "please-resign", epoch: 0 }),
      want: "refused",
    },
  ];
  for (const { name, node, operation, want } of rows) {
    test(`${name}: ${want}`, async () => {
      const record = await heldByA();
      const asked = operation(record);
      const reply = await run(node, asked);
      assert.equal(reply.outcome, want);
      const model = runLeaseScript(record, asked, { node, boot: `boot-${node}` });
      assert.deepEqual(reply, {
        outcome: model.done ? "granted" : "refused",
        reading: { source: "run 1", record: model.record },
      });
    });
  }

  test("a record that was written half, by a user without the rights to all of it, can be acquired when they are there", async () => {
    await heldByA();
    await redis.call("HDEL", KEY, "counter");
    const left = await run("b", { kind: "read" });
    assert.ok(left.outcome === "granted" && left.reading.record !== null);
    assert.equal((await run("b", acquire(2, left.reading.record))).outcome, "granted");
  });

  test("2,000 operations at random: record and answers are those of the model", async () => {
    await redis.call("FLUSHALL");
    const random = new Random(1);
    let record: LeaseRecord | null = null as LeaseRecord | null;
    for (let i = 0; i < 2_000; i++) {
      const node = random.pick(["a", "b"]);
      const epoch: number = (record?.epoch ?? 0) + random.below(3) - 1;
      const expected: LeaseRecord | null = random.once(4) ? null : record;
      const operation: LeaseOperation = random.pick<LeaseOperation>([
        { kind: "read" },
        acquire(epoch, expected, random.once(2)),
        { kind: "renew", epoch },
        { kind: "hand-over", epoch, to: { node: "b", boot: "boot-b" } },
        { kind: "please-resign", epoch },
      ]);
      const model = runLeaseScript(record, operation, { node, boot: `boot-${node}` });
      record = model.record;
      const want = { outcome: model.done ? "granted" : "refused", reading: { source: "run 1", record } };
      assert.deepEqual(await run(node, operation), want, JSON.stringify(operation));
    }
  });

  test("a record that is none of ours is an error, not a lease", async () => {
    await redis.call("FLUSHALL");
    await redis.call("HSET", KEY, "holder", "x", "boot", "y", "epoch", "soon", "counter", "1");
    assert.equal((await run("a", { kind: "read" })).outcome, "error");
  });
});
