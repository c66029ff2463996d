/** One target after another: starting a branch, and what its failure leads to (RFC 3261 §16.6, §16.7, RFC 3263 §4.3). */

import { parseMessage, type SipMessage } from "../sip/message/sip-message.ts";
import { startInviteClient } from "../sip/transaction/invite-client.ts";
import { startNonInviteClient } from "../sip/transaction/non-invite-client.ts";
import type { Flow } from "../transport/flow.ts";
import { challengesOf, isBetter } from "./best-response.ts";
import { ATTEMPTS_MAX, attemptMark } from "./branch.ts";
import { abandon, forgetUnanswered, isPending, rememberUnanswered } from "./branch-side.ts";
import { type Core, isReliable, placeOf } from "./core.ts";
import { recordRoutes } from "./record-route.ts";
import { forwardedRequest, withoutTopVia } from "./request-edits.ts";
import {
  type Branch,
  type FinalResponse,
  type Hop,
  isInvite,
  type ResponseContext,
} from "./response-context.ts";
import { concluded, ownResponse, respond } from "./server-side.ts";
import { isOurOwn } from "./target-watch.ts";

const NEVER = Number.POSITIVE_INFINITY;
/** Above it a request is not sent over UDP where the target has TCP (§18.1.1: 200 bytes below an MTU of 1500). */
export const UDP_BYTES_MAX = 1_300;
/** How long a target that refused TCP gets large requests by UDP at once. */
const WITHOUT_TCP_MS = 600_000;
/** Seconds that a caller is to wait when no target could be reached. */
const RETRY_AFTER_S = 5;

/** Sends the request to the next target; where none is left, the best response goes up. */
export function forwardNext(core: Core, context: ResponseContext, request: SipMessage | null): void {
  const message = request ?? parseMessage(context.request);
  while (context.nextHop < context.hops.length && context.attempts < ATTEMPTS_MAX) {
    const hop = context.hops[context.nextHop];
    context.nextHop++;
    if (hop !== undefined && startBranch(core, context, message, hop)) return;
  }
  finish(core, context);
}

function startBranch(core: Core, context: ResponseContext, message: SipMessage, hop: Hop): boolean {
  if (hop.flow.listener < 0) {
    core.counters.add("forward.no-listener");
    note(context, { status: 503, text: "", reason: "no listener for the target" });
    return false;
  }
  const { target } = hop;
  const isCall = target !== null && context.callKey !== "" && !context.emergency;
  if (isCall && !core.calls.mayTry(context.callKey, target.id, target.group, core.now)) {
    core.counters.add("forward.target-at-limit");
    note(context, { status: 503, text: "", reason: "target at its limit" });
    return false;
  }
  let breadth = breadthFor(context);
  context.attempts++;
  const mark = attemptMark(context.attempts, context.inDialog);
  let place = hop;
  let id = core.signer.branch(context.scope, hop.place, mark, context.loop);
  let text = forwarded(core, context, message, { hop, id, breadth });
  const tcp = text.length > UDP_BYTES_MAX ? overTcp(core, hop) : null;
  if (tcp !== null) {
    place = tcp;
    breadth = Math.ceil(breadth / 2); // the rest is for the same target by UDP
    id = core.signer.branch(context.scope, tcp.place, mark, context.loop);
    text = forwarded(core, context, message, { hop: tcp, id, breadth });
  }
  const branch = newBranch(core, context, place, { id, text, breadth });
  context.breadthLeft -= breadth;
  context.branches = [...context.branches, branch];
  core.clients.set(id, { branch, context });
  rememberUnanswered(core, branch);
  core.counters.add("request.forwarded");
  if (target !== null && context.callKey !== "") {
    core.calls.tried(context.callKey, target.id, target.group, core.now);
  }
  if (context.invite !== null && core.journal.confirm === "invite") {
    core.journal.changed(context);
    core.journal.confirmed(() => core.transports.send(place.flow, text));
  } else core.transports.send(place.flow, text);
  return true;
}

