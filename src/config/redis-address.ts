/** Addresses of Redis and of its Sentinels, as a user writes them. */
import type { RedisHost, RedisLogin } from "./redis-config.ts";

/** What a URL says. */
export interface RedisUrl {
  readonly server: RedisHost;
  readonly login: RedisLogin;
  readonly database: number;
  readonly isTls: boolean;
}

const PORT = 6379;
const SENTINEL_PORT = 26379;

/**
 * Reads `redis://user:password@host:port/database`, or `rediss://` for TLS.
 * @returns null where it is none. Names and passwords are percent-decoded.
 */
export function parseRedisUrl(url: string): RedisUrl | null {
  if (!URL.canParse(url)) return null;
  const { protocol, hostname, port, username, password, pathname, search, hash } = new URL(url);
  const database = /^\/?(\d{0,5})$/.exec(pathname)?.[1];
  if (!/^rediss?:$/.test(protocol) || hostname === "" || database === undefined) return null;
  if (search !== "" || hash !== "") return null;
  const login = decoded({ username, password });
  if (login === null) return null;
  const host = hostname.replace(/^\[(.*)\]$/, "$1");
  return {
    server: { host, port: port === "" ? PORT : Number(port) },
    login,
    database: Number(database),
    isTls: protocol === "rediss:",
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
