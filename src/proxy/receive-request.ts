/** A request that came: its transaction, its validation, and where it goes (RFC 3261 §16.2 to §16.6). */

import { flat } from "../sip/flat.ts";
import { buildResponse } from "../sip/message/build-response.ts";
import type { SipMessage } from "../sip/message/sip-message.ts";
import { mix32 } from "../sip/signing/mix.ts";
import { startInviteServer } from "../sip/transaction/invite-server.ts";
import { startNonInviteServer } from "../sip/transaction/non-invite-server.ts";
import type { Flow } from "../transport/flow.ts";
import { forwardAck } from "./acknowledgement.ts";
import { AnsweredInvite } from "./answered-invite.ts";
import { type Arrival, arrivalOf } from "./arrival.ts";
import { factsOf, reasonOf } from "./call-facts.ts";
import { onCancel, onStrayCancel } from "./cancelling.ts";
import { onRefusalAcked } from "./concluded-elsewhere.ts";
import { ContextTimer } from "./context-timer.ts";
import { lateTryingMs, settleContext } from "./context-timers.ts";
import { type Core, isReliable } from "./core.ts";
import { type Destination, destinationOf } from "./destination.ts";
import { expand } from "./expanding.ts";
import { forwardNext } from "./hunting.ts";
import { answerOptions } from "./options.ts";
import { type Refusal, refusal } from "./refusal.ts";
import { type Branch, NO_CHALLENGES, type ResponseContext } from "./response-context.ts";
import { preprocessRoutes } from "./route-preprocessing.ts";
import { refuse, respond, stepServer } from "./server-side.ts";
import { serverKey } from "./transaction-key.ts";
import { checkBreadth, checkSyntax, validate } from "./validation.ts";

/** @throws SipParseError, to be answered with its status */
export function onRequest(core: Core, request: SipMessage, flow: Flow): void {
  const key = serverKey(request, flow.address);
  const context = core.contexts.get(key);
  if (context !== undefined && onKnown(core, context, request, flow)) return;
  if (context === undefined && request.method !== "ACK" && onFinished(core, key, request, flow)) return;
  checkSyntax(request);
  const arrival = arrivalOf(request, flow, core.router.classify(flow.address));
  const shed = core.router.hasEmergency ? null : shedding(core, arrival, key);
  if (shed !== null) refuseCall(core, arrival, key, shed);
  else if (request.method === "ACK") forwardAck(core, arrival);
  else if (request.method === "CANCEL") onStrayCancel(core, arrival, key);
  else onNew(core, arrival, key);
}

/**
 * Is this a new call of the share that is refused, or one that was? The same call gets the same answer at the same share, and the same
 * INVITE at any.
 * @returns null: it may go on
 */
function shedding(core: Core, { request, scope }: Arrival, key: string): Refusal | null {
  if (!beginsCall(request)) return null;
  if (core.overload > 0 && mix32(scope.callId) / 2 ** 32 < core.overload) return core.overloaded;
  return core.refusedLately.find(key, core.now);
}

function beginsCall(request: SipMessage): boolean {
  return request.method === "INVITE" && request.toTag === "";
}

/** For want of room, which there may be when the INVITE comes again. */
function refuseCall(core: Core, arrival: Arrival, key: string, why: Refusal): void {
  core.refusedLately.add(key, why, core.now);
  refuse(core, arrival.request, arrival, why);
}

/** A request of a transaction that is running. @returns false where it is another one after all */
function onKnown(core: Core, context: ResponseContext, request: SipMessage, flow: Flow): boolean {
  if (request.method === "CANCEL" && context.method !== "CANCEL") {
    // Only the hop that sent the INVITE may cancel it (§9.2, §22.1): its address, or another of its peer group.
    const isSender =
      flow.address === context.ingress.address || core.router.classify(flow.address) === context.group;
    if (!isSender) return false;
    followCaller(core, context, flow);
    onCancel(core, context, request, flow);
  } else if (request.method === "ACK") {
    // The ACK of a 2xx has a branch of its own (§13.2.2.4), but for senders of RFC 2543: those go on.
    if (context.invite?.kind === "accepted") return false;
    if (core.restored.pending.size === 0 || !onRefusalAcked(core, context))
      stepServer(core, context, { kind: "ack" });
  } else {
    core.counters.add("retransmission.absorbed");
    followCaller(core, context, flow);
    stepServer(core, context, { kind: "request" });
  }
  settleContext(core, context);
  return true;
}

/**
 * An INVITE that comes again, or its CANCEL, by another connection when the former one is gone, as after a takeover: what follows
 * goes up by the new one (§18.2.2). While the former is open nobody takes its answers away.
 */
function followCaller(core: Core, context: ResponseContext, flow: Flow): void {
  const { reply, ingress } = context;
  if (!context.replyReliable || flow.transport !== reply.transport || flow.address !== ingress.address)
    return;
  if (flow.connection !== reply.connection && !core.transports.isOpen(reply))
    context.reply = { ...reply, listener: flow.listener, connection: flow.connection };
}

