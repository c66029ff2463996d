/** The active node's side: its right to serve, its renewals, its place in Redis. Part of the node's machine. */
import { nextTurn } from "./cadence.ts";
import { leaseSight, nextEpoch, type Observation, serveUntilOf } from "./lease.ts";
import type { LeaseOperation, LeaseReply, NodeEvent, NodeState, Turn } from "./node-state.ts";
import { record } from "./reporting.ts";
import { serveRule, serveUntil } from "./serve-rule.ts";
import { CONFLICTS_MAX, comesBefore, comesFirst, isCandidate, redisHealth, serveEvidence } from "./sight.ts";
import { fence, stepDown } from "./stepping-down.ts";
import { handedOver, offerSwitchover, resume } from "./switching-over.ts";

const CONFLICT_AGAIN_MS = 120;
/** An acquisition that Redis did not answer by then is asked again. */
const ACQUIRE_AGAIN_MS = 300;

export function ownsEpoch(s: NodeState): boolean {
  return s.role === "active" || s.role === "taking-over" || s.role === "stepping-down";
}

/** May a message be read, a timer fire, a record be written now? Asked before each of them. */
export function mayServe(s: NodeState, now: number): boolean {
  if (s.role !== "active" || !s.serving) return false;
  // The usual case costs two comparisons.
  if (now < serveUntilOf(s.lease.renewedAt, s.settings) && s.lease.renewedAt >= s.exchangesFrom) return true;
  const evidence = serveEvidence(s, now);
  return now < serveUntil(evidence, s.settings);
}

/** Looks at the right to serve before anything else is done. */
export function watch(t: Turn): void {
  const { s, now } = t;
  if (!ownsEpoch(s) || s.switchover?.phase === "handed-over") return;
  const verdict = serveRule(serveEvidence(s, now), s.settings);
  switch (verdict.action) {
    case "fence":
      fence(t, verdict.reason);
      break;
    case "step-down":
      if (s.stepDown === null && s.role === "active") stepDown(t, verdict);
      break;
    case "pause":
      if (s.serving) record(t, "alarm", { reason: verdict.reason });
      s.serving = false;
      break;
    case "serve":
      if (s.role === "active") s.serving = true;
      break;
  }
}

export function renew(t: Turn): void {
  const { s, now, out } = t;
  s.lease = { ...s.lease, nextAt: nextTurn(now, s.settings.leaseRenewMs) };
  if (s.switchover?.phase === "handing-over" || s.switchover?.phase === "handed-over") return;
  const operation: LeaseOperation = s.byRedis ? { kind: "renew", epoch: s.epoch } : { kind: "read" };
  out.push({ kind: "lease", operation });
}

/** Redis answered something that the holder of an epoch asked. */
export function answeredHolder(
  t: Turn,
  event: Extract<NodeEvent, { kind: "lease" }>,
  before: Observation | null,
): void {
  switch (event.operation.kind) {
    case "renew":
      renewed(t, event, event.operation.epoch);
      break;
    case "acquire":
      writtenIn(t, event, event.operation.epoch);
      break;
    case "read":
      if (!t.s.byRedis) writeInAfterAll(t, event.reply, before);
      break;
    case "hand-over":
      handedOver(t, event);
      break;
    case "please-resign":
      break;
  }
}

function renewed(t: Turn, { sentAt, reply }: Extract<NodeEvent, { kind: "lease" }>, epoch: number): void {
  const { s } = t;
  if (reply.outcome === "error" || epoch !== s.epoch) return;
  if (reply.outcome === "refused") {
    writeIn(t, reply);
    return;
  }
  s.lease = { ...s.lease, renewedAt: Math.max(s.lease.renewedAt, sentAt) };
  if (s.own.front === "lost") s.askedBy = reply.reading.record?.ask ?? s.askedBy;
}

/**
 * Taken without Redis, which answers again. Whoever holds the lease there has the better right while he renews it: we look as a
 * standby does, for the time to live, and write ourselves in where nobody does.
 */
function writeInAfterAll(t: Turn, reply: LeaseReply, before: Observation | null): void {
  const { s, now } = t;
  if (reply.outcome === "error") return;
  const found = reply.reading.record;
  const same = before !== null && before.reading.source === reply.reading.source;
  if (same && found !== null && found.boot !== s.boot && before.reading.record?.counter !== found.counter) {
    s.leaseTaken = true;
    return;
  }
  const sight = leaseSight(s.lease.observation, { now, ttlMs: s.settings.leaseTtlMs, moved: false });
  if (sight !== "unknown") writeIn(t, reply);
}

