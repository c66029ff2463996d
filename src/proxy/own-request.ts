/** A transaction that the proxy begins by itself, with nobody above it. */
import type { SipMessage } from "../sip/message/sip-message.ts";
import type { TimerEntry } from "../sip/timer/timer-wheel.ts";
import type { NonInviteClientState } from "../sip/transaction/non-invite-client.ts";
import type { Flow } from "../transport/flow.ts";

/** A request that the proxy makes itself: the BYE of an answer that nobody wants, the CANCEL of a stray branch. */
export interface OwnRequest {
  readonly branch: string;
  readonly method: string;
  readonly request: string;
  readonly flow: Flow;
  readonly reliable: boolean;
  state: NonInviteClientState;
  readonly timer: TimerEntry;
  /** As of a {@link ResponseContext}. */
  record: object | null;
  /** Told how it ended, where somebody wants to know; twice where an answer comes after the silence. */
  readonly ended: ((end: OwnRequestEnd) => void) | null;
}

/** How a request of our own ended: a final response, silence, or a transport that failed. */
export type OwnRequestEnd = Readonly<
  { kind: "answered"; response: SipMessage } | { kind: "silent" } | { kind: "failed"; failure: string }
>;
