/**
 * What the node before us did and could not say any more: its last records may be some milliseconds older than its last messages. A
 * message that only a final response can have caused shows that one has gone up.
 */
import type { SipMessage } from "../sip/message/sip-message.ts";
import { isInDialog } from "./branch.ts";
import { cancelBranch, isPending } from "./branch-side.ts";
import { answerOf } from "./call-facts.ts";
import type { LedgerAnswer } from "./call-ledger.ts";
import { settleContext } from "./context-timers.ts";
import type { Core } from "./core.ts";
import { onHungUp } from "./hung-up.ts";
import { settle } from "./hunting.ts";
import type { ResponseContext } from "./response-context.ts";
import { concludedElsewhere } from "./server-side.ts";

/** Names an INVITE by what its ACK shows of it, whoever forwards the ACK (RFC 3261 §13.2.2.4). */
export function inviteName({
  callId,
  fromTag,
  cseq,
}: Pick<ResponseContext["scope"], "callId" | "fromTag" | "cseq">): string {
  return `${callId} ${fromTag} ${cseq}`;
}

/**
 * The ACK of a 2xx is on its way: an INVITE that still rings as far as its record says was answered.
 * @param routes values from us to the callee, comma-separated
 */
export function onAckSeen(core: Core, ack: SipMessage, routes: string): void {
  if (core.now > core.restored.until) {
    core.restored.pending.clear();
    core.restored.over.clear();
    return;
  }
  const name = inviteName({ callId: ack.callId, fromTag: ack.fromTag, cseq: ack.cseqNumber });
  const context = core.restored.pending.get(name);
  if (context === undefined) return;
  const to = ack.raw.slice(ack.to.start, ack.to.end);
  answeredBefore(core, context, { to, contact: ack.uri, routes, sessionSeconds: 0 });
}

/** It has had its 2xx by the node before. */
function answeredBefore(core: Core, context: ResponseContext, facts: LedgerAnswer): void {
  core.restored.pending.delete(inviteName(context.scope));
  if (context.invite?.kind !== "proceeding") return;
  core.counters.add("restored.answered-before");
  const ends = core.now + core.timers.transactionMs;
  for (const branch of context.branches) {
    if (branch.wanted && isPending(branch)) {
      branch.invite = { kind: "accepted", timerM: ends };
      settle(core, context, branch, 200);
    } else cancelBranch(core, context, branch, "");
  }
  context.invite = { kind: "accepted", timerL: ends };
  const { callKey, inDialog } = context;
  concludedElsewhere(context, 200);
  if (callKey !== "" && !inDialog) core.calls.answered(callKey, facts, core.now);
  settleContext(core, context);
}

/**
 * The ACK of another final: the INVITE is over, and the caller knows how.
 * @returns false where none is missing here
 */
export function onRefusalAcked(core: Core, context: ResponseContext): boolean {
  const isPendingHere = context.invite?.kind === "proceeding";
  if (!isPendingHere || core.restored.pending.get(inviteName(context.scope)) !== context) return false;
  core.restored.pending.delete(inviteName(context.scope));
  core.counters.add("restored.refused-before");
  for (const branch of context.branches) {
    if (!branch.wanted || !isPending(branch)) continue;
    branch.invite = { kind: "terminated" };
    settle(core, context, branch, 0);
  }
  context.invite = { kind: "confirmed", timerI: core.now + core.timers.t4Ms };
  const { callKey, inDialog } = context;
  concludedElsewhere(context, 487);
  if (callKey !== "" && !inDialog) core.calls.failed(callKey, { status: 0, by: "uncertain", reason: "" });
  return true;
}

/** A final that is only passed on, as its request went through another node: what it means for its call. */
export function tellOfStray(core: Core, response: SipMessage): void {
  const { status, cseqMethod: method, callId, fromTag, toTag } = response;
  if (status < 200) return;
  const { calls, now } = core;
  const fromCaller = `${callId} ${fromTag}`;
  // Of a request of the callee the caller's tag stands in To; the ledger knows one of the two keys at most.
  for (const key of toTag === "" ? [fromCaller] : [fromCaller, `${callId} ${toTag}`]) {
    const byCaller = key === fromCaller;
    if (method === "BYE") {
      if (status !== 401 && status !== 407) {
        calls.hungUp(key, byCaller ? "caller" : "callee", byCaller ? toTag : fromTag);
        calls.ended(key, null);
        onHungUp(core, key);
      }
    } else if (status < 300 && (method === "INVITE" || method === "UPDATE")) {
      const facts = answerOf(response, core.identity);
      if (method === "INVITE" && byCaller) calls.answered(key, facts, now);
      const { contact, sessionSeconds } = facts;
      calls.refreshed(
        key,
        { sessionSeconds, callerContact: byCaller ? "" : contact, calleeContact: byCaller ? contact : "" },
        now,
      );
    } else if (method === "INVITE" && status >= 300 && !isInDialog(response.topVia.branch)) {
      calls.failed(key, { status, by: status === 408 ? "timeout" : "refused", reason: "" });
    }
    const isGone = (status === 481 || status === 408) && method !== "NOTIFY" && method !== "SUBSCRIBE";
    if (isGone) calls.ended(key, "dialog-lost");
  }
}
