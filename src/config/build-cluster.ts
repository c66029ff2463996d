/** A cluster that passed every check, in the form that the node uses. */
import type { ClusterConfig, FloatingIpConfig } from "./config.ts";
import type { CheckedConfig } from "./schema.ts";

type CheckedCluster = NonNullable<CheckedConfig["cluster"]>;

/** Of a node that `cluster.priority` does not name. */
const PRIORITY_DEFAULT = 100;

export function buildCluster(checked: CheckedCluster): ClusterConfig {
  const { heartbeat, lease, paths, priority } = checked;
  const nodes = Object.keys(paths[0] ?? {});
  return {
    name: checked.name,
    secret: checked.secret,
    floatingIp: buildFloatingIp([checked.floatingIp].flat()),
    heartbeat: { intervalMs: heartbeat.interval, deadAfterMs: heartbeat.deadAfter },
    lease: { ttlMs: lease.ttl, renewMs: lease.renew },
    paths,
    priority: Object.fromEntries(nodes.map((node) => [node, priority[node] ?? PRIORITY_DEFAULT])),
    witnesses: checked.witnesses,
    withoutRedis: checked.withoutRedis,
    bootWaitMs: checked.bootWait,
    failback: checked.failback,
    stableForMs: checked.stableFor,
    fence: checked.fence,
  };
}

type CheckedFloatingIp = Extract<CheckedCluster["floatingIp"], readonly unknown[]>[number];

/** They come and go together: what one of them says of the driver, all say (`cluster-check.ts`). */
function buildFloatingIp(all: readonly CheckedFloatingIp[]): FloatingIpConfig {
  const [first] = all;
  return {
    driver: first?.driver ?? "none",
    addresses: all.map(({ address, interface: device = "" }) => ({ address, interface: device })),
    lifetimeMs: first?.lifetime ?? 0,
    command: first?.command ?? [],
    timeoutMs: first?.timeout ?? 0,
    tries: first?.tries ?? 1,
  };
}
