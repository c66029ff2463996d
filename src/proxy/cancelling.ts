/** CANCEL (RFC 3261 §9.2, §16.10): answered hop by hop, then each pending branch is cancelled in turn. */
import { stampedVia } from "../sip/header/via-stamp.ts";
import { buildResponse, lineEnd } from "../sip/message/build-response.ts";
import { REASON } from "../sip/message/header-name.ts";
import type { SipMessage } from "../sip/message/sip-message.ts";
import type { Flow } from "../transport/flow.ts";
import type { Arrival } from "./arrival.ts";
import { cancelBranch } from "./branch-side.ts";
import type { Core } from "./core.ts";
import { refusal } from "./refusal.ts";
import type { ResponseContext } from "./response-context.ts";
import { refuse } from "./server-side.ts";

/** CANCELs kept for an INVITE that is unknown here. */
export const KEPT_CANCELS_MAX = 10_000;

export function onCancel(core: Core, context: ResponseContext, request: SipMessage, flow: Flow): void {
  // A retransmission gets the same answer: no state is needed.
  const topVia = stampedVia(request.raw, request.topVia, flow);
  core.transports.send(context.reply, buildResponse(request, { status: 200, phrase: "OK" }, topVia));
  if (context.cancelled || context.invite === null || context.invite.kind !== "proceeding") return;
  core.counters.add("cancel.received");
  context.cancelled = true;
  context.cancelReason = reasonOf(request);
  for (const branch of context.branches) cancelBranch(core, context, branch, context.cancelReason);
}

/**
 * No such INVITE here: 481 (§9.2). Where the node that had it is gone, its responses may still come to us: a CANCEL of a
 * known sender is kept 64*T1 for them.
 */
export function onStrayCancel(core: Core, arrival: Arrival, key: string): void {
  const { request } = arrival;
  if (arrival.group !== null) {
    dropExpired(core);
    core.keptCancels.delete(key); // to the end: the oldest stand first
    if (core.keptCancels.size >= KEPT_CANCELS_MAX) core.counters.add("cancel.over-limit");
    else {
      core.keptCancels.set(key, {
        reason: reasonOf(request),
        inDialog: request.toTag !== "",
        until: core.now + core.timers.transactionMs,
        isTold: request.toTag !== "",
      });
    }
  }
  refuse(core, request, arrival, refusal(481, "Call/Transaction Does Not Exist", "no-transaction"));
}

/** Oldest first, as a Map keeps its order. */
function dropExpired(core: Core): void {
  for (const [key, kept] of core.keptCancels) {
    if (kept.until > core.now) return;
    core.keptCancels.delete(key);
  }
}

/** The Reason lines, to be copied (RFC 3326 §2). */
function reasonOf(request: SipMessage): string {
  let out = "";
  for (let row = request.find(REASON); row >= 0; row = request.find(REASON, row + 1)) {
    out += request.raw.slice(request.lineStart(row), lineEnd(request, row));
  }
  return out;
}
