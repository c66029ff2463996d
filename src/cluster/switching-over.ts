/**
 * The switchover: offer, accept, stop and flush, hand over by compare-and-swap, delete the address, tell. Part of the node's
 * machine. The giving side may go on only while the lease names it; after an unknown answer only under a new epoch, which a
 * late hand-over of the old one can't overtake.
 */
import { nextEpoch } from "./lease.ts";
import type { Message, MessageBody } from "./message.ts";
import type { NodeEvent, NodeState, OperatorCommand, Switchover, Turn } from "./node-state.ts";
import type { PeerView } from "./peer-view.ts";
import { notReady } from "./readiness.ts";
import { record, send, setRole } from "./reporting.ts";
import { alive, comesBefore, heardActive, isCandidate, peerOf, redisHealth } from "./sight.ts";
import { becomeStandby, fence, stepDown } from "./stepping-down.ts";
import { handedAddress } from "./taking-over.ts";

/** Voluntary switches in a minute, of the whole cluster; takeovers from a dead node never count. */
const SWITCHES_MAX = 3;
const SWITCHES_WINDOW_MS = 60_000;
/** An offer that nobody takes by then is withdrawn. */
const OFFER_MS_MAX = 1_000;
const OFFER_AGAIN_MS = 100;
/** Not serving, and not yet handed over: longer than this and callers would notice. */
const HAND_OVER_MS_MAX = 500;
/** The getting side looks at the lease more often for so long. */
const ACCEPTED_MS_MAX = 2_000;
/** Datagrams that still come here are relayed for so long (an 18x over UDP is never repeated). */
const RELAY_MS = 1_000;
const COPIES = 3;
const HANDING_OVER: ReadonlySet<Switchover["phase"]> = new Set(["handing-over", "handed-over", "unknown"]);
/** `--force` on a standby counts for so long. */
const FORCED_MS = 10_000;

function recentSwitches({ s, now }: Turn): number[] {
  return s.switches.filter((at) => now - at < SWITCHES_WINDOW_MS);
}

/** What a peer knows of switches counts where it knows of more. */
export function hearSwitches(t: Turn, agesMs: readonly number[]): void {
  const { s, now } = t;
  if (agesMs.length === 0) return;
  const told = agesMs.filter((age) => age < SWITCHES_WINDOW_MS);
  if (told.length > recentSwitches(t).length) s.switches = told.map((age) => now - age);
}

export function switchAges(s: NodeState, now: number): number[] {
  return s.switches.map((at) => now - at).filter((age) => age < SWITCHES_WINDOW_MS);
}

/** @returns why not; null: offered */
export function offerSwitchover(
  t: Turn,
  wanted: { to: string | null; force: boolean; cause: Switchover["cause"] },
): string | null {
  const { s, now } = t;
  if (s.role !== "active") return "this node is not active";
  if (s.switchover !== null) return "a switchover is under way";
  const peer = wanted.to === null ? bestPeer(t) : peerOf(s, wanted.to);
  if (peer === undefined)
    return wanted.to === null ? "no other node is ready" : `${wanted.to} is no node of the cluster`;
  if (!alive(s, peer, now)) return `${peer.node} is not heard`;
  const fault = faultOf(peer);
  if (fault !== null && !wanted.force) return `${peer.node} is not ready: ${fault}`;
  if (redisHealth(s, now) === "lost") return "Redis does not answer: the lease can't be handed over";
  if (recentSwitches(t).length >= SWITCHES_MAX && !(wanted.force && wanted.cause === "operator"))
    return `there were ${SWITCHES_MAX} switchovers in the last minute`;
  const reason = `switchover to ${peer.node} (${wanted.cause})`;
  s.switchover = {
    side: "giving",
    peer: peer.node,
    phase: "offered",
    deadline: now + OFFER_MS_MAX,
    nextOfferAt: now,
    cause: wanted.cause,
    force: wanted.force,
    lastEntry: Number.POSITIVE_INFINITY,
    released: false,
    addressGone: false,
    namedOtherAt: Number.NEGATIVE_INFINITY,
    reason,
  };
  record(t, "switchover", { reason });
  return null;
}

