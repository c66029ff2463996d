/** Requests of the proxy's own: they end what nobody wants, so that no call stays up with nobody on it. */
import type { SipMessage } from "../sip/message/sip-message.ts";
import { TimerEntry } from "../sip/timer/timer-wheel.ts";
import {
  nonInviteClientDeadline,
  startNonInviteClient,
  stepNonInviteClient,
} from "../sip/transaction/non-invite-client.ts";
import { type ClientEvent, TICK } from "../sip/transaction/transaction.ts";
import { addressOf, isNumericHost, type SipUri, uriParam } from "../sip/uri.ts";
import type { Flow } from "../transport/flow.ts";
import { attemptMark } from "./branch.ts";
import { type Core, isReliable, placeOf } from "./core.ts";
import { dialogRequest, fromStray, linesOf, nextHopOf, remoteOf } from "./own-message.ts";
import type { OwnRequest, OwnRequestEnd } from "./own-request.ts";

/** How many of the proxy's own requests may run at once, beside probes; each ends by itself after 64*T1. */
export const OWN_REQUESTS_MAX = 10_000;
/** An answer that comes so long after the time-out is still told, as late. */
const LATE_ANSWER_MS = 5_000;

interface OwnParts {
  readonly branch: string;
  readonly method: string;
  readonly request: string;
  readonly flow: Flow;
}

/**
 * Starts a non-INVITE transaction without anybody above it.
 * @param asked who wants to know how it ends, and how long it may take in place of 64*T1; told once more where a final response
 *   comes after that time
 */
export function sendOwn(
  core: Core,
  own: OwnParts,
  asked?: { readonly timeoutMs: number; readonly ended: (end: OwnRequestEnd) => void },
): void {
  const key = ownKey(own.branch, own.method);
  if (core.own.has(key)) return;
  // Probes are as many as there are targets, and one that was not sent would tell against its target.
  if (asked === undefined && core.own.size >= OWN_REQUESTS_MAX) {
    core.counters.add("own.over-limit");
    return;
  }
  const reliable = isReliable(own.flow);
  const timers = asked === undefined ? core.timers : { ...core.timers, transactionMs: asked.timeoutMs };
  const state = startNonInviteClient(reliable, core.now, timers);
  const entry: OwnRequest = {
    ...own,
    reliable,
    state,
    ended: asked?.ended ?? null,
    timer: ownTimer(core, key),
    record: null,
  };
  core.own.set(key, entry);
  if (asked === undefined) core.journal.ownChanged(entry);
  core.counters.add(`own.${own.method}`);
  core.transports.send(own.flow, own.request);
  core.wheel.schedule(entry.timer, nonInviteClientDeadline(state));
}

function ownTimer(core: Core, key: string): TimerEntry {
  return new TimerEntry((now) => {
    core.now = now;
    stepOwn(core, key, TICK);
  });
}

/** A request of its own that another node has sent, and that nobody has answered yet. */
export type StoredOwn = OwnParts & Pick<OwnRequest, "state">;

/** @returns null where it runs here already; its timer is to be set */
export function restoreOwn(core: Core, stored: StoredOwn): OwnRequest | null {
  const key = ownKey(stored.branch, stored.method);
  if (core.own.has(key)) return null;
  const reliable = isReliable(stored.flow);
  const entry = { ...stored, reliable, ended: null, timer: ownTimer(core, key), record: null };
  core.own.set(key, entry);
  return entry;
}

export function ownKey(branch: string, method: string): string {
  return `${method} ${branch}`;
}

/** What an event is about, for whoever asked how the request ends. */
interface EventFacts {
  readonly response: SipMessage | null;
  /** Why the transport failed; "" where it did not. */
  readonly failure: string;
}

const NO_FACTS: EventFacts = { response: null, failure: "" };

/** Feeds one of our own requests. */
export function stepOwn(core: Core, key: string, event: ClientEvent, facts: EventFacts = NO_FACTS): void {
  const own = core.own.get(key);
  if (own === undefined) return;
  if (own.state.kind === "terminated") {
    endLate(core, key, own, facts.response);
    return;
  }
  const at = { reliable: own.reliable, now: core.now, timers: core.timers };
  const [state, effects] = stepNonInviteClient(own.state, event, at);
  own.state = state;
  for (const effect of effects) {
    if (effect === "send") core.transports.send(own.flow, own.request);
    else if (effect === "timeout") own.ended?.({ kind: "silent" });
    else if (effect === "transport-error") own.ended?.({ kind: "failed", failure: facts.failure });
    else if (effect === "deliver" && facts.response !== null && facts.response.status >= 200)
      own.ended?.({ kind: "answered", response: facts.response });
  }
  if (state.kind !== "terminated") {
    core.wheel.schedule(own.timer, nonInviteClientDeadline(state));
    if (own.ended === null) core.journal.ownChanged(own);
  } else if (own.ended !== null && effects.includes("timeout"))
    core.wheel.schedule(own.timer, core.now + LATE_ANSWER_MS);
  else {
    core.wheel.cancel(own.timer);
    core.own.delete(key);
    if (own.record !== null) core.journal.ownEnded(own);
  }
}

