/** A request that came: its transaction, its validation, and where it goes (RFC 3261 §16.2 to §16.6). */
import type { SipMessage } from "../sip/message/sip-message.ts";
import { TimerEntry } from "../sip/timer/timer-wheel.ts";
import { startInviteServer } from "../sip/transaction/invite-server.ts";
import { startNonInviteServer } from "../sip/transaction/non-invite-server.ts";
import type { Flow } from "../transport/flow.ts";
import { forwardAck } from "./acknowledgement.ts";
import { type Arrival, arrivalOf } from "./arrival.ts";
import { onCancel, onStrayCancel } from "./cancelling.ts";
import { lateTryingMs, settleContext, tickContext } from "./context-timers.ts";
import { type Core, isReliable } from "./core.ts";
import { type Destination, destinationOf } from "./destination.ts";
import { forwardNext } from "./hunting.ts";
import { answerOptions } from "./options.ts";
import type { ResponseContext } from "./response-context.ts";
import { preprocessRoutes } from "./route-preprocessing.ts";
import { ownResponse, refuse, respond, stepServer } from "./server-side.ts";
import { serverKey } from "./transaction-key.ts";
import { checkBreadth, checkSyntax, validate } from "./validation.ts";

/** @throws SipParseError, to be answered with its status */
export function onRequest(core: Core, request: SipMessage, flow: Flow): void {
  const key = serverKey(request, flow.address);
  const context = core.contexts.get(key);
  if (context !== undefined && onKnown(core, context, request)) return;
  checkSyntax(request);
  const arrival = arrivalOf(request, flow);
  if (request.method === "ACK") forwardAck(core, arrival);
  else if (request.method === "CANCEL") onStrayCancel(core, arrival, key);
  else onNew(core, arrival, key);
}

/** A request of a transaction that is running. @returns false where it is another one after all */
function onKnown(core: Core, context: ResponseContext, request: SipMessage): boolean {
  if (request.method === "CANCEL" && context.method !== "CANCEL") onCancel(core, context, request);
  else if (request.method === "ACK") {
    // The ACK of a 2xx has a branch of its own (§13.2.2.4), but for senders of RFC 2543: those go on.
    if (context.invite?.kind === "accepted") return false;
    stepServer(core, context, { kind: "ack" });
  } else {
    core.counters.add("retransmission.absorbed");
    stepServer(core, context, { kind: "request" });
  }
  settleContext(core, context);
  return true;
}

function onNew(core: Core, arrival: Arrival, key: string): void {
  const { request, flow } = arrival;
  const refused = validate(request, core.identity, core.signer);
  if (refused !== null) {
    refuse(core, request, arrival, refused);
    return;
  }
  const route = preprocessRoutes(request, core.identity, core.tokens);
  if (answerOptions(core, arrival, route)) return;
  const destination = destinationOf(core, arrival, route);
  if ("status" in destination) {
    refuse(core, request, arrival, destination);
    return;
  }
  const context = newContext(core, arrival, { key, ...destination });
  core.contexts.set(key, context);
  core.counters.add(request.method === "INVITE" ? "request.invite" : "request.other");
  if (context.invite !== null && context.callKey !== "") core.calls.began(context.callKey, context.group);
  if (context.invite !== null) {
    // At once, not after 200 ms (§17.2.1): the caller's retransmissions stop here.
    respond(core, context, 100, ownResponse(context, { status: 100, phrase: "Trying", headers: "" }));
  }
  core.log.debug(
    { callId: context.callId, method: request.method, from: flow.address, group: destination.group },
    "request",
  );
  forwardNext(core, context, request);
  settleContext(core, context);
}

function newContext(core: Core, arrival: Arrival, parts: Destination & { key: string }): ResponseContext {
  const { request, reply, topVia, scope } = arrival;
  const invite = request.method === "INVITE";
  const context: ResponseContext = {
    key: parts.key,
    method: request.method,
    callId: scope.callId,
    request: request.raw,
    callKey: parts.callKey,
    topVia,
    scope,
    loop: core.signer.loopValue(request),
    reply,
    replyReliable: isReliable(reply),
    group: parts.group,
    invite: invite ? startInviteServer() : null,
    other: invite ? null : startNonInviteServer(),
    lastResponse: "",
    hops: parts.hops,
    nextHop: 0,
    attempts: 0,
    routes: parts.routes,
    breadthLeft: checkBreadth(request),
    branches: [],
    best: null,
    challenges: [],
    cancelled: false,
    cancelReason: "",
    strayAnswer: "",
    tryingAt: invite ? Number.POSITIVE_INFINITY : core.now + lateTryingMs(core.timers),
    finalSent: 0,
    timer: new TimerEntry((now) => {
      core.now = now;
      tickContext(core, context);
    }),
  };
  return context;
}
