/** What a successor must know of the proxy's transactions: told here, written by whoever keeps the journal. */
import type { AnsweredInvite } from "./answered-invite.ts";
import type { OwnRequest } from "./own-request.ts";
import type { ResponseContext } from "./response-context.ts";

/** Which message leaves only when what led to it is stored; `off`: none waits. */
export type Confirm = "off" | "invite" | "2xx";

export interface ContextJournal {
  readonly confirm: Confirm;
  /** The context of an INVITE is new, or has changed. It is read when it is written, and not now. */
  changed(context: ResponseContext): void;
  /** A context has become another object, which is written from now on in place of it. */
  moved(from: ResponseContext | AnsweredInvite, to: ResponseContext | AnsweredInvite): void;
  /** Nothing can happen in it any more. */
  ended(context: ResponseContext | AnsweredInvite): void;
  /** A request of the proxy's own is new, or has changed; nobody waits for how it ends. */
  ownChanged(own: OwnRequest): void;
  ownEnded(own: OwnRequest): void;
  /** Runs `leave` once all that was told so far is stored, after a bounded time, or never where another node serves by now. */
  confirmed(leave: () => void): void;
}

/** Of a node that has nobody to tell. */
export const NO_CONTEXT_JOURNAL: ContextJournal = {
  confirm: "off",
  changed: () => {},
  moved: () => {},
  ended: () => {},
  ownChanged: () => {},
  ownEnded: () => {},
  confirmed: (leave) => leave(),
};
