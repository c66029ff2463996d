/** Asks the Sentinels for the master (https://redis.io/docs/latest/develop/reference/sentinel-clients/). */

import type { RedisHost, RedisLogin } from "../config/redis-config.ts";
import { openClient, RedisFault } from "./redis-client.ts";
import type { RedisTls } from "./redis-settings.ts";
import type { StoreFault } from "./store.ts";

interface Question {
  readonly sentinels: readonly RedisHost[];
  readonly master: string;
  readonly login: RedisLogin;
  readonly tls: RedisTls | null;
  readonly timeoutMs: number;
}

/** @returns what the first Sentinel says that answers. Rejects with RedisFault where none knows it. */
export async function askSentinels(question: Question): Promise<RedisHost> {
  let last: StoreFault | null = null;
  for (const sentinel of question.sentinels) {
    try {
      return await ask(sentinel, question);
    } catch (error) {
      if (!(error instanceof RedisFault)) throw error;
      last = error.fault;
    }
  }
  const message = `no Sentinel knows the master ${question.master}: ${last?.message ?? "none is configured"}`;
  throw new RedisFault({ kind: "fault", code: last?.code ?? "REDIS_AWAY", message, uncertain: false });
}

async function ask(server: RedisHost, { master, login, tls, timeoutMs }: Question): Promise<RedisHost> {
  const client = await openClient(
    { server, login, database: 0, tls, connectTimeoutMs: timeoutMs },
    () => undefined, // a call that runs is answered with the fault; no other one follows
  );
  try {
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
  } finally {
    client.destroy();
  }
}
