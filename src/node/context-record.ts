/**
 * The record of an INVITE that is being forwarded: its response context as text, and back. Deadlines are written as time left. What
 * follows from the rest (what was sent to a target, the scope of the branches) is not written, but made again.
 */

import { ATTEMPTS_MAX } from "../proxy/branch.ts";
import { placeOf } from "../proxy/core.ts";
import type { OwnRequest } from "../proxy/own-request.ts";
import type { StoredOwn } from "../proxy/own-requests.ts";
import type { Branch, FinalResponse, Hop, ResponseContext } from "../proxy/response-context.ts";
import type { StoredContext } from "../proxy/restoring.ts";
import { type RecordFault, type RecordFields, readRecord, writeRecord } from "../replication/record-text.ts";
import type { FailoverPolicy, Target } from "../routing/target.ts";
import type { InviteClientState } from "../sip/transaction/invite-client.ts";
import type { InviteServerState } from "../sip/transaction/invite-server.ts";
import type { NonInviteClientState } from "../sip/transaction/non-invite-client.ts";
import type { Flow } from "../transport/flow.ts";

const VERSION = 1;
const OWN_VERSION = 1;
const NEVER = Number.POSITIVE_INFINITY;
/** Of the records that stand inside this one; they have fields of their own to append. */
const PART = 1;

/** Place of "<Call-ID> <tag>" among the fields. */
export const CALL_KEY_FIELD = 4;

/** @param now monotonic milliseconds */
export function contextRecord(context: ResponseContext, now: number): string {
  const { best, routes } = context;
  const mayHunt = context.request !== "" && context.finalSent === 0;
  // No call makes more attempts than these, however many targets its rule has.
  const last = Math.min(context.hops.length, context.nextHop + ATTEMPTS_MAX - context.attempts);
  const hops = mayHunt ? context.hops.slice(context.nextHop, last) : [];
  return writeRecord(VERSION, [
    context.request,
    context.topVia,
    context.scope.nextVia,
    context.loop,
    context.callKey,
    context.group,
    context.emergency,
    context.inDialog,
    placeText(context.reply),
    placeText(context.ingress),
    routes !== null,
    routes ?? "",
    serverText(context.invite, now),
    context.lastResponse,
    context.attempts,
    context.breadthLeft,
    context.cancelled,
    context.cancelReason,
    context.strayAnswer,
    left(context.setupEndsAt, now),
    context.finalSent,
    best?.status ?? "",
    best?.text ?? "",
    best?.reason ?? "",
    writeRecord(PART, context.challenges),
    writeRecord(PART, hops.map(hopText)),
    writeRecord(
      PART,
      context.branches.map((branch) => branchText(branch, context.request === "", now)),
    ),
  ]);
}

/** What reading needs from the node that goes on. */
export interface ContextReading {
  /** Server transaction key. */
  readonly key: string;
  /** When the record's time left began to run, by this node's clock. */
  readonly since: number;
  /** The configured target of that id in that group; null: there is none any more. */
  readonly target: (group: string, id: string) => Target | null;
}

/** Reads what {@link contextRecord} wrote. */
export function readContextRecord(text: string, reading: ContextReading): StoredContext | RecordFault {
  const record = readRecord(text, VERSION);
  if (typeof record === "string") return record;
  const { since } = reading;
  const reply = flowOf(record.text(8));
  const ingress = flowOf(record.text(9));
  const invite = serverState(record.text(12), since);
  const hops = partsOf(record.text(25)).map((part) => hopOf(part, reading));
  const branches = partsOf(record.text(26)).map((part) => branchOf(part, reading));
  if (reply === null || ingress === null || invite === null) return "garbage";
  return {
    key: reading.key,
    request: record.text(0),
    topVia: record.text(1),
    nextVia: record.text(2),
    loop: record.text(3),
    callKey: record.text(CALL_KEY_FIELD),
    group: record.text(5),
    emergency: record.flag(6),
    inDialog: record.flag(7),
    reply,
    replyReliable: reply.transport !== "udp",
    ingress,
    routes: record.flag(10) ? record.text(11) : null,
    invite,
    lastResponse: record.text(13),
    attempts: record.number(14, ATTEMPTS_MAX),
    breadthLeft: record.number(15, 0),
    cancelled: record.flag(16),
    cancelReason: record.text(17),
    strayAnswer: record.text(18),
    setupEndsAt: since + record.number(19, NEVER),
    tryingAt: NEVER,
    finalSent: record.number(20, 0),
    best: bestOf(record),
    challenges: textsOf(record.text(24)),
    hops: hops.filter((hop) => hop !== null),
    nextHop: 0,
    branches: branches.filter((branch) => branch !== null),
  };
}

