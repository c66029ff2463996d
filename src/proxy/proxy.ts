/** The stateful proxy of RFC 3261 §16, sans I/O: messages, failures and time in; messages, log lines and counts out. */
import type { Router } from "../routing/router.ts";
import { SipParseError } from "../sip/message/parse-error.ts";
import { answerUnreadable } from "../sip/message/salvage.ts";
import { isResponse, parseMessage } from "../sip/message/sip-message.ts";
import type { TimerWheel } from "../sip/timer/timer-wheel.ts";
import { nonInviteClientDeadline } from "../sip/transaction/non-invite-client.ts";
import type { TimerSettings } from "../sip/transaction/timer-settings.ts";
import { TRANSPORT_ERROR } from "../sip/transaction/transaction.ts";
import type { Flow, SendFailure, Transports } from "../transport/flow.ts";
import { BranchSigner } from "./branch.ts";
import { stepBranch } from "./branch-side.ts";
import type { CallLedger } from "./call-ledger.ts";
import { type ContextJournal, NO_CONTEXT_JOURNAL } from "./context-journal.ts";
import { scheduleContext, settleContext } from "./context-timers.ts";
import { type AnswerProbe, type Core, type Locate, type Log, placeOf } from "./core.ts";
import { Counters } from "./counters.ts";
import { Finished } from "./finished.ts";
import { FlowTokens } from "./flow-token.ts";
import { type DialogEnds, hangUp } from "./hang-up.ts";
import { giveUp, onBranchLost, onRefused } from "./hunting.ts";
import type { Identity } from "./identity.ts";
import type { OwnRequest } from "./own-request.ts";
import { restoreOwn, type StoredOwn } from "./own-requests.ts";
import { onProbeFailure, type Probe, type ProbeResult, sendProbe } from "./probing.ts";
import { onRequest } from "./receive-request.ts";
import { onResponse } from "./receive-response.ts";
import { type Refusal, refusal } from "./refusal.ts";
import { RefusedLately } from "./refused-lately.ts";
import type { ResponseContext } from "./response-context.ts";
import { restoreContext, type StoredContext } from "./restoring.ts";
import { isOurOwn, type TargetWatch } from "./target-watch.ts";

/** What fits into one datagram over IPv4. */
const UDP_PAYLOAD_MAX = 65_507;

/** What a new configuration may change while calls run. */
export interface Reconfiguration {
  readonly identity: Identity;
  readonly router: Pick<Router, "classify" | "plan" | "isTargetAddress" | "hasEmergency" | "targets">;
  /** The cluster's secrets: the first signs, all verify. */
  readonly secrets: readonly string[];
  readonly timers: TimerSettings;
  /** Timer C, above three minutes by RFC 3261 §16.6 item 11. */
  readonly timerCMs: number;
  /** Longest time from an INVITE to a provisional above 100, over all its targets. */
  readonly setupTimeoutMs: number;
}

/** All that the proxy needs from outside. */
export interface ProxyPorts extends Reconfiguration {
  readonly transports: Pick<Transports, "send" | "isOpen" | "alias">;
  readonly wheel: TimerWheel;
  /** Monotonic milliseconds. */
  readonly now: () => number;
  readonly log: Log;
  /** Shared with what counts beside the proxy; default: its own. */
  readonly counters?: Counters;
  readonly calls: CallLedger;
  /** Left out: nobody has to be told. */
  readonly journal?: ContextJournal;
  readonly watch: TargetWatch;
  readonly locate: Locate;
  /** Default: the node runs alone. */
  readonly answerProbe?: AnswerProbe;
}

/** Running totals for whoever watches. */
export interface ProxyStatus {
  /** Contexts whose final response has not gone up. */
  readonly pending: number;
  readonly contexts: number;
  readonly branches: number;
  readonly ownRequests: number;
  readonly counters: Readonly<Record<string, number>>;
}

export class SipProxy {
  private readonly core: Core;
  private readonly now: () => number;
  private secrets: readonly string[];

  constructor(ports: ProxyPorts) {
    const { transports, wheel, log, identity, calls, router, secrets, timers, timerCMs } = ports;
    const { watch, locate, setupTimeoutMs, journal = NO_CONTEXT_JOURNAL } = ports;
    this.now = ports.now;
    this.secrets = secrets;
    this.core = {
      transports,
      wheel,
      log,
      counters: ports.counters ?? new Counters(),
      identity,
      calls,
      journal,
      watch,
      locate,
      answerProbe: ports.answerProbe ?? null,
      signer: new BranchSigner(secrets),
      tokens: new FlowTokens(secrets),
      timers,
      timerCMs,
      setupTimeoutMs,
      router,
      now: ports.now(),
      draining: false,
      overload: 0,
      overloaded: overloaded(""),
      refusedLately: new RefusedLately(),
      contexts: new Map(),
      clients: new Map(),
      finished: new Finished(wheel, (invite) => {
        if (invite.record !== null) journal.ended(invite);
      }),
      own: new Map(),
      restored: { pending: new Map(), over: new Map(), since: 0, until: 0, unknownUntil: 0 },
      probes: new Map(),
      keptCancels: new Map(),
      strayFinals: new Map(),
      unanswered: new Map(),
      withoutTcp: new Map(),
      places: new WeakMap(),
      strayBudget: { second: 0, left: 0 },
    };
  }

