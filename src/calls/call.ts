/** One call as the table holds it: flat and small, as there may be a hundred thousand. */

import { Buffer } from "node:buffer";
import { flat } from "../sip/flat.ts";
import { addressParam, parseNameAddress } from "../sip/header/name-address.ts";
import type { Timed } from "../sip/timer/timer-wheel.ts";
import type { CdrAttempt, EndedBy } from "./cdr.ts";

/** What the first INVITE says. Header values are unfolded and hold no line end. */
export interface CallFacts {
  /** Ingress peer group. */
  readonly group: string;
  /** Values of From and To, URI of Contact, Record-Route of those before us, Request-URI. */
  readonly from: string;
  readonly to: string;
  readonly contact: string;
  readonly routes: string;
  readonly requested: string;
  /** "transport:address:port" of the sender. */
  readonly place: string;
  readonly cseq: number;
}

/** What the 2xx says: To with the callee's tag, URI of its Contact, and the route set behind us in the caller's order. */
export interface AnswerFacts {
  readonly to: string;
  readonly contact: string;
  readonly routes: string;
  /** Seconds of Session-Expires; 0: no session timer (RFC 4028). */
  readonly sessionSeconds: number;
}

/** What a 2xx to a re-INVITE or UPDATE says of both sides; a Contact that is "" stays as it was. */
export interface RefreshFacts {
  readonly sessionSeconds: number;
  readonly callerContact: string;
  readonly calleeContact: string;
}

/** A request inside the dialog, and of a BYE its Reason. */
export interface SeenRequest {
  readonly byCaller: boolean;
  readonly calleeTag: string;
  readonly cseq: number;
  readonly bye: boolean;
  readonly reason: string;
}

/** How a call ended; its account is made of it, and made again where the first was not written. */
export interface CallEnd {
  readonly by: EndedBy;
  /** Final status that went to the caller; 0 where none did. */
  readonly status: number;
  /** Milliseconds since the epoch. */
  readonly at: number;
  /** From answer to end; 0 where there was no answer. */
  readonly durationMs: number;
}

/** Fields of a {@link CdrAttempt}. */
const ATTEMPT_FIELDS = 5;

/**
 * What V8 keeps of a number: a whole one below 2**31 is in the field itself, any other has a box of 16 bytes. So the times of a
 * call are kept as whole milliseconds after a moment that is near, and null for never.
 */
export class Call implements Timed {
  tick = -1;
  next: Timed | null = null;
  previous: Timed | null = null;
  /** Call-ID, space, the caller's tag: what identifies the call from its first message on. */
  readonly key: string;
  readonly group: string;
  /** Fields of {@link CallFacts} behind each other: one string costs less than seven. */
  facts: string;
  /** INVITEs of the call that are unanswered: several where it was forked before us (RFC 3261 §16.7 item 6). */
  legs = 1;
  /** Fields of {@link AnswerFacts}, "" before the answer. */
  answer = "";
  /** Id of the target that has it now; "" before the first is tried. */
  target = "";
  targetGroup = "";
  /** Fields of the attempts before the last behind each other; "" for nearly all calls, which make one. */
  private earlierAttempts = "";
  /** Of the last attempt; "": none was made. */
  private lastTarget = "";
  private lastStatus = 0;
  private lastReason = "";
  private lastAfter = 0;
  private lastMs = 0;
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
  private rangAfter: number | null = null;
  private answeredAfter: number | null = null;
  private upFrom = 0;
  private sessionUntil: number | null = null;
  private upUntil: number | null = null;
  private unseenUntil: number | null = null;
  /** Who sent a BYE or CANCEL, and its Reason. */
  hungUpBy: EndedBy | null = null;
  reason = "";
  /** Null: it has not ended. */
  end: CallEnd | null = null;
  /** What the journal keeps with it; null: it was never told of this call. */
  record: object | null = null;
  /** Callee's tag of a BYE that came before the answer. */
  earlyByeTag = "";
  /** CSeq number of the INVITE that began it. */
  readonly firstCseq: number;
  /** Last CSeq number of each side. */
  callerCseq: number;
  calleeCseq = 0;
  private readonly due: (call: Call, now: number) => void;

