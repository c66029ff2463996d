/**
 * A BYE of a call that still rings as far as its record says. Either the node before has passed its answer on and had no time to say so,
 * or the caller has ended an early dialog (RFC 3261 §15), whose INVITE is about to be answered by 487 (§15.1.2). The account is made
 * by what follows; the INVITE is left as it is, since behind a fork another early dialog of it may live.
 */
import { parseMessage } from "../sip/message/sip-message.ts";
import { TimerEntry } from "../sip/timer/timer-wheel.ts";
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
    if (context.callKey !== callKey || context.inDialog) continue;
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

function answeredElsewhere(core: Core, context: ResponseContext, ended: number): void {
  if (context.finalSent > 0 || core.calls.hungUpEarlyBy(context.callKey) === null) return;
  const { callKey, branches } = context;
  core.counters.add("restored.answered-before");
  // Nobody is to be called any more for one that has hung up.
  context.nextHop = context.hops.length;
  context.setupEndsAt = NEVER;
  for (const branch of branches) {
    branch.noAnswerAt = NEVER;
    branch.noProgressAt = NEVER;
    const { target } = branch.hop;
    if (branch.wanted && target !== null)
      core.calls.attemptEnded(callKey, target, { status: 200, reason: "" });
  }
  core.calls.endedElsewhere(callKey, { answered: core.restored.since, ended });
  core.journal.changed(context);
}

/** The INVITE is answered after all, by another early dialog than the one that was ended: a call again. */
export function beginAnew(core: Core, context: ResponseContext): void {
  const { callKey, ingress, group, branches } = context;
  core.calls.began(callKey, factsOf(parseMessage(context.request), ingress, group), core.now);
  for (const { hop, final } of branches) {
    if (hop.target === null || final < 200 || final > 299) continue;
    core.calls.tried(callKey, hop.target.id, hop.target.group, core.now);
    core.calls.attemptEnded(callKey, hop.target, { status: final, reason: "" });
  }
}
