/**
 * What is left of an INVITE over UDP whose 2xx has gone up. For Timers L and M nothing happens in it but that the request or the 2xx
 * comes again (RFC 6026 §7.1, §7.2): one small object in place of a context, its branch, their machines and tables, as the garbage
 * collector copies and marks what 32 seconds of calls leave. From it the context can be made again, whole, and is when anything comes.
 */
import type { FailoverPolicy, Target } from "../routing/target.ts";
import type { Flow } from "../transport/flow.ts";
import type { Endpoint } from "./flow-token.ts";
import { type Branch, NO_CHALLENGES, NO_HOPS, NO_SCOPE, type ResponseContext } from "./response-context.ts";

const NEVER = Number.POSITIVE_INFINITY;

/** A context without what ties it to a running node. */
export type PlainContext = Omit<ResponseContext, "timer">;

export class AnsweredInvite {
  readonly key: string;
  /** Of Timers L and M, which start together. */
  readonly until: number;
  readonly branch: string;
  /** As of the context. */
  record: object | null;
  private readonly callKey: string;
  private readonly group: string;
  private readonly reply: Flow;
  private readonly ingress: Endpoint;
  private readonly routes: string | null;
  private readonly flow: Flow;
  private readonly place: string;
  private readonly target: Target | null;
  private readonly policy: FailoverPolicy;
  private readonly mayUseTcp: boolean;
  private readonly emergency: boolean;
  private readonly inDialog: boolean;
  private readonly attempts: number;
  private readonly breadthLeft: number;
  private readonly breadth: number;
  private readonly provisional: number;
  private readonly final: number;
  private readonly finalSent: number;

  private constructor(context: ResponseContext, branch: Branch, until: number) {
    const { flow, place, target, policy, mayUseTcp } = branch.hop;
    this.key = context.key;
    this.until = until;
    this.branch = branch.id;
    this.record = null;
    this.callKey = context.callKey;
    this.group = context.group;
    this.reply = context.reply;
    this.ingress = context.ingress;
    this.routes = context.routes;
    this.flow = flow;
    this.place = place;
    this.target = target;
    this.policy = policy;
    this.mayUseTcp = mayUseTcp;
    this.emergency = context.emergency;
    this.inDialog = context.inDialog;
    this.attempts = context.attempts;
    this.breadthLeft = context.breadthLeft;
    this.breadth = branch.breadth;
    this.provisional = branch.provisional;
    this.final = branch.final;
    this.finalSent = context.finalSent;
  }

  /** @returns null where the context holds more than can be made again: another branch, a CANCEL, a connection */
  static of(context: ResponseContext): AnsweredInvite | null {
    const [branch] = context.branches;
    if (branch === undefined || context.branches.length > 1 || context.invite?.kind !== "accepted")
      return null;
    const { timerL } = context.invite;
    if (branch.invite?.kind !== "accepted" || branch.invite.timerM !== timerL) return null;
    return isPlain(context) && isPlainBranch(branch) ? new AnsweredInvite(context, branch, timerL) : null;
  }

  /** The context as it was. */
  context(): PlainContext {
    const { key, until, callKey, group, reply, ingress, routes, emergency, inDialog } = this;
    const { attempts, breadthLeft, finalSent, record } = this;
    return {
      key,
      method: "INVITE",
      callId: "",
      request: "",
      callKey,
      emergency,
      topVia: "",
      scope: NO_SCOPE,
      loop: "",
      reply,
      replyReliable: false,
      ingress,
      inDialog,
      group,
      invite: { kind: "accepted", timerL: until },
      other: null,
      lastResponse: "",
      hops: NO_HOPS,
      nextHop: 0,
      attempts,
      routes,
      breadthLeft,
      branches: [this.itsBranch()],
      best: null,
      challenges: NO_CHALLENGES,
      cancelled: false,
      cancelReason: "",
      strayAnswer: "",
      setupEndsAt: NEVER,
      tryingAt: NEVER,
      finalSent,
      record,
    };
  }

  private itsBranch(): Branch {
    const { flow, place, target, policy, mayUseTcp, breadth, provisional, final } = this;
    return {
      id: this.branch,
      hop: { flow, place, target, policy, uriText: "", mayUseTcp },
      reliable: false,
      request: "",
      invite: { kind: "accepted", timerM: this.until },
      other: null,
      wanted: true,
      provisional,
      final,
      noAnswerAt: NEVER,
      noProgressAt: NEVER,
      timerC: NEVER,
      cancelWanted: false,
      cancel: null,
      cancelledBy: NEVER,
      ack: "",
      breadth,
      isUnanswered: false,
    };
  }
}

function isPlain(context: ResponseContext): boolean {
  return (
    context.request === "" && // released, and with it all that the request has said
    !context.replyReliable &&
    !context.cancelled &&
    context.strayAnswer === "" &&
    context.challenges.length === 0 &&
    context.finalSent > 0
  );
}

function isPlainBranch({ reliable, request, wanted, cancel, cancelWanted, ack }: Branch): boolean {
  return !reliable && request === "" && wanted && cancel === null && !cancelWanted && ack === "";
}
