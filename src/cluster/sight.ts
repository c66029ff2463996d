/** What a node sees: the evidence of its decisions, drawn from its state at one moment. Pure. */
import type { ActiveSight, Evidence } from "./evidence.ts";
import { leaseSight } from "./lease.ts";
import type { ActiveClaim, Health, NodeStatus, Role } from "./message.ts";
import type { NodeState } from "./node-state.ts";
import { isAlive, isOneWay, type PeerView } from "./peer-view.ts";
import { notReady } from "./readiness.ts";
import type { ServeEvidence } from "./serve-rule.ts";

/** An outcome of the probe is evidence for so long. */
const PROBE_FRESH_MS = 500;

/** Another owner of the address, so often in a row: this node gives way. */
export const CONFLICTS_MAX = 3;

const SERVING_ROLES: ReadonlySet<Role> = new Set(["active", "taking-over", "stepping-down"]);

export function claimsToServe(status: NodeStatus | null): status is NodeStatus {
  return status !== null && SERVING_ROLES.has(status.role);
}

export function alive(s: NodeState, view: PeerView, now: number): boolean {
  return isAlive(view, now, s.settings.deadAfterMs);
}

export function redisHealth(s: NodeState, now: number): Health {
  return now - s.lease.okAt < s.settings.leaseTtlMs ? "ok" : "lost";
}

export function peerOf(s: NodeState, node: string | null): PeerView | undefined {
  return s.peers.find((view) => view.node === node);
}

/** The peer that is heard by ourselves and says that it is active, in an epoch not yet overtaken. */
export function heardActive(s: NodeState, now: number): PeerView | undefined {
  return s.peers.find(
    (view) => claimsToServe(view.status) && view.status.epoch >= s.epochSeen && alive(s, view, now),
  );
}

/** What a heartbeat tells of the active node: only what was heard at first hand. */
export function activeClaim(s: NodeState, now: number): ActiveClaim | null {
  if (SERVING_ROLES.has(s.role)) return { node: s.settings.node, epoch: s.epoch };
  const view = heardActive(s, now);
  return view === undefined ? null : { node: view.node, epoch: view.status?.epoch ?? 0 };
}

export function activeSight(s: NodeState, now: number): ActiveSight {
  const heard = heardActive(s, now);
  if (heard !== undefined)
    return { kind: "alive", node: heard.node, frontLost: heard.status?.front === "lost" };
  const reported = reportedActive(s, now);
  if (reported !== null) return { kind: "alive", node: reported, frontLost: false };
  const resigned = s.peers.find((view) => view.resignation?.epoch === s.epochSeen && mayFollow(s, view, now));
  if (resigned?.resignation) {
    const { addressGone, successor, at } = resigned.resignation;
    return { kind: "resigned", node: resigned.node, addressGone, successor, forMs: now - at };
  }
  return withoutActive(s, now);
}

/**
 * A resignation gives away the record that its sender had. Where Redis, back old or empty, has another one, somebody may serve by
 * that who never knew of this epoch: it is observed like any other.
 */
function mayFollow(s: NodeState, { node, resignation }: PeerView, now: number): boolean {
  if (redisHealth(s, now) === "lost" || s.lease.observation === null) return true;
  const { record } = s.lease.observation.reading;
  if (record === null) return false;
  return record.boot === s.boot || (record.holder === node && record.boot === resignation?.boot);
}

/** A peer that we hear hears an active node that we don't. */
function reportedActive(s: NodeState, now: number): string | null {
  for (const view of s.peers) {
    const claim = view.status?.active ?? null;
    if (claim === null || claim.node === s.settings.node || claim.node === view.node) continue;
    if (claim.epoch >= s.epochSeen && alive(s, view, now)) return claim.node;
  }
  return null;
}

function withoutActive(s: NodeState, now: number): ActiveSight {
  const last = peerOf(s, s.lastActive?.node ?? null);
  const anyAlive = s.peers.some((view) => alive(s, view, now));
  if (last !== undefined && anyAlive) {
    if (!alive(s, last, now) && !last.leftCleanly) return { kind: "lost", node: last.node };
    return { kind: "nobody" };
  }
  if (anyAlive) return { kind: "nobody" };
  const everHeard = s.peers.some(({ boot }) => boot !== null);
  return everHeard ? { kind: "lost", node: last?.node ?? null } : { kind: "never" };
}

/** Since the last thing that lets the active node serve: a message that we acknowledge, or a renewal that we saw. */
function lastSignAt(s: NodeState): number {
  const last = peerOf(s, s.lastActive?.node ?? null);
  const heard = last === undefined ? s.peers.map(({ heardAt }) => heardAt) : [last.heardAt];
  return Math.max(s.lease.movedAt, ...heard);
}

