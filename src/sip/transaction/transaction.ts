/** What the four machines of RFC 3261 §17 have in common. All are pure; times are monotonic milliseconds. */

/** What happened. `abandon` is ours: the proxy no longer wants an INVITE that nobody has answered. */
export type ClientEvent = Readonly<
  { kind: "response"; status: number } | { kind: "tick" } | { kind: "transport-error" } | { kind: "abandon" }
>;
/** `respond`: the proxy core hands down a response to send. */
export type ServerEvent = Readonly<
  | { kind: "request" }
  | { kind: "ack" }
  | { kind: "respond"; status: number }
  | { kind: "tick" }
  | { kind: "transport-error" }
>;

/** send: the stored request again. ack: the ACK of a non-2xx. deliver: the response to the core. timeout: as a 408. */
export type ClientEffect = "send" | "ack" | "deliver" | "timeout" | "transport-error";
/** send: the response just handed down, or the stored one again. timeout: no ACK came. */
export type ServerEffect = "send" | "timeout" | "transport-error";

/** Next state and what to do, in that order; the state is stored before the effects are performed. */
export type Step<State, Effect> = readonly [State, readonly Effect[]];

export const TICK = Object.freeze({ kind: "tick" } as const);
export const TRANSPORT_ERROR = Object.freeze({ kind: "transport-error" } as const);

export const NONE: readonly never[] = Object.freeze([]);
export const SEND = Object.freeze(["send"] as const);
export const DELIVER = Object.freeze(["deliver"] as const);
export const ACK = Object.freeze(["ack"] as const);
export const ACK_AND_DELIVER = Object.freeze(["ack", "deliver"] as const);
export const TIMEOUT = Object.freeze(["timeout"] as const);
export const FAILED = Object.freeze(["transport-error"] as const);

export const TERMINATED = Object.freeze({ kind: "terminated" } as const);