function newBranch(
  core: Core,
  context: ResponseContext,
  hop: Hop,
  sent: { id: string; text: string; breadth: number },
): Branch {
  const { now, timers } = core;
  const reliable = isReliable(hop.flow);
  const invite = isInvite(context);
  return {
    id: sent.id,
    hop,
    reliable,
    request: sent.text,
    invite: invite ? startInviteClient(reliable, now, timers) : null,
    other: invite ? null : startNonInviteClient(reliable, now, timers),
    wanted: true,
    provisional: 0,
    final: 0,
    noAnswerAt: invite ? now + hop.policy.noAnswerAfterMs : NEVER,
    noProgressAt: invite ? now + hop.policy.noProgressAfterMs : NEVER,
    timerC: invite ? now + core.timerCMs : NEVER,
    cancelWanted: false,
    cancel: null,
    cancelledBy: NEVER,
    ack: "",
    breadth: sent.breadth,
    isUnanswered: false,
  };
}

export function forwarded(
  core: Core,
  context: ResponseContext,
  message: SipMessage,
  { hop, id, breadth }: { hop: Hop; id: string; breadth: number },
): string {
  return forwardedRequest(message, {
    uriText: hop.uriText,
    topVia: context.topVia,
    via: core.identity.via(hop.flow.listener, id),
    recordRoutes: recordRoutes(core, context, message, hop),
    routes: context.routes,
    maxBreadth: breadth,
    overStream: isReliable(hop.flow),
  });
}

/** The same target over TCP, where it may be tried and is not known to refuse it. */
function overTcp(core: Core, hop: Hop): Hop | null {
  if (!hop.mayUseTcp || hop.flow.transport !== "udp") return null;
  const until = core.withoutTcp.get(hop.place);
  if (until !== undefined && until > core.now) return null;
  if (until !== undefined) core.withoutTcp.delete(hop.place);
  const listener = core.identity.egress("tcp", hop.flow.address, hop.flow.listener);
  if (listener < 0) return null;
  const flow: Flow = { ...hop.flow, transport: "tcp", listener };
  return { ...hop, flow, place: placeOf(flow) };
}

/**
 * Max-Breadth for the next branch: what is left is shared with the attempts that may follow (RFC 5393 §5.3.3). Something
 * is left: a request without any was refused (440), and no branch is given up while the others hold it all.
 */
function breadthFor(context: ResponseContext): number {
  const mayFollow = Math.min(context.hops.length - context.nextHop, ATTEMPTS_MAX);
  return mayFollow <= 0 ? context.breadthLeft : Math.ceil(context.breadthLeft / (mayFollow + 1));
}

/** A final response above 299 of a branch: kept, and the next target tried where the rules allow it. */
export function onFailureResponse(
  core: Core,
  context: ResponseContext,
  branch: Branch,
  response: SipMessage,
): void {
  const { status } = response;
  settle(core, context, branch, status);
  if (status === 401 || status === 407)
    context.challenges = [...context.challenges, ...challengesOf(response)];
  if (!branch.wanted || context.finalSent > 0) return;
  branch.wanted = false;
  note(context, { status, text: withoutTopVia(response, context.reply), reason: "" });
  const { policy } = branch.hop;
  const moves = policy.on.has(status) && status < 600 && (branch.provisional <= 100 || policy.afterProgress);
  advance(core, context, branch, moves ? `answered ${status}` : "");
}

/** The branch ended without a response: silence (408) or a transport error (503), §16.7 item 1, §16.9. */
export function onBranchLost(
  core: Core,
  context: ResponseContext,
  branch: Branch,
  loss: FinalResponse,
): void {
  tellWatch(core, branch, loss);
  settle(core, context, branch, loss.status);
  if (!branch.wanted || context.finalSent > 0) return;
  branch.wanted = false;
  note(context, loss);
  if (isTriedByTcp(branch) && branch.provisional === 0) backToUdp(core, context, branch);
  // A non-INVITE request that timed out has timed out for its sender, too (RFC 4320 §4.2): nobody would hear another answer.
  const tooLate = loss.status === 408 && !isInvite(context);
  advance(core, context, branch, branch.provisional <= 100 && !tooLate ? loss.reason : "");
}

