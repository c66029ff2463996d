/** INVITE server transaction (RFC 3261 §17.2.1, with the Accepted state of RFC 6026 §7.1). Pure. */
import type { TimerSettings } from "./timer-settings.ts";
import {
  FAILED,
  NONE,
  SEND,
  type ServerEffect,
  type ServerEvent,
  type Step,
  TERMINATED,
  TIMEOUT,
} from "./transaction.ts";

export type InviteServerState = Readonly<
  | { kind: "proceeding" }
  | { kind: "completed"; timerG: number; intervalG: number; timerH: number }
  | { kind: "confirmed"; timerI: number }
  | { kind: "accepted"; timerL: number }
  | { kind: "terminated" }
>;

const PROCEEDING: InviteServerState = Object.freeze({ kind: "proceeding" });

/** State on arrival of the INVITE. The proxy sends its 100 at once, so that no 200 ms timer runs (§17.2.1). */
export function startInviteServer(): InviteServerState {
  return PROCEEDING;
}

export function stepInviteServer(
  state: InviteServerState,
  event: ServerEvent,
  context: { reliable: boolean; now: number; timers: TimerSettings },
): Step<InviteServerState, ServerEffect> {
  const { reliable, now, timers } = context;
  switch (state.kind) {
    case "proceeding":
      if (event.kind === "request") return [state, SEND]; // a retransmission: the last provisional again
      if (event.kind === "transport-error") return [state, FAILED]; // it stays, to absorb the INVITE again (RFC 6026 §7.1)
      if (event.kind !== "respond") return [state, NONE];
      if (event.status < 200) return [state, SEND];
      if (event.status < 300) return [{ kind: "accepted", timerL: now + timers.transactionMs }, SEND];
      return [
        {
          kind: "completed",
          timerG: reliable ? Number.POSITIVE_INFINITY : now + timers.t1Ms,
          intervalG: timers.t1Ms,
          timerH: now + timers.transactionMs,
        },
        SEND,
      ];
    case "completed": {
      if (event.kind === "request") return [state, SEND];
      if (event.kind === "ack")
        return [{ kind: "confirmed", timerI: reliable ? now : now + timers.t4Ms }, NONE];
      if (event.kind === "transport-error") return [state, FAILED]; // Timer H ends it
      if (event.kind !== "tick") return [state, NONE];
      if (now >= state.timerH) return [TERMINATED, TIMEOUT];
      if (now < state.timerG) return [state, NONE];
      const intervalG = Math.min(2 * state.intervalG, timers.t2Ms);
      return [{ ...state, intervalG, timerG: now + intervalG }, SEND];
    }
    case "confirmed": // absorbs further ACKs until Timer I
      return event.kind === "tick" && now >= state.timerI ? [TERMINATED, NONE] : [state, NONE];
    case "accepted":
      // INVITE retransmissions are absorbed unanswered; each 2xx of the core goes out; a transport
      // error does not end it (RFC 6026 §7.1).
      if (event.kind === "transport-error") return [state, FAILED];
      if (event.kind === "respond" && event.status >= 200 && event.status < 300) return [state, SEND];
      return event.kind === "tick" && now >= state.timerL ? [TERMINATED, NONE] : [state, NONE];
    case "terminated":
      return [state, NONE];
  }
}

/** When the machine wants its next tick; `Infinity`: never. */
export function inviteServerDeadline(state: InviteServerState): number {
  switch (state.kind) {
    case "completed":
      return Math.min(state.timerG, state.timerH);
    case "confirmed":
      return state.timerI;
    case "accepted":
      return state.timerL;
    case "proceeding":
    case "terminated":
      return Number.POSITIVE_INFINITY;
  }
}
