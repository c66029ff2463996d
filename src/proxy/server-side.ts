/** The server transaction's side of a context: what goes up to the caller. */
import { buildResponse } from "../sip/message/build-response.ts";
import { parseMessage, type SipMessage } from "../sip/message/sip-message.ts";
import { stepInviteServer } from "../sip/transaction/invite-server.ts";
import { stepNonInviteServer } from "../sip/transaction/non-invite-server.ts";
import type { ServerEffect, ServerEvent } from "../sip/transaction/transaction.ts";
import type { Flow } from "../transport/flow.ts";
import type { Core } from "./core.ts";
import type { Refusal } from "./refusal.ts";
import type { ResponseContext } from "./response-context.ts";

/** Feeds the context's server machine and performs its effects. A time-out (no ACK) needs nothing more (§17.2.1). */
export function stepServer(core: Core, context: ResponseContext, event: ServerEvent): void {
  const at = { reliable: context.replyReliable, now: core.now, timers: core.timers };
  let effects: readonly ServerEffect[];
  if (context.invite !== null) [context.invite, effects] = stepInviteServer(context.invite, event, at);
  else if (context.other !== null) [context.other, effects] = stepNonInviteServer(context.other, event, at);
  else return;
  for (const effect of effects) {
    if (effect === "send" && context.lastResponse !== "")
      core.transports.send(context.reply, context.lastResponse);
    else if (effect === "timeout") core.counters.add("transaction.no-ack");
  }
}

/** Sends one response up: one of a branch without its topmost Via, or one of our own. */
export function respond(core: Core, context: ResponseContext, status: number, text: string): void {
  context.lastResponse = text;
  stepServer(core, context, { kind: "respond", status });
  if (status >= 200) {
    concluded(core, context, status);
    context.request = "";
    context.tryingAt = Number.POSITIVE_INFINITY;
    // A 2xx to INVITE is repeated by the callee until the ACK end to end (RFC 6026 §7.1), never by us.
    if (status < 300 && context.invite !== null) context.lastResponse = "";
  }
  core.counters.add(`response.${Math.floor(status / 100)}xx`);
}

/** The request has its final response, sent up or withheld: what that means for the call is told to its ledger. */
export function concluded(core: Core, context: ResponseContext, status: number): void {
  context.finalSent = status;
  const { callKey } = context;
  if (callKey === "") return;
  if (context.invite === null) core.calls.ended(callKey);
  else if (status < 300) core.calls.answered(callKey, core.now);
  else core.calls.failed(callKey);
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