  constructor(
    key: string,
    facts: CallFacts,
    parts: { startedAt: number; due: (call: Call, now: number) => void },
  ) {
    this.key = key;
    this.group = facts.group;
    const { from, to, contact, routes, requested, place } = facts;
    this.facts = joined([from, to, contact, routes, requested, place]);
    this.firstCseq = facts.cseq;
    this.callerCseq = facts.cseq;
    this.startedAt = parts.startedAt;
    this.due = parts.due;
  }

  get isAnswered(): boolean {
    return this.answer !== "";
  }

  /** In their order. One that still runs has `ms` 0. */
  get attempts(): readonly CdrAttempt[] {
    const last = this.lastAttempt;
    if (last === null) return [];
    return this.earlierAttempts === "" ? [last] : [...attemptsIn(this.earlierAttempts), last];
  }

  set attempts(attempts: readonly CdrAttempt[]) {
    this.earlierAttempts = attempts.length < 2 ? "" : attemptLines(attempts.slice(0, -1));
    const last = attempts.at(-1);
    this.lastTarget = last?.target ?? "";
    this.lastStatus = last?.status ?? 0;
    this.lastReason = last?.reason ?? "";
    this.lastAfter = last === undefined ? 0 : last.at - this.startedAt;
    this.lastMs = last?.ms ?? 0;
  }

  private get lastAttempt(): CdrAttempt | null {
    if (this.lastTarget === "") return null;
    const { lastTarget: target, lastStatus: status, lastReason: reason, lastMs: ms } = this;
    return { target, status, reason, at: this.startedAt + this.lastAfter, ms };
  }

  /** One more attempt. @param at milliseconds since the epoch; @param max attempts that are kept */
  attemptBegan(target: string, at: number, max: number): void {
    const last = this.lastAttempt;
    if (last !== null) {
      const attempts = this.attempts;
      if (attempts.length >= max) return;
      this.earlierAttempts = attemptLines(attempts);
    }
    this.lastTarget = target;
    this.lastStatus = 0;
    this.lastReason = "";
    this.lastAfter = at - this.startedAt;
    this.lastMs = 0;
  }

  /** The attempt at a target that runs has ended. @param at milliseconds since the epoch. @returns false where none runs */
  attemptEnded(target: string, result: { status: number; reason: string }, at: number): boolean {
    if (this.lastTarget === target && this.lastMs === 0) {
      this.lastStatus = result.status;
      this.lastReason = result.reason;
      this.lastMs = Math.max(1, at - this.startedAt - this.lastAfter);
      return true;
    }
    if (this.earlierAttempts === "") return false;
    const { attempts } = this;
    const index = attempts.findLastIndex((attempt) => attempt.target === target && attempt.ms === 0);
    const attempt = attempts[index];
    if (attempt === undefined) return false;
    this.attempts = attempts.with(index, { ...attempt, ...result, ms: Math.max(1, at - attempt.at) });
    return true;
  }

  /** Milliseconds since the epoch; 0: not yet. */
  get rangAt(): number {
    return this.rangAfter === null ? 0 : this.startedAt + this.rangAfter;
  }

  set rangAt(at: number) {
    this.rangAfter = at === 0 ? null : at - this.startedAt;
  }

  /** Milliseconds since the epoch; 0: not yet. */
  get answeredAt(): number {
    return this.answeredAfter === null ? 0 : this.startedAt + this.answeredAfter;
  }

  set answeredAt(at: number) {
    this.answeredAfter = at === 0 ? null : at - this.startedAt;
  }

  /** Monotonic time of the answer, in whole milliseconds: of a call that comes from another node, now less its age. */
  get upSince(): number {
    return this.upFrom;
  }

  set upSince(at: number) {
    this.upFrom = Math.floor(at);
  }

  /** Monotonic, as the next two, and rounded up to a millisecond: end of the session unless refreshed. */
  get sessionEnds(): number {
    return this.sessionUntil ?? Number.POSITIVE_INFINITY;
  }

  set sessionEnds(at: number) {
    this.sessionUntil = wholeOrNever(at);
  }

  /** End of the call whatever happens. */
  get endsAt(): number {
    return this.upUntil ?? Number.POSITIVE_INFINITY;
  }

  set endsAt(at: number) {
    this.upUntil = wholeOrNever(at);
  }

