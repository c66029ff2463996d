/** The calls that this node knows: from the INVITE that is forwarded to the BYE that is answered. Pure. */
import { flat } from "../sip/flat.ts";
import { parseNameAddress } from "../sip/header/name-address.ts";
import { Mix } from "../sip/signing/mix.ts";
import type { TimerWheel } from "../sip/timer/timer-wheel.ts";
import {
  type AnswerFacts,
  Call,
  type CallDialog,
  type CallEnd,
  type CallFacts,
  callIdOf,
  copied,
  dialogOf,
  isOfDialog,
  joined,
  moveEnds,
  type RefreshFacts,
  type SeenRequest,
  upForMs,
} from "./call.ts";
import { type CallLimit, type CallLimits, CallRates, NO_LIMITS } from "./call-limits.ts";
import type { Cdr, EndedBy } from "./cdr.ts";
import { restoredCall, type StoredCall } from "./stored-call.ts";

/** What the table needs from outside. */
export interface CallTablePorts {
  readonly wheel: TimerWheel;
  /** Milliseconds since the epoch. */
  readonly wall: () => number;
  /** Monotonic milliseconds. */
  readonly now: () => number;
  readonly node: string;
  readonly maxDurationMs: number;
  /** Account of a call that has ended; called once a call. */
  readonly write: (cdr: Cdr, call: Call) => void;
  /** Something of the call has changed, or it is new: for the one who keeps the journal. */
  readonly changed?: (call: Call) => void;
  /** A call has reached its longest duration: BYE to both sides. */
  readonly hangUp: (dialog: CallDialog) => void;
}

/** Attempts kept a call: what a CDR may hold. */
export const ATTEMPTS_KEPT_MAX = 35;

/** Targets whose seizures are counted; where names lead to ever new ones the counts begin anew. */
const SEIZED_TARGETS_MAX = 65_536;

/** For the answer-seizure ratio (ITU-T E.411). */
export interface Seizures {
  tried: number;
  answered: number;
}

const NO_SEIZURES: Readonly<Seizures> = { tried: 0, answered: 0 };

export class CallTable {
  private readonly ports: CallTablePorts;
  private readonly calls = new Map<string, Call>();
  private readonly onTarget = new Map<string, number>();
  private readonly onGroup = new Map<string, number>();
  private readonly seizures = new Map<string, Seizures>();
  /** Calls of another node that are yet to be restored: they count against the limit of the whole node. */
  awaited = 0;
  private limits = NO_LIMITS;
  private rates = new CallRates();
  private maxDurationMs: number;
  private readonly due = (call: Call, now: number): void => this.onDue(call, now);

  private readonly changed: (call: Call) => void;

  constructor(ports: CallTablePorts) {
    this.ports = ports;
    this.changed = ports.changed ?? ((): void => {});
    this.maxDurationMs = ports.maxDurationMs;
  }

  /** New limits, for calls from now on. */
  configure(parts: { limits: CallLimits; maxDurationMs: number }): void {
    this.limits = parts.limits;
    this.maxDurationMs = parts.maxDurationMs;
  }

  get size(): number {
    return this.calls.size;
  }

  /** Calls on a target now, ringing ones among them. */
  callsOn(target: string): number {
    return this.onTarget.get(target) ?? 0;
  }

  /** Calls that went to a target since the node was started, and those of them that it answered. */
  seizuresOn(target: string): Readonly<Seizures> {
    return this.seizures.get(target) ?? NO_SEIZURES;
  }

  find(key: string): Readonly<Call> | null {
    return this.calls.get(key) ?? null;
  }

  /** May one more call begin, as far as the whole node is concerned? */
  admits(now: number): boolean {
    const { whole } = this.limits;
    return isBelow(whole, this.calls.size + this.awaited) && this.rates.isBelow("", whole, now);
  }

