/** Who keeps account of the calls, as the proxy tells of them. The key is Call-ID, space and the caller's tag. */

/** What the first INVITE says; header values hold no line end. */
export interface LedgerFacts {
  readonly group: string;
  readonly from: string;
  readonly to: string;
  readonly contact: string;
  readonly routes: string;
  readonly requested: string;
  /** "transport:address:port" of the sender. */
  readonly place: string;
  readonly cseq: number;
}

/** What the 2xx says; `sessionSeconds` 0: no session timer. */
export interface LedgerAnswer {
  readonly to: string;
  readonly contact: string;
  readonly routes: string;
  readonly sessionSeconds: number;
}

/** What a 2xx to a re-INVITE or UPDATE says: the URIs of both Contacts, "" where one stays as it was. */
export interface LedgerRefresh {
  readonly sessionSeconds: number;
  readonly callerContact: string;
  readonly calleeContact: string;
}

/** A request inside a dialog: whose, and of a BYE its Reason. */
export interface LedgerRequest {
  readonly byCaller: boolean;
  /** Of two dialogs of a call that was forked it tells which one. */
  readonly calleeTag: string;
  readonly cseq: number;
  readonly bye: boolean;
  readonly reason: string;
}

/** How a call ended that no BYE ended. */
export type LedgerEnd = "cancel" | "refused" | "timeout" | "dialog-lost" | "uncertain";

export interface CallLedger {
  /** May one more call begin? */
  admits(now: number): boolean;
  /** May the call go to this target of this group? */
  mayTry(key: string, target: string, group: string, now: number): boolean;
  /** A call's first INVITE is about to be forwarded. */
  began(key: string, facts: LedgerFacts, now: number): void;
  /** It goes to this target now. */
  tried(key: string, target: string, group: string, now: number): void;
  attemptEnded(
    key: string,
    target: { readonly id: string; readonly group: string },
    result: { status: number; reason: string },
  ): void;
  /** A provisional above 100 went up. */
  rang(key: string): void;
  /** A 2xx went up. */
  answered(key: string, facts: LedgerAnswer, now: number): void;
  /** Another final response went up. */
  failed(key: string, end: { status: number; by: LedgerEnd; reason: string }): void;
  /** A request inside the dialog. */
  seen(key: string, request: LedgerRequest): void;
  /** A re-INVITE or UPDATE was answered by a 2xx. */
  refreshed(key: string, facts: LedgerRefresh, now: number): void;
  /** A BYE that was not seen here was answered: who has sent it. */
  hungUp(key: string, by: "caller" | "callee", calleeTag: string): void;
  /** A BYE was answered, or the dialog proved to be gone. */
  ended(key: string, by: LedgerEnd | null): void;
  /** Who has sent a BYE for a call whose INVITE has no final response yet, as far as is known here? */
  hungUpEarlyBy(key: string): "caller" | "callee" | null;
  /** The callee's tag of the early dialog that was; "": none. */
  earlyByeTag(key: string): string;
  /**
   * Such a call was answered all the same, by another node, and is over.
   * @param answered no later than then, and `ended`, both in monotonic milliseconds
   */
  endedElsewhere(key: string, times: { answered: number; ended: number }): void;
  /** Is it up or ringing here? */
  knows(key: string): boolean;
  /** The ACK of its 2xx has come: of one that was in doubt more was heard. */
  acknowledged(key: string): void;
  /** A call that is up ends as `uncertain` where nothing more is heard of it by then, in monotonic milliseconds. */
  doubt(key: string, until: number): void;
}