/** The process ends: what is up goes to a node that is ready, or is left in order. What is under way comes to its end first. */
export function leave(t: Turn): void {
  const { s } = t;
  if (s.leaving === "no" || s.role !== "active" || s.switchover !== null) return;
  const isSecond = s.leaving === "offered";
  s.leaving = "offered";
  const fault = isSecond
    ? "the switchover failed"
    : offerSwitchover(t, { to: null, force: false, cause: "operator" });
  if (fault !== null)
    stepDown(t, {
      successor: null,
      reason: `this node is told to end, and nobody takes over in order: ${fault}`,
    });
}

/** Why it would not be a good successor; null: it would. */
function faultOf({ status }: PeerView): string | null {
  if (status === null) return "it has not told its state yet";
  if (status.role !== "standby") return `its role is ${status.role}`;
  if (status.front === "lost") return "it has lost the network of the floating IP";
  return status.notReady;
}

function bestPeer({ s, now }: Turn) {
  const front = (node: string) => peerOf(s, node)?.status?.front ?? "lost";
  const place = ({ node }: { node: string }) => ({ node, front: front(node) });
  const ready = s.peers.filter((view) => isCandidate(s, view, now));
  return ready.sort((a, b) => (comesBefore(place(a), place(b), s) ? -1 : 1))[0];
}

/** Messages of a switchover, of either side. */
export function switchoverMessage(t: Turn, { node, boot, body }: Message): void {
  switch (body.kind) {
    case "offer":
      answerOffer(t, node, body);
      break;
    case "accept":
      acceptedBy(t, node, body.epoch);
      break;
    case "decline":
      if (isGivingTo(t, node) && body.epoch === t.s.epoch) resume(t, `${node} declined: ${body.reason}`);
      break;
    case "released":
      released(t, { node, boot, body });
      break;
    default:
      break;
  }
}

/**
 * Is this node, which serves no more, giving its lease to that one just now? Then it is no surprise that Redis takes nothing of this
 * one any more; the answer to the hand-over, which is on its way, says what is to be done.
 */
export function isHandingOverTo(s: NodeState, node: string): boolean {
  const { switchover } = s;
  return switchover?.side === "giving" && switchover.peer === node && HANDING_OVER.has(switchover.phase);
}

function isGivingTo({ s }: Turn, node: string): boolean {
  return s.switchover?.side === "giving" && s.switchover.peer === node;
}

function answerOffer(t: Turn, from: string, offer: Extract<MessageBody, { kind: "offer" }>): void {
  const { s, now } = t;
  if (s.takeover !== null) return;
  const fault = refusalOf(t, from, offer);
  if (fault !== null) {
    send(t, from, { kind: "decline", epoch: offer.epoch, reason: fault }, COPIES);
    return;
  }
  send(t, from, { kind: "accept", epoch: offer.epoch }, COPIES);
  // The giving side waits for what this node has applied: it may not know the newest of it yet.
  s.nextHeartbeatAt = t.now;
  if (s.switchover !== null) return;
  s.switches = [...recentSwitches(t), now];
  const reason = `${from} offers a switchover`;
  s.switchover = {
    side: "getting",
    peer: from,
    phase: "accepted",
    deadline: now + ACCEPTED_MS_MAX,
    nextOfferAt: Number.POSITIVE_INFINITY,
    cause: "operator",
    force: offer.force,
    lastEntry: Number.POSITIVE_INFINITY,
    released: false,
    addressGone: false,
    // The lease still names the other end, which is waiting for our answer.
    namedOtherAt: now,
    reason,
  };
  if (offer.force) s.forcedUntil = now + ACCEPTED_MS_MAX;
  s.lease = { ...s.lease, nextAt: now };
  record(t, "switchover", { reason });
}

function refusalOf(t: Turn, from: string, offer: Extract<MessageBody, { kind: "offer" }>): string | null {
  const { s, now } = t;
  if (s.role !== "standby") return `its role is ${s.role}`;
  if (offer.epoch !== s.epochSeen || heardActive(s, now)?.node !== from)
    return `${from} is not the active node here`;
  if (redisHealth(s, now) === "lost") return "Redis does not answer it";
  const fault = notReady(s, now);
  return fault !== null && !offer.force ? fault : null;
}

function acceptedBy(t: Turn, node: string, epoch: number): void {
  const { s, now, out } = t;
  const { switchover } = s;
  if (switchover?.side !== "giving" || switchover.peer !== node || switchover.phase !== "offered") return;
  if (epoch !== s.epoch) return;
  s.serving = false;
  s.switches = [...recentSwitches(t), now];
  s.switchover = { ...switchover, phase: "flushing", deadline: now + HAND_OVER_MS_MAX };
  if (switchover.cause === "maintenance") s.maintenanceNext = true;
  out.push({ kind: "stop-and-flush" });
  setRole(t, "stepping-down", switchover.reason);
}

