// What one commit costs the active, beside a datagram received and sent in the same minute: a machine that is busy with other
// things slows both. node test/bench/commit.ts
import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { BatchWriter } from "../../src/replication/batch.ts";
import { RedisConnection } from "../../src/replication/redis-connection.ts";
import { RedisStore } from "../../src/replication/redis-store.ts";
import type { CommitOutcome, Standing } from "../../src/replication/store.ts";
import { KEYSPACE } from "../integration/replication/nodes.ts";
import { RedisServer, settingsFor } from "../integration/replication/redis-server.ts";

const ROUNDS = 7;
const COMMITS = 300;
const DATAGRAMS = 6_000;
const SIZES = [0, 20, 60];
const KEYS = Array.from(
  { length: 2_000 },
  (_, call) => `call 3848276298220188511@atlanta.example.com;${call}`,
);
const TEXT = `1;${"x".repeat(600)}`;

async function cpuOf(times: number, run: () => Promise<void>): Promise<number> {
  const start = process.cpuUsage();
  await run();
  const { user, system } = process.cpuUsage(start);
  return (user + system) / times;
}

async function datagrams(): Promise<void> {
  const [near, far] = [createSocket("udp4"), createSocket("udp4")];
  for (const socket of [near, far]) {
    socket.bind(0, "127.0.0.1");
    await once(socket, "listening");
  }
  far.on("message", (bytes, { port }) => far.send(bytes, port, "127.0.0.1"));
  await new Promise<void>((resolve) => {
    let heard = 0;
    const { port } = far.address();
    near.on("message", (bytes) => {
      heard++;
      if (heard < DATAGRAMS / 2) near.send(bytes, port, "127.0.0.1");
      else resolve();
    });
    near.send(Buffer.alloc(600), port, "127.0.0.1");
  });
  near.close();
  far.close();
}

async function commits(store: RedisStore, size: number): Promise<void> {
  const batch = new BatchWriter();
  for (let commit = 0; commit < COMMITS; commit++) {
    batch.clear();
    for (let record = 0; record < size; record++) {
      batch.add(KEYS[(commit * size + record) % KEYS.length] ?? "", TEXT);
    }
    const after = position;
    const outcome = await new Promise<CommitOutcome>((resolve) => {
      const rest = { laterThan: 0, epoch: 1, complete: true, waitedMs: 0, records: null };
      const oldest = Math.max(1, (after?.commit ?? 0) - 1_000);
      store.commit({ after, ...rest, oldest, batch: batch.written() }, resolve);
    });
    assert.ok(outcome.kind === "committed");
    position = { ...outcome.position, epoch: 1 };
  }
}

let position: Standing | null = null;
const redis = await RedisServer.start();
const connection = await new Promise<RedisConnection>((resolve) => {
  const made = new RedisConnection(settingsFor(redis.port, { commandTimeoutMs: 5_000 }), {
    random: Math.random,
    up: () => resolve(made),
    down: ({ message }) => console.error(message),
  });
  made.start();
});
const store = new RedisStore(connection, KEYSPACE, { node: "edge-a", boot: "b", cluster: ["ours"] });
const figures: number[][] = [];
for (let round = 0; round <= ROUNDS; round++) {
  const row = [await cpuOf(DATAGRAMS, datagrams)];
  for (const size of SIZES) row.push(await cpuOf(COMMITS, () => commits(store, size)));
  if (round > 0) figures.push(row);
}
const medians = [0, ...SIZES].map((_, column) => {
  const values = figures.map((row) => row[column] ?? 0).sort((one, other) => one - other);
  return values[Math.floor(values.length / 2)] ?? 0;
});
const [datagram = 1, ...costs] = medians;
console.log(`a datagram received and sent: ${datagram.toFixed(1)} µs`);
for (const [index, size] of SIZES.entries()) {
  const cost = costs[index] ?? 0;
  console.log(
    `a commit of ${size} records: ${cost.toFixed(0)} µs, ${(cost / datagram).toFixed(1)} datagrams`,
  );
}
connection.close();
await redis[Symbol.asyncDispose]();