  /** May the call go to this target of this group? Where it is already it may stay. */
  mayTry(key: string, target: string, group: string, now: number): boolean {
    const { targets, groups } = this.limits;
    if (targets.size === 0 && groups.size === 0) return true;
    const call = this.calls.get(key);
    if (call?.targetGroup !== group) {
      const limit = groups.get(group);
      if (!isBelow(limit, this.onGroup.get(group) ?? 0)) return false;
      if (!this.rates.isBelow(`group ${group}`, limit, now)) return false;
    }
    if (call?.target === target) return true;
    const limit = targets.get(target);
    return isBelow(limit, this.callsOn(target)) && this.rates.isBelow(target, limit, now);
  }

  /** A call's first INVITE is about to be forwarded. A second INVITE with its key is another leg of the same call. */
  began(key: string, facts: CallFacts, now: number): void {
    const known = this.calls.get(key);
    if (known !== undefined) {
      known.legs++;
      this.changed(known);
      return;
    }
    this.rates.add("", this.limits.whole, now);
    const call = new Call(key, facts, { startedAt: this.ports.wall(), due: this.due });
    this.calls.set(flat(key), call);
    this.changed(call);
  }

  /** The call goes to this target, and no longer to the one before. */
  tried(key: string, target: string, group: string, now: number): void {
    const call = this.calls.get(key);
    if (call === undefined || call.isAnswered) return;
    if (call.target !== target) this.rates.add(target, this.limits.targets.get(target), now);
    if (call.targetGroup !== group) this.rates.add(`group ${group}`, this.limits.groups.get(group), now);
    this.move(call, target, group);
    this.seized(target).tried++;
    this.changed(call);
    call.attemptBegan(target, this.ports.wall(), ATTEMPTS_KEPT_MAX);
  }

  /** What became of the attempt at a target. */
  attemptEnded(
    key: string,
    { id: target, group }: { id: string; group: string },
    result: { status: number; reason: string },
  ): void {
    const call = this.calls.get(key);
    if (call === undefined) return;
    const isAnswer = result.status >= 200 && result.status < 300;
    // Of a call that was forked before us another leg may have been tried last.
    if (isAnswer && !call.isAnswered && call.target !== target) this.move(call, target, group);
    if (call.attemptEnded(target, result, this.ports.wall())) this.changed(call);
  }

  rang(key: string): void {
    const call = this.calls.get(key);
    if (call === undefined || call.rangAt !== 0) return;
    call.rangAt = this.ports.wall();
    this.changed(call);
  }

  answered(key: string, facts: AnswerFacts, now: number): void {
    const call = this.calls.get(key);
    if (call === undefined || call.isAnswered) return;
    call.answer = joined([facts.to, facts.contact, facts.routes]);
    call.answeredAt = this.ports.wall();
    this.seized(call.target).answered++;
    call.upSince = now;
    call.endsAt = now + this.maxDurationMs;
    // A BYE has ended this dialog while it was early (§15): nothing would tell of its end again.
    if (call.hungUpBy !== null && isOfDialog(call, call.earlyByeTag)) {
      this.finish(call, call.hungUpBy, 200);
      return;
    }
    // Or another early dialog, and this one has answered.
    if (call.hungUpBy !== null) {
      call.hungUpBy = null;
      call.reason = "";
    }
    this.beginSession(call, facts.sessionSeconds, now);
  }

  /** A 2xx to a re-INVITE or UPDATE begins the session interval anew (RFC 4028 §8.2, §10), and may move an end. */
  refreshed(key: string, facts: RefreshFacts, now: number): void {
    const call = this.calls.get(key);
    if (call === undefined || !call.isAnswered) return;
    moveEnds(call, facts);
    this.beginSession(call, facts.sessionSeconds, now);
  }

  /** A request inside the dialog: its CSeq, and for a BYE its Reason. */
  seen(key: string, request: SeenRequest): void {
    const call = this.calls.get(key);
    if (call === undefined) return;
    const { callerCseq, calleeCseq } = call;
    if (call.isAnswered) call.unseenAt = Number.POSITIVE_INFINITY;
    if (request.byCaller) call.callerCseq = Math.max(call.callerCseq, request.cseq);
    else call.calleeCseq = Math.max(call.calleeCseq, request.cseq);
    // The ACK of the INVITE and whatever is sent again tell nothing new.
    const isNews = call.callerCseq !== callerCseq || call.calleeCseq !== calleeCseq || request.bye;
    if (isNews) this.changed(call);
    // A call that was forked may be answered twice: the caller ends one of the dialogs, and not the call (§13.2.2.4).
    if (!request.bye || !isOfDialog(call, request.calleeTag)) return;
    if (!call.isAnswered) call.earlyByeTag = copied(request.calleeTag);
    const by = request.byCaller ? "caller" : "callee";
    call.hungUpBy ??= by;
    // Of two BYEs that cross, the first counts.
    if (call.hungUpBy === by) call.reason = copied(request.reason);
  }