/** The journal is flushed: handed over as soon as the peer has applied all of it. */
export function flushed(t: Turn, event: Extract<NodeEvent, { kind: "flushed" }>): void {
  const { s } = t;
  if (s.stepDown !== null) s.stepDown = { ...s.stepDown, flushed: true };
  if (s.switchover?.side !== "giving" || s.switchover.phase !== "flushing") return;
  if (!event.ok) {
    resume(t, "the journal could not be flushed");
    return;
  }
  s.switchover = { ...s.switchover, lastEntry: event.lastEntry };
}

function handOverWhenApplied(t: Turn): void {
  const { s, out } = t;
  const { switchover } = s;
  if (switchover?.phase !== "flushing") return;
  const peer = peerOf(s, switchover.peer);
  if (!peer?.boot || (peer.status?.applied ?? 0) < switchover.lastEntry) return;
  s.switchover = { ...switchover, phase: "handing-over" };
  s.epochAsked = Math.max(s.epochAsked, s.epoch);
  const operation = { kind: "hand-over", epoch: s.epoch, to: { node: peer.node, boot: peer.boot } } as const;
  out.push({ kind: "lease", operation });
}

/** Redis answered the hand-over. */
export function handedOver(t: Turn, event: Extract<NodeEvent, { kind: "lease" }>): void {
  const { s, out } = t;
  const { switchover } = s;
  if (switchover?.side !== "giving" || switchover.phase !== "handing-over") return;
  if (event.operation.kind !== "hand-over" || event.operation.epoch !== s.epoch) return;
  const { reply } = event;
  if (reply.outcome === "error") {
    s.switchover = { ...switchover, phase: "unknown" };
    askForNewEpoch(t);
    return;
  }
  if (reply.outcome === "refused") {
    fence(t, "the lease was not ours to hand over");
    return;
  }
  s.epochSeen = Math.max(s.epochSeen, reply.reading.record?.epoch ?? 0);
  s.switchover = { ...switchover, phase: "handed-over" };
  out.push({ kind: "reset-connections" }, { kind: "remove-address" });
}

/** Did Redis hand over or not? A new epoch of our own tells: it is granted only where it did not. */
function askForNewEpoch(t: Turn): void {
  const { s } = t;
  const found = s.lease.observation?.reading.record ?? null;
  const record =
    found?.boot === s.boot
      ? found
      : { holder: s.settings.node, boot: s.boot, epoch: s.epoch, counter: 0, ask: null };
  const epoch = nextEpoch([s.epochSeen, s.epoch, s.epochAsked]);
  s.epochAsked = epoch;
  s.lease = { ...s.lease, acquiringSince: t.now };
  t.out.push({
    kind: "lease",
    operation: { kind: "acquire", epoch, expected: { record, compareCounter: false } },
  });
}

/** The address is gone after a hand-over: the peer may add it. */
export function tellReleased(t: Turn): void {
  const { s, now, out } = t;
  const { switchover } = s;
  if (switchover?.phase !== "handed-over") return;
  const late = now >= switchover.deadline;
  if (s.addressPresent && !late) return;
  send(t, switchover.peer, { kind: "released", epoch: s.epochSeen, addressGone: !s.addressPresent }, COPIES);
  out.push({ kind: "relay", to: switchover.peer, forMs: RELAY_MS });
  becomeStandby(t, `handed over to ${switchover.peer}`, "kept");
}

function released(
  t: Turn,
  message: { node: string; boot: string; body: Extract<MessageBody, { kind: "released" }> },
): void {
  const { s, now } = t;
  const { boot } = message;
  const { epoch, addressGone } = message.body;
  if (s.takeover?.phase === "releasing" && s.epoch === epoch) {
    if (addressGone) handedAddress(t);
    return;
  }
  if (s.role !== "standby" || epoch < s.epochSeen) return;
  // Redis may be lost just now: then it is a resignation to us by name.
  s.epochSeen = epoch;
  s.peers = s.peers.map((view) =>
    view.node === message.node
      ? { ...view, resignation: { boot, epoch, addressGone, successor: s.settings.node, at: now } }
      : view,
  );
  if (s.switchover?.side === "getting") s.switchover = { ...s.switchover, released: true, addressGone };
  s.lease = { ...s.lease, nextAt: now };
}

