/** How a connection to Redis is made. */
import type { RedisLogin, RedisPlace } from "../config/redis-config.ts";

/** In PEM, read from the files of the configuration. */
export interface RedisTls {
  /** Null: the system's authorities. */
  readonly ca: string | null;
  readonly cert: string | null;
  readonly key: string | null;
  /** Name that the server's certificate must have; null: the host. */
  readonly servername: string | null;
}

export interface RedisSettings {
  readonly at: RedisPlace;
  readonly login: RedisLogin;
  readonly database: number;
  /** Of the servers and of the Sentinels alike; null: plain TCP. */
  readonly tls: RedisTls | null;
  /** No answer within it: the connection is given up. */
  readonly commandTimeoutMs: number;
}
