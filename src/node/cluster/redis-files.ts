/** How Redis is reached, with the certificates that the configuration names. */
import { readFileSync } from "node:fs";
import type { RedisConfig } from "../../config/redis-config.ts";
import type { RedisSettings } from "../../replication/redis-settings.ts";
import { ClusterError } from "./cluster-error.ts";

/** @throws ClusterError where a file can't be read */
export function redisSettings({ at, login, database, tls, commandTimeoutMs }: RedisConfig): RedisSettings {
  const read = tls === null ? null : { ...tls, ca: pem(tls.ca), cert: pem(tls.cert), key: pem(tls.key) };
  return { at, login, database, tls: read, commandTimeoutMs };
}

function pem(path: string | null): string | null {
  if (path === null) return null;
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new ClusterError("CLUSTER_REDIS", `cannot read the certificate or key ${path}: ${why}`, error);
  }
}
