/** Deadlines of a context: the earliest of its machines' and of the proxy's own timers is what the wheel holds. */
import { inviteClientDeadline } from "../sip/transaction/invite-client.ts";
import { inviteServerDeadline } from "../sip/transaction/invite-server.ts";
import { nonInviteClientDeadline } from "../sip/transaction/non-invite-client.ts";
import { nonInviteServerDeadline } from "../sip/transaction/non-invite-server.ts";
import type { TimerSettings } from "../sip/transaction/timer-settings.ts";
import { TICK } from "../sip/transaction/transaction.ts";
import { AnsweredInvite } from "./answered-invite.ts";
import { cancelBranch, forgetUnanswered, isPending, stepBranch, stepCancel } from "./branch-side.ts";
import type { Core } from "./core.ts";
import { onBranchLost, onNoAnswer, onSetupTimeout } from "./hunting.ts";
import type { Branch, ResponseContext } from "./response-context.ts";
import { ownResponse, respond, stepServer } from "./server-side.ts";
import { keepOwnFinal } from "./stray-finals.ts";

/** After how long a non-INVITE request gets a 100: when the sender's Timer E has grown to T2 (RFC 4320 §4.1). */
export function lateTryingMs({ t1Ms, t2Ms }: TimerSettings): number {
  let ms = 0;
  for (let interval = t1Ms; interval < t2Ms; interval *= 2) ms += interval;
  return ms;
}

/**
 * Puts the context's next deadline into the wheel; removes a context in which nothing can happen any more, and leaves of an answered INVITE
 * what it can be made of again. Whoever calls it has done with the context: it may be none any more.
 */
export function settleContext(core: Core, context: ResponseContext): void {
  if (condense(core, context)) return;
  if (scheduleContext(core, context) && context.invite !== null) core.journal.changed(context);
}

/** As {@link settleContext}, of a context whose journal knows it as it is. @returns false where it was removed */
export function scheduleContext(core: Core, context: ResponseContext): boolean {
  if (context.other?.kind === "completed" && finish(core, context, context.other.timerJ)) return false;
  let at = Math.min(serverDeadline(context), context.tryingAt, context.setupEndsAt);
  const { branches } = context;
  for (let i = 0; i < branches.length; i++) {
    const branch = branches[i];
    if (branch !== undefined) at = Math.min(at, branchDeadline(branch));
  }
  if (at === Number.POSITIVE_INFINITY && isOver(context)) {
    removeContext(core, context);
    return false;
  }
  core.wheel.schedule(context.timer, at);
  return true;
}

/** Fires what is due. */
export function tickContext(core: Core, context: ResponseContext): void {
  stepServer(core, context, TICK);
  if (core.now >= context.tryingAt) {
    context.tryingAt = Number.POSITIVE_INFINITY;
    respond(core, context, 100, ownResponse(context, { status: 100, phrase: "Trying", headers: "" }));
  }
  if (core.now >= context.setupEndsAt) onSetupTimeout(core, context);
  // By index: a branch that fails adds the next one behind it.
  for (let i = 0; i < context.branches.length; i++) {
    const branch = context.branches[i];
    if (branch !== undefined) tickBranch(core, context, branch);
  }
  settleContext(core, context);
}

function tickBranch(core: Core, context: ResponseContext, branch: Branch): void {
  const { now } = core;
  for (const effect of stepBranch(core, branch, TICK, null)) {
    if (effect === "timeout")
      onBranchLost(core, context, branch, { status: 408, text: "", reason: "no answer" });
  }
  stepCancel(core, branch, TICK);
  if (now >= branch.noAnswerAt) onNoAnswer(core, context, branch, "no answer");
  if (now >= branch.noProgressAt) onNoAnswer(core, context, branch, "no progress");
  if (now >= branch.timerC) {
    // Timer C (§16.8): CANCEL where a provisional came, else as if a 408 had.
    branch.timerC = Number.POSITIVE_INFINITY;
    core.counters.add("timer-c");
    if (branch.provisional > 0) cancelBranch(core, context, branch, "");
    else {
      branch.invite = { kind: "terminated" };
      onBranchLost(core, context, branch, { status: 408, text: "", reason: "no answer" });
    }
  }
  if (now >= branch.cancelledBy && isPending(branch)) {
    branch.invite = { kind: "terminated" };
    onBranchLost(core, context, branch, {
      status: context.cancelled ? 487 : 408,
      text: "",
      reason: "cancelled",
    });
  }
  if (isBranchOver(branch)) {
    core.clients.delete(branch.id);
    forgetUnanswered(core, branch);
  }
}

function serverDeadline(context: ResponseContext): number {
  if (context.invite !== null) return inviteServerDeadline(context.invite);
  return context.other === null ? Number.POSITIVE_INFINITY : nonInviteServerDeadline(context.other);
}

function branchDeadline(branch: Branch): number {
  const machine =
    branch.invite !== null
      ? inviteClientDeadline(branch.invite)
      : branch.other !== null
        ? nonInviteClientDeadline(branch.other)
        : Number.POSITIVE_INFINITY;
  const cancel =
    branch.cancel === null ? Number.POSITIVE_INFINITY : nonInviteClientDeadline(branch.cancel.state);
  return Math.min(machine, cancel, branch.noAnswerAt, branch.noProgressAt, branch.timerC, branch.cancelledBy);
}

export function isBranchOver(branch: Branch): boolean {
  const kind = branch.invite?.kind ?? branch.other?.kind;
  return kind === "terminated" && (branch.cancel === null || branch.cancel.state.kind === "terminated");
}

function isOver(context: ResponseContext): boolean {
  const kind = context.invite?.kind ?? context.other?.kind;
  return kind === "terminated" && context.branches.every(isBranchOver);
}

/** A non-INVITE transaction in which nothing can happen but that something comes again. @returns false where it is not so yet */
function finish(core: Core, context: ResponseContext, timerJ: number): boolean {
  if (context.replyReliable || !context.branches.every(isBranchFinished)) return false;
  const { key, reply, lastResponse } = context;
  core.finished.answers.add({ key, until: timerJ, reply, text: lastResponse });
  for (const { id, other } of context.branches) {
    if (other?.kind === "completed")
      core.finished.branches.add({ key: id, until: other.timerK, method: context.method });
  }
  removeContext(core, context);
  return true;
}

function isBranchFinished({ other, cancel, reliable }: Branch): boolean {
  return other?.kind === "terminated" || (other?.kind === "completed" && cancel === null && !reliable);
}

/** Leaves of an answered INVITE what is needed to make it again. @returns false where its context stays */
function condense(core: Core, context: ResponseContext): boolean {
  if (context.invite?.kind !== "accepted") return false;
  // A 2xx that waits for its commit has not gone up; who looks at INVITEs of another node by name has their contexts.
  if (core.journal.confirm === "2xx" || core.restored.pending.size > 0) return false;
  const invite = core.finished.isNewest(context.invite.timerL) ? AnsweredInvite.of(context) : null;
  if (invite === null) return false;
  core.journal.changed(context);
  core.journal.moved(context, invite);
  takeOut(core, context);
  core.finished.addInvite(invite);
  return true;
}

function removeContext(core: Core, context: ResponseContext): void {
  takeOut(core, context);
  if (context.record !== null) core.journal.ended(context);
  if (context.invite !== null) keepOwnFinal(core, context);
}

/** No message and no deadline finds it any more. */
function takeOut(core: Core, context: ResponseContext): void {
  core.wheel.cancel(context.timer);
  core.contexts.delete(context.key);
  for (const branch of context.branches) {
    core.clients.delete(branch.id);
    forgetUnanswered(core, branch);
  }
}