  /** An INVITE was refused or given up before an answer: the call's last one ends it. A call that is up is not touched. */
  failed(key: string, end: { status: number; by: EndedBy; reason: string }): void {
    const call = this.calls.get(key);
    if (call === undefined || call.isAnswered) return;
    call.legs--;
    this.changed(call);
    if (call.legs > 0) return;
    if (end.reason !== "") call.reason = end.reason;
    // A BYE may end it while it rings, too (RFC 3261 §15).
    const isHungUp = end.by === "refused" || end.by === "timeout";
    this.finish(call, isHungUp ? (call.hungUpBy ?? end.by) : end.by, end.status);
  }

  /** A BYE of the dialog has gone through another node, which had no time to say so. Nothing where one is known. */
  hungUp(key: string, by: "caller" | "callee", calleeTag: string): void {
    const call = this.calls.get(key);
    if (call === undefined || call.hungUpBy !== null || !isOfDialog(call, calleeTag)) return;
    call.hungUpBy = by;
    if (!call.isAnswered) call.earlyByeTag = copied(calleeTag);
    this.changed(call);
  }

  /** The dialog is over; one that is early is left to the final response of its INVITE. @param by null: by whoever sent the BYE */
  ended(key: string, by: EndedBy | null): void {
    const call = this.calls.get(key);
    const who = by ?? call?.hungUpBy ?? null;
    // Nobody: the BYE was of another dialog.
    if (call?.isAnswered && who !== null) this.finish(call, who, 200);
  }

  hungUpEarlyBy(key: string): "caller" | "callee" | null {
    const call = this.calls.get(key);
    if (call === undefined || call.isAnswered) return null;
    const { hungUpBy } = call;
    return hungUpBy === "caller" || hungUpBy === "callee" ? hungUpBy : null;
  }

  /** One that was hung up early as far as is known here was answered no later than then. Both times are monotonic milliseconds. */
  endedElsewhere(key: string, { answered, ended }: { answered: number; ended: number }): void {
    const call = this.calls.get(key);
    const by = this.hungUpEarlyBy(key);
    if (call === undefined || by === null) return;
    const now = this.ports.now();
    call.answeredAt = this.ports.wall() - Math.round(now - answered);
    call.upSince = answered;
    this.seized(call.target).answered++;
    this.finish(call, by, 200, now - ended);
  }

  earlyByeTag(key: string): string {
    return this.calls.get(key)?.earlyByeTag ?? "";
  }

  knows(key: string): boolean {
    return this.calls.has(key);
  }

  /** One whose BYE was under way stays in doubt: the BYE comes again, or has been answered. */
  acknowledged(key: string): void {
    const call = this.calls.get(key);
    if (call?.isAnswered && call.hungUpBy === null) call.unseenAt = Number.POSITIVE_INFINITY;
  }

  /** A call that is up and of which nothing more is heard by then has ended unseen. @param until monotonic milliseconds */
  doubt(key: string, until: number): void {
    const call = this.calls.get(key);
    if (call === undefined || !call.isAnswered) return;
    call.unseenAt = until;
    this.arm(call);
  }

  private seized(target: string): Seizures {
    let seizures = this.seizures.get(target);
    if (seizures === undefined) {
      if (this.seizures.size >= SEIZED_TARGETS_MAX) this.seizures.clear();
      seizures = { tried: 0, answered: 0 };
      this.seizures.set(target, seizures);
    }
    return seizures;
  }

  private beginSession(call: Call, seconds: number, now: number): void {
    call.sessionEnds = seconds > 0 ? now + seconds * 1_000 : Number.POSITIVE_INFINITY;
    call.unseenAt = Number.POSITIVE_INFINITY;
    this.arm(call);
    this.changed(call);
  }

