/** A call as another node stored it. Pure. */
import { Call } from "./call.ts";

/** All that a call is made of; deadlines are moved to this node's clock. */
export type StoredCall = Readonly<
  Pick<
    Call,
    | "key"
    | "group"
    | "facts"
    | "answer"
    | "legs"
    | "target"
    | "targetGroup"
    | "attempts"
    | "startedAt"
    | "rangAt"
    | "answeredAt"
    | "upSince"
    | "sessionEnds"
    | "endsAt"
    | "hungUpBy"
    | "reason"
    | "earlyByeTag"
    | "firstCseq"
    | "callerCseq"
    | "calleeCseq"
    | "end"
  >
>;

const NO_FACTS = { from: "", to: "", contact: "", routes: "", requested: "", place: "" };

/** @param due as of the table that the call comes into */
export function restoredCall(stored: StoredCall, due: (call: Call, now: number) => void): Call {
  const { key, group, firstCseq: cseq, startedAt } = stored;
  const call = new Call(key, { ...NO_FACTS, group, cseq }, { startedAt, due });
  call.facts = stored.facts;
  call.answer = stored.answer;
  call.legs = stored.legs;
  call.target = stored.target;
  call.targetGroup = stored.targetGroup;
  call.attempts = stored.attempts;
  call.rangAt = stored.rangAt;
  call.answeredAt = stored.answeredAt;
  call.upSince = stored.upSince;
  call.sessionEnds = stored.sessionEnds;
  call.endsAt = stored.endsAt;
  call.hungUpBy = stored.hungUpBy;
  call.reason = stored.reason;
  call.earlyByeTag = stored.earlyByeTag;
  call.callerCseq = stored.callerCseq;
  call.calleeCseq = stored.calleeCseq;
  call.end = stored.end;
  return call;
}
