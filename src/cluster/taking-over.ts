/** From the decision to take over until the node serves. Part of the node's machine. */

import { addressIsFree } from "./decide.ts";
import { areCurrent, giveUpKept } from "./keeping-calls.ts";
import { type LeaseReading, nextEpoch, serveUntilOf } from "./lease.ts";
import type { NodeEvent, NodeState, Takeover, TakeoverStep, Turn } from "./node-state.ts";
import { record, setRole } from "./reporting.ts";
import { serveRule } from "./serve-rule.ts";
import { frozenWaitMs } from "./settings.ts";
import { activeSight, redisHealth, serveEvidence } from "./sight.ts";
import { stepDown } from "./stepping-down.ts";

/** An answer of Redis that comes later is of no use: by then the record may be another's. */
const ACQUIRE_MS_MAX = 300;
/** An address or a socket that can't be had in this time won't be. */
const TAKEOVER_MS_MAX = 5_000;
/** Hand-over seen, but nothing heard of the other end: it is treated as frozen. */
const RELEASE_MS_MAX = 500;
const PROBE_AGAIN_MS = 250;
/** Without Redis nothing but the probe keeps two nodes apart: it must have been asked so lately. */
const PROBE_NOW_MS = 150;
/** After a takeover that failed others have time to try. */
const RETRY_MS = 10_000;

const STEPS: readonly TakeoverStep[] = ["address", "sockets", "journal", "epoch"];
/** An epoch of Redis's is known there and to every peer within a heartbeat: the disk need not be waited for. */
const STEPS_BY_REDIS = STEPS.filter((step) => step !== "epoch");
/** Of a node whose calls are still in memory. */
const STEPS_BACK = STEPS_BY_REDIS.filter((step) => step !== "journal");

/** The table said: take over. */
export function startTakeover(t: Turn, reason: string): void {
  const { s, now } = t;
  const epoch = nextEpoch([s.epochSeen, s.epoch]);
  const byRedis = redisHealth(s, now) === "ok";
  if (!byRedis) {
    if (s.kept !== null) {
      giveUpKept(t); // without a lease nothing shows that nobody served in between
      return;
    }
    // Somebody else who could not hear us may have been faster: only a probe of this moment counts.
    if (s.probe !== null && now - s.probe.askedAt > PROBE_NOW_MS) return;
    begin(t, { epoch, byRedis, reason, sentAt: now, released: true });
    return;
  }
  const { observation } = s.lease;
  if (observation === null) {
    // Compare-and-swap needs something to compare with: a resignation came before the first read.
    s.lease = { ...s.lease, nextAt: now };
    return;
  }
  const sight = activeSight(s, now);
  const { record: found } = observation.reading;
  if (s.kept !== null && !areCurrent(s.kept, found, s)) {
    giveUpKept(t);
    return;
  }
  const compareCounter = !(sight.kind === "resigned" && found?.holder === sight.node);
  s.epochAsked = Math.max(s.epochAsked, epoch);
  s.takeover = {
    phase: "acquiring",
    epoch,
    byRedis,
    since: now,
    deadline: now + ACQUIRE_MS_MAX,
    waitingFor: STEPS,
    phases: {},
    resumes: s.kept !== null,
    reason,
  };
  t.out.push({
    kind: "lease",
    operation: { kind: "acquire", epoch, expected: { record: found, compareCounter } },
  });
}

/** Redis answered the acquisition of a standby. */
export function acquired(t: Turn, reply: Extract<NodeEvent, { kind: "lease" }>): void {
  const { s, now } = t;
  const { takeover } = s;
  if (takeover === null || takeover.phase !== "acquiring" || reply.operation.kind !== "acquire") return;
  if (reply.operation.epoch !== takeover.epoch) return;
  s.takeover = null;
  const inTime = now < serveUntilOf(reply.sentAt, s.settings);
  if (reply.reply.outcome === "granted" && inTime) {
    const { epoch, reason, since, resumes } = takeover;
    begin(t, { epoch, byRedis: true, reason, sentAt: reply.sentAt, released: true, since, resumes });
    return;
  }
  // A record that compares unequal each time must not be asked for in each turn.
  s.notBefore = Math.max(s.notBefore, now + s.settings.leaseRenewMs);
  const why = reply.reply.outcome === "error" ? reply.reply.message : "somebody was faster";
  record(t, "takeover", { reason: `the lease was not granted (${inTime ? why : "too late"})` });
}

interface Start {
  readonly epoch: number;
  readonly byRedis: boolean;
  readonly reason: string;
  readonly sentAt: number;
  /** Is the address free, as far as is known? */
  readonly released: boolean;
  readonly since?: number;
  /** Default: the calls are restored from the journal. */
  readonly resumes?: boolean;
}

/** The epoch is this node's: everything that it needs is begun at once. */
function begin(t: Turn, start: Start): void {
  const { s, now, out } = t;
  const since = start.since ?? now;
  const resumes = start.resumes ?? false;
  s.epoch = start.epoch;
  s.epochSeen = Math.max(s.epochSeen, start.epoch);
  s.byRedis = start.byRedis;
  s.lastActive = { node: s.settings.node, epoch: start.epoch, boot: s.boot };
  s.lease = { ...s.lease, renewedAt: start.sentAt, nextAt: now };
  s.leaseTaken = false;
  s.conflicts = 0;
  s.nextConflictAt = now;
  s.askedBy = null;
  // A resignation in favour of this epoch is used up: a Redis that is back old may grant the epoch again, to the node that resigned.
  s.peers = s.peers.map((view) => (view.resignation === null ? view : { ...view, resignation: null }));
  s.serving = false;
  s.fence = "none";
  s.kept = null;
  s.takeover = {
    phase: start.released ? "starting" : "releasing",
    epoch: start.epoch,
    byRedis: start.byRedis,
    since,
    deadline: now + TAKEOVER_MS_MAX,
    waitingFor: stepsOf(start),
    phases: { lease: now - since },
    resumes,
    reason: start.reason,
  };
  setRole(t, "taking-over", start.reason);
  out.push({ kind: "store-epoch", epoch: start.epoch });
  if (!resumes) out.push({ kind: "apply-journal" });
  if (start.released) out.push({ kind: "add-address" });
  out.push({ kind: "open-sockets" });
}

