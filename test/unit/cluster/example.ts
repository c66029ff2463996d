// A pair of nodes as the tests of src/cluster see it: messages, settings, evidence of an ordinary moment.
import type { Evidence } from "../../../src/cluster/evidence.ts";
import type { Message, MessageBody, NodeStatus } from "../../../src/cluster/message.ts";
import type { ClusterSettings } from "../../../src/cluster/settings.ts";

export const SECRETS = ["a secret of the tests", "its predecessor, still valid"];

export function settings(changes: Partial<ClusterSettings> = {}): ClusterSettings {
  return {
    cluster: "edge",
    node: "edge-b",
    nodes: [
      { name: "edge-a", priority: 10 },
      { name: "edge-b", priority: 20 },
    ],
    heartbeatMs: 100,
    deadAfterMs: 300,
    leaseTtlMs: 400,
    leaseRenewMs: 100,
    leaseMarginMs: 50,
    addressLifetimeMs: 1_000,
    bootWaitMs: 5_000,
    withoutRedis: "takeover",
    failback: "manual",
    stableForMs: 300_000,
    canFence: false,
    ...changes,
  };
}

export const THREE = [
  { name: "edge-a", priority: 10 },
  { name: "edge-b", priority: 20 },
  { name: "edge-c", priority: 30 },
];

export function status(changes: Partial<NodeStatus> = {}): NodeStatus {
  return {
    role: "standby",
    epoch: 0,
    byRedis: true,
    epochSeen: 0,
    front: "ok",
    redis: "ok",
    applied: 0,
    lagMs: 0,
    notReady: null,
    fingerprint: "same",
    schema: 1,
    switchAgesMs: [],
    active: null,
    ...changes,
  };
}

export function message(sequence: number, changes: Partial<Message> = {}): Message {
  return {
    node: "edge-a",
    boot: "boot-a",
    to: "edge-b",
    sequence,
    at: 1_000 + sequence,
    echo: null,
    greeting: null,
    body: { kind: "heartbeat", status: status() },
    ...changes,
  };
}

export const BODIES: readonly MessageBody[] = [
  { kind: "heartbeat", status: status({ role: "active", epoch: 4, active: { node: "edge-a", epoch: 4 } }) },
  {
    kind: "heartbeat",
    status: status({ notReady: "its copy of the calls is not complete yet", switchAgesMs: [10, 20.5] }),
  },
  { kind: "resignation", epoch: 4, addressGone: true, successor: "edge-b" },
  { kind: "resignation", epoch: 4, addressGone: false, successor: null },
  { kind: "please-resign", epoch: 4, cause: "front-lost", force: false },
  { kind: "offer", epoch: 4, force: false },
  { kind: "accept", epoch: 4 },
  { kind: "decline", epoch: 4, reason: "it is in maintenance" },
  { kind: "released", epoch: 5, addressGone: true },
];

/** The active node is dead, and all that is needed for a takeover is there. */
export function evidence(changes: Partial<Evidence> = {}): Evidence {
  return {
    node: "edge-b",
    active: { kind: "lost", node: "edge-a" },
    lastSignMs: 450,
    lease: "expired",
    leaseIsOurs: false,
    redis: "ok",
    probe: "arp-silent",
    front: "ok",
    witness: true,
    notReady: null,
    maintenance: false,
    rank: 0,
    order: 0,
    unheard: false,
    peerHadRedis: false,
    nodesAlive: 1,
    uptimeMs: 60_000,
    awakeMs: Number.POSITIVE_INFINITY,
    clearMs: 0,
    fence: "none",
    ...changes,
  };
}
