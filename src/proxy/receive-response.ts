/** Response processing (RFC 3261 §16.7). */
import type { SipMessage } from "../sip/message/sip-message.ts";
import type { Flow } from "../transport/flow.ts";
import { cancelBranch, forgetUnanswered, stepBranch, stepCancel } from "./branch-side.ts";
import { settleContext } from "./context-timers.ts";
import type { Core } from "./core.ts";
import { clientOf } from "./expanding.ts";
import { onFailureResponse, settle } from "./hunting.ts";
import { endAnswer, ownKey, stepOwn } from "./own-requests.ts";
import { retryAfterS } from "./probing.ts";
import { withoutTopVia } from "./request-edits.ts";
import type { Branch, ResponseContext } from "./response-context.ts";
import { respond } from "./server-side.ts";
import { onStrayResponse } from "./stray-response.ts";

/** @throws SipParseError where what must be read is malformed: the response is dropped (§16.7, §18.1.2) */
export function onResponse(core: Core, response: SipMessage, flow: Flow): void {
  const via = response.topVia;
  if (!core.identity.isMe(via.host, via.port)) {
    core.counters.add("dropped.response-not-ours"); // §18.1.2
    return;
  }
  const method = response.cseqMethod;
  const { status } = response;
  // 1. Which transaction (§17.1.3)?
  const client = clientOf(core, via.branch);
  if (client === undefined || !isFor(client, method)) {
    const key = ownKey(via.branch, method);
    if (core.own.has(key)) stepOwn(core, key, { kind: "response", status }, { response, failure: "" });
    else if (core.finished.branches.find(via.branch)?.method === method)
      return; // Timer K (§17.1.2.2)
    else onStrayResponse(core, response, flow);
    return;
  }
  const { branch, context } = client;
  // It would go up with no Via (§16.7 item 3); the answer to our own CANCEL has none below.
  if (method === context.method && !response.hasViaBelow) {
    core.counters.add("dropped.response-without-via");
    return;
  }
  try {
    if (method !== context.method) stepCancel(core, branch, { kind: "response", status });
    else if (stepBranch(core, branch, { kind: "response", status }, response).includes("deliver"))
      onBranchResponse(core, context, branch, response, flow);
  } finally {
    settleContext(core, context); // also where a part of the response that had to be read was malformed
  }
}

/** Does a response of this method belong to the branch? To a lost one none does: its late answers are strays to be ended. */
function isFor({ branch, context }: { branch: Branch; context: ResponseContext }, method: string): boolean {
  if (method !== context.method) return method === "CANCEL";
  return (branch.invite ?? branch.other)?.kind !== "terminated";
}

function onBranchResponse(
  core: Core,
  context: ResponseContext,
  branch: Branch,
  response: SipMessage,
  flow: Flow,
): void {
  const { status } = response;
  const { target } = branch.hop;
  // A 100 only says that somebody is there, as one that answers each call with 503 may say, too.
  if (target !== null && status > 100) core.watch.heard(target.id, status, retryAfterS(response), core.now);
  if (status < 200) onProvisional(core, context, branch, response);
  else if (status < 300) onSuccess(core, context, branch, response, flow);
  else onFailureResponse(core, context, branch, response);
}

function onProvisional(core: Core, context: ResponseContext, branch: Branch, response: SipMessage): void {
  const { status } = response;
  branch.noAnswerAt = Number.POSITIVE_INFINITY;
  branch.provisional = Math.max(branch.provisional, status);
  if (branch.cancelWanted || (!branch.wanted && branch.cancel === null)) {
    cancelBranch(core, context, branch, context.cancelReason);
    return;
  }
  if (status === 100) return; // hop by hop (§16.7 item 3)
  branch.noProgressAt = Number.POSITIVE_INFINITY;
  context.setupEndsAt = Number.POSITIVE_INFINITY;
  forgetUnanswered(core, branch);
  if (context.invite !== null && branch.cancel === null) branch.timerC = core.now + core.timerCMs; // 2.
  // 5. Forwarded at once, while nothing final has gone up; none for non-INVITE (RFC 4320 §4.1).
  if (branch.wanted && context.finalSent === 0 && context.invite !== null) {
    if (context.callKey !== "" && !context.inDialog) core.calls.rang(context.callKey);
    respond(core, context, status, withoutTopVia(response, context.reply));
  }
}

/** Every 2xx to an INVITE of the branch that is wanted goes up (§16.7 item 5); one that is not wanted is ended. */
function onSuccess(
  core: Core,
  context: ResponseContext,
  branch: Branch,
  response: SipMessage,
  flow: Flow,
): void {
  settle(core, context, branch, response.status);
  const isLate = !branch.wanted || (context.finalSent >= 300 && context.invite !== null);
  if (context.invite !== null && isLate) {
    endAnswer(core, response, flow, context.inDialog);
    return;
  }
  if (context.finalSent > 0 && context.invite === null) return;
  respond(core, context, response.status, withoutTopVia(response, context.reply), response);
  // 10. What else is pending is cancelled.
  for (const other of context.branches)
    if (other !== branch) cancelBranch(core, context, other, COMPLETED_ELSEWHERE);
}

/** RFC 3326 §2. */
const COMPLETED_ELSEWHERE = 'Reason: SIP;cause=200;text="Call completed elsewhere"\r\n';