/** A request of the proxy's own: a BYE or CANCEL that nobody has answered yet. */
export function ownRecord({ request, flow, state }: OwnRequest, now: number): string {
  return writeRecord(OWN_VERSION, [request, placeText(flow), nonInviteText(state, now)]);
}

/** Reads what {@link ownRecord} wrote. @param key method and branch */
export function readOwnRecord(
  text: string,
  { key, since }: { key: string; since: number },
): StoredOwn | RecordFault {
  const record = readRecord(text, OWN_VERSION);
  if (typeof record === "string") return record;
  const [method, branch] = key.split(" ");
  const flow = flowOf(record.text(1));
  const state = nonInviteState(record.text(2), since);
  if (method === undefined || branch === undefined || flow === null || state === null) return "garbage";
  return { method, branch, request: record.text(0), flow, state };
}

function bestOf(record: RecordFields): FinalResponse | null {
  const status = record.number(21, 0);
  return status === 0 ? null : { status, text: record.text(22), reason: record.text(23) };
}

function textsOf(text: string): string[] {
  const record = readRecord(text, PART);
  if (typeof record === "string") return [];
  return Array.from({ length: record.count }, (_, index) => record.text(index));
}

function partsOf(text: string): RecordFields[] {
  return textsOf(text).flatMap((part) => {
    const record = readRecord(part, PART);
    return typeof record === "string" ? [] : [record];
  });
}

/** Time left of a deadline, in whole milliseconds; one that never comes is written as nothing. */
function left(at: number, now: number): number {
  return Math.round(at - now);
}

function placeText({
  transport,
  listener,
  address,
  port,
}: Pick<Flow, "transport" | "listener" | "address" | "port">): string {
  return `${transport} ${listener} ${port} ${address}`;
}

/** A connection of the other node is none of this one: a stream is dialled where its port says (RFC 3261 §18.2.2). */
function flowOf(text: string): Flow | null {
  const [transport, listener, port, address] = text.split(" ");
  if ((transport !== "udp" && transport !== "tcp") || address === undefined) return null;
  return { transport, listener: Number(listener), address, port: Number(port), connection: 0 };
}

const POLICY_TEXTS = new WeakMap<FailoverPolicy, string>();

/** Many calls share one policy. */
function policyText(policy: FailoverPolicy): string {
  let text = POLICY_TEXTS.get(policy);
  if (text === undefined) {
    const { noAnswerAfterMs, noProgressAfterMs, on, afterProgress, maxAttempts } = policy;
    text = writeRecord(PART, [
      noAnswerAfterMs,
      noProgressAfterMs,
      [...on].join(),
      afterProgress,
      maxAttempts,
    ]);
    POLICY_TEXTS.set(policy, text);
  }
  return text;
}

function policyOf(text: string): FailoverPolicy {
  const record = readRecord(text, PART);
  const known = typeof record === "string" ? null : record;
  const on = known?.text(2) ?? "";
  return {
    noAnswerAfterMs: known?.number(0, NEVER) ?? NEVER,
    noProgressAfterMs: known?.number(1, NEVER) ?? NEVER,
    on: new Set(on === "" ? [] : on.split(",").map(Number)),
    afterProgress: known?.flag(3) ?? false,
    maxAttempts: known?.number(4, ATTEMPTS_MAX) ?? ATTEMPTS_MAX,
  };
}

function hopFields({ flow, target, policy, uriText, mayUseTcp }: Hop): (string | boolean)[] {
  return [placeText(flow), target?.group ?? "", target?.id ?? "", policyText(policy), uriText, mayUseTcp];
}

function hopText(hop: Hop): string {
  return writeRecord(PART, hopFields(hop));
}

function hopOf(record: RecordFields, reading: ContextReading): Hop | null {
  const flow = flowOf(record.text(0));
  if (flow === null) return null;
  const [group, id] = [record.text(1), record.text(2)];
  return {
    flow,
    place: placeOf(flow),
    target: id === "" ? null : reading.target(group, id),
    policy: policyOf(record.text(3)),
    uriText: record.text(4),
    mayUseTcp: record.flag(5),
  };
}

