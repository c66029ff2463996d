/**
 * A BYE of a call that still rings as far as its record says. Either the node before has passed its answer on and had no time to say so,
 * or the caller has ended an early dialog (RFC 3261 §15), whose INVITE is about to be answered by 487 (§15.1.2). The account is made
 * by what follows; the INVITE is left as it is, since behind a fork another early dialog of it may live.
 */
import { parseMessage } from "../sip/message/sip-message.ts";
import { TimerEntry } from "../sip/timer/timer-wheel.ts";
import { stepBranch } from "./branch-side.ts";
import { factsOf } from "./call-facts.ts";
import type { Core } from "./core.ts";
import type { ResponseContext } from "./response-context.ts";

/** The 487 has come by then, repeated once where it was lost. */
const EARLY_BYE_T1 = 4;
const NEVER = Number.POSITIVE_INFINITY;

/** A BYE has had its final answer. */
export function onHungUp(core: Core, callKey: string): void {
  if (core.restored.pending.size === 0 || core.now > core.restored.until) return;
  const by = core.calls.hungUpEarlyBy(callKey);
  if (by === null) return;
  const ended = core.now;
  for (const context of core.restored.pending.values()) {
    if (context.callKey !== callKey || context.inDialog || context.finalSent > 0) continue;
    callNobody(core, context);
    // A callee may send none before its answer (§15).
    if (by === "callee") answeredElsewhere(core, context, ended);
    else {
      const timer = new TimerEntry((now) => {
        core.now = now;
        answeredElsewhere(core, context, ended);
      });
      core.wheel.schedule(timer, ended + EARLY_BYE_T1 * core.timers.t1Ms);
    }
  }
}

/** For one that has hung up no other target is tried, and no INVITE sent again: a callee that has answered may take it for a new call. */
function callNobody(core: Core, context: ResponseContext): void {
  context.nextHop = context.hops.length;
  context.setupEndsAt = NEVER;
  for (const branch of context.branches) {
    branch.noAnswerAt = NEVER;
    branch.noProgressAt = NEVER;
    if (branch.invite?.kind === "calling") stepBranch(core, branch, { kind: "abandon" }, null);
  }
  core.journal.changed(context);
}

function answeredElsewhere(core: Core, context: ResponseContext, ended: number): void {
  if (context.finalSent > 0 || core.calls.hungUpEarlyBy(context.callKey) === null) return;
  const { callKey, branches } = context;
  core.counters.add("restored.answered-before");
  let answered = core.restored.since;
  for (const { hop, wanted, timerC, provisional } of branches) {
    if (!wanted || hop.target === null) continue;
    core.calls.attemptEnded(callKey, hop.target, { status: 200, reason: "" });
    // It rang last when its Timer C was set (§16.7 item 2).
    if (provisional > 100 && timerC !== NEVER) answered = Math.max(answered, timerC - core.timerCMs);
  }
  core.restored.over.set(callKey, core.calls.earlyByeTag(callKey));
  core.calls.endedElsewhere(callKey, { answered: Math.min(answered, ended), ended });
}

/**
 * An INVITE whose call was hung up is answered. By another early dialog than the one that was ended, it is a call again; a 2xx of that one
 * is only repeated, as its ACK was lost (§13.3.1.4).
 */
export function beginAnew(core: Core, context: ResponseContext, calleeTag: string): void {
  const { callKey, ingress, group, branches } = context;
  const ended = core.restored.over.get(callKey);
  if (ended === undefined || ended === calleeTag || core.calls.knows(callKey)) return;
  core.calls.began(callKey, factsOf(parseMessage(context.request), ingress, group), core.now);
  for (const { hop, final } of branches) {
    if (hop.target === null || final < 200 || final > 299) continue;
    core.calls.tried(callKey, hop.target.id, hop.target.group, core.now);
    core.calls.attemptEnded(callKey, hop.target, { status: final, reason: "" });
  }
}
