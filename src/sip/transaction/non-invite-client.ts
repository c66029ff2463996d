/** Non-INVITE client transaction (RFC 3261 §17.1.2; no 408 goes up for it, RFC 4320 §4.2, which is the core's to obey). Pure. */
import type { TimerSettings } from "./timer-settings.ts";
import {
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

export type NonInviteClientState = Readonly<
  | { kind: "trying" | "proceeding"; timerE: number; intervalE: number; timerF: number }
  | { kind: "completed"; timerK: number }
  | { kind: "terminated" }
>;

/** State right after the request was sent for the first time (§17.1.2.2). */
export function startNonInviteClient(
  reliable: boolean,
  now: number,
  timers: TimerSettings,
): NonInviteClientState {
  const timerE = reliable ? Number.POSITIVE_INFINITY : now + timers.t1Ms;
  return { kind: "trying", timerE, intervalE: timers.t1Ms, timerF: now + timers.transactionMs };
}

export function stepNonInviteClient(
  state: NonInviteClientState,
  event: ClientEvent,
  context: { reliable: boolean; now: number; timers: TimerSettings },
): Step<NonInviteClientState, ClientEffect> {
  const { reliable, now, timers } = context;
  switch (state.kind) {
    case "trying":
    case "proceeding": {
      if (event.kind === "response") {
        if (event.status >= 200)
          return [{ kind: "completed", timerK: reliable ? now : now + timers.t4Ms }, DELIVER];
        return [state.kind === "proceeding" ? state : { ...state, kind: "proceeding" }, DELIVER];
      }
      if (event.kind === "transport-error") return [TERMINATED, FAILED];
      if (event.kind === "abandon") return [TERMINATED, NONE];
      if (now >= state.timerF) return [TERMINATED, TIMEOUT];
      if (now < state.timerE) return [state, NONE];
      // Doubles up to T2 while Trying, then T2 flat once Proceeding (§17.1.2.2).
      const intervalE = state.kind === "trying" ? Math.min(2 * state.intervalE, timers.t2Ms) : timers.t2Ms;
      return [{ ...state, intervalE, timerE: now + intervalE }, SEND];
    }
    case "completed": // absorbs retransmitted final responses until Timer K
      return event.kind === "tick" && now >= state.timerK ? [TERMINATED, NONE] : [state, NONE];
    case "terminated":
      return [state, NONE];
  }
}

/** When the machine wants its next tick; `Infinity`: never. */
export function nonInviteClientDeadline(state: NonInviteClientState): number {
  switch (state.kind) {
    case "trying":
    case "proceeding":
      return Math.min(state.timerE, state.timerF);
    case "completed":
      return state.timerK;
    case "terminated":
      return Number.POSITIVE_INFINITY;
  }
}
