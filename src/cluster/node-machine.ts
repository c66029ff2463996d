/**
 * The machine of one node in its cluster: an event and the time in, the next state and what is to be done out. Pure.
 * Who may be active is in docs/takeover.md; `decide.ts` and `serve-rule.ts` have the rules, this file the order of things.
 */
import { isTurn, nextTurn } from "./cadence.ts";
import { count, hear } from "./hearing.ts";
import { observe } from "./lease.ts";
import type { NodeStatus } from "./message.ts";
import type {
  LeaseView,
  NodeEffect,
  NodeEvent,
  NodeFields,
  NodeState,
  OwnHealth,
  Turn,
} from "./node-state.ts";
import { newPeer } from "./peer-view.ts";
import { notReady } from "./readiness.ts";
import { record, sendToAll } from "./reporting.ts";
import { mayServeAlone, serveUntil } from "./serve-rule.ts";
import {
  answeredHolder,
  conflictLookedFor,
  failBack,
  lookForConflict,
  ownsEpoch,
  renew,
  watch,
} from "./serving.ts";
import type { ClusterSettings } from "./settings.ts";
import { activeClaim, CONFLICTS_MAX, redisHealth, serveEvidence } from "./sight.ts";
import { answeredStandby, consider, read, standbyDeadline } from "./standing-by.ts";
import { addressChanged, retryAddress, stepDownTick } from "./stepping-down.ts";
import {
  flushed,
  leave,
  operate,
  switchAges,
  switchoverDeadline,
  switchoverTick,
  tellReleased,
} from "./switching-over.ts";
import { stepDone, takeoverDeadline, takeoverTick } from "./taking-over.ts";

const NONE: readonly number[] = [];
const NEVER = Number.NEGATIVE_INFINITY;
const FOREVER = Number.POSITIVE_INFINITY;

export interface NodeStart {
  readonly settings: ClusterSettings;
  /** Random, 128 bits; a process's life. */
  readonly boot: string;
  /** Highest epoch that this node's disk remembers; 0: none. */
  readonly epochOnDisk: number;
  readonly fingerprint: string;
  readonly schema: number;
  /** Heartbeat paths to each peer. */
  readonly paths: number;
}

const NEW_LEASE: LeaseView = {
  observation: null,
  movedAt: NEVER,
  okAt: NEVER,
  renewedAt: NEVER,
  nextAt: NEVER,
  acquiringSince: NEVER,
};

function newHealth(now: number): OwnHealth {
  return {
    front: "ok",
    frontSince: now,
    witnessAt: NEVER,
    aloneAt: NEVER,
    applied: 0,
    lagMs: 0,
    inSync: false,
    fault: null,
    foreignSecretAt: NEVER,
    guardianLost: false,
  };
}

/** A node that has just started: a standby. The edge removes a left-over address before its first event. */
export function newNode(start: NodeStart, now: number): NodeState {
  const { settings, boot, fingerprint, schema } = start;
  const peers = settings.nodes.filter(({ name }) => name !== settings.node);
  return {
    settings,
    boot,
    fingerprint,
    schema,
    startedAt: now,
    role: "standby",
    epoch: 0,
    byRedis: false,
    epochSeen: start.epochOnDisk,
    epochAsked: 0,
    sequence: 0,
    peers: peers.map(({ name }) => newPeer(name, start.paths)),
    lease: NEW_LEASE,
    own: newHealth(now),
    probe: null,
    lastActive: null,
    takeover: null,
    switchover: null,
    stepDown: null,
    serving: false,
    exchangesFrom: NEVER,
    conflicts: 0,
    nextConflictAt: FOREVER,
    leaseTaken: false,
    askedBy: null,
    addressPresent: false,
    switches: [],
    preferredSince: FOREVER,
    maintenance: false,
    maintenanceNext: false,
    leaving: "no",
    forcedUntil: NEVER,
    notBefore: NEVER,
    fence: "none",
    lastDecision: null,
    clearSince: FOREVER,
    lastStepAt: now,
    wokeAt: NEVER,
    nextHeartbeatAt: now,
    nextAskAt: NEVER,
    retryAddressAt: FOREVER,
    ignored: {},
  };
}

/** @param now monotonic milliseconds of this node, never less than before */
export function step(state: NodeState, event: NodeEvent, now: number): [NodeState, NodeEffect[]] {
  const s: NodeFields = { ...state };
  const t: Turn = { s, now, out: [] };
  // Nobody is judged for the silence of a time in which we did not listen.
  if (now - s.lastStepAt >= s.settings.deadAfterMs) s.wokeAt = now;
  s.lastStepAt = now;
  watch(t);
  take(t, event);
  watch(t);
  stepDownTick(t);
  takeoverTick(t);
  switchoverTick(t);
  leave(t);
  failBack(t);
  lookForConflict(t);
  consider(t);
  retryAddress(t);
  periodic(t);
  return [s, t.out];
}

function periodic(t: Turn): void {
  const { s, now } = t;
  const { heartbeatMs, leaseRenewMs } = s.settings;
  if (isTurn(now, s.lease.nextAt, leaseRenewMs)) {
    if (ownsEpoch(s)) renew(t);
    else read(t);
  }
  if (!isTurn(now, s.nextHeartbeatAt, heartbeatMs)) return;
  s.nextHeartbeatAt = nextTurn(now, heartbeatMs);
  sendToAll(t, { kind: "heartbeat", status: statusOf(s, now) });
}

/** What a node tells of itself. */
function statusOf(s: NodeState, now: number): NodeStatus {
  return {
    role: s.role,
    epoch: s.epoch,
    byRedis: s.byRedis,
    epochSeen: s.epochSeen,
    front: s.own.front,
    redis: redisHealth(s, now),
    applied: s.own.applied,
    lagMs: s.own.lagMs,
    notReady: notReady(s, now),
    fingerprint: s.fingerprint,
    schema: s.schema,
    switchAgesMs: s.switches.length === 0 ? NONE : switchAges(s, now),
    active: activeClaim(s, now),
  };
}

