// SIP as a bystander sees it: messages out of captured packets, and what became of each call. It shares no code with
// the engine, so that it can be a witness against it.
import type { Packet } from "./pcap.ts";

/** A SIP message seen on the wire. */
export interface TracedMessage {
  timeMs: number;
  from: string;
  to: string;
  /** 0 for a request. */
  status: number;
  /** Of the request, or of the CSeq of a response. */
  method: string;
  callId: string;
  text: string;
}

const HEAD_END = "\r\n\r\n";

/** The first value of a header by its long or compact name; "" when there is none. */
export function headerOf(message: Pick<TracedMessage, "text">, name: string, compact = name): string {
  return (
    new RegExp(`^(?:${name}|${compact})[ \\t]*:[ \\t]*(.*)$`, "im").exec(message.text)?.[1]?.trim() ?? ""
  );
}

function traceOne(text: string, packet: Packet): TracedMessage | null {
  const startLine = text.slice(0, text.indexOf("\r\n"));
  const status = /^SIP\/2\.0 (\d{3})/.exec(startLine)?.[1];
  if (status === undefined && !startLine.endsWith(" SIP/2.0")) return null;
  const method =
    status === undefined
      ? startLine.slice(0, startLine.indexOf(" "))
      : (headerOf({ text }, "CSeq").split(" ")[1] ?? "");
  const callId = headerOf({ text }, "Call-ID", "i");
  return {
    timeMs: packet.timeMs,
    from: packet.from,
    to: packet.to,
    status: Number(status ?? 0),
    method,
    callId,
    text,
  };
}

/**
 * The SIP messages that a packet holds: one in a UDP datagram, one or more in a TCP segment. A message that TCP has
 * split over two segments is not put together again.
 */
export function messagesIn(packet: Packet): TracedMessage[] {
  if (packet.protocol === "icmp") return [];
  const messages: TracedMessage[] = [];
  let rest = packet.payload.toString("latin1");
  for (;;) {
    const headEnd = rest.indexOf(HEAD_END);
    if (headEnd === -1) return messages;
    const head = rest.slice(0, headEnd + HEAD_END.length);
    const bodyBytes = Number(headerOf({ text: head }, "Content-Length", "l"));
    const message = traceOne(rest.slice(0, head.length + bodyBytes), packet);
    if (message !== null) messages.push(message);
    rest = rest.slice(head.length + bodyBytes);
  }
}

/** What one PBX saw and said of a call. Times as in Packet, null: never. */
export interface PbxLeg {
  invitedAt: number | null;
  /** First provisional above 100. */
  rangAt: number | null;
  /** 200 to an INVITE. */
  answeredAt: number | null;
  ackedAt: number | null;
  cancelledAt: number | null;
  byeAt: number | null;
}

/** A call as its caller and the PBXs saw it. */
export interface TracedCall {
  callId: string;
  /** When the caller first sent its INVITE. */
  offeredAt: number;
  tryingAt: number | null;
  rangAt: number | null;
  /** First final response to the INVITE as the caller got it. */
  finalAt: number | null;
  finalStatus: number;
  /** When its BYE was first sent, by either side, and its final status; 0: none yet. */
  byeAt: number | null;
  byeStatus: number;
  legs: Map<string, PbxLeg>;
}

export interface CallBookOptions {
  /** Addresses of the callers. */
  callers: readonly string[];
  /** Addresses of the PBXs. */
  pbxs: readonly string[];
}

/** Follows calls by what passes a capture that sees both the callers' and the PBXs' sides. */
export class CallBook {
  readonly calls = new Map<string, TracedCall>();
  readonly #callers: ReadonlySet<string>;
  readonly #pbxs: ReadonlySet<string>;

  constructor(options: CallBookOptions) {
    this.#callers = new Set(options.callers);
    this.#pbxs = new Set(options.pbxs);
  }

  add(packet: Packet): void {
    for (const message of messagesIn(packet)) this.#addMessage(message);
  }

  addAll(packets: readonly Packet[]): this {
    for (const packet of packets) this.add(packet);
    return this;
  }