/** @param isReleased the request is forgotten, so that nothing can be made of it again */
function branchText(branch: Branch, isReleased: boolean, now: number): string {
  const { cancel } = branch;
  return writeRecord(PART, [
    ...hopFields(branch.hop),
    branch.id,
    isReleased ? branch.request : "",
    clientText(branch.invite, now),
    branch.wanted,
    branch.provisional,
    branch.final,
    left(branch.noAnswerAt, now),
    left(branch.noProgressAt, now),
    left(branch.timerC, now),
    branch.cancelWanted,
    cancel?.request ?? "",
    cancel === null ? "" : nonInviteText(cancel.state, now),
    left(branch.cancelledBy, now),
    branch.ack,
    branch.breadth,
  ]);
}

function branchOf(record: RecordFields, reading: ContextReading): Branch | null {
  const { since } = reading;
  const hop = hopOf(record, reading);
  const invite = clientState(record.text(8), since);
  if (hop === null || invite === null) return null;
  const cancel = nonInviteState(record.text(17), since);
  return {
    id: record.text(6),
    hop,
    reliable: hop.flow.transport !== "udp",
    request: record.text(7),
    invite,
    other: null,
    wanted: record.flag(9),
    provisional: record.number(10, 0),
    final: record.number(11, 0),
    noAnswerAt: since + record.number(12, NEVER),
    noProgressAt: since + record.number(13, NEVER),
    timerC: since + record.number(14, NEVER),
    cancelWanted: record.flag(15),
    cancel: cancel === null ? null : { request: record.text(16), state: cancel },
    cancelledBy: since + record.number(18, NEVER),
    ack: record.text(19),
    breadth: record.number(20, 1),
  };
}

function serverText(state: InviteServerState | null, now: number): string {
  switch (state?.kind) {
    case "completed":
      return `completed ${times([state.timerG - now, state.intervalG, state.timerH - now])}`;
    case "confirmed":
      return `confirmed ${times([state.timerI - now])}`;
    case "accepted":
      return `accepted ${times([state.timerL - now])}`;
    default:
      return state?.kind ?? "";
  }
}

function serverState(text: string, since: number): InviteServerState | null {
  const [kind = "", ...rest] = text.split(" ");
  const [first, second, third] = rest.map(timeOf);
  switch (kind) {
    case "proceeding":
    case "terminated":
      return { kind };
    case "completed":
      return { kind, timerG: since + (first ?? NEVER), intervalG: second ?? 0, timerH: since + (third ?? 0) };
    case "confirmed":
      return { kind, timerI: since + (first ?? 0) };
    case "accepted":
      return { kind, timerL: since + (first ?? 0) };
    default:
      return null;
  }
}

function clientText(state: InviteClientState | null, now: number): string {
  switch (state?.kind) {
    case "calling":
      return `calling ${times([state.timerA - now, state.intervalA, state.timerB - now])}`;
    case "completed":
      return `completed ${times([state.timerD - now])}`;
    case "accepted":
      return `accepted ${times([state.timerM - now])}`;
    default:
      return state?.kind ?? "";
  }
}

function clientState(text: string, since: number): InviteClientState | null {
  const [kind = "", ...rest] = text.split(" ");
  const [first, second, third] = rest.map(timeOf);
  switch (kind) {
    case "proceeding":
    case "terminated":
      return { kind };
    case "calling":
      return { kind, timerA: since + (first ?? NEVER), intervalA: second ?? 0, timerB: since + (third ?? 0) };
    case "completed":
      return { kind, timerD: since + (first ?? 0) };
    case "accepted":
      return { kind, timerM: since + (first ?? 0) };
    default:
      return null;
  }
}

function nonInviteText(state: NonInviteClientState, now: number): string {
  switch (state.kind) {
    case "trying":
    case "proceeding":
      return `${state.kind} ${times([state.timerE - now, state.intervalE, state.timerF - now])}`;
    case "completed":
      return `completed ${times([state.timerK - now])}`;
    case "terminated":
      return state.kind;
  }
}

function nonInviteState(text: string, since: number): NonInviteClientState | null {
  const [kind = "", ...rest] = text.split(" ");
  const [first, second, third] = rest.map(timeOf);
  switch (kind) {
    case "trying":
    case "proceeding":
      return { kind, timerE: since + (first ?? NEVER), intervalE: second ?? 0, timerF: since + (third ?? 0) };
    case "completed":
      return { kind, timerK: since + (first ?? 0) };
    case "terminated":
      return { kind };
    default:
      return null;
  }
}

/** Times left and intervals; what never comes is "-". */
function times(ms: readonly number[]): string {
  let text = "";
  for (const each of ms) text += text === "" ? timeText(each) : ` ${timeText(each)}`;
  return text;
}

function timeText(ms: number): string {
  return ms === NEVER ? "-" : String(Math.round(ms));
}

function timeOf(text: string): number {
  return text === "-" ? NEVER : Number(text);
}
