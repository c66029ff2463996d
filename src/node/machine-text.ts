/** The states of the transaction machines in a record: a word, and its times left and intervals behind it. Pure. */
import type { InviteClientState } from "../sip/transaction/invite-client.ts";
import type { InviteServerState } from "../sip/transaction/invite-server.ts";
import type { NonInviteClientState } from "../sip/transaction/non-invite-client.ts";

const NEVER = Number.POSITIVE_INFINITY;

export function serverText(state: InviteServerState | null, now: number): string {
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

export function serverState(text: string, since: number): InviteServerState | null {
  const { kind, first, second, third } = read(text);
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

export function clientText(state: InviteClientState | null, now: number): string {
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

export function clientState(text: string, since: number): InviteClientState | null {
  const { kind, first, second, third } = read(text);
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

export function nonInviteText(state: NonInviteClientState, now: number): string {
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

export function nonInviteState(text: string, since: number): NonInviteClientState | null {
  const { kind, first, second, third } = read(text);
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

function read(text: string): {
  readonly kind: string;
  readonly first: number | undefined;
  readonly second: number | undefined;
  readonly third: number | undefined;
} {
  const [kind = "", ...rest] = text.split(" ");
  const [first, second, third] = rest.map(timeOf);
  return { kind, first, second, third };
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
