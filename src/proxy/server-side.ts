/** The server transaction's side of a context: what goes up to the caller. */
import { flat } from "../sip/flat.ts";
import { buildResponse } from "../sip/message/build-response.ts";
import { parseMessage, type SipMessage } from "../sip/message/sip-message.ts";
import { stepInviteServer } from "../sip/transaction/invite-server.ts";
import { stepNonInviteServer } from "../sip/transaction/non-invite-server.ts";
import type { ServerEffect, ServerEvent } from "../sip/transaction/transaction.ts";
import type { Flow } from "../transport/flow.ts";
import { answerOf, refreshOf } from "./call-facts.ts";
import type { Core } from "./core.ts";
import { beginAnew, onHungUp } from "./hung-up.ts";
import type { Refusal } from "./refusal.ts";
import { NO_HOPS, NO_SCOPE, type ResponseContext } from "./response-context.ts";

/** Feeds the context's server machine and performs its effects. A time-out (no ACK) needs nothing more (§17.2.1). */
export function stepServer(core: Core, context: ResponseContext, event: ServerEvent): void {
  const at = { reliable: context.replyReliable, now: core.now, timers: core.timers };
  let effects: readonly ServerEffect[];
  if (context.invite !== null) [context.invite, effects] = stepInviteServer(context.invite, event, at);
  else if (context.other !== null) [context.other, effects] = stepNonInviteServer(context.other, event, at);
  else return;
  // By index, as elsewhere on the way of each message: an iterator over a frozen array is an object for each step.
  for (let i = 0; i < effects.length; i++) {
    const effect = effects[i];
    if (effect === "send" && context.lastResponse !== "")
      core.transports.send(context.reply, context.lastResponse);
    else if (effect === "timeout") core.counters.add("transaction.no-ack");
  }
}

/** Counter names by class: no string is made for one. */
const CLASSES = [
  "",
  "response.1xx",
  "response.2xx",
  "response.3xx",
  "response.4xx",
  "response.5xx",
  "response.6xx",
];

/**
 * Sends one response up: one of a branch without its topmost Via, or one of our own.
 * @param response the branch's response as it came; null for our own
 */
export function respond(
  core: Core,
  context: ResponseContext,
  status: number,
  text: string,
  response: SipMessage | null = null,
): void {
  const waits = core.journal.confirm === "2xx" && status >= 200 && status < 300 && context.invite !== null;
  context.lastResponse = waits ? "" : text;
  stepServer(core, context, { kind: "respond", status });
  if (status >= 200) {
    concluded(core, context, status, response);
    release(context);
    context.tryingAt = Number.POSITIVE_INFINITY;
    context.setupEndsAt = Number.POSITIVE_INFINITY;
    // A 2xx to INVITE is repeated by the callee until the ACK end to end (RFC 6026 §7.1), never by us.
    if (status < 300 && context.invite !== null) context.lastResponse = "";
    else flat(text); // kept for half a minute more, and joined from slices of a message
  }
  if (waits) {
    core.journal.changed(context);
    core.journal.confirmed(() => core.transports.send(context.reply, text));
  }
  core.counters.add(CLASSES[Math.floor(status / 100)] ?? "response.other");
}

/** The final response went up by another node: as after {@link respond}, with nothing sent and nobody told. */
export function concludedElsewhere(context: ResponseContext, status: number): void {
  context.finalSent = status;
  context.lastResponse = "";
  context.setupEndsAt = Number.POSITIVE_INFINITY;
  release(context);
}

/** What only an unanswered request needs. Slices keep the whole message alive behind them, and contexts live for half a minute more. */
function release(context: ResponseContext): void {
  context.request = "";
  context.topVia = "";
  context.callId = "";
  context.loop = "";
  context.scope = NO_SCOPE;
  context.hops = NO_HOPS;
  context.nextHop = 0;
  context.best = null;
  for (const branch of context.branches) branch.hop.uriText = "";
}

/**
 * The request has its final response, sent up or withheld: what that means for the call is told to its ledger.
 * @param response what went up, where it is a target's; null for our own
 */
export function concluded(
  core: Core,
  context: ResponseContext,
  status: number,
  response: SipMessage | null = null,
): void {
  const isFirst = context.finalSent === 0;
  context.finalSent = status;
  const { callKey } = context;
  if (callKey === "" || !isFirst) return;
  if (context.inDialog) concludedInDialog(core, context, status, response);
  else if (status >= 300) {
    const by = context.cancelled ? "cancel" : status === 408 ? "timeout" : "refused";
    core.calls.failed(callKey, { status, by, reason: firstReason(context.cancelReason) });
  } else if (response !== null) {
    if (core.restored.over.size > 0) beginAnew(core, context, response.toTag);
    core.calls.answered(callKey, answerOf(response, core.identity), core.now);
  }
}

/** Value of the first of some Reason lines. */
export function firstReason(lines: string): string {
  const line = lines.split("\r\n", 1)[0] ?? "";
  return line.slice(line.indexOf(":") + 1).trim();
}

function concludedInDialog(
  core: Core,
  context: ResponseContext,
  status: number,
  response: SipMessage | null,
): void {
  const { method, callKey } = context;
  // 481 and 408 say that the other end has lost what the request belongs to (RFC 5057 §5.1): the call, or a subscription beside it.
  const isGone = (status === 481 || status === 408) && method !== "NOTIFY" && method !== "SUBSCRIBE";
  if (method === "BYE") {
    // A BYE that is challenged comes again (§22.2); any other final means that the call is over (§15.1.1).
    if (status === 401 || status === 407) return;
    core.calls.ended(callKey, null);
    onHungUp(core, callKey);
  } else if (isGone) core.calls.ended(callKey, "dialog-lost");
  else if (status < 300 && response !== null && (method === "INVITE" || method === "UPDATE")) {
    core.calls.refreshed(callKey, refreshOf(context, response), core.now);
  }
}

/** A response that the proxy makes itself, from the request that the context holds. */
export function ownResponse(
  context: ResponseContext,
  refusal: Pick<Refusal, "status" | "phrase" | "headers">,
): string {
  return buildResponse(parseMessage(context.request), refusal, context.topVia, refusal.headers);
}

/** An answer without a transaction: the same for each retransmission (§8.2.7). Never to an ACK. */
export function refuse(
  core: Core,
  request: SipMessage,
  parts: { topVia: string; reply: Flow },
  refusal: Refusal,
): void {
  core.counters.add(`refused.${refusal.status}.${refusal.reason}`);
  if (request.method === "ACK") return;
  core.transports.send(parts.reply, buildResponse(request, refusal, parts.topVia, refusal.headers));
}
