/** What a node of a cluster is told at its start. Plain data; durations in milliseconds. */

export interface ClusterMember {
  readonly name: string;
  /** Lower is preferred; equal ones go by name. */
  readonly priority: number;
}

export interface ClusterSettings {
  /** Name of the cluster. */
  readonly cluster: string;
  /** This node's name, one of `nodes`. */
  readonly node: string;
  /** Every configured node, this one too. */
  readonly nodes: readonly ClusterMember[];
  readonly heartbeatMs: number;
  /** Silence after which a peer counts as lost; at most `leaseTtlMs`. */
  readonly deadAfterMs: number;
  readonly leaseTtlMs: number;
  readonly leaseRenewMs: number;
  /** Taken off `serveUntil`: what clocks that run apart and a slow wake may cost. */
  readonly leaseMarginMs: number;
  /** The kernel takes the floating IP away so long after its last renewal. */
  readonly addressLifetimeMs: number;
  /** How long a node that never heard a peer waits for one. */
  readonly bootWaitMs: number;
  readonly withoutRedis: "takeover" | "hold";
  readonly failback: "manual" | "auto";
  /** For how long the preferred node must have been ready before an automatic failback. */
  readonly stableForMs: number;
  /** Is there a fence.command? */
  readonly canFence: boolean;
}

/** Added to the lifetime of the address: the kernel looks for expired ones only now and then (30 ms late were measured). */
const FROZEN_EXTRA_MS = 100;
/** Reads in which an unchanged counter must be seen over the time to live of the lease. */
export const LEASE_READS_MIN = 3;

/** How long after its last sign of life a frozen node may still have the address. */
export function frozenWaitMs(settings: ClusterSettings): number {
  return settings.addressLifetimeMs + FROZEN_EXTRA_MS;
}

/** Nodes that make a majority. */
export function majority(settings: ClusterSettings): number {
  return Math.floor(settings.nodes.length / 2) + 1;
}

/** @returns a sentence for each value that makes the rules unsafe; the key is named in it */
export function settingsFaults(settings: ClusterSettings): string[] {
  const { heartbeatMs, deadAfterMs, leaseTtlMs, leaseRenewMs, leaseMarginMs } = settings;
  const faults: string[] = [];
  if (deadAfterMs > leaseTtlMs) {
    faults.push(
      `heartbeat.deadAfter (${deadAfterMs} ms) must be at most lease.ttl (${leaseTtlMs} ms): who is lost must have lost its lease soon after`,
    );
  }
  if (heartbeatMs * 2 > deadAfterMs) {
    faults.push(
      `heartbeat.interval (${heartbeatMs} ms) must be at most half of heartbeat.deadAfter (${deadAfterMs} ms): one lost datagram is no dead node`,
    );
  }
  if (leaseRenewMs * LEASE_READS_MIN > leaseTtlMs) {
    faults.push(
      `lease.renew (${leaseRenewMs} ms) must be at most a third of lease.ttl (${leaseTtlMs} ms): the standby needs three reads in it`,
    );
  }
  if (leaseMarginMs + leaseRenewMs >= leaseTtlMs) {
    faults.push(
      `lease.ttl (${leaseTtlMs} ms) must be longer than lease.renew (${leaseRenewMs} ms) and the margin (${leaseMarginMs} ms) together`,
    );
  }
  if (!settings.nodes.some(({ name }) => name === settings.node)) {
    faults.push(`node ${settings.node} is none of the cluster's nodes: name it in cluster.paths`);
  }
  return faults;
}
