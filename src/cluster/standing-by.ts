/** The standby's side: it observes the lease, asks the floating IP, and follows the table. Part of the node's machine. */
import { nextTurn } from "./cadence.ts";
import { type Decision, decide } from "./decide.ts";
import type { Evidence } from "./evidence.ts";
import { observe } from "./lease.ts";
import type { NodeEvent, NodeState, Turn } from "./node-state.ts";
import { record, send } from "./reporting.ts";
import { alive, evidence, heardActive } from "./sight.ts";
import { acquired, adoptHandOver, startTakeover } from "./taking-over.ts";

/** While the active node is missing everything is looked at so often. */
const LOOK_MS = 20;
/** An unanswered probe is asked again after this, an answered one after twice. */
const PROBE_TIMEOUT_MS = 150;
const PROBE_AGAIN_MS = 250;
/** Asking somebody to resign again. */
const ASK_AGAIN_MS = 100;
/** The lease is read so often while a hand-over is expected. */
const HAND_OVER_READ_MS = 20;

export function read(t: Turn): void {
  const { s, now, out } = t;
  const every = s.switchover?.side === "getting" ? HAND_OVER_READ_MS : s.settings.leaseRenewMs;
  s.lease = { ...s.lease, nextAt: nextTurn(now, every) };
  out.push({ kind: "lease", operation: { kind: "read" } });
}

/** Redis answered something that a node without an epoch asked. */
export function answeredStandby(t: Turn, event: Extract<NodeEvent, { kind: "lease" }>): void {
  const { s, now } = t;
  const { reply, sentAt, operation } = event;
  if (reply.outcome === "error") {
    s.lease = { ...s.lease, observation: null };
    if (operation.kind === "acquire") acquired(t, event);
    return;
  }
  const former = s.lease.observation;
  const observation = observe(former, reply.reading, now);
  const { record: found } = reply.reading;
  const moved =
    former !== null &&
    found !== null &&
    former.reading.source === reply.reading.source &&
    found.holder !== s.settings.node &&
    former.reading.record?.counter !== found.counter;
  s.lease = { ...s.lease, observation, movedAt: moved ? now : s.lease.movedAt };
  if (found !== null) {
    s.epochSeen = Math.max(s.epochSeen, found.epoch);
    if (found.epoch > (s.lastActive?.epoch ?? 0))
      s.lastActive = { node: found.holder, epoch: found.epoch, boot: found.boot };
  }
  if (operation.kind === "acquire") acquired(t, event);
  else if (s.takeover === null) adoptHandOver(t, reply.reading, sentAt);
}

/** Is all as it should be: an active node that is heard, with its network? */
function allWell(s: NodeState, now: number): boolean {
  const heard = heardActive(s, now);
  return heard !== undefined && (heard.status?.front !== "lost" || s.own.front === "lost");
}

/** Looks at everything and does what the table says. */
export function consider(t: Turn): void {
  const { s, now } = t;
  if (s.role !== "standby" || s.takeover !== null || s.switchover !== null) return;
  if (allWell(s, now)) {
    s.clearSince = Number.POSITIVE_INFINITY;
    s.fence = "none";
    if (s.lastDecision?.row === "alive, active") return;
  }
  const seen = evidence(s, now);
  const decision = decide(seen, s.settings);
  note(t, decision);
  askAgain(t, seen, decision);
  perform(t, decision);
}

function note(t: Turn, decision: Decision): void {
  const { s, now } = t;
  if (decision.clear) s.clearSince = Math.min(s.clearSince, now);
  else if (decision.action !== "probe") s.clearSince = Number.POSITIVE_INFINITY;
  const { row, action, reason, alarm } = decision;
  const former = s.lastDecision;
  s.lastDecision = { row, action, reason };
  if (former?.row === row && former.action === action) return;
  record(t, alarm ? "alarm" : "decision", { reason, row });
}

/** Keeps the answer of the floating IP fresh while it matters. */
function askAgain(t: Turn, seen: Evidence, decision: Decision): void {
  const { s, now, out } = t;
  if (seen.active.kind === "alive") return;
  // A resignation needs no probe; but without Redis one that was made before must be of this moment.
  if (seen.active.kind === "resigned" && seen.redis === "ok") return;
  if (decision.action !== "probe" && s.probe === null) return;
  const { probe } = s;
  const due =
    probe === null
      ? Number.NEGATIVE_INFINITY
      : probe.askedAt +
        (probe.at >= probe.askedAt && seen.redis === "ok" ? PROBE_AGAIN_MS : PROBE_TIMEOUT_MS);
  if (now < due) return;
  s.probe = {
    askedAt: now,
    outcome: probe?.outcome ?? null,
    at: probe?.at ?? Number.NEGATIVE_INFINITY,
  };
  out.push({ kind: "probe" });
}

function perform(t: Turn, decision: Decision): void {
  const { s, now, out } = t;
  switch (decision.action) {
    case "take-over":
      if (now >= s.notBefore) startTakeover(t, decision.reason);
      break;
    case "fence":
      s.fence = "running";
      out.push({ kind: "fence-peer", node: s.lastActive?.node ?? null });
      break;
    case "remove-own-address":
      s.probe = null;
      out.push({ kind: "remove-address" });
      break;
    case "ask-to-resign":
    case "ask-in-redis":
      if (now < s.nextAskAt) break;
      s.nextAskAt = now + ASK_AGAIN_MS;
      ask(t, decision.action);
      break;
    default:
      break;
  }
}

function ask(t: Turn, action: "ask-to-resign" | "ask-in-redis"): void {
  const { s, now, out } = t;
  const active = heardActive(s, now);
  if (action === "ask-in-redis") {
    const epoch = s.lease.observation?.reading.record?.epoch ?? 0;
    out.push({ kind: "lease", operation: { kind: "please-resign", epoch } });
  } else if (active !== undefined) {
    const epoch = active.status?.epoch ?? 0;
    send(t, active.node, { kind: "please-resign", epoch, cause: "front-lost", force: false });
  }
}

/** When a standby next has to look; Infinity: only on an event. */
export function standbyDeadline(s: NodeState, now: number): number {
  if (s.role !== "standby" || s.takeover !== null) return Number.POSITIVE_INFINITY;
  if (!allWell(s, now)) return s.lastStepAt + LOOK_MS;
  const heard = s.peers.filter((view) => alive(s, view, now)).map((view) => view.heardAt);
  return Math.min(...heard) + s.settings.deadAfterMs;
}