  /** A call that came from another node, and of which nothing more was heard by then, ended there unseen. */
  get unseenAt(): number {
    return this.unseenUntil ?? Number.POSITIVE_INFINITY;
  }

  set unseenAt(at: number) {
    this.unseenUntil = wholeOrNever(at);
  }

  wake(now: number): void {
    this.due(this, now);
  }
}

function wholeOrNever(at: number): number | null {
  return at === Number.POSITIVE_INFINITY ? null : Math.ceil(at);
}

function attemptLines(attempts: readonly CdrAttempt[]): string {
  return joined(
    attempts.flatMap(({ target, status, reason, at, ms }) => [target, `${status}`, reason, `${at}`, `${ms}`]),
  );
}

function attemptsIn(lines: string): CdrAttempt[] {
  const fields = lines.split("\n");
  const attempts: CdrAttempt[] = [];
  for (let first = 0; first + ATTEMPT_FIELDS < fields.length; first += ATTEMPT_FIELDS) {
    const [target = "", status, reason = "", at, ms] = fields.slice(first, first + ATTEMPT_FIELDS);
    attempts.push({ target, status: Number(status), reason, at: Number(at), ms: Number(ms) });
  }
  return attempts;
}

/** Values in one flat string: what is stored must not keep a whole message alive behind a slice. */
export function joined(values: readonly string[]): string {
  let text = "";
  for (const value of values) text += `${value}\n`;
  return flat(text);
}

/** A copy that keeps no other text alive. Header values are latin1 readings of bytes. */
export function copied(value: string): string {
  return Buffer.from(value, "latin1").toString("latin1");
}

/** A target refresh moves the ends of a dialog (§12.2). */
export function moveEnds(call: Call, { callerContact, calleeContact }: RefreshFacts): void {
  const { callerContact: caller, calleeContact: callee } = dialogOf(call);
  if (callerContact !== "" && callerContact !== caller) {
    call.facts = joined(call.facts.split("\n").with(CALLER_CONTACT_AT, callerContact));
  }
  if (calleeContact !== "" && calleeContact !== callee) {
    call.answer = joined(call.answer.split("\n").with(CALLEE_CONTACT_AT, calleeContact));
  }
}

const CALLER_CONTACT_AT = 2;
const CALLEE_CONTACT_AT = 1;

/** The dialog of a call as both its ends see it: all that a BYE to either needs (RFC 3261 §12.2.1.1). */
export interface CallDialog {
  readonly callId: string;
  /** Values of From and To of a request that the caller sends; the other way round they change places. */
  readonly caller: string;
  readonly callee: string;
  /** URIs. */
  readonly callerContact: string;
  readonly calleeContact: string;
  /** Comma-separated Route values from us to each side; "" for none. */
  readonly callerRoutes: string;
  readonly calleeRoutes: string;
  /** "transport:address:port" that the INVITE came from, and that it went to. */
  readonly callerPlace: string;
  readonly calleePlace: string;
  readonly callerCseq: number;
  readonly calleeCseq: number;
}

export function dialogOf(call: Call): CallDialog {
  const [caller = "", , callerContact = "", callerRoutes = "", , callerPlace = ""] = call.facts.split("\n");
  const [callee = "", calleeContact = "", calleeRoutes = ""] = call.answer.split("\n");
  return {
    callId: callIdOf(call),
    caller,
    callee,
    callerContact,
    calleeContact,
    callerRoutes,
    calleeRoutes,
    callerPlace,
    calleePlace: call.target,
    callerCseq: call.callerCseq,
    calleeCseq: call.calleeCseq,
  };
}

/** Is it the dialog that was counted as the answer? One whose tag can't be read is every dialog. */
export function isOfDialog(call: Call, calleeTag: string): boolean {
  const to = call.answer.slice(0, call.answer.indexOf("\n"));
  if (to === "") return true;
  return addressParam(to, parseNameAddress(to, 0, to.length), "tag") === calleeTag;
}

/** How long a call has been up, in milliseconds. @param now monotonic */
export function upForMs(call: Call, now: number): number {
  return call.answeredAt === 0 ? 0 : Math.round(now - call.upSince);
}

export function callIdOf(call: Call): string {
  return call.key.slice(0, call.key.lastIndexOf(" "));
}
