/**
 * Responses whose transaction is unknown here: another node sent the request, or this one before it was restarted.
 * RFC 6026 §7.3 has them dropped, and so has RFC 4320 §4.2 those of non-INVITE. Tandem deviates within these bounds, so that a call outlives the node that began it: the
 * branch must verify as the cluster's own (which binds the whole path back), the sender must be a configured target or
 * source, and no more than {@link STRAYS_PER_SECOND_MAX} a second go on.
 */

import { flat } from "../sip/flat.ts";
import type { Via } from "../sip/header/via.ts";
import type { SipMessage } from "../sip/message/sip-message.ts";
import { addressOf, isNumericHost } from "../sip/uri.ts";
import type { Flow } from "../transport/flow.ts";
import { branchMethod, isInDialog, viaText } from "./branch.ts";
import { abandon } from "./branch-side.ts";
import { tellOfStray } from "./concluded-elsewhere.ts";
import { settleContext } from "./context-timers.ts";
import type { Core, KeptCancel } from "./core.ts";
import { contextOf } from "./expanding.ts";
import { answerStray, endAnswer } from "./own-requests.ts";
import { withoutTopVia } from "./request-edits.ts";
import type { ResponseContext } from "./response-context.ts";
import { firstReason, respond } from "./server-side.ts";
import { keepFinal } from "./stray-finals.ts";
import { keyOf } from "./transaction-key.ts";
import { onCancelled, onConcluded } from "./unknown-call.ts";

export const STRAYS_PER_SECOND_MAX = 4_000;

export function onStrayResponse(core: Core, response: SipMessage, flow: Flow): void {
  const next = response.secondVia;
  if (next === null) {
    core.counters.add("dropped.response-without-transaction");
    return;
  }
  const method = branchMethod(response.cseqMethod);
  const scope = {
    nextVia: viaText(next, next.received, next.rport ?? ""),
    callId: response.callId,
    fromTag: response.fromTag,
    cseq: response.cseqNumber,
    method,
  };
  if (!core.signer.verify(response.topVia.branch, scope)) {
    core.counters.add("dropped.response-unverified");
    return;
  }
  if (!core.router.isTargetAddress(flow.address)) {
    core.counters.add("dropped.response-from-stranger");
    return;
  }
  if (!withinBudget(core)) {
    core.counters.add("dropped.response-over-rate");
    return;
  }
  if (response.cseqMethod === "CANCEL") return; // the answer to a CANCEL of another node: hop by hop
  const key = keyOf(next, method);
  const context = contextOf(core, key);
  if (context?.invite === null) joinOther(core, context, response);
  else if (core.finished.answers.find(key) !== undefined) core.counters.add("dropped.response-late");
  else if (context !== undefined) joinContext(core, context, response, flow);
  else if (response.cseqMethod === "INVITE") onInvite(core, key, response, { next, flow });
  else {
    tellOfStray(core, response);
    forwardStray(core, response, next, flow);
  }
}

/** Of an INVITE that is unknown here. */
function onInvite(core: Core, key: string, response: SipMessage, way: { next: Via; flow: Flow }): void {
  const { next, flow } = way;
  const kept = core.keptCancels.get(key);
  if (kept !== undefined && kept.until > core.now) endCancelled(core, key, response, { ...way, kept });
  else if (response.status < 200) forwardStray(core, response, next, flow);
  else {
    const final = finalOf(core, key, response);
    const to = final === "other" ? null : forwardStray(core, response, next, flow);
    if (final === "other") endSecond(core, response, flow);
    else if (to !== null && final === "first") onConcluded(core, response, { from: flow, to });
  }
}

/** The caller has given up: what still rings is cancelled, what answers is ended, what is final goes up. */
function endCancelled(
  core: Core,
  key: string,
  response: SipMessage,
  { next, flow, kept }: { next: Via; flow: Flow; kept: KeptCancel },
): void {
  const { status } = response;
  core.counters.add("stray.cancelled");
  if (status < 200) {
    answerStray(core, "CANCEL", response, flow, kept.reason);
    return;
  }
  if (status < 300) endAnswer(core, response, flow, kept.inDialog);
  else if (finalOf(core, key, response) === "other") endSecond(core, response, flow);
  else forwardStray(core, response, next, flow);
  const to = flowUp(core, next, flow);
  if (kept.isTold || to === null) return;
  kept.isTold = true;
  onCancelled(core, response, { from: flow, to, reason: firstReason(kept.reason) });
}

/**
 * Is it the first final of its INVITE, that one once more, or another's? Targets that the node that is gone had left, or gone on to, may
 * both answer or refuse: the caller is to have one final, as after a refusal it waits for nothing. What one branch forks into all goes up (§16.7 item 5), and so does each answer of one dialog.
 */
