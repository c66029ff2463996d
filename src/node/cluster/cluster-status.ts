/** A node's place in its cluster, for an operator. Pure. */
import type { ClusterStatus, PeerRow } from "../../admin/cluster-commands.ts";
import type { NodeState } from "../../cluster/node-state.ts";
import { isAlive, type PeerView } from "../../cluster/peer-view.ts";
import { notReady } from "../../cluster/readiness.ts";
import { activeClaim, redisHealth } from "../../cluster/sight.ts";
import type { ReplicaState } from "./replica.ts";

export interface StatusParts {
  readonly now: number;
  readonly mayServe: boolean;
  readonly replica: ReplicaState;
  readonly uncommitted: number;
  readonly unconfirmed: number;
}

export function clusterStatus(s: NodeState, parts: StatusParts): ClusterStatus {
  const { now, replica, uncommitted, unconfirmed } = parts;
  const { records, lagMs, inSync, reason } = replica;
  return {
    cluster: s.settings.cluster,
    node: s.settings.node,
    role: s.role,
    epoch: s.epoch,
    active: activeClaim(s, now)?.node ?? null,
    mayServe: parts.mayServe,
    hasAddress: s.addressPresent,
    notReady: notReady(s, now),
    decision: s.lastDecision?.reason ?? null,
    front: s.own.front,
    redis: redisHealth(s, now),
    disk: s.own.disk,
    journal: { records, lagMs: Math.round(lagMs), inSync, reason, uncommitted, unconfirmed },
    peers: s.peers.map((view) => peerRow(view, { now, deadAfterMs: s.settings.deadAfterMs })),
    ignored: s.ignored,
  };
}

function peerRow(view: PeerView, { now, deadAfterMs }: { now: number; deadAfterMs: number }): PeerRow {
  const { node, status, paths } = view;
  return {
    node,
    alive: isAlive(view, now, deadAfterMs),
    role: status?.role ?? null,
    notReady: status?.notReady ?? null,
    silentMs: paths.map(({ heardAt }) => (Number.isFinite(heardAt) ? Math.round(now - heardAt) : null)),
    front: status?.front ?? null,
    redis: status?.redis ?? null,
    lagMs: status === null ? null : Math.round(status.lagMs),
  };
}