/** Back to serving: only while the lease is ours. */
export function resume(t: Turn, reason: string): void {
  const { s, out } = t;
  record(t, "switchover", { reason: `no switchover: ${reason}` });
  s.switchover = null;
  s.maintenanceNext = false;
  s.preferredSince = Number.POSITIVE_INFINITY;
  if (s.role !== "stepping-down") return;
  s.serving = true;
  out.push({ kind: "resume-calls" });
  setRole(t, "active", reason);
}

/** Deadlines of a switchover, of either side. */
export function switchoverTick(t: Turn): void {
  const { s, now } = t;
  const { switchover } = s;
  if (switchover === null) return;
  if (switchover.side === "getting") {
    if (now >= switchover.deadline) s.switchover = null;
    return;
  }
  const peer = peerOf(s, switchover.peer);
  const gone = peer === undefined || !alive(s, peer, now);
  switch (switchover.phase) {
    case "offered":
      if (gone || now >= switchover.deadline) resume(t, `${switchover.peer} does not answer`);
      else if (now >= switchover.nextOfferAt) sendOffer(t, switchover);
      break;
    case "flushing":
      if (gone || now >= switchover.deadline) resume(t, `${switchover.peer} did not follow in time`);
      else handOverWhenApplied(t);
      break;
    case "unknown":
      if (now >= switchover.deadline)
        stepDown(t, { successor: switchover.peer, reason: "Redis did not say who holds the lease" });
      break;
    case "handed-over":
      tellReleased(t);
      break;
    default:
      break;
  }
}

function sendOffer(t: Turn, switchover: Switchover): void {
  const { s, now } = t;
  s.switchover = { ...switchover, nextOfferAt: now + OFFER_AGAIN_MS };
  send(t, switchover.peer, { kind: "offer", epoch: s.epoch, force: switchover.force });
}

/** When a switchover next has something to do; Infinity: only on an event. */
export function switchoverDeadline(switchover: Switchover | null): number {
  // What Redis was asked it answers, or its time-out does.
  if (switchover === null || switchover.phase === "handing-over") return Number.POSITIVE_INFINITY;
  return switchover.phase === "offered"
    ? Math.min(switchover.deadline, switchover.nextOfferAt)
    : switchover.deadline;
}

/** `tandem switchover`, `tandem maintenance on|off`. The answer says what was begun, or why not. */
export function operate(t: Turn, command: OperatorCommand): void {
  const { s, out } = t;
  if (command.kind === "maintenance") {
    const fault = maintenance(t, command.on);
    out.push({
      kind: "answer",
      ok: fault === null,
      reason: fault ?? `maintenance ${command.on ? "on" : "off"}`,
    });
    return;
  }
  const fault =
    s.role === "active"
      ? offerSwitchover(t, { to: command.to, force: command.force, cause: "operator" })
      : askForSwitchover(t, command);
  record(t, "operator", { reason: fault ?? "switchover asked for" });
  out.push({ kind: "answer", ok: fault === null, reason: fault ?? "switchover begun" });
}

/** On a standby: the active is asked; where there is none and it is forced, readiness is not asked for. */
function askForSwitchover(t: Turn, command: { to: string | null; force: boolean }): string | null {
  const { s, now } = t;
  if (command.to !== null && command.to !== s.settings.node) return "ask the active node";
  const active = heardActive(s, now);
  if (active === undefined) {
    if (!command.force) return "no active node is heard: the table decides (--force passes over readiness)";
    s.forcedUntil = now + FORCED_MS;
    return null;
  }
  const fault = notReady(s, now);
  if (fault !== null && !command.force) return `this node is not ready: ${fault}`;
  const epoch = active.status?.epoch ?? 0;
  send(t, active.node, { kind: "please-resign", epoch, cause: "operator", force: command.force }, COPIES);
  return null;
}

function maintenance(t: Turn, on: boolean): string | null {
  const { s } = t;
  if (!on) {
    s.maintenance = false;
    s.maintenanceNext = false;
    if (s.role === "maintenance") setRole(t, "standby", "maintenance ended");
    return null;
  }
  if (s.role === "active") return offerSwitchover(t, { to: null, force: false, cause: "maintenance" });
  if (s.role === "taking-over" || s.role === "stepping-down") return `its role is ${s.role}: try again`;
  s.maintenance = true;
  s.switchover = null;
  if (s.role === "standby") setRole(t, "maintenance", "maintenance begun");
  return null;
}