/** A request whose final response has gone up comes again, and so does the response (§17.2.2). @returns false where it is none */
function onFinished(core: Core, key: string, request: SipMessage, flow: Flow): boolean {
  const answer = core.finished.answers.find(key);
  if (answer === undefined) return false;
  const isInvite = answer instanceof AnsweredInvite;
  if (isInvite && request.method !== "INVITE") return onKnown(core, expand(core, answer), request, flow);
  core.counters.add("retransmission.absorbed");
  if (isInvite) return true; // its 2xx is repeated by the callee (RFC 6026 §7.1)
  if (answer.text !== "") core.transports.send(answer.reply, answer.text);
  return true;
}

/** Transactions held at once: half a minute of 6,500 calls a second, BYEs among them, and below 1 GB. */
export const CONTEXTS_MAX = 450_000;

const RETRY_AFTER = "Retry-After: 5\r\n";
const TRANSACTION_LIMIT = refusal(503, "Service Unavailable", "transactions", RETRY_AFTER);
const CALL_LIMIT = refusal(503, "Service Unavailable", "call-limit", RETRY_AFTER);

/** Which limit stands in the way? null: none. */
function excessOf(core: Core, { request }: Arrival, { emergency }: Destination): Refusal | null {
  if (core.contexts.size + core.finished.answers.size >= CONTEXTS_MAX) return TRANSACTION_LIMIT;
  if (!beginsCall(request) || emergency || core.calls.admits(core.now)) return null;
  return CALL_LIMIT;
}

function tellLedger(core: Core, arrival: Arrival, { callKey, group, byCaller }: Destination): void {
  const { request, flow, scope } = arrival;
  if (request.toTag === "") core.calls.began(callKey, factsOf(request, flow, group), core.now);
  else {
    const bye = request.method === "BYE";
    const reason = bye ? reasonOf(request) : "";
    const calleeTag = byCaller ? request.toTag : scope.fromTag;
    core.calls.seen(callKey, { byCaller, calleeTag, cseq: request.cseqNumber, bye, reason });
  }
}

const TRYING = { status: 100, phrase: "Trying" };

function onNew(core: Core, arrival: Arrival, key: string): void {
  const { request, flow } = arrival;
  const refused = validate(arrival, core.identity, core.signer);
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
  const shed = destination.emergency ? null : shedding(core, arrival, key);
  const excess = shed ?? excessOf(core, arrival, destination);
  if (excess !== null) {
    refuseCall(core, arrival, key, excess);
    return;
  }
  const { topVia } = request;
  if (topVia.alias && arrival.group !== null && isReliable(flow)) {
    core.transports.alias(flow.connection, topVia.port === 0 ? 5060 : topVia.port); // RFC 5923 §8
  }
  const context = newContext(core, arrival, key, destination);
  core.contexts.set(context.key, context);
  core.counters.add(request.method === "INVITE" ? "request.invite" : "request.other");
  if (context.callKey !== "") tellLedger(core, arrival, destination);
  core.log.debug(
    { callId: context.callId, method: request.method, from: flow.address, group: destination.group },
    "request",
  );
  // First the INVITE, then the 100: a node that dies in between leaves a caller who repeats, not one who waits for nobody.
  const trying = context.invite === null ? "" : buildResponse(request, TRYING, context.topVia);
  forwardNext(core, context, request);
  if (context.invite !== null) answerTrying(core, context, trying);
  settleContext(core, context);
}

/**
 * 100 at once, not after 200 ms (§17.2.1): the caller's retransmissions stop here. Where an INVITE waits for its commit the 100 does
 * too: without a record the caller must not rely on us yet, and repeats.
 */
function answerTrying(core: Core, context: ResponseContext, text: string): void {
  if (context.finalSent > 0) return;
  if (core.journal.confirm !== "invite") {
    respond(core, context, 100, text);
    return;
  }
  core.journal.changed(context);
  core.journal.confirmed(() => {
    // What went up meanwhile says more.
    if (context.finalSent === 0 && context.lastResponse === "") respond(core, context, 100, text);
  });
}

/** Shared by all contexts that have none: an array that grows by `push` takes room for seventeen at once. */
const NO_BRANCHES: readonly Branch[] = Object.freeze([]);

function newContext(core: Core, arrival: Arrival, key: string, parts: Destination): ResponseContext {
  const { request, reply, topVia, scope } = arrival;
  const timer = new ContextTimer(core);
  const invite = request.method === "INVITE";
  const context: ResponseContext = {
    key: flat(key),
    method: request.method,
    callId: scope.callId,
    request: request.raw,
    callKey: flat(parts.callKey),
    emergency: parts.emergency,
    topVia,
    scope,
    loop: core.signer.loopValue(request, arrival.group ?? ""),
    reply,
    replyReliable: isReliable(reply),
    ingress: arrival.flow,
    inDialog: request.toTag !== "",
    group: parts.group,
    invite: invite ? startInviteServer() : null,
    other: invite ? null : startNonInviteServer(),
    lastResponse: "",
    hops: parts.hops,
    nextHop: 0,
    attempts: 0,
    routes: parts.routes,
    breadthLeft: checkBreadth(request),
    branches: NO_BRANCHES,
    best: null,
    challenges: NO_CHALLENGES,
    cancelled: false,
    cancelReason: "",
    strayAnswer: "",
    setupEndsAt: invite && !parts.emergency ? core.now + core.setupTimeoutMs : Number.POSITIVE_INFINITY,
    tryingAt: invite ? Number.POSITIVE_INFINITY : core.now + lateTryingMs(core.timers),
    finalSent: 0,
    record: null,
    timer,
  };
  timer.context = context;
  return context;
}