/** The whole time for finding a target that rings is over: the caller may still do something else. */
export function onSetupTimeout(core: Core, context: ResponseContext): void {
  context.setupEndsAt = NEVER;
  if (context.finalSent > 0 || context.cancelled) return;
  core.counters.add("setup-timeout");
  context.nextHop = context.hops.length;
  for (const branch of context.branches) {
    if (branch.wanted && branch.final === 0)
      attemptEnded(core, context, branch, { status: 0, reason: "set-up time" });
    abandon(core, context, branch, "");
  }
  note(context, { status: 408, text: "", reason: "no target answered within the set-up time" });
  finish(core, context);
}

/** Silence, as the policy of the branch has it: no provisional in time, or nothing above a 100. */
export function onNoAnswer(core: Core, context: ResponseContext, branch: Branch, reason: string): void {
  branch.noAnswerAt = NEVER;
  if (reason !== "no answer") branch.noProgressAt = NEVER;
  else if (branch.hop.target !== null && !isTriedByTcp(branch))
    core.watch.silent(branch.hop.target.id, core.now);
  giveUp(core, context, branch, { status: 408, text: "", reason });
}

/** A branch without a final is left, and what it still answers will be ended. Only while there is somewhere else to go. */
export function giveUp(core: Core, context: ResponseContext, branch: Branch, loss: FinalResponse): void {
  if (!branch.wanted || context.cancelled || context.finalSent > 0) return;
  // Two branches at once need breadth for both (RFC 5393 §5.3.3): without it this one has until its own time-out.
  if (context.breadthLeft < 1) return;
  // A target that is silent over TCP is more likely dead than without TCP: another one first, where there is one.
  if (context.nextHop >= context.hops.length) {
    if (!isTriedByTcp(branch) || branch.provisional > 0) return;
    backToUdp(core, context, branch);
  }
  abandon(core, context, branch, "");
  attemptEnded(core, context, branch, { status: 0, reason: loss.reason });
  note(context, loss);
  advance(core, context, branch, loss.reason);
}

/**
 * The INVITE did not arrive, as far as the network says (§16.9). The branch counts as a 503 and the next target is tried; but an
 * ICMP error may be an earlier datagram's, so that the transaction is kept: a provisional that still comes is
 * answered by CANCEL and a 2xx by ACK and BYE.
 */
export function onRefused(core: Core, context: ResponseContext, branch: Branch, loss: FinalResponse): void {
  const { wanted } = branch;
  tellWatch(core, branch, loss);
  abandon(core, context, branch, "");
  forgetUnanswered(core, branch);
  if (branch.final === 0) {
    context.breadthLeft += branch.breadth;
    attemptEnded(core, context, branch, { status: 0, reason: loss.reason });
  }
  branch.final = loss.status;
  if (!wanted || context.finalSent > 0) return;
  note(context, loss);
  if (isTriedByTcp(branch)) backToUdp(core, context, branch);
  advance(core, context, branch, loss.reason);
}

/**
 * What the loss of a branch says of its target; nothing where we are to blame, nor where a target of UDP was tried by TCP for the size
 * of a request: it may have none.
 */
function tellWatch(core: Core, branch: Branch, loss: FinalResponse): void {
  const { target } = branch.hop;
  if (target === null || isTriedByTcp(branch) || isOurOwn(loss.reason, branch.hop.flow)) return;
  // The silence that noAnswerAfter has ended was told then.
  const isTold = branch.invite !== null && branch.noAnswerAt === NEVER;
  if (loss.status !== 408) core.watch.failed(target.id, loss.reason, core.now);
  else if (branch.provisional === 0 && !isTold) core.watch.silent(target.id, core.now);
}

/** A target of UDP, tried by TCP for the size of the request. */
function isTriedByTcp({ hop }: Branch): boolean {
  return hop.mayUseTcp && hop.flow.transport === "tcp";
}

/** A target without TCP gets the large request by UDP (§18.1.1): the same place once more, before the next. */
function backToUdp(core: Core, context: ResponseContext, branch: Branch): void {
  const { hop } = branch;
  const listener = core.identity.egress("udp", hop.flow.address, hop.flow.listener);
  const flow = { ...hop.flow, transport: "udp" as const, listener };
  const place = placeOf(flow);
  core.withoutTcp.set(place, core.now + WITHOUT_TCP_MS);
  context.hops = context.hops.toSpliced(context.nextHop, 0, { ...hop, flow, place, mayUseTcp: false });
}

