/** Asks the Sentinels for the master (https://redis.io/docs/latest/develop/reference/sentinel-clients/). */

import type { RedisHost, RedisLogin } from "../config/redis-config.ts";
import { openClient, type RedisClient, RedisFault } from "./redis-client.ts";
import type { RedisTls } from "./redis-settings.ts";
import type { StoreFault } from "./store.ts";

export interface SentinelSettings {
  readonly sentinels: readonly RedisHost[];
  readonly master: string;
  readonly login: RedisLogin;
  readonly tls: RedisTls | null;
  readonly timeoutMs: number;
}

/** Connections to Sentinels are kept: they are asked each second, and as often again while the master is away. */
export class Sentinels {
  readonly #settings: SentinelSettings;
  readonly #clients = new Map<RedisHost, Promise<RedisClient>>();
  /** The one that is asked first: which answered last, or comes after one whose word was of no use. */
  #first = 0;
  #isClosed = false;

  constructor(settings: SentinelSettings) {
    this.#settings = settings;
  }

  /** @returns what the first Sentinel says that answers. Rejects with RedisFault where none knows the master. */
  async master(): Promise<RedisHost> {
    const { sentinels, master } = this.#settings;
    const first = this.#first;
    let last: StoreFault | null = null;
    for (const index of sentinels.keys()) {
      const place = (first + index) % sentinels.length;
      const sentinel = sentinels[place];
      if (sentinel === undefined || this.#isClosed) break;
      try {
        const found = await this.#ask(sentinel);
        this.#first = place;
        return found;
      } catch (error) {
        if (!(error instanceof RedisFault)) throw error;
        last = error.fault;
      }
    }
    const message = `no Sentinel knows the master ${master}: ${last?.message ?? "none is configured"}`;
    throw new RedisFault({ kind: "fault", code: last?.code ?? "REDIS_AWAY", message, uncertain: false });
  }

  /** The master that was named can't be used: that Sentinel may be cut off itself, and another one is asked first. */
  doubt(): void {
    this.#first = (this.#first + 1) % this.#settings.sentinels.length;
  }

  close(): void {
    this.#isClosed = true;
    for (const opening of this.#clients.values())
      opening.then(
        (client) => client.destroy(),
        () => undefined, // it never was open
      );
    this.#clients.clear();
  }

  async #ask(server: RedisHost): Promise<RedisHost> {
    const { master, timeoutMs } = this.#settings;
    const client = await this.#clientOf(server);
    const reply = await client.call(["SENTINEL", "get-master-addr-by-name", master], {
      bytes: false,
      timeoutMs,
    });
    if (Array.isArray(reply)) {
      const [host, port] = reply;
      if (typeof host === "string" && typeof port === "string") return { host, port: Number(port) };
    }
    const message = `${server.host}:${server.port} knows no master ${master}`;
    throw new RedisFault({ kind: "fault", code: "REDIS_REFUSED", message, uncertain: false });
  }

  #clientOf(server: RedisHost): Promise<RedisClient> {
    const kept = this.#clients.get(server);
    if (kept !== undefined) return kept;
    const { login, tls, timeoutMs } = this.#settings;
    const forget = (): void => {
      if (this.#clients.get(server) === opening) this.#clients.delete(server);
    };
    const opening = openClient(
      { server, login, database: 0, tls, connectTimeoutMs: timeoutMs },
      forget, // a call that runs is answered with the fault; the next question opens another one
    );
    this.#clients.set(server, opening);
    opening.catch(forget);
    return opening;
  }
}