function stepsOf({ byRedis, resumes }: Start): readonly TakeoverStep[] {
  if (resumes === true) return STEPS_BACK;
  return byRedis ? STEPS_BY_REDIS : STEPS;
}

/** A reading while a switchover is being got: the hand-over is done when the lease names this life of ours. */
export function adoptHandOver(t: Turn, reading: LeaseReading, sentAt: number): void {
  const { s } = t;
  const { switchover } = s;
  if (switchover === null || switchover.side !== "getting") return;
  const { record: found } = reading;
  if (found === null || found.holder !== s.settings.node || found.boot !== s.boot) {
    s.switchover = { ...switchover, namedOtherAt: sentAt };
    return;
  }
  s.switchover = null;
  begin(t, {
    epoch: found.epoch,
    byRedis: true,
    reason: `${switchover.peer} handed over`,
    sentAt: switchover.namedOtherAt,
    released: switchover.addressGone,
  });
}

/** The other end says that it is gone. */
export function handedAddress(t: Turn): void {
  const { s } = t;
  if (s.takeover?.phase !== "releasing") return;
  s.takeover = {
    ...s.takeover,
    phase: "starting",
    phases: { ...s.takeover.phases, released: t.now - s.takeover.since },
  };
  t.out.push({ kind: "add-address" });
}

/** A step of the takeover is done, or can't be. */
export function stepDone(t: Turn, step: TakeoverStep, ok: boolean): void {
  const { s, now } = t;
  const { takeover } = s;
  if (s.role !== "taking-over" || takeover === null || !takeover.waitingFor.includes(step)) return;
  if (step === "address" && takeover.phase === "releasing") return;
  if (!ok && (step === "address" || step === "sockets")) {
    s.notBefore = now + RETRY_MS;
    stepDown(t, { successor: null, reason: `the takeover failed at its ${step}` });
    return;
  }
  if (!ok) record(t, "alarm", { reason: `the takeover goes on without its ${step}` });
  const waitingFor = takeover.waitingFor.filter((other) => other !== step);
  // Not before the sockets: what came to a closed port would be refused (ICMP), and callers would give up.
  const isReachable = !waitingFor.includes("address") && !waitingFor.includes("sockets");
  if (isReachable && (step === "address" || step === "sockets")) t.out.push({ kind: "announce" });
  const phases = { ...takeover.phases, [step]: now - takeover.since };
  s.takeover = { ...takeover, waitingFor, phases };
  activateWhenReady(t);
}

/** All is there; and where the clocks jumped meanwhile, a fresh exchange is, too. */
function activateWhenReady(t: Turn): void {
  const { s, now } = t;
  if (s.takeover?.phase !== "starting" || s.takeover.waitingFor.length > 0) return;
  if (serveRule(serveEvidence(s, now), s.settings).action === "serve") becomeActive(t, s.takeover);
}

function becomeActive(t: Turn, takeover: Takeover): void {
  const { s, now, out } = t;
  s.serving = true;
  s.forcedUntil = Number.NEGATIVE_INFINITY;
  s.preferredSince = Number.POSITIVE_INFINITY;
  const { epoch } = s;
  if (takeover.resumes) out.push({ kind: "journal-again", epoch }, { kind: "resume-calls" });
  else out.push({ kind: "arm-calls", epoch });
  out.push({ kind: "verify" });
  setRole(t, "active", takeover.reason);
  record(t, "takeover", {
    reason: takeover.reason,
    phases: { ...takeover.phases, total: now - takeover.since },
  });
  s.takeover = null;
}

/** Deadlines of a takeover. */
export function takeoverTick(t: Turn): void {
  const { s, now, out } = t;
  const { takeover } = s;
  if (takeover === null) return;
  if (takeover.phase === "acquiring") {
    if (now >= takeover.deadline) s.takeover = null;
    return;
  }
  activateWhenReady(t);
  if (s.takeover === null) return;
  if (now >= takeover.deadline) {
    s.notBefore = now + RETRY_MS;
    stepDown(t, {
      successor: null,
      reason: `the takeover waits in vain for ${takeover.waitingFor.join(", ")}`,
    });
    return;
  }
  if (takeover.phase !== "releasing" || now < takeover.since + RELEASE_MS_MAX) return;
  const free = s.probe !== null && s.probe.at >= takeover.since && addressIsFree(s.probe.outcome);
  if (free || now >= takeover.since + frozenWaitMs(s.settings)) handedAddress(t);
  else if (s.probe === null || now - s.probe.askedAt >= PROBE_AGAIN_MS) {
    s.probe = {
      askedAt: now,
      outcome: s.probe?.outcome ?? null,
      at: s.probe?.at ?? Number.NEGATIVE_INFINITY,
    };
    out.push({ kind: "probe" });
  }
}

/** When the takeover next has something to do; Infinity: only on an event. */
export function takeoverDeadline(s: NodeState): number {
  const { takeover } = s;
  if (takeover === null) return Number.POSITIVE_INFINITY;
  if (takeover.phase !== "releasing") return takeover.deadline;
  const next = takeover.since + RELEASE_MS_MAX;
  return s.lastStepAt < next ? next : s.lastStepAt + PROBE_AGAIN_MS / 10;
}