function finalOf(core: Core, key: string, response: SipMessage): "first" | "again" | "other" {
  const { branch } = response.topVia;
  const tag = response.toTag;
  const answer = `${branch} ${tag}`;
  const known = core.strayFinals.get(key);
  if (known !== undefined && known.until > core.now)
    return known.answer.startsWith(`${branch} `) || known.answer.endsWith(` ${tag}`) ? "again" : "other";
  keepFinal(core, key, { answer: flat(answer), until: core.now + core.timers.transactionMs });
  return "first";
}

/** One final has gone up: what else answers is ended, what else refuses only acknowledged (§17.1.1.3). */
function endSecond(core: Core, response: SipMessage, flow: Flow): void {
  if (isSuccess(response.status)) endAnswer(core, response, flow, isInDialog(response.topVia.branch));
  else answerStray(core, "ACK", response, flow);
}

function withinBudget(core: Core): boolean {
  const second = Math.floor(core.now / 1000);
  if (core.strayBudget.second !== second) core.strayBudget = { second, left: STRAYS_PER_SECOND_MAX };
  core.strayBudget.left--;
  return core.strayBudget.left >= 0;
}

/** The same INVITE is being forwarded here by another branch: the stray one is a branch that we do not want. */
function joinContext(core: Core, context: ResponseContext, response: SipMessage, flow: Flow): void {
  const { status } = response;
  core.counters.add("stray.joined");
  // A branch of ours whose 2xx was seen before, and went up or was ended.
  const ended = context.branches.find(({ id, final }) => id === response.topVia.branch && isSuccess(final));
  if (status < 200) answerStray(core, "CANCEL", response, flow);
  else if (status >= 300) answerStray(core, "ACK", response, flow);
  else if (
    (context.finalSent === 0 && ended === undefined) ||
    context.strayAnswer === response.topVia.branch
  ) {
    context.strayAnswer = response.topVia.branch;
    respond(core, context, status, withoutTopVia(response, context.reply), response);
    for (const branch of context.branches) abandon(core, context, branch, "");
    settleContext(core, context);
  } else if (ended?.wanted === true) {
    // The 2xx that won, once more: its branch has ended, the caller's ACK may have been lost (§13.3.1.4).
    core.transports.send(context.reply, withoutTopVia(response, context.reply));
  } else endAnswer(core, response, flow, context.inDialog);
}

function isSuccess(status: number): boolean {
  return status >= 200 && status < 300;
}

/** The same request other than INVITE is running here: a success ends it; one final only goes up, and no 1xx (RFC 4320 §4.1). */
function joinOther(core: Core, context: ResponseContext, response: SipMessage): void {
  const { status } = response;
  if (context.finalSent > 0 || status < 200 || status >= 300) {
    core.counters.add("dropped.response-late");
    return;
  }
  core.counters.add("stray.joined");
  respond(core, context, status, withoutTopVia(response, context.reply), response);
  settleContext(core, context);
}

/** Where the next Via says (§16.11, §18.2.2). @returns null: no listener of ours reaches it */
function flowUp(core: Core, next: Via, flow: Flow): Flow | null {
  const transport = next.transport.toLowerCase();
  if (transport !== "udp" && transport !== "tcp") return null;
  const received = next.received === "" ? addressOf(next.host) : next.received;
  const byMaddr = transport === "udp" && next.maddr !== null && isNumericHost(next.maddr);
  const address = byMaddr && next.maddr !== null ? addressOf(next.maddr) : received;
  const sentByPort = next.port === 0 ? 5060 : next.port;
  // A stream's rport was of a connection that only the other node had: sent-by is where to dial (§18.2.2).
  const byRport = transport === "udp" && !byMaddr && next.rport !== null && next.rport !== "";
  const port = byRport ? Number(next.rport) : sentByPort;
  const listener = core.identity.egress(transport, address, flow.listener);
  if (listener < 0) return null;
  return { transport, listener, address, port, connection: 0 };
}

/** Up by {@link flowUp}, and the ACK of a non-2xx INVITE final down by ourselves. @returns where; null: nowhere */
function forwardStray(core: Core, response: SipMessage, next: Via, flow: Flow): Flow | null {
  const to = flowUp(core, next, flow);
  if (to === null) {
    core.counters.add("dropped.response-no-listener");
    return null;
  }
  if (response.status >= 300 && response.cseqMethod === "INVITE") answerStray(core, "ACK", response, flow);
  if (response.status === 100) return null;
  core.counters.add("stray.forwarded");
  core.transports.send(to, withoutTopVia(response, to));
  return to;
}
