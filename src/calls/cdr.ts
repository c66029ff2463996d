/** One finished call, as it is accounted for. */

/** One target that was tried. */
export interface CdrAttempt {
  readonly target: string;
  /** Final status of the target; 0 where it gave none. */
  readonly status: number;
  /** Why the call went on or ended there; "" where the status says it. */
  readonly reason: string;
  /** Milliseconds since the epoch. */
  readonly at: number;
  /** From the INVITE to its result. */
  readonly ms: number;
}

export type EndedBy =
  | "caller"
  | "callee"
  | "cancel"
  | "refused"
  | "timeout"
  | "session-timer"
  | "max-duration"
  | "dialog-lost"
  | "node-stopped"
  | "uncertain";

/** Times are milliseconds since the epoch. */
export interface Cdr {
  /** Stable for the call on any node: doubles are dropped by it. */
  readonly id: string;
  readonly node: string;
  readonly callId: string;
  /** URIs as they stood in From and To. */
  readonly from: string;
  readonly to: string;
  /** Request-URI of the first INVITE. */
  readonly requested: string;
  /** Peer group of the caller. */
  readonly ingress: string;
  /** Address and port of the caller. */
  readonly source: string;
  readonly attempts: readonly CdrAttempt[];
  /** Where the call ended up; "" where no target was tried. */
  readonly target: string;
  readonly start: number;
  readonly ringing: number | null;
  readonly answer: number | null;
  readonly end: number;
  /** From answer to end; 0 where there was no answer. */
  readonly durationMs: number;
  /** Final status that went to the caller; 0 where none did. */
  readonly status: number;
  readonly endedBy: EndedBy;
  /** Text of the Reason header of the BYE or CANCEL; "" where it had none. */
  readonly reason: string;
}
