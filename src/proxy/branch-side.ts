/** The client transaction's side of a context: one branch to one target. */
import { parseOwn, type SipMessage } from "../sip/message/sip-message.ts";
import { stepInviteClient } from "../sip/transaction/invite-client.ts";
import { startNonInviteClient, stepNonInviteClient } from "../sip/transaction/non-invite-client.ts";
import { type ClientEffect, type ClientEvent, NONE } from "../sip/transaction/transaction.ts";
import { type Core, isReliable } from "./core.ts";
import { ackOf, cancelOf } from "./own-message.ts";
import type { Branch, ResponseContext } from "./response-context.ts";

const NEVER = Number.POSITIVE_INFINITY;

/**
 * Feeds the branch's machine and performs what concerns the wire alone.
 * @param response the response that the event is about; null for others
 * @returns the effects, of which the caller sees to deliver, timeout and transport-error
 */
export function stepBranch(
  core: Core,
  branch: Branch,
  event: ClientEvent,
  response: SipMessage | null,
): readonly ClientEffect[] {
  const at = { reliable: branch.reliable, now: core.now, timers: core.timers };
  let effects: readonly ClientEffect[] = NONE;
  if (branch.invite !== null) [branch.invite, effects] = stepInviteClient(branch.invite, event, at);
  else if (branch.other !== null) [branch.other, effects] = stepNonInviteClient(branch.other, event, at);
  for (let i = 0; i < effects.length; i++) {
    const effect = effects[i];
    if (effect === "send") {
      core.counters.add("retransmission.request");
      core.transports.send(branch.hop.flow, branch.request);
    } else if (effect === "ack" && response !== null) acknowledge(core, branch, response);
  }
  return effects;
}

function acknowledge(core: Core, branch: Branch, response: SipMessage): void {
  if (branch.ack === "") branch.ack = ackOf(parseOwn(branch.request), response);
  core.transports.send(branch.hop.flow, branch.ack);
}

/** Is the client transaction still waiting for a final response? */
export function isPending(branch: Branch): boolean {
  const kind = branch.invite?.kind ?? branch.other?.kind;
  return kind === "calling" || kind === "trying" || kind === "proceeding";
}

/** Below it the empty set of a place is kept for its next branch: a set made for each costs more than all else here. */
export const EMPTY_PLACES_MAX = 1_000;

/** The branch is no longer one that a transport failure at its target would move (§16.9). */
export function forgetUnanswered(core: Pick<Core, "unanswered">, branch: Branch): void {
  if (!branch.isUnanswered) return;
  branch.isUnanswered = false;
  const { place } = branch.hop;
  const set = core.unanswered.get(place);
  if (set?.delete(branch) === true && set.size === 0 && core.unanswered.size > EMPTY_PLACES_MAX)
    core.unanswered.delete(place);
}

export function rememberUnanswered(core: Pick<Core, "unanswered">, branch: Branch): void {
  branch.isUnanswered = true;
  const { place } = branch.hop;
  const set = core.unanswered.get(place);
  if (set === undefined) core.unanswered.set(place, new Set([branch]));
  else set.add(branch);
}

/**
 * Cancels a pending INVITE branch: at once where a provisional came, else as soon as one comes (§9.1).
 * @param reason a whole Reason line or ""
 */
export function cancelBranch(core: Core, context: ResponseContext, branch: Branch, reason: string): void {
  if (branch.invite === null || branch.cancel !== null || !isPending(branch)) return;
  if (branch.provisional === 0) {
    branch.cancelWanted = true;
    return;
  }
  branch.cancelWanted = false;
  const request = cancelOf(parseOwn(branch.request), reason);
  branch.cancel = {
    request,
    state: startNonInviteClient(isReliable(branch.hop.flow), core.now, core.timers),
  };
  branch.cancelledBy = core.now + core.timers.transactionMs;
  branch.timerC = NEVER;
  core.counters.add("cancel.sent");
  core.log.debug({ callId: context.callId, target: branch.hop.place }, "branch cancelled");
  core.transports.send(branch.hop.flow, request);
}

/** Feeds the CANCEL's own transaction (§9.1); its responses need nothing more. */
export function stepCancel(core: Core, branch: Branch, event: ClientEvent): void {
  const { cancel } = branch;
  if (cancel === null) return;
  const at = { reliable: branch.reliable, now: core.now, timers: core.timers };
  const [state, effects] = stepNonInviteClient(cancel.state, event, at);
  cancel.state = state;
  for (const effect of effects) if (effect === "send") core.transports.send(branch.hop.flow, cancel.request);
}

/** The proxy wants this branch no more: it is cancelled, and what it still answers is ended. */
export function abandon(core: Core, context: ResponseContext, branch: Branch, reason: string): void {
  branch.wanted = false;
  branch.noAnswerAt = NEVER;
  branch.noProgressAt = NEVER;
  if (branch.invite?.kind === "calling") stepBranch(core, branch, { kind: "abandon" }, null);
  cancelBranch(core, context, branch, reason);
}
