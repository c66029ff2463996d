// What became of each call that a takeover met, as a bystander on the wire saw it: the witness of the demo's table.
import type { Packet } from "./pcap.ts";
import { headerOf, messagesIn, type TracedMessage } from "./sip-trace.ts";

/** What a call is for, by the number that it calls. */
export const NUMBERS = {
  talk: "1000",
  fresh: "2000",
  answer: "3000",
  decline: "4000",
  cancel: "5000",
} as const;

export type Purpose = keyof typeof NUMBERS;

const PURPOSES = new Map<string, Purpose>(
  Object.entries(NUMBERS).map(([purpose, number]) => [number, purpose as Purpose]),
);

/** Times as in Packet, null: never. A status of 0: none yet. */
export interface SurvivingCall {
  readonly callId: string;
  readonly purpose: Purpose;
  /** When the caller first sent its INVITE. */
  readonly offeredAt: number;
  rangAt: number | null;
  finalAt: number | null;
  finalStatus: number;
  /** Of the caller's second INVITE. */
  reinviteStatus: number;
  cancelStatus: number;
  byeAt: number | null;
  byeStatus: number;
  /** Branches of the first INVITE as the PBX got it: more than one would ring twice. */
  readonly branches: Set<string>;
  /** The PBX got an ACK of its answer, and a CANCEL. */
  acked: boolean;
  cancelled: boolean;
}

/** A call whose answer the caller has, and that nobody ended yet. */
export function isTalking(call: SurvivingCall): boolean {
  return call.finalStatus === 200 && call.byeAt === null;
}

export function isRinging(call: SurvivingCall): boolean {
  return call.rangAt !== null && call.finalAt === null;
}

/** Did it go to its end as its purpose says, and ring once? */
export function wentWell(call: SurvivingCall): boolean {
  if (call.branches.size !== 1 || !call.acked) return false;
  switch (call.purpose) {
    case "talk":
    case "answer":
      return call.finalStatus === 200 && call.reinviteStatus === 200 && call.byeStatus === 200;
    case "fresh":
      return call.finalStatus === 200 && call.byeStatus === 200;
    case "decline":
      return call.finalStatus === 486;
    case "cancel":
      return call.cancelStatus === 200 && call.finalStatus === 487 && call.cancelled;
  }
}

export class SurvivingCalls {
  readonly calls = new Map<string, SurvivingCall>();
  readonly #caller: string;
  readonly #pbx: string;

  constructor(hosts: { caller: string; pbx: string }) {
    this.#caller = hosts.caller;
    this.#pbx = hosts.pbx;
  }

  add(packet: Packet): void {
    for (const message of messagesIn(packet)) this.#add(message);
  }

  of(...purposes: readonly Purpose[]): SurvivingCall[] {
    return [...this.calls.values()].filter(({ purpose }) => purposes.includes(purpose));
  }

  #add(message: TracedMessage): void {
    const call = this.calls.get(message.callId) ?? this.#begin(message);
    if (call === null) return;
    const first = headerOf(message, "CSeq").startsWith("1 ");
    if (message.to === this.#caller && message.status > 0) noteAtCaller(call, message, first);
    if (message.from === this.#caller && message.method === "BYE") call.byeAt ??= message.timeMs;
    if (message.to === this.#pbx && message.status === 0 && first) {
      if (message.method === "INVITE") call.branches.add(headerOf(message, "Via", "v"));
      if (message.method === "ACK") call.acked = true;
      if (message.method === "CANCEL") call.cancelled = true;
    }
  }

  #begin(message: TracedMessage): SurvivingCall | null {
    if (message.method !== "INVITE" || message.status !== 0 || message.from !== this.#caller) return null;
    const purpose = PURPOSES.get(/^INVITE sip:(\d+)@/.exec(message.text)?.[1] ?? "");
    if (purpose === undefined) return null;
    const nothingYet = { rangAt: null, finalAt: null, byeAt: null, finalStatus: 0, reinviteStatus: 0 };
    const atPbx = { branches: new Set<string>(), acked: false, cancelled: false };
    const { callId, timeMs } = message;
    const call = {
      ...{ callId, purpose, offeredAt: timeMs },
      ...nothingYet,
      ...{ cancelStatus: 0, byeStatus: 0 },
      ...atPbx,
    };
    this.calls.set(callId, call);
    return call;
  }
}

function noteAtCaller(call: SurvivingCall, message: TracedMessage, first: boolean): void {
  const { method, status, timeMs } = message;
  if (method === "INVITE" && first && status > 100 && status < 200) call.rangAt ??= timeMs;
  if (status < 200) return;
  if (method === "BYE" && call.byeStatus === 0) call.byeStatus = status;
  if (method === "CANCEL" && call.cancelStatus === 0) call.cancelStatus = status;
  if (method !== "INVITE") return;
  if (!first) {
    if (call.reinviteStatus === 0) call.reinviteStatus = status;
  } else if (call.finalAt === null) {
    call.finalAt = timeMs;
    call.finalStatus = status;
  }
}
