/** The record of a call: all that the table holds of it, as text, and back. Deadlines are written as time left. Pure. */
import type { Call, CallEnd } from "../calls/call.ts";
import type { CdrAttempt, EndedBy } from "../calls/cdr.ts";
import type { StoredCall } from "../calls/stored-call.ts";
import {
  leftField,
  numberField,
  type RecordFault,
  type RecordFields,
  readRecord,
  textField,
} from "./record-text.ts";

const VERSION = 1;
const NEVER = Number.POSITIVE_INFINITY;
/** Of the list of attempts. */
const ATTEMPTS_VERSION = 1;
/** Fields of each attempt; a later version has more. */
const ATTEMPT_FIELDS = 5;

/** Every reason there is: one that a later version has is read as "uncertain". */
const ENDED_BY: Readonly<Record<EndedBy, true>> = {
  caller: true,
  callee: true,
  cancel: true,
  refused: true,
  timeout: true,
  "session-timer": true,
  "max-duration": true,
  "dialog-lost": true,
  "node-stopped": true,
  uncertain: true,
};

/** Key of its record: a call that was challenged comes again with the same Call-ID and tag, and another CSeq (RFC 3261 §22.2). */
export function callRecordKey(call: Pick<Call, "key" | "firstCseq">): string {
  return `call ${call.firstCseq} ${call.key}`;
}

/** @param now monotonic milliseconds */
export function callRecord(call: Call, now: number): string {
  const { answeredAt } = call;
  return (
    `${VERSION};` +
    textField(call.group) +
    textField(call.facts) +
    textField(call.answer) +
    numberField(call.legs) +
    textField(call.target) +
    textField(call.targetGroup) +
    textField(attemptsText(call.attempts)) +
    numberField(call.startedAt) +
    numberField(call.rangAt) +
    numberField(answeredAt) +
    numberField(answeredAt === 0 ? 0 : Math.round(now - call.upSince)) +
    leftField(call.sessionEnds, now) +
    leftField(call.endsAt, now) +
    textField(call.hungUpBy ?? "") +
    textField(call.reason) +
    textField(call.earlyByeTag) +
    numberField(call.callerCseq) +
    numberField(call.calleeCseq) +
    endText(call.end)
  );
}

function endText(end: CallEnd | null): string {
  if (end === null) return "0:1:01:01:0";
  return textField(end.by) + numberField(end.status) + numberField(end.at) + numberField(end.durationMs);
}

/**
 * Reads what {@link callRecord} wrote.
 * @param since when the record's time left began to run, by this node's clock
 */
export function readCallRecord(recordKey: string, text: string, since: number): StoredCall | RecordFault {
  const record = readRecord(text, VERSION);
  if (typeof record === "string") return record;
  const [kind, cseq] = recordKey.split(" ", 2);
  const firstCseq = Number(cseq);
  const key = recordKey.slice(`${kind} ${cseq} `.length);
  if (kind !== "call" || !Number.isSafeInteger(firstCseq) || key === "") return "garbage";
  const startedAt = record.number(7, 0);
  if (startedAt === 0) return "garbage";
  return {
    key,
    firstCseq,
    group: record.text(0),
    facts: record.text(1),
    answer: record.text(2),
    legs: record.number(3, 1),
    target: record.text(4),
    targetGroup: record.text(5),
    attempts: attemptsOf(record.text(6)),
    startedAt,
    rangAt: record.number(8, 0),
    answeredAt: record.number(9, 0),
    upSince: since - record.number(10, 0),
    sessionEnds: since + record.number(11, NEVER),
    endsAt: since + record.number(12, NEVER),
    hungUpBy: endedBy(record.text(13)),
    reason: record.text(14),
    earlyByeTag: record.text(15),
    callerCseq: record.number(16, firstCseq),
    calleeCseq: record.number(17, 0),
    end: endOf(record),
  };
}

function endOf(record: RecordFields): CallEnd | null {
  const by = endedBy(record.text(18));
  if (by === null) return null;
  return { by, status: record.number(19, 0), at: record.number(20, 0), durationMs: record.number(21, 0) };
}

function endedBy(text: string): EndedBy | null {
  if (text === "") return null;
  return isEndedBy(text) ? text : "uncertain";
}

function isEndedBy(text: string): text is EndedBy {
  return Object.hasOwn(ENDED_BY, text);
}

function attemptsText(attempts: readonly CdrAttempt[]): string {
  let text = `${ATTEMPTS_VERSION};${numberField(ATTEMPT_FIELDS)}`;
  for (const { target, status, reason, at, ms } of attempts) {
    text += textField(target) + numberField(status) + textField(reason) + numberField(at) + numberField(ms);
  }
  return text;
}

function attemptsOf(text: string): CdrAttempt[] {
  const record = readRecord(text, ATTEMPTS_VERSION);
  if (typeof record === "string") return [];
  const stride = Math.max(ATTEMPT_FIELDS, record.number(0, ATTEMPT_FIELDS));
  const attempts: CdrAttempt[] = [];
  for (let at = 1; at + ATTEMPT_FIELDS <= record.count; at += stride) {
    attempts.push({
      target: record.text(at),
      status: record.number(at + 1, 0),
      reason: record.text(at + 2),
      at: record.number(at + 3, 0),
      ms: record.number(at + 4, 0),
    });
  }
  return attempts;
}
