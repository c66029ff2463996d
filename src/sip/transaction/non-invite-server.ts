/** Non-INVITE server transaction (RFC 3261 §17.2.2). Pure. That no provisional but a late 100 goes up is the core's to obey (RFC 4320 §4.1). */
import type { TimerSettings } from "./timer-settings.ts";
import {
  FAILED,
  NONE,
  SEND,
  type ServerEffect,
  type ServerEvent,
  type Step,
  TERMINATED,
} from "./transaction.ts";

export type NonInviteServerState = Readonly<
  { kind: "trying" } | { kind: "proceeding" } | { kind: "completed"; timerJ: number } | { kind: "terminated" }
>;

const TRYING: NonInviteServerState = Object.freeze({ kind: "trying" });
const PROCEEDING: NonInviteServerState = Object.freeze({ kind: "proceeding" });

export function startNonInviteServer(): NonInviteServerState {
  return TRYING;
}

export function stepNonInviteServer(
  state: NonInviteServerState,
  event: ServerEvent,
  context: { reliable: boolean; now: number; timers: TimerSettings },
): Step<NonInviteServerState, ServerEffect> {
  const { reliable, now, timers } = context;
  switch (state.kind) {
    case "trying":
    case "proceeding":
      if (event.kind === "respond") {
        if (event.status < 200) return [PROCEEDING, SEND];
        return [{ kind: "completed", timerJ: reliable ? now : now + timers.transactionMs }, SEND];
      }
      if (event.kind === "transport-error") return [TERMINATED, FAILED];
      // In Trying a retransmission is dropped, in Proceeding the provisional goes out again.
      return event.kind === "request" && state.kind === "proceeding" ? [state, SEND] : [state, NONE];
    case "completed":
      if (event.kind === "request") return [state, SEND];
      if (event.kind === "transport-error") return [TERMINATED, FAILED];
      return event.kind === "tick" && now >= state.timerJ ? [TERMINATED, NONE] : [state, NONE];
    case "terminated":
      return [state, NONE];
  }
}

/** When the machine wants its next tick; `Infinity`: never. */
export function nonInviteServerDeadline(state: NonInviteServerState): number {
  return state.kind === "completed" ? state.timerJ : Number.POSITIVE_INFINITY;
}
