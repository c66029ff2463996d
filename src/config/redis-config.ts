/** How a Redis is reached, and how the journal is written to it. */

export interface RedisHost {
  readonly host: string;
  readonly port: number;
}

export interface RedisLogin {
  /** Null: the default user. */
  readonly username: string | null;
  readonly password: string | null;
}

/** Directly, or by the Sentinels that know the master. */
export type RedisPlace =
  | { readonly kind: "direct"; readonly server: RedisHost }
  | {
      readonly kind: "sentinel";
      readonly sentinels: readonly RedisHost[];
      readonly master: string;
      readonly login: RedisLogin;
    };

/** Paths of PEM files. */
export interface RedisTlsFiles {
  /** Null: the system's authorities. */
  readonly ca: string | null;
  /** Own certificate and key, where the server asks for one. */
  readonly cert: string | null;
  readonly key: string | null;
  /** Name that the server's certificate must have; null: the host. */
  readonly servername: string | null;
}

/** What an INVITE or 2xx waits for, 10 ms at most: nothing, or the commit that has it. */
export type RedisConfirm = "off" | "invite" | "2xx";

export interface RedisConfig {
  readonly at: RedisPlace;
  readonly login: RedisLogin;
  readonly database: number;
  /** Of the servers and of the Sentinels alike; null: plain TCP. */
  readonly tls: RedisTlsFiles | null;
  readonly confirm: RedisConfirm;
  /** No answer within it: the connection is given up. */
  readonly commandTimeoutMs: number;
  /** Between two commits. */
  readonly flushEveryMs: number;
}
