/** The state of one forwarded request (RFC 3261 §16.2): its server transaction, and the client transaction of each branch. */
import type { FailoverPolicy, Target } from "../routing/target.ts";
import type { Timed } from "../sip/timer/timer-wheel.ts";
import type { InviteClientState } from "../sip/transaction/invite-client.ts";
import type { InviteServerState } from "../sip/transaction/invite-server.ts";
import type { NonInviteClientState } from "../sip/transaction/non-invite-client.ts";
import type { NonInviteServerState } from "../sip/transaction/non-invite-server.ts";
import type { Flow } from "../transport/flow.ts";
import type { BranchScope } from "./branch.ts";
import type { Endpoint } from "./flow-token.ts";

/** One place that the request may be sent to. */
export interface Hop {
  /** Where to; its listener is the one that the request leaves from. */
  readonly flow: Flow;
  /** {@link placeOf} of the flow. */
  readonly place: string;
  /** The configured target; null for an in-dialog request, which follows its route set. */
  readonly target: Target | null;
  readonly policy: FailoverPolicy;
  uriText: string;
  /** May go by TCP where it is too large for UDP (RFC 3261 §18.1.1). */
  readonly mayUseTcp: boolean;
}

/** A client transaction and what the proxy knows of it. */
export interface Branch {
  readonly id: string;
  readonly hop: Hop;
  readonly reliable: boolean;
  /** What was sent; "" once nothing can be made of it any more. */
  request: string;
  /** Exactly one of the two is not null. */
  invite: InviteClientState | null;
  other: NonInviteClientState | null;
  /** Does the proxy still want this branch to win? At most one branch of a context does. */
  wanted: boolean;
  /** Highest provisional seen; 0: none. */
  provisional: number;
  /** Final status seen, or given to it by a time-out (408) or a transport error (503); 0: none. */
  final: number;
  /** Next target if no provisional came by then. */
  noAnswerAt: number;
  /** Next target if only a 100 came by then. */
  noProgressAt: number;
  /** Timer C (§16.6 item 11, §16.8). */
  timerC: number;
  /** A CANCEL is to follow as soon as a provisional allows it (§9.1). */
  cancelWanted: boolean;
  /** The CANCEL's own client transaction; null until it is sent. */
  cancel: { readonly request: string; state: NonInviteClientState } | null;
  /** 64*T1 after the CANCEL the branch counts as cancelled, answered or not (§9.1). */
  cancelledBy: number;
  /** ACK of its non-2xx, sent again at each retransmission of the final. */
  ack: string;
  /** Max-Breadth that it took. */
  readonly breadth: number;
  /** Is it among those that a transport failure at its target moves? */
  isUnanswered: boolean;
}

export interface FinalResponse {
  readonly status: number;
  /** Whole response as it is to go up; "" where the proxy makes it itself. */
  readonly text: string;
  /** For a response of our own: a Reason that says why, or "". */
  readonly reason: string;
}

export interface ResponseContext {
  /** Server transaction key (§17.2.3). */
  readonly key: string;
  readonly method: string;
  callId: string;
  /** The request as it came; "" once no further branch and no answer of our own can need it. */
  request: string;
  /** Key of the call that this INVITE begins or this request belongs to; "" for all others. */
  readonly callKey: string;
  /** Never refused by a limit. */
  readonly emergency: boolean;
  /** Topmost Via as stamped on arrival. */
  topVia: string;
  scope: BranchScope;
  /** RFC 5393 §4.2.2 value of the request. */
  loop: string;
  /** Where its responses go (§18.2.2): over a stream, the connection that the request came by last. */
  reply: Flow;
  readonly replyReliable: boolean;
  /** Where the request came from, for the token of the dialog that it may begin. */
  readonly ingress: Endpoint;
  /** A request inside a dialog: its late answers are acknowledged, and the call that it belongs to is left alone. */
  readonly inDialog: boolean;
  /** Ingress peer group; "" for an in-dialog request, whose token let it in. */
  readonly group: string;
  /** Exactly one of the two is not null. */
  invite: InviteServerState | null;
  other: NonInviteServerState | null;
  /** The last response sent up, for retransmissions. */
  lastResponse: string;
  hops: readonly Hop[];
  nextHop: number;
  attempts: number;
  /** Route header lines for the next element in place of those that came; null: unchanged. */
  readonly routes: string | null;
  breadthLeft: number;
  branches: readonly Branch[];
  best: FinalResponse | null;
  /** WWW-Authenticate and Proxy-Authenticate lines of all 401 and 407 (§16.7 item 7). */
  challenges: readonly string[];
  /** The caller has cancelled: no new branch. */
  cancelled: boolean;
  /** Reason of the caller's CANCEL, to be copied (RFC 3326 §2); a whole header line or "". */
  cancelReason: string;
  /** Non-INVITE: when a 100 goes up, as nothing final did (RFC 4320 §4.1). */
  tryingAt: number;
  /** INVITE: by then a target must ring or answer, or the caller is told that none does; Infinity: no longer. */
  setupEndsAt: number;
  /** Branch unknown here whose 2xx went up all the same: each further 2xx of it does, too. "": none. */
  strayAnswer: string;
  /** A final response has gone up; for INVITE further 2xx still follow. */
  finalSent: number;
  /** What the journal keeps with it; null: it was never told of this context. */
  record: object | null;
  readonly timer: Timed;
}

/** Shared by all that have none. */
export const NO_HOPS: readonly Hop[] = Object.freeze([]);
export const NO_CHALLENGES: readonly string[] = Object.freeze([]);
/** Of a request that is forgotten. */
export const NO_SCOPE: BranchScope = Object.freeze({
  nextVia: "",
  callId: "",
  fromTag: "",
  cseq: 0,
  method: "",
});

export function isInvite(context: ResponseContext): boolean {
  return context.invite !== null;
}