/** It was silent for too long, and either answers after all or does not. */
function endLate(core: Core, key: string, own: OwnRequest, response: SipMessage | null): void {
  if (response !== null && response.status < 200) return;
  core.wheel.cancel(own.timer);
  core.own.delete(key);
  if (response !== null) own.ended?.({ kind: "answered", response });
}

/**
 * A 2xx that nobody is to have: ACK, so that the callee stops repeating it, and BYE, so that the call ends
 * (§13.2.2.4, §15.1.1). The 2xx repeated is ACKed again; the BYE is the same transaction.
 * @param flow     where the 2xx came from
 * @param inDialog it answers a re-INVITE: only the ACK, as the call itself is to go on
 */
export function endAnswer(core: Core, response: SipMessage, flow: Flow, inDialog: boolean): void {
  const remote = remoteOf(response, core.identity);
  const to = flowTo(core, nextHopOf(remote), flow) ?? flow;
  const scope = {
    nextVia: "",
    callId: response.callId,
    fromTag: response.fromTag,
    cseq: response.cseqNumber,
  };
  const loop = core.signer.loopValue(response, "");
  for (const method of inDialog ? (["ACK"] as const) : (["ACK", "BYE"] as const)) {
    const branch = core.signer.branch(
      { ...scope, method: `late ${method} ${response.toTag}` },
      placeOf(to),
      attemptMark(1, false),
      loop,
    );
    const via = core.identity.via(to.listener, branch);
    const reason = method === "BYE" ? 'Reason: SIP;cause=487;text="Answered too late"\r\n' : "";
    const lines = linesOf(response);
    const dialog = method === "ACK" ? lines : { ...lines, cseq: lines.cseq + 1 };
    const request = dialogRequest(method, dialog, remote, { via, reason });
    if (method === "ACK") core.transports.send(to, request);
    else sendOwn(core, { branch, method, request, flow: to });
  }
  core.counters.add("late-answer.ended");
  core.log.info({ callId: response.callId, target: placeOf(flow) }, "late answer ended");
}

/** CANCEL, or ACK of a non-2xx, for a branch that is known by its response alone. */
export function answerStray(
  core: Core,
  method: "CANCEL" | "ACK",
  response: SipMessage,
  flow: Flow,
  reason = "",
): void {
  const request = fromStray(method, response, reason);
  if (method === "ACK") core.transports.send(flow, request);
  else sendOwn(core, { branch: response.topVia.branch, method, request, flow });
}

/**
 * Where a request for this URI goes (RFC 3263 §4), those to try first in front. Never waits: for a name that was never asked for
 * there is nothing yet.
 * @param ingress the listener that is preferred
 * @returns none for TLS, for a name that is not resolved, and where no listener fits
 */
export function flowsTo(core: Core, uri: SipUri, ingress: number): Flow[] {
  const parameter = uriParam(uri, "transport")?.toLowerCase() ?? null;
  const named = parameter === "udp" || parameter === "tcp" ? parameter : null;
  if (uri.scheme !== "sip" || parameter !== named) return [];
  const host = uriParam(uri, "maddr")?.toLowerCase() ?? uri.host;
  if (isNumericHost(host)) {
    const port = uri.port === 0 ? 5060 : uri.port;
    const flow = flowFrom(core, { transport: named ?? "udp", address: addressOf(host), port }, ingress);
    return flow === null ? [] : [flow];
  }
  const places = core.locate({ host, port: uri.port, transport: named }) ?? [];
  return places.map((place) => flowFrom(core, place, ingress)).filter((flow) => flow !== null);
}

/** @returns null where no listener of ours reaches the place */
function flowFrom(
  core: Core,
  { transport, address, port }: Pick<Flow, "transport" | "address" | "port">,
  ingress: number,
): Flow | null {
  const listener = core.identity.egress(transport, address, ingress);
  return listener < 0 ? null : { transport, listener, address, port, connection: 0 };
}

/** The first of {@link flowsTo}; null where there is none. */
export function flowTo(core: Core, uri: SipUri, ingress: Pick<Flow, "listener">): Flow | null {
  return flowsTo(core, uri, ingress.listener)[0] ?? null;
}
