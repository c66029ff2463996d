// A real redis-server (or Sentinel) of a test's own: a free port of the loopback interface, a folder of its own, no persistence.
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  openClient,
  type RedisClient,
  RedisFault,
  type RedisReply,
} from "../../../src/replication/redis-client.ts";
import type { RedisSettings } from "../../../src/replication/redis-settings.ts";

const PROGRAM = ["/usr/bin/redis-server", "/usr/local/bin/redis-server"].find((path) => existsSync(path));

/** Why these tests can't run here, for node:test's `skip`. */
export const redisObstacle: string | false =
  PROGRAM === undefined ? "redis-server is not installed: apt-get install redis-server" : false;

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}

export function settingsFor(port: number, parts: Partial<RedisSettings> = {}): RedisSettings {
  return {
    at: { kind: "direct", server: { host: "127.0.0.1", port } },
    login: { username: null, password: null },
    database: 0,
    tls: null,
    commandTimeoutMs: 250,
    ...parts,
  };
}

export class RedisServer {
  readonly port: number;
  readonly directory = mkdtempSync(join(tmpdir(), "tandem-redis-"));
  private readonly lines: readonly string[];
  private readonly sentinel: boolean;
  private readonly password: string | null;
  private child: ChildProcess | null = null;
  private control: RedisClient | null = null;

  private constructor(
    port: number,
    lines: readonly string[],
    { sentinel, password }: { sentinel: boolean; password: string | null },
  ) {
    this.port = port;
    this.lines = lines;
    this.sentinel = sentinel;
    this.password = password;
  }

  /**
   * @param lines of its configuration, besides what makes it the test's own
   * @param options password: of its default user, which the lines set
   */
  static async start(
    lines: readonly string[] = [],
    { sentinel = false, password = null }: { sentinel?: boolean; password?: string | null } = {},
  ): Promise<RedisServer> {
    const server = new RedisServer(await freePort(), lines, { sentinel, password });
    await server.run();
    return server;
  }

  /** Starts it, again where it was killed: with what is in its folder. */
  async run(): Promise<void> {
    if (PROGRAM === undefined) throw new Error("redis-server is not installed");
    const base = [`port ${this.port}`, "bind 127.0.0.1", `dir ${this.directory}`];
    const data = this.sentinel
      ? []
      : ['save ""', "appendonly no", "enable-debug-command yes", "repl-diskless-sync-delay 0"];
    const file = join(this.directory, "server.conf");
    writeFileSync(file, [...base, ...data, ...this.lines, ""].join("\n"));
    this.child = spawn(PROGRAM, [file, ...(this.sentinel ? ["--sentinel"] : [])], { stdio: "ignore" });
    for (let attempt = 0; ; attempt++) {
      try {
        await this.ask(["PING"]);
        return;
      } catch (error) {
        // A password is asked for: it runs.
        if (error instanceof RedisFault && error.fault.code === "REDIS_LOGIN") return;
        if (attempt > 200) throw error;
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
    }
  }

  get pid(): number {
    return this.child?.pid ?? 0;
  }

  /** As its operator would, over a connection of the test's own. */
  async ask(args: readonly string[], timeoutMs = 5_000): Promise<RedisReply> {
    this.control ??= await openClient(
      {
        server: { host: "127.0.0.1", port: this.port },
        login: { username: null, password: this.password },
        database: 0,
        tls: null,
        connectTimeoutMs: 1_000,
      },
      () => {
        this.control = null;
      },
    );
    return await this.control.call(args, { bytes: false, timeoutMs });
  }

  signal(signal: NodeJS.Signals): void {
    this.child?.kill(signal);
  }

  async kill(): Promise<void> {
    const { child } = this;
    this.child = null;
    this.control?.destroy();
    this.control = null;
    if (child === null || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGKILL");
    await gone;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    rmSync(this.directory, { recursive: true, force: true });
  }
}