  /**
   * Takes over a call that another node had. Its timers run from {@link arm} on.
   * @returns null where it is here already
   */
  restore(stored: StoredCall): Call | null {
    if (this.calls.has(stored.key)) return null;
    const call = restoredCall(stored, this.due);
    if (call.end === null) {
      this.calls.set(call.key, call);
      this.count(call, 1);
    }
    return call;
  }

  /** Starts the timers of a call; what is overdue fires at once. */
  arm(call: Call): void {
    this.ports.wheel.schedule(call, Math.min(call.sessionEnds, call.endsAt, call.unseenAt));
  }

  /** Writes the account of a call that ended on another node, which has not written it. */
  accountFor(call: Call): void {
    if (call.end !== null) this.ports.write(this.account(call, call.end), call);
  }

  /** The node ends: calls that are up go on without it, and are accounted for as far as it saw them. */
  close(): void {
    for (const call of [...this.calls.values()]) this.finish(call, "node-stopped", call.isAnswered ? 200 : 0);
  }

  private onDue(call: Call, now: number): void {
    if (now >= call.unseenAt) this.finish(call, "uncertain", call.isAnswered ? 200 : 0);
    else if (now >= call.endsAt) {
      this.ports.hangUp(dialogOf(call));
      this.finish(call, "max-duration", 200);
    } else if (now >= call.sessionEnds)
      this.finish(call, "session-timer", 200); // state is dropped, no BYE made up (RFC 4028 §8)
    else this.arm(call);
  }

  /** @param agoMs how long ago it ended */
  private finish(call: Call, by: EndedBy, status: number, agoMs = 0): void {
    this.count(call, -1);
    this.ports.wheel.cancel(call);
    this.calls.delete(call.key);
    const at = this.ports.wall() - Math.round(agoMs);
    const end = { by, status, at, durationMs: upForMs(call, this.ports.now() - agoMs) };
    call.end = end;
    this.ports.write(this.account(call, end), call);
  }

  private account(call: Call, { by: endedBy, status, at: end, durationMs }: CallEnd): Cdr {
    const [from = "", to = "", , , requested = "", place = ""] = call.facts.split("\n");
    const { startedAt, rangAt, answeredAt, attempts, target, reason } = call;
    return {
      id: idOf(call),
      node: this.ports.node,
      callId: callIdOf(call),
      from: uriIn(from),
      to: uriIn(to),
      requested,
      ingress: call.group,
      source: place.slice(place.indexOf(":") + 1),
      attempts,
      target,
      start: startedAt,
      ringing: rangAt === 0 ? null : rangAt,
      answer: answeredAt === 0 ? null : answeredAt,
      end,
      durationMs,
      status,
      endedBy,
      reason,
    };
  }

  /** The call is at this target from now on. */
  private move(call: Call, target: string, group: string): void {
    this.count(call, -1);
    call.target = target;
    call.targetGroup = group;
    this.count(call, 1);
  }

  private count(call: Call, step: 1 | -1): void {
    if (call.target === "") return;
    add(this.onTarget, call.target, step);
    add(this.onGroup, call.targetGroup, step);
  }
}

function isBelow(limit: CallLimit | undefined, calls: number): boolean {
  return limit === undefined || limit.maxCalls === null || calls < limit.maxCalls;
}

function add(counts: Map<string, number>, name: string, step: 1 | -1): void {
  const count = (counts.get(name) ?? 0) + step;
  if (count === 0) counts.delete(name);
  else counts.set(name, count);
}

/** The same on any node. The first CSeq tells a call from the one that was challenged before it (RFC 3261 §22.2). */
function idOf({ key, firstCseq }: Call): string {
  const cseq = String(firstCseq);
  return new Mix(1).add(key).add(cseq).text() + new Mix(2).add(key).add(cseq).text();
}

/** The URI of a name-addr or addr-spec that was let in. */
function uriIn(value: string): string {
  return value === "" ? "" : parseNameAddress(value, 0, value.length).uri;
}