/** @param reason why the next target may be tried; "" where it may not */
function advance(core: Core, context: ResponseContext, branch: Branch, reason: string): void {
  if (context.finalSent > 0) return;
  if (reason !== "" && !context.cancelled && context.nextHop < context.hops.length) {
    core.counters.add("failover");
    const from = branch.hop.place;
    core.log.info({ callId: context.callId, from, reason, attempt: context.attempts + 1 }, "next target");
    forwardNext(core, context, null);
  } else finish(core, context);
}

/** The branch has its final: nothing is waited for, and nothing can be made of its request any more. */
export function settle(core: Core, context: ResponseContext, branch: Branch, status: number): void {
  // What was given up has ended as an attempt already.
  if (branch.final === 0 && branch.wanted) attemptEnded(core, context, branch, { status, reason: "" });
  if (branch.final === 0) context.breadthLeft += branch.breadth;
  branch.final = status;
  branch.request = "";
  branch.timerC = NEVER;
  branch.noAnswerAt = NEVER;
  branch.noProgressAt = NEVER;
  branch.cancelledBy = NEVER;
  forgetUnanswered(core, branch);
}

function attemptEnded(
  core: Core,
  context: ResponseContext,
  branch: Branch,
  result: { status: number; reason: string },
): void {
  const { target } = branch.hop;
  if (target !== null && context.callKey !== "") core.calls.attemptEnded(context.callKey, target, result);
}

function note(context: ResponseContext, response: FinalResponse): void {
  if (isBetter(response, context.best)) context.best = response;
}

/** No target is left and no wanted branch is pending: the best response goes up (§16.7 items 5 to 9). */
function finish(core: Core, context: ResponseContext): void {
  if (context.finalSent > 0 || context.branches.some((branch) => branch.wanted && isPending(branch))) return;
  const best = context.best ?? { status: 503, text: "", reason: "no target" };
  // A caller that has given up is told so, and not what became of the attempt.
  const outdated = context.cancelled && isInvite(context) && best.status >= 500 && best.status < 600;
  if (best.status === 408 && !isInvite(context)) finishInSilence(core, context);
  else if (best.text === "" || outdated) finishWithOwn(core, context, best);
  else if (best.status === 503) {
    // A 503 is about the one who sent it: 500 goes up, so that the caller does not shun us (§16.7 item 6).
    respond(
      core,
      context,
      500,
      best.text.replace(/^SIP\/2\.0 503 [^\r]*/, "SIP/2.0 500 Server Internal Error"),
    );
  } else respond(core, context, best.status, withChallenges(best, context.challenges));
}

/**
 * No 408 goes up for a non-INVITE request, neither ours nor a target's: it would come too late to help and look like a dead
 * server (RFC 4320 §4.2). Retransmissions are absorbed unanswered.
 */
function finishInSilence(core: Core, context: ResponseContext): void {
  concluded(core, context, 408);
  context.request = "";
  context.lastResponse = "";
  context.tryingAt = NEVER;
  context.other = { kind: "completed", timerJ: core.now + core.timers.transactionMs };
  core.counters.add("transaction.timeout");
}

function finishWithOwn(core: Core, context: ResponseContext, best: FinalResponse): void {
  const status = context.cancelled && isInvite(context) ? 487 : best.status;
  const retry = status === 503 ? `Retry-After: ${RETRY_AFTER_S}\r\n` : "";
  const reason = best.reason === "" ? "" : `Reason: SIP;cause=${best.status};text="${best.reason}"\r\n`;
  respond(
    core,
    context,
    status,
    ownResponse(context, { status, phrase: PHRASES[status] ?? "Error", headers: retry + reason }),
  );
}

const PHRASES: Readonly<Record<number, string>> = {
  408: "Request Timeout",
  487: "Request Terminated",
  503: "Service Unavailable",
};

/** Adds the challenges of the other branches to the 401 or 407 that goes up (§16.7 item 7). */
function withChallenges(best: FinalResponse, challenges: readonly string[]): string {
  if ((best.status !== 401 && best.status !== 407) || challenges.length === 0) return best.text;
  const more = challenges.filter((line) => !best.text.includes(line)).join("");
  const at = best.text.indexOf("\r\n") + 2;
  return best.text.slice(0, at) + more + best.text.slice(at);
}