  /** Calls in the order in which they were offered. */
  list(): TracedCall[] {
    return [...this.calls.values()];
  }

  #addMessage(message: TracedMessage): void {
    if (message.callId === "") return;
    let call = this.calls.get(message.callId);
    if (call === undefined) {
      if (message.method !== "INVITE" || message.status !== 0 || !this.#callers.has(message.from)) return;
      call = newCall(message);
      this.calls.set(message.callId, call);
    }
    if (message.method === "BYE") noteBye(call, message);
    if (this.#callers.has(message.to)) noteAtCaller(call, message);
    if (this.#pbxs.has(message.to)) noteToPbx(legOf(call, message.to), message);
    if (this.#pbxs.has(message.from)) noteFromPbx(legOf(call, message.from), message);
  }
}

function newCall(invite: TracedMessage): TracedCall {
  const nothingYet = {
    tryingAt: null,
    rangAt: null,
    finalAt: null,
    finalStatus: 0,
    byeAt: null,
    byeStatus: 0,
  };
  return { callId: invite.callId, offeredAt: invite.timeMs, ...nothingYet, legs: new Map() };
}

function legOf(call: TracedCall, pbx: string): PbxLeg {
  let leg = call.legs.get(pbx);
  if (leg === undefined) {
    leg = { invitedAt: null, rangAt: null, answeredAt: null, ackedAt: null, cancelledAt: null, byeAt: null };
    call.legs.set(pbx, leg);
  }
  return leg;
}

function noteBye(call: TracedCall, message: TracedMessage): void {
  if (message.status === 0) call.byeAt ??= message.timeMs;
  else if (message.status >= 200 && call.byeStatus === 0) call.byeStatus = message.status;
}

function noteAtCaller(call: TracedCall, message: TracedMessage): void {
  if (message.method !== "INVITE" || message.status === 0) return;
  if (message.status === 100) call.tryingAt ??= message.timeMs;
  else if (message.status < 200) call.rangAt ??= message.timeMs;
  else if (call.finalAt === null) {
    call.finalAt = message.timeMs;
    call.finalStatus = message.status;
  }
}

function noteToPbx(leg: PbxLeg, message: TracedMessage): void {
  if (message.status !== 0) return;
  if (message.method === "INVITE") leg.invitedAt ??= message.timeMs;
  if (message.method === "ACK") leg.ackedAt ??= message.timeMs;
  if (message.method === "CANCEL") leg.cancelledAt ??= message.timeMs;
  if (message.method === "BYE") leg.byeAt ??= message.timeMs;
}

function noteFromPbx(leg: PbxLeg, message: TracedMessage): void {
  if (message.method !== "INVITE") return;
  if (message.status > 100 && message.status < 200) leg.rangAt ??= message.timeMs;
  if (message.status >= 200 && message.status < 300) leg.answeredAt ??= message.timeMs;
}

/** PBXs that rang or answered this call; more than one means that a person heard it twice. */
export function ringingPbxs(call: TracedCall): string[] {
  return [...call.legs]
    .filter(([, leg]) => leg.rangAt !== null || leg.answeredAt !== null)
    .map(([pbx]) => pbx);
}

/** The PBX whose 200 came first; null: none. */
export function answeringPbx(call: TracedCall): string | null {
  let first: { pbx: string; at: number } | null = null;
  for (const [pbx, { answeredAt }] of call.legs) {
    if (answeredAt !== null && (first === null || answeredAt < first.at)) first = { pbx, at: answeredAt };
  }
  return first?.pbx ?? null;
}

/** Was it sent to another PBX before the one that answered it? */
export function wasMoved(call: TracedCall): boolean {
  const answering = answeringPbx(call);
  return (
    answering !== null && [...call.legs].some(([pbx, leg]) => pbx !== answering && leg.invitedAt !== null)
  );
}

/** Nearest-rank percentile. @param p 0..100. @returns NaN for no values */
export function percentile(values: readonly number[], p: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil((p / 100) * sorted.length) - 1)] ?? Number.NaN;
}
