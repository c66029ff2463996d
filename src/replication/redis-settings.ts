/** How a Redis is reached: directly, or by the Sentinels that know the master. */

export interface RedisHost {
  readonly host: string;
  readonly port: number;
}

export interface RedisTls {
  /** PEM; null: the system's authorities. */
  readonly ca: string | null;
  /** Own certificate and key in PEM, where the server asks for one. */
  readonly cert: string | null;
  readonly key: string | null;
  /** Name that the server's certificate must have; null: the host. */
  readonly servername: string | null;
}

export interface RedisLogin {
  /** Null: the default user. */
  readonly username: string | null;
  readonly password: string | null;
}

export interface RedisSettings {
  readonly at:
    | { readonly kind: "direct"; readonly server: RedisHost }
    | {
        readonly kind: "sentinel";
        readonly sentinels: readonly RedisHost[];
        readonly master: string;
        readonly login: RedisLogin;
      };
  readonly login: RedisLogin;
  readonly database: number;
  /** Of the servers and of the Sentinels alike; null: plain TCP. */
  readonly tls: RedisTls | null;
  /** No answer within it: the connection is given up. */
  readonly commandTimeoutMs: number;
}

const PORT = 6379;
const SENTINEL_PORT = 26379;

/**
 * Reads `redis://user:password@host:port/database`, or `rediss://` for TLS.
 * @returns null where it is none. Names and passwords are percent-decoded.
 */
export function parseRedisUrl(url: string): Pick<RedisSettings, "at" | "login" | "database" | "tls"> | null {
  if (!URL.canParse(url)) return null;
  const { protocol, hostname, port, username, password, pathname, search, hash } = new URL(url);
  const database = /^\/?(\d{0,5})$/.exec(pathname)?.[1];
  if (!/^rediss?:$/.test(protocol) || hostname === "" || database === undefined) return null;
  if (search !== "" || hash !== "") return null;
  const login = decoded({ username, password });
  if (login === null) return null;
  const host = hostname.replace(/^\[(.*)\]$/, "$1");
  return {
    at: { kind: "direct", server: { host, port: port === "" ? PORT : Number(port) } },
    login,
    database: Number(database),
    tls: protocol === "rediss:" ? { ca: null, cert: null, key: null, servername: null } : null,
  };
}

function decoded({ username, password }: { username: string; password: string }): RedisLogin | null {
  try {
    return {
      username: username === "" ? null : decodeURIComponent(username),
      password: password === "" ? null : decodeURIComponent(password),
    };
  } catch (error) {
    if (error instanceof URIError) return null;
    throw error;
  }
}

/** Reads "10.0.0.5:26379", "sentinel-a", "[2001:db8::5]:26379". @returns null where it is none */
export function parseSentinel(text: string): RedisHost | null {
  const match = /^(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9._-]+))(?::(\d{1,5}))?$/.exec(text);
  if (match === null) return null;
  const [, ipv6, name, port] = match;
  const number = port === undefined ? SENTINEL_PORT : Number(port);
  return number < 1 || number > 65_535 ? null : { host: ipv6 ?? name ?? "", port: number };
}
