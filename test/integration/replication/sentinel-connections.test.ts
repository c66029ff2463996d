// How often Sentinels are connected to, and which one is asked: servers that speak as much RESP as a Sentinel is asked for.
import assert from "node:assert/strict";
import { createServer, type Server, type Socket } from "node:net";
import { describe, test } from "node:test";
import type { RedisHost } from "../../../src/config/redis-config.ts";
import { RedisConnection } from "../../../src/replication/redis-connection.ts";
import { freePort, RedisServer, redisObstacle, settingsFor } from "./redis-server.ts";

/** Answers every command with the address of the master. */
class FakeSentinel {
  readonly host: RedisHost;
  master: number;
  connections = 0;
  questions = 0;
  private readonly server: Server;
  private readonly sockets = new Set<Socket>();

  private constructor(port: number, master: number) {
    this.host = { host: "127.0.0.1", port };
    this.master = master;
    this.server = createServer((socket) => {
      this.connections++;
      this.sockets.add(socket);
      socket.on("close", () => this.sockets.delete(socket)).on("error", () => undefined);
      socket.on("data", () => {
        this.questions++;
        const port = String(this.master);
        socket.write(`*2\r\n$9\r\n127.0.0.1\r\n$${port.length}\r\n${port}\r\n`);
      });
    });
  }

  static async start(master: number): Promise<FakeSentinel> {
    const sentinel = new FakeSentinel(await freePort(), master);
    await sentinel.run();
    return sentinel;
  }

  get open(): number {
    return this.sockets.size;
  }

  run(): Promise<void> {
    return new Promise((resolve) => this.server.listen(this.host.port, "127.0.0.1", resolve));
  }

  stop(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    return new Promise((resolve) => this.server.close(() => resolve()));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.server.listening) await this.stop();
  }
}

/** A connection to the master that they name, from its start on. */
class Asking {
  ups = 0;
  downs = 0;
  private readonly connection: RedisConnection;

  constructor(sentinels: readonly FakeSentinel[]) {
    const login = { username: null, password: null };
    const at = {
      kind: "sentinel",
      sentinels: sentinels.map(({ host }) => host),
      master: "edge",
      login,
    } as const;
    this.connection = new RedisConnection(settingsFor(0, { at }), {
      random: () => 0,
      up: () => this.ups++,
      down: () => this.downs++,
    });
    this.connection.start();
  }

  [Symbol.dispose](): void {
    this.connection.close();
  }
}

async function until(what: string, enough: () => boolean): Promise<void> {
  for (const end = Date.now() + 10_000; !enough(); ) {
    assert.ok(Date.now() < end, what);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

describe("a connection to a Sentinel", () => {
  test("is made once while the master is away, however often it is asked, and ends with its user", async () => {
    await using sentinel = await FakeSentinel.start(await freePort());
    const asking = new Asking([sentinel]);
    await until("attempts", () => asking.downs >= 6);
    assert.equal(sentinel.connections, 1);
    assert.ok(sentinel.questions >= 6, `${sentinel.questions}`);
    asking[Symbol.dispose]();
    await until("the connection to end", () => sentinel.open === 0);
  });

  test("that is lost is made again, once", async () => {
    await using sentinel = await FakeSentinel.start(await freePort());
    using asking = new Asking([sentinel]);
    await until("attempts", () => asking.downs >= 3);
    await sentinel.stop();
    const { downs } = asking;
    await until("attempts", () => asking.downs >= downs + 2);
    assert.equal(sentinel.connections, 1);
    await sentinel.run();
    const { questions } = sentinel;
    await until("questions", () => sentinel.questions >= questions + 2);
    assert.equal(sentinel.connections, 2);
  });

  test("to the next one is kept where the first does not answer", async () => {
    await using dead = await FakeSentinel.start(await freePort());
    await using next = await FakeSentinel.start(dead.master);
    await dead.stop();
    using asking = new Asking([dead, next]);
    await until("attempts", () => asking.downs >= 6);
    assert.equal(next.connections, 1);
    assert.ok(next.questions >= 6);
  });
});

describe("Sentinels that do not agree", { skip: redisObstacle }, () => {
  test("where the master that one names can't be reached the next one is asked, and stays the one that is asked", async () => {
    await using master = await RedisServer.start();
    await using stale = await FakeSentinel.start(await freePort());
    await using current = await FakeSentinel.start(master.port);
    using asking = new Asking([stale, current]);
    await until("the master", () => asking.ups === 1);
    assert.equal(asking.downs, 1);
    await until("two looks at the master", () => current.questions >= 3);
    assert.deepEqual([stale.questions, current.connections, asking.ups, asking.downs], [1, 1, 1, 1]);
  });
});
