/** What the machine of a node is told at its start, from the configuration. */
import type { ClusterSettings } from "../../cluster/settings.ts";
import type { ClusterConfig, Config } from "../../config/config.ts";
import type { ProbedAddress } from "./owner-probe.ts";

/** Off the right to serve: clocks that run apart by 1% for the time to live, a timer that fires late, and an `ip` that takes its time. */
const LEASE_MARGIN_MS = 50;

export function clusterSettings(cluster: ClusterConfig, node: string): ClusterSettings {
  return {
    cluster: cluster.name,
    node,
    nodes: Object.entries(cluster.priority).map(([name, priority]) => ({ name, priority })),
    heartbeatMs: cluster.heartbeat.intervalMs,
    deadAfterMs: cluster.heartbeat.deadAfterMs,
    leaseTtlMs: cluster.lease.ttlMs,
    leaseRenewMs: cluster.lease.renewMs,
    leaseMarginMs: LEASE_MARGIN_MS,
    addressLifetimeMs: cluster.floatingIp.lifetimeMs,
    bootWaitMs: cluster.bootWaitMs,
    withoutRedis: cluster.withoutRedis,
    failback: cluster.failback,
    stableForMs: cluster.stableForMs,
    canFence: cluster.fence.command.length > 0,
  };
}

/** The floating IP and port at which a node that serves is asked; the configuration's check has seen that there is one. */
export function probedAddress({ listen }: Config, { floatingIp }: ClusterConfig): ProbedAddress {
  for (const placed of floatingIp.addresses) {
    const listener = listen.find(
      ({ transport, address }) => transport === "udp" && address === placed.address,
    );
    if (listener !== undefined) return { ...placed, port: listener.port };
  }
  throw new Error("no udp listener on a floating IP");
}
