/**
 * A connection to the master that is made again whenever it is lost: with growing waits, to whatever server is the master then.
 * Each user has one of its own (the journal, its reader, the lease), so that nobody waits behind another's batch.
 */
import type { Buffer } from "node:buffer";
import type { RedisHost } from "../config/redis-config.ts";
import { openClient, type RedisClient, RedisFault, type RedisReply } from "./redis-client.ts";
import type { RedisSettings } from "./redis-settings.ts";
import { Sentinels } from "./sentinel.ts";
import type { StoreFault } from "./store.ts";

/** A connection that is not up by then is given up. */
const CONNECT_TIMEOUT_MS = 1_000;
/** Waits between attempts: half to whole of a bound that doubles between these two. */
const RETRY_MIN_MS = 50;
const RETRY_MAX_MS = 1_000;
/** How often the Sentinels are asked whether the master is another one: a cut-off one still answers. */
const SENTINEL_POLL_MS = 1_000;

/** Which server this is: another run id or address means that what it knows may be older or nothing. */
export interface RedisServer {
  readonly runId: string;
  readonly version: string;
  readonly address: RedisHost;
}

export interface ConnectionPorts {
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly up: (server: RedisServer) => void;
  /** Also for an attempt that failed; the next one follows by itself. */
  readonly down: (fault: StoreFault) => void;
}

/** Faults after which another server, or the same one later, is asked. */
const LEAVES: ReadonlySet<string> = new Set(["REDIS_READ_ONLY", "REDIS_LOADING", "REDIS_LOGIN"]);

export class RedisConnection {
  private readonly settings: RedisSettings;
  private readonly ports: ConnectionPorts;
  /** Null: one server, at a known place. */
  private readonly sentinels: Sentinels | null;
  private readonly masterAddress: () => Promise<RedisHost>;
  private client: RedisClient | null = null;
  private server: RedisServer | null = null;
  private isClosed = false;
  private failures = 0;
  private timer: NodeJS.Timeout | null = null;

  constructor(settings: RedisSettings, ports: ConnectionPorts) {
    this.settings = settings;
    this.ports = ports;
    const { at, tls, commandTimeoutMs } = settings;
    if (at.kind === "direct") {
      this.sentinels = null;
      this.masterAddress = async () => at.server;
      return;
    }
    const sentinels = new Sentinels({ ...at, tls, timeoutMs: commandTimeoutMs });
    this.sentinels = sentinels;
    this.masterAddress = () => sentinels.master();
  }

  /** Connects, and stays connected until `close`. */
  start(): void {
    void this.connect();
  }

  get isUp(): boolean {
    return this.client !== null;
  }

  /**
   * @param waitMs the server may take this long besides, as for a command that blocks
   * @returns the reply. Rejects with RedisFault, at the latest after `commandTimeoutMs` and `waitMs`.
   */
  async call(
    args: readonly (string | Buffer)[],
    { bytes = false, waitMs = 0 }: { bytes?: boolean; waitMs?: number } = {},
  ): Promise<RedisReply> {
    const { client } = this;
    if (client === null) {
      throw new RedisFault({ kind: "fault", code: "REDIS_AWAY", message: "not connected", uncertain: false });
    }
    try {
      return await client.call(args, { bytes, timeoutMs: this.settings.commandTimeoutMs + waitMs });
    } catch (error) {
      if (error instanceof RedisFault && LEAVES.has(error.fault.code)) this.leave(client, error.fault);
      throw error;
    }
  }

  close(): void {
    this.isClosed = true;
    if (this.timer !== null) clearTimeout(this.timer);
    this.client?.destroy();
    this.client = null;
    this.sentinels?.close();
  }

  private async connect(): Promise<void> {
    let client: RedisClient | null = null;
    let address: RedisHost | null = null;
    const early: StoreFault[] = [];
    try {
      address = await this.masterAddress();
      const { login, database, tls } = this.settings;
      const opened = await openClient(
        { server: address, login, database, tls, connectTimeoutMs: CONNECT_TIMEOUT_MS },
        (fault) => (client === null || this.client !== client ? early.push(fault) : this.lost(client, fault)),
      );
      client = opened;
      const server = await identify(opened, { address, timeoutMs: this.settings.commandTimeoutMs });
      const [gone] = early;
      if (gone !== undefined) throw new RedisFault(gone);
      if (this.isClosed) {
        client.destroy();
        return;
      }
      this.client = client;
      this.server = server;
      this.failures = 0;
      this.watchMaster();
      this.ports.up(server);
    } catch (error) {
      client?.destroy();
      if (!(error instanceof RedisFault)) throw error;
      if (address !== null) this.sentinels?.doubt();
      this.retry(error.fault);
    }
  }

  /** The next attempt, later each time. */
  private retry(fault: StoreFault): void {
    if (this.isClosed) return;
    this.ports.down(fault);
    const bound = Math.min(RETRY_MAX_MS, RETRY_MIN_MS * 2 ** this.failures);
    this.failures++;
    this.timer = setTimeout(() => void this.connect(), (bound * (1 + this.ports.random())) / 2);
  }

  private lost(client: RedisClient, fault: StoreFault): void {
    if (this.client !== client) return;
    this.client = null;
    if (this.timer !== null) clearTimeout(this.timer);
    this.retry(fault);
  }

  private leave(client: RedisClient, fault: StoreFault): void {
    client.destroy();
    this.lost(client, fault);
  }

  private watchMaster(): void {
    if (this.sentinels === null) return;
    this.timer = setTimeout(() => void this.checkMaster(), SENTINEL_POLL_MS);
  }

  private async checkMaster(): Promise<void> {
    const { client, server } = this;
    try {
      const { host, port } = await this.masterAddress();
      if (client === null || server === null || this.client !== client) return;
      if (host === server.address.host && port === server.address.port) this.watchMaster();
      else {
        const message = `the Sentinels name another master, ${host}:${port}`;
        this.leave(client, { kind: "fault", code: "REDIS_AWAY", message, uncertain: true });
      }
    } catch (error) {
      if (!(error instanceof RedisFault)) throw error;
      // No Sentinel answers: the master that we have is as good as before.
      if (!this.isClosed && client !== null && this.client === client) this.watchMaster();
    }
  }
}

/** Rejects with RedisFault where the server is no master. */
async function identify(
  client: RedisClient,
  { address, timeoutMs }: { address: RedisHost; timeoutMs: number },
): Promise<RedisServer> {
  const options = { bytes: false, timeoutMs };
  const server = infoFields(await client.call(["INFO", "server"], options));
  const replication = infoFields(await client.call(["INFO", "replication"], options));
  if (replication.get("role") !== "master") {
    const message = `${address.host}:${address.port} is a replica, and takes no writes`;
    throw new RedisFault({ kind: "fault", code: "REDIS_READ_ONLY", message, uncertain: false });
  }
  return { runId: server.get("run_id") ?? "", version: server.get("redis_version") ?? "", address };
}

/** The lines `name:value` of INFO. */
export function infoFields(reply: RedisReply): ReadonlyMap<string, string> {
  const lines = typeof reply === "string" ? reply.split("\r\n") : [];
  return new Map(
    lines.flatMap((line): [string, string][] => {
      const colon = line.indexOf(":");
      return colon < 0 ? [] : [[line.slice(0, colon), line.slice(colon + 1)]];
    }),
  );
}