  /** One whole SIP message. Never throws on what a peer sent: a bad request is answered, a bad response dropped and counted. */
  receive(raw: string, flow: Flow): void {
    const { core } = this;
    core.now = this.now();
    try {
      const message = parseMessage(raw);
      if (message.isRequest) onRequest(core, message, flow);
      else onResponse(core, message, flow);
    } catch (error) {
      if (!(error instanceof SipParseError)) throw error;
      this.refuseMalformed(raw, flow, error);
    }
  }

  /** What was sent lately to this far end is lost (§16.9): branches nobody has answered go on to their next target. */
  transportFailure(flow: Flow, failure: SendFailure): void {
    const { core } = this;
    core.now = this.now();
    core.counters.add(`transport.${failure}`);
    if (!isOurOwn(failure, flow)) onProbeFailure(core, placeOf(flow), failure);
    const branches = core.unanswered.get(placeOf(flow));
    if (branches === undefined) return;
    for (const branch of [...branches]) {
      const context = core.clients.get(branch.id)?.context;
      if (context === undefined) continue;
      // Only this message was too large; the others are on their way.
      if (failure === "too-large" && branch.request.length <= UDP_PAYLOAD_MAX) continue;
      const loss = { status: 503, text: "", reason: failure };
      // After a 100 the target may live on (a lost connection): it is cancelled, not forgotten.
      if (branch.provisional > 0 && context.invite !== null) giveUp(core, context, branch, loss);
      else if (context.invite !== null) onRefused(core, context, branch, loss);
      else if (stepBranch(core, branch, TRANSPORT_ERROR, null).includes("transport-error")) {
        onBranchLost(core, context, branch, loss);
      }
      settleContext(core, context);
    }
  }

  /** OPTIONS to a target (RFC 3261 §11); `done` is called once, and again for an answer that comes after the time-out. */
  probe(probe: Probe, done: (result: ProbeResult) => void): void {
    this.core.now = this.now();
    sendProbe(this.core, probe, done);
  }

  /** BYE to both sides of a call: the ledger says that it has lasted long enough. */
  hangUp(ends: DialogEnds): void {
    this.core.now = this.now();
    hangUp(this.core, ends);
  }

  /**
   * This node takes over from another one, whose calls are restored from now on.
   * @param isWhole all that it has stored comes to this one: of a call whose final response is heard and of which nothing came, the
   *   INVITE was forwarded in its last milliseconds
   */
  takeOver(isWhole: boolean): void {
    const { core } = this;
    core.restored.since = this.now();
    if (isWhole) core.restored.unknownUntil = core.restored.since + core.timerCMs + core.timers.transactionMs;
  }

  /**
   * Takes over an INVITE that another node was forwarding. Nothing is sent before {@link arm}.
   * @returns null where it is here already, or can't be gone on with
   */
  restore(stored: StoredContext): ResponseContext | null {
    this.core.now = this.now();
    return restoreContext(this.core, stored);
  }

  /** The same for a request of its own. */
  restoreOwn(stored: StoredOwn): OwnRequest | null {
    return restoreOwn(this.core, stored);
  }

  armOwn(own: OwnRequest): void {
    this.core.wheel.schedule(own.timer, nonInviteClientDeadline(own.state));
  }

  /** Starts the timers of a context that was restored; what is overdue fires at once. */
  arm(context: ResponseContext): void {
    scheduleContext(this.core, context);
  }

  /** From now on new requests see these; transactions that run finish under what they began with. */
  reconfigure(parts: Reconfiguration): void {
    const { core } = this;
    core.router = parts.router;
    core.identity = parts.identity;
    core.timers = parts.timers;
    core.timerCMs = parts.timerCMs;
    core.setupTimeoutMs = parts.setupTimeoutMs;
    if (parts.secrets.join("\n") === this.secrets.join("\n")) return; // what they remember stays true
    this.secrets = parts.secrets;
    core.signer = new BranchSigner(parts.secrets);
    core.tokens = new FlowTokens(parts.secrets);
  }

  /**
   * Refuses this share of new calls from now on.
   * @param share 0 to 1
   */
  shed(share: number, retryAfterS: number): void {
    this.core.overload = share;
    this.core.overloaded = overloaded(`Retry-After: ${retryAfterS}\r\n`);
  }

  /** Refuses new calls from now on (503, Retry-After), and says so to whoever probes. */
  drain(): void {
    this.core.draining = true;
  }

  status(): ProxyStatus {
    const { core } = this;
    let pending = 0;
    for (const context of core.contexts.values()) if (context.finalSent === 0) pending++;
    return {
      pending,
      contexts: core.contexts.size + core.finished.answers.size,
      branches: core.clients.size + core.finished.branches.size + core.finished.invites.size,
      ownRequests: core.own.size,
      counters: core.counters.values,
    };
  }

  private refuseMalformed(raw: string, flow: Flow, error: SipParseError): void {
    const { core } = this;
    core.counters.add(`malformed.${error.code}`);
    core.log.debug(
      { from: flow.address, code: error.code, offset: error.offset, reason: error.message },
      "malformed message",
    );
    if (isResponse(raw)) return;
    const answer = answerUnreadable(raw, { status: error.status, phrase: PHRASES[error.status] }, flow);
    if (answer === null) core.counters.add("malformed.unanswerable");
    else core.transports.send(flow, answer);
  }
}

function overloaded(headers: string): Refusal {
  return refusal(503, "Service Unavailable", "overload", headers);
}

const PHRASES = {
  400: "Bad Request",
  414: "Request-URI Too Long",
  505: "Version Not Supported",
  513: "Message Too Large",
} as const;
