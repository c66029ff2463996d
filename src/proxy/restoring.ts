/** Going on with an INVITE that another node was forwarding: its record made into a context that runs. */
import { SipParseError } from "../sip/message/parse-error.ts";
import { parseOwn, type SipMessage } from "../sip/message/sip-message.ts";
import { isPending, rememberUnanswered } from "./branch-side.ts";
import { inviteName } from "./concluded-elsewhere.ts";
import { ContextTimer } from "./context-timer.ts";
import { isBranchOver } from "./context-timers.ts";
import type { Core } from "./core.ts";
import { forwarded } from "./hunting.ts";
import type { ResponseContext } from "./response-context.ts";

/**
 * A context as it was stored, its deadlines moved to this node's clock. What the request says by itself is not in it, and a
 * branch whose `request` is "" gets it rebuilt: the same bytes, as all that it depends on was stored.
 */
export type StoredContext = Omit<
  ResponseContext,
  "callId" | "scope" | "record" | "timer" | "other" | "method"
> & {
  /** {@link BranchScope.nextVia}. */
  readonly nextVia: string;
};

/** @returns null where the transaction runs here already, or its request can't be read */
export function restoreContext(core: Core, stored: StoredContext): ResponseContext | null {
  if (core.contexts.has(stored.key) || core.finished.answers.find(stored.key) !== undefined) return null;
  try {
    return adopted(core, stored);
  } catch (error) {
    if (!(error instanceof SipParseError)) throw error;
    return null;
  }
}

function adopted(core: Core, { nextVia, ...stored }: StoredContext): ResponseContext {
  const request = stored.request === "" ? null : parseOwn(stored.request);
  const timer = new ContextTimer(core);
  const context: ResponseContext = {
    ...stored,
    method: "INVITE",
    callId: request?.callId ?? "",
    scope: {
      nextVia,
      callId: request?.callId ?? "",
      fromTag: request?.fromTag ?? "",
      cseq: request?.cseqNumber ?? 0,
      method: "INVITE",
    },
    other: null,
    record: null,
    timer,
  };
  timer.context = context;
  if (request !== null) rebuild(core, context, request);
  core.contexts.set(context.key, context);
  if (context.finalSent === 0) {
    core.restored.pending.set(inviteName(context.scope), context);
    core.restored.until = core.now + core.timerCMs + core.timers.transactionMs;
  }
  for (const branch of context.branches) {
    if (!isBranchOver(branch)) core.clients.set(branch.id, { branch, context });
    if (isPending(branch) && branch.provisional <= 100) rememberUnanswered(core, branch);
  }
  return context;
}

/** What was sent to each target that has not given its final. */
function rebuild(core: Core, context: ResponseContext, request: SipMessage): void {
  for (const branch of context.branches) {
    if (branch.request !== "" || !isPending(branch)) continue;
    const { hop, id, breadth } = branch;
    branch.request = forwarded(core, context, request, { hop, id, breadth });
  }
}
