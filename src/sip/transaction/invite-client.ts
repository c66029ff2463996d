/** INVITE client transaction (RFC 3261 §17.1.1, with the Accepted state of RFC 6026 §7.2). Pure. */
import type { TimerSettings } from "./timer-settings.ts";
import {
  ACK,
  ACK_AND_DELIVER,
  type ClientEffect,
  type ClientEvent,
  DELIVER,
  FAILED,
  NONE,
  SEND,
  type Step,
  TERMINATED,
  TIMEOUT,
} from "./transaction.ts";

export type InviteClientState = Readonly<
  | { kind: "calling"; timerA: number; intervalA: number; timerB: number }
  | { kind: "proceeding" }
  | { kind: "completed"; timerD: number }
  | { kind: "accepted"; timerM: number }
  | { kind: "terminated" }
>;

const PROCEEDING: InviteClientState = Object.freeze({ kind: "proceeding" });

/** State right after the request was sent for the first time (§17.1.1.2). */
export function startInviteClient(reliable: boolean, now: number, timers: TimerSettings): InviteClientState {
  const timerA = reliable ? Number.POSITIVE_INFINITY : now + timers.t1Ms;
  return { kind: "calling", timerA, intervalA: timers.t1Ms, timerB: now + timers.transactionMs };
}

/** @param reliable does the transport repeat by itself (TCP, TLS, WS)? */
export function stepInviteClient(
  state: InviteClientState,
  event: ClientEvent,
  context: { reliable: boolean; now: number; timers: TimerSettings },
): Step<InviteClientState, ClientEffect> {
  const { now } = context;
  switch (state.kind) {
    case "calling":
      switch (event.kind) {
        case "response":
          return event.status < 200 ? [PROCEEDING, DELIVER] : final(event.status, context);
        case "tick":
          if (now >= state.timerB) return [TERMINATED, TIMEOUT];
          if (now < state.timerA) return [state, NONE];
          return [{ ...state, intervalA: 2 * state.intervalA, timerA: now + 2 * state.intervalA }, SEND];
        case "transport-error":
          return [TERMINATED, FAILED];
        case "abandon":
          // Sent no more, and kept until Timer B: a provisional that still comes allows the CANCEL (§9.1).
          return [{ ...state, timerA: Number.POSITIVE_INFINITY }, NONE];
      }
      break;
    case "proceeding":
      if (event.kind === "response")
        return event.status < 200 ? [state, DELIVER] : final(event.status, context);
      // Nothing is sent in this state, so that no transport error is this transaction's; the proxy bounds it (Timer C, §16.8).
      return [state, NONE];
    case "completed":
      if (event.kind === "response") return [state, event.status >= 300 ? ACK : NONE];
      if (event.kind === "transport-error") return [TERMINATED, NONE]; // the ACK could not leave; the final is delivered
      return event.kind === "tick" && now >= state.timerD ? [TERMINATED, NONE] : [state, NONE];
    case "accepted":
      // Every further 2xx is the core's: a fork's, or a retransmission that the ACK end to end stops (RFC 6026 §7.2).
      if (event.kind === "response" && event.status >= 200 && event.status < 300) return [state, DELIVER];
      return event.kind === "tick" && now >= state.timerM ? [TERMINATED, NONE] : [state, NONE];
    case "terminated":
      return [state, NONE];
  }
}

function final(
  status: number,
  { reliable, now, timers }: { reliable: boolean; now: number; timers: TimerSettings },
): Step<InviteClientState, ClientEffect> {
  if (status < 300) return [{ kind: "accepted", timerM: now + timers.transactionMs }, DELIVER];
  return [{ kind: "completed", timerD: reliable ? now : now + timers.dMs }, ACK_AND_DELIVER];
}

/** When the machine wants its next tick; `Infinity`: never. */
export function inviteClientDeadline(state: InviteClientState): number {
  switch (state.kind) {
    case "calling":
      return Math.min(state.timerA, state.timerB);
    case "completed":
      return state.timerD;
    case "accepted":
      return state.timerM;
    case "proceeding":
    case "terminated":
      return Number.POSITIVE_INFINITY;
  }
}