/** Better candidates first: those on the network of the floating IP, then by priority, then by name. */
export function comesBefore(
  a: { node: string; front: Health },
  b: { node: string; front: Health },
  s: NodeState,
): boolean {
  if (a.front !== b.front) return a.front === "ok";
  const priority = (node: string) => s.settings.nodes.find(({ name }) => name === node)?.priority ?? 0;
  const difference = priority(a.node) - priority(b.node);
  return difference === 0 ? a.node < b.node : difference < 0;
}

export function isCandidate(s: NodeState, view: PeerView, now: number): boolean {
  const { status } = view;
  if (status === null || !alive(s, view, now)) return false;
  return status.notReady === null && (status.role === "standby" || status.role === "fenced");
}

function rankOf(s: NodeState, now: number): number {
  const self = { node: s.settings.node, front: s.own.front };
  return s.peers.filter(
    (view) =>
      isCandidate(s, view, now) &&
      comesBefore({ node: view.node, front: view.status?.front ?? "lost" }, self, s),
  ).length;
}

function orderOf(s: NodeState): number {
  const self = { node: s.settings.node, front: "ok" as const };
  return s.peers.filter((view) => !view.leftCleanly && comesBefore({ node: view.node, front: "ok" }, self, s))
    .length;
}

/** A node that can't hear others takes over after those that come before it, and gives way to them. */
export function comesFirst(s: NodeState): boolean {
  return orderOf(s) === 0;
}

export function freshProbe(s: NodeState, now: number): Evidence["probe"] {
  return s.probe !== null && now - s.probe.at < PROBE_FRESH_MS ? s.probe.outcome : null;
}

function witnessAnswers(s: NodeState, now: number): boolean {
  return s.own.front === "ok" && now - s.own.witnessAt < s.settings.leaseTtlMs;
}

export function evidence(s: NodeState, now: number): Evidence {
  const { settings, lease } = s;
  const record = lease.observation?.reading.record ?? null;
  return {
    node: settings.node,
    active: activeSight(s, now),
    lastSignMs: now - lastSignAt(s),
    lease: leaseSight(lease.observation, {
      now,
      ttlMs: settings.leaseTtlMs,
      moved: now - lease.movedAt < settings.leaseTtlMs,
    }),
    // A record that is older than an epoch that we know of is not the last word (Redis came back old).
    leaseIsOurs: record?.holder === settings.node && record.epoch >= s.epochSeen,
    redis: redisHealth(s, now),
    probe: freshProbe(s, now),
    front: s.own.front,
    witness: witnessAnswers(s, now),
    notReady: notReady(s, now),
    maintenance: s.maintenance,
    rank: rankOf(s, now),
    order: orderOf(s),
    unheard: s.peers.some((view) => isOneWay(view, now, settings.deadAfterMs)),
    peerHadRedis: s.peers.some(
      (view) => !view.leftCleanly && !alive(s, view, now) && view.status?.redis === "ok",
    ),
    nodesAlive: 1 + s.peers.filter((view) => alive(s, view, now)).length,
    uptimeMs: now - s.startedAt,
    awakeMs: now - s.wokeAt,
    clearMs: Math.max(0, now - s.clearSince),
    fence: s.fence,
  };
}

export function serveEvidence(s: NodeState, now: number): ServeEvidence {
  return {
    now,
    renewedAt: s.lease.renewedAt,
    redis: redisHealth(s, now),
    standbys: s.peers.map((view) => ({
      echoedAt: view.echoedAt,
      alive: alive(s, view, now),
      redis: view.status?.redis ?? "ok",
      leftCleanly: view.leftCleanly,
    })),
    witnessAt: s.own.witnessAt,
    aloneAt: s.own.aloneAt,
    front: s.own.front,
    tookAlone: !s.byRedis,
    higherEpoch: higherEpoch(s, now),
    leaseTaken: s.leaseTaken,
    exchangesFrom: s.exchangesFrom,
    soleAt: s.soleAt,
    guardianLost: s.own.guardianLost,
    askedBy: s.askedBy,
    conflict: s.conflicts >= CONFLICTS_MAX,
  };
}

/**
 * An epoch above ours that somebody else has, or that is known and can't be ours. Of two with one epoch the one goes on that
 * Redis granted it to, else the one whose name comes first.
 */
function higherEpoch(s: NodeState, now: number): number {
  if (s.epochSeen > Math.max(s.epoch, s.epochAsked)) return s.epochSeen;
  for (const view of s.peers) {
    const { status } = view;
    if (!claimsToServe(status) || status.epoch < s.epoch || !alive(s, view, now)) continue;
    if (status.epoch > s.epoch) return status.epoch;
    const theirs = status.byRedis === s.byRedis ? view.node < s.settings.node : status.byRedis;
    if (theirs) return status.epoch;
  }
  return 0;
}