function take(t: Turn, event: NodeEvent): void {
  const { s } = t;
  switch (event.kind) {
    case "tick":
    case "verified":
      if (event.kind === "verified" && !event.ok)
        record(t, "alarm", { reason: "the floating IP does not answer through the network" });
      break;
    case "message":
      hear(t, event.message, event.path);
      break;
    case "ignored":
      count(t, event.fault);
      // From a network where one of our secrets was ever used it is a forgery, and must not keep us from a takeover.
      if (event.fault === "unsigned" && s.peers.every(({ boot }) => boot === null))
        s.own = { ...s.own, foreignSecretAt: t.now };
      break;
    case "lease":
      answered(t, event);
      break;
    case "operator":
      operate(t, event.command);
      break;
    case "clock-jumped":
      jumped(t);
      break;
    case "leave":
      if (s.leaving === "no") s.leaving = "asked";
      break;
    case "fenced-peer":
      s.fence = event.ok ? "done" : "failed";
      record(t, "decision", { reason: event.ok ? "the peer is fenced" : "fencing the peer failed" });
      break;
    case "guardian-lost":
      s.own = { ...s.own, guardianLost: true };
      break;
    default:
      observeOwn(t, event);
  }
}

function answered(t: Turn, event: Extract<NodeEvent, { kind: "lease" }>): void {
  const { s, now, out } = t;
  const { reply } = event;
  if (reply.outcome !== "error") {
    const former = s.lease.observation?.reading.source;
    const moved = ownsEpoch(s) && s.byRedis && former !== undefined && former !== reply.reading.source;
    s.lease = { ...s.lease, okAt: now };
    // Another master, or another life of it: what it was told last may be missing there.
    if (moved) out.push({ kind: "journal-again", epoch: s.epoch });
  }
  if (!ownsEpoch(s)) {
    answeredStandby(t, event);
    return;
  }
  const before = s.lease.observation;
  if (reply.outcome !== "error") s.lease = { ...s.lease, observation: observe(before, reply.reading, now) };
  answeredHolder(t, event, before);
}

/** The virtual machine stood still, perhaps: nothing that was sent before it counts any more. */
function jumped(t: Turn): void {
  const { s, now } = t;
  s.exchangesFrom = now;
  s.nextHeartbeatAt = now;
  s.wokeAt = now;
  s.lease = { ...s.lease, nextAt: now, observation: ownsEpoch(s) ? s.lease.observation : null };
}

type Observed = Exclude<
  NodeEvent,
  {
    kind:
      | "tick"
      | "verified"
      | "message"
      | "ignored"
      | "lease"
      | "operator"
      | "clock-jumped"
      | "leave"
      | "fenced-peer"
      | "guardian-lost";
  }
>;

function witnessed({ s, now }: Turn, askedAt: number): void {
  const witnessAt = Math.max(s.own.witnessAt, askedAt);
  const aloneAt = mayServeAlone(serveEvidence(s, now), s.settings) ? witnessAt : s.own.aloneAt;
  s.own = { ...s.own, witnessAt, aloneAt };
}

function observeOwn(t: Turn, event: Observed): void {
  const { s, now } = t;
  switch (event.kind) {
    case "probed":
      s.probe = { askedAt: event.askedAt, outcome: event.outcome, at: now };
      break;
    case "witness":
      witnessed(t, event.askedAt);
      break;
    case "front":
      frontChanged(t, event.health);
      break;
    case "address":
      addressChanged(t, event.present);
      if (event.present || event.failed) stepDone(t, "address", event.present);
      else tellReleased(t);
      break;
    case "step-done":
      stepDone(t, event.step, event.ok);
      break;
    case "flushed":
      flushed(t, event);
      break;
    case "conflict":
      conflictLookedFor(t, event.found);
      break;
    case "journal": {
      const { applied, lagMs, inSync } = event;
      // The giving side of a switchover waits for this number.
      if (s.switchover?.side === "getting" && applied !== s.own.applied) s.nextHeartbeatAt = now;
      s.own = { ...s.own, applied, lagMs, inSync };
      break;
    }
    case "fault":
      s.own = { ...s.own, fault: event.fault };
      break;
  }
}

/** A healed link: somebody else may have the address there by now, and switches have forgotten where it is. */
function frontChanged(t: Turn, health: "ok" | "lost"): void {
  const { s, now, out } = t;
  if (s.own.front === health) return;
  s.own = { ...s.own, front: health, frontSince: now };
  // What was asked on the other side of the change says nothing.
  s.probe = null;
  s.nextHeartbeatAt = now;
  if (health === "ok") s.askedBy = null;
  if (health === "ok" && ownsEpoch(s)) {
    // Somebody else was on this network meanwhile: at the first sign of him this node gives way.
    s.conflicts = CONFLICTS_MAX - 1;
    out.push({ kind: "check-conflict" });
  }
}

/** When the next tick is due, monotonic milliseconds. */
export function deadline(s: NodeState, now: number): number {
  return Math.min(
    s.nextHeartbeatAt,
    s.lease.nextAt,
    s.retryAddressAt,
    s.role === "active" && !s.byRedis ? s.nextConflictAt : FOREVER,
    s.stepDown?.deadline ?? FOREVER,
    takeoverDeadline(s),
    switchoverDeadline(s.switchover),
    standbyDeadline(s, now),
    ownsEpoch(s) && s.switchover?.phase !== "handed-over"
      ? serveUntil(serveEvidence(s, now), s.settings)
      : FOREVER,
  );
}
