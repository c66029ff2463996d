/**
 * The record of an INVITE that is being forwarded: its response context as text, and back. Deadlines are written as time left. What
 * follows from the rest (what was sent to a target, the scope of the branches) is not written, but made again.
 */

import type { PlainContext } from "../proxy/answered-invite.ts";
import { ATTEMPTS_MAX } from "../proxy/branch.ts";
import { placeOf } from "../proxy/core.ts";
import type { OwnRequest } from "../proxy/own-request.ts";
import type { StoredOwn } from "../proxy/own-requests.ts";
import type { Branch, FinalResponse, Hop } from "../proxy/response-context.ts";
import type { StoredContext } from "../proxy/restoring.ts";
import {
  flagField,
  leftField,
  numberField,
  type RecordFault,
  type RecordFields,
  readRecord,
  textField,
  writeRecord,
} from "../replication/record-text.ts";
import type { FailoverPolicy, Target } from "../routing/target.ts";
import type { Flow } from "../transport/flow.ts";
import {
  clientState,
  clientText,
  nonInviteState,
  nonInviteText,
  serverState,
  serverText,
} from "./machine-text.ts";

const VERSION = 1;
const OWN_VERSION = 1;
const NEVER = Number.POSITIVE_INFINITY;
/** Of the records that stand inside this one; they have fields of their own to append. */
const PART = 1;

/** Place of "<Call-ID> <tag>" among the fields. */
export const CALL_KEY_FIELD = 4;

/** @param now monotonic milliseconds */
export function contextRecord(context: PlainContext, now: number): string {
  const { best, routes, scope } = context;
  return (
    `${VERSION};` +
    textField(context.request) +
    textField(context.topVia) +
    textField(scope.nextVia) +
    textField(context.loop) +
    textField(context.callKey) +
    textField(context.group) +
    flagField(context.emergency) +
    flagField(context.inDialog) +
    textField(placeText(context.reply)) +
    textField(placeText(context.ingress)) +
    flagField(routes !== null) +
    textField(routes ?? "") +
    textField(serverText(context.invite, now)) +
    textField(context.lastResponse) +
    numberField(context.attempts) +
    numberField(context.breadthLeft) +
    flagField(context.cancelled) +
    textField(context.cancelReason) +
    textField(context.strayAnswer) +
    leftField(context.setupEndsAt, now) +
    numberField(context.finalSent) +
    (best === null ? "0:0:0:" : numberField(best.status) + textField(best.text) + textField(best.reason)) +
    textField(writeRecord(PART, context.challenges)) +
    textField(hopsText(context)) +
    textField(branchesText(context, now))
  );
}

function hopsText({ request, finalSent, hops, nextHop, attempts }: PlainContext): string {
  let text = `${PART};`;
  if (request === "" || finalSent !== 0) return text;
  // No call makes more attempts than these, however many targets its rule has.
  const end = Math.min(hops.length, nextHop + ATTEMPTS_MAX - attempts);
  for (let at = nextHop; at < end; at++) {
    const hop = hops[at];
    if (hop !== undefined) text += textField(hopText(hop));
  }
  return text;
}

function branchesText({ branches, request }: PlainContext, now: number): string {
  let text = `${PART};`;
  for (const branch of branches) text += textField(branchText(branch, request === "", now));
  return text;
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

function hopText({ flow, target, policy, uriText, mayUseTcp }: Hop): string {
  return (
    `${PART};` +
    textField(placeText(flow)) +
    textField(target?.group ?? "") +
    textField(target?.id ?? "") +
    textField(policyText(policy)) +
    textField(uriText) +
    flagField(mayUseTcp)
  );
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

/** The fields of its hop, and its own behind them. @param isReleased the request is forgotten: nothing can be made of it again */
function branchText(branch: Branch, isReleased: boolean, now: number): string {
  const { cancel } = branch;
  return (
    hopText(branch.hop) +
    textField(branch.id) +
    textField(isReleased ? branch.request : "") +
    textField(clientText(branch.invite, now)) +
    flagField(branch.wanted) +
    numberField(branch.provisional) +
    numberField(branch.final) +
    leftField(branch.noAnswerAt, now) +
    leftField(branch.noProgressAt, now) +
    leftField(branch.timerC, now) +
    flagField(branch.cancelWanted) +
    textField(cancel?.request ?? "") +
    textField(cancel === null ? "" : nonInviteText(cancel.state, now)) +
    leftField(branch.cancelledBy, now) +
    textField(branch.ack) +
    numberField(branch.breadth)
  );
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
    isUnanswered: false,
  };
}
