/** What the proxy's parts share: the ports that were passed in, and the tables of running transactions. */
import type { Router } from "../routing/router.ts";
import type { Target } from "../routing/target.ts";
import type { TimerWheel } from "../sip/timer/timer-wheel.ts";
import type { TimerSettings } from "../sip/transaction/timer-settings.ts";
import type { Flow, TransportName, Transports } from "../transport/flow.ts";
import type { BranchSigner } from "./branch.ts";
import type { CallLedger } from "./call-ledger.ts";
import type { ContextJournal } from "./context-journal.ts";
import type { Counters } from "./counters.ts";
import type { Finished } from "./finished.ts";
import type { FlowTokens } from "./flow-token.ts";
import type { Identity } from "./identity.ts";
import type { OwnRequest } from "./own-request.ts";
import type { Refusal } from "./refusal.ts";
import type { RefusedLately } from "./refused-lately.ts";
import type { Branch, ResponseContext } from "./response-context.ts";
import type { TargetWatch } from "./target-watch.ts";

/** Where log lines go; the fields hold the Call-ID of the call that a line is about. */
export interface Log {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

/** A CANCEL that came for an INVITE unknown here, kept 64*T1 for the responses that may still come. */
export interface KeptCancel {
  /** Its Reason lines. */
  readonly reason: string;
  readonly inDialog: boolean;
  readonly until: number;
  /** Its call has been accounted for, or it is of one that goes on. */
  isTold: boolean;
}

/** A target as it is reached from one of our listeners. */
export interface Place {
  readonly flow: Flow;
  /** {@link placeOf} of the flow. */
  readonly place: string;
  /** Listener that the call came to. */
  readonly from: number;
}

/**
 * Places behind a host that is a name, those to try first in front; null: nothing is known yet. Never waits (RFC 3263 §4).
 * @param at port 0 and transport null where the URI names none
 */
export type Locate = (at: {
  readonly host: string;
  readonly port: number;
  readonly transport: TransportName | null;
}) => readonly Pick<Flow, "transport" | "address" | "port">[] | null;

export interface Core {
  readonly calls: CallLedger;
  readonly journal: ContextJournal;
  readonly watch: TargetWatch;
  readonly locate: Locate;
  /** null: the node runs alone. */
  readonly answerProbe: AnswerProbe | null;
  readonly transports: Pick<Transports, "send" | "isOpen" | "alias">;
  readonly wheel: TimerWheel;
  readonly log: Log;
  readonly counters: Counters;
  identity: Identity;
  signer: BranchSigner;
  tokens: FlowTokens;
  timers: TimerSettings;
  /** Timer C in milliseconds, more than three minutes (RFC 3261 §16.6 item 11). */
  timerCMs: number;
  /** Longest time from an INVITE to a provisional above 100, over all targets. */
  setupTimeoutMs: number;
  router: Pick<Router, "classify" | "plan" | "isTargetAddress" | "hasEmergency" | "targets">;
  /** Monotonic milliseconds, set at each entry into the core: one look at the clock an event. */
  now: number;
  /** New calls are refused; OPTIONS are answered 503. */
  draining: boolean;
  /** Share of the new calls that is refused, 0 to 1 (RFC 3261 §21.5.4). */
  overload: number;
  /** What is said to them. */
  overloaded: Refusal;
  readonly refusedLately: RefusedLately;
  /** By server transaction key. */
  readonly contexts: Map<string, ResponseContext>;
  /** By branch, with the context that owns it. */
  readonly clients: Map<string, { branch: Branch; context: ResponseContext }>;
  /** Transactions over UDP that have had their final response, and nothing else is awaited of: no longer in the two above. */
  readonly finished: Finished;
  readonly own: Map<string, OwnRequest>;
  /**
   * INVITEs that came from another node without a final, by what an ACK shows of them; looked at until that time. `since`: when this node
   * took over. `over`: of a call of theirs that a BYE has ended, the callee's tag in its dialog. Until `unknownUntil` a final of an INVITE that is unknown here is of a call that the node before had no time to store.
   */
  readonly restored: {
    readonly pending: Map<string, ResponseContext>;
    readonly over: Map<string, string>;
    since: number;
    until: number;
    unknownUntil: number;
  };
  /** Key in `own` of the probe that is under way, by where it was sent. */
  readonly probes: Map<string, string>;
  readonly keptCancels: Map<string, KeptCancel>;
  /** INVITEs unknown here that a stray final concluded, by server transaction key: another target's is not to follow it. */
  readonly strayFinals: Map<string, { readonly answer: string; readonly until: number }>;
  /** Branches without a provisional above 100, by where they were sent: those that a transport failure there concerns. */
  readonly unanswered: Map<string, Set<Branch>>;
  /** Targets that refused TCP for a large request, and until when UDP is used at once. */
  readonly withoutTcp: Map<string, number>;
  /** Where each target is reached; forgotten with the target itself. */
  readonly places: WeakMap<Target, Place>;
  /** Stray responses that may still be forwarded in this second. */
  strayBudget: { second: number; left: number };
}

/**
 * Answers the question of another node of the cluster, "who has this address?".
 * @param question value of the header {@link PROBE_HEADER} as it came
 * @returns the value for the answer's header; null: none of this cluster's
 */
export type AnswerProbe = (question: string) => string | null;

/** "transport:address:port": the resolved place a request is sent to. */
export function placeOf(flow: Pick<Flow, "transport" | "address" | "port">): string {
  return `${flow.transport}:${flow.address}:${flow.port}`;
}

export function isReliable(flow: Flow): boolean {
  return flow.transport !== "udp";
}