/**
 * The lease does not stand as we left it. Where it is ours or older than ours (Redis came back empty, old, or failed over) we
 * write ourselves in, above every epoch that is known; where it is not, it is another's.
 */
function writeIn(t: Turn, reply: LeaseReply): void {
  const { s, now, out } = t;
  if (reply.outcome === "error" || s.switchover?.phase === "handed-over") return;
  const found = reply.reading.record;
  const ours = found !== null && found.boot === s.boot;
  if (found !== null && !ours && found.epoch >= s.epoch) {
    s.leaseTaken = true;
    return;
  }
  if (now - s.lease.acquiringSince < ACQUIRE_AGAIN_MS || s.switchover?.side === "giving") return;
  const epoch = nextEpoch([s.epochSeen, s.epoch, s.epochAsked, found?.epoch ?? 0]);
  s.epochAsked = epoch;
  s.lease = { ...s.lease, acquiringSince: now };
  out.push({
    kind: "lease",
    operation: { kind: "acquire", epoch, expected: { record: found, compareCounter: true } },
  });
}

function writtenIn(t: Turn, { sentAt, reply }: Extract<NodeEvent, { kind: "lease" }>, epoch: number): void {
  const { s, out } = t;
  if (epoch !== s.epochAsked || epoch <= s.epoch) return;
  s.lease = { ...s.lease, acquiringSince: Number.NEGATIVE_INFINITY };
  if (reply.outcome === "error") return;
  if (reply.outcome === "refused") {
    const found = reply.reading.record;
    if (found !== null && found.boot !== s.boot && found.epoch >= s.epoch) s.leaseTaken = true;
    return;
  }
  s.epoch = epoch;
  s.epochSeen = Math.max(s.epochSeen, epoch);
  s.byRedis = true;
  s.lastActive = { node: s.settings.node, epoch, boot: s.boot };
  s.lease = { ...s.lease, renewedAt: Math.max(s.lease.renewedAt, sentAt) };
  out.push({ kind: "store-epoch", epoch }, { kind: "journal-again", epoch });
  record(t, "takeover", { reason: `wrote itself into Redis again, in epoch ${epoch}` });
  if (s.switchover?.phase === "unknown") resume(t, "the lease was not handed over");
}

/** Taken without Redis, by one who can't hear the others: another may have done the same. */
export function lookForConflict(t: Turn): void {
  const { s, now, out } = t;
  if (s.role !== "active" || s.byRedis || now < s.nextConflictAt) return;
  s.nextConflictAt = now + CONFLICT_AGAIN_MS;
  out.push({ kind: "check-conflict" });
}

/** The one that comes first gives way last: if the other is still there, it has a better right (Redis). */
export function conflictLookedFor(t: Turn, found: boolean): void {
  const { s, out } = t;
  if (!ownsEpoch(s)) return;
  if (found) {
    s.conflicts += !s.byRedis && !comesFirst(s) ? CONFLICTS_MAX : 1;
    return;
  }
  s.conflicts = 0;
  if (s.role === "active" && s.byRedis) out.push({ kind: "announce" });
}

/** Automatic failback: to a preferred node that has been ready for long enough. */
export function failBack(t: Turn): void {
  const { s, now } = t;
  if (s.settings.failback !== "auto" || s.role !== "active" || s.switchover !== null) return;
  const own = { node: s.settings.node, front: s.own.front };
  const preferred = s.peers.find(
    (view) =>
      isCandidate(s, view, now) &&
      view.status?.front === "ok" &&
      priorityOf(s, view.node) < priorityOf(s, own.node) &&
      comesBefore({ node: view.node, front: "ok" }, own, s),
  );
  if (preferred === undefined) {
    s.preferredSince = Number.POSITIVE_INFINITY;
    return;
  }
  s.preferredSince = Math.min(s.preferredSince, now);
  if (now - s.preferredSince < s.settings.stableForMs || redisHealth(s, now) === "lost") return;
  s.preferredSince = now;
  offerSwitchover(t, { to: preferred.node, force: false, cause: "failback" });
}

function priorityOf(s: NodeState, node: string): number {
  return s.settings.nodes.find(({ name }) => name === node)?.priority ?? 0;
}
