/**
 * A successor takes over what the active wrote: the records of the warm copy become calls and requests that go on. Ten thousand of them
 * take longer than a caller should wait for, so those of a call are restored together, when a message of that call comes, and the
 * rest bit by bit beside the service.
 */
import type { Call } from "../calls/call.ts";
import type { CallTable } from "../calls/call-table.ts";
import type { OwnRequest } from "../proxy/own-request.ts";
import type { SipProxy } from "../proxy/proxy.ts";
import type { ResponseContext } from "../proxy/response-context.ts";
import { readCallRecord } from "../replication/call-record.ts";
import { kindOf } from "../replication/journal.ts";
import type { KeyedRecord, WarmCopy } from "../replication/warm-copy.ts";
import type { Target } from "../routing/target.ts";
import { readContextRecord, readOwnRecord } from "./context-record.ts";
import { CONTEXT_KIND, type NodeJournal, OWN_KIND } from "./node-journal.ts";

/** What a takeover says of itself, for the log and the history. */
export interface RestoreCounts {
  /** INVITEs that are being forwarded, and those among them whose caller has no final response yet. */
  readonly invites: number;
  readonly pending: number;
  /** BYEs and CANCELs of the proxy's own that nobody had answered. */
  readonly own: number;
  /** Calls that are up or ring. */
  readonly calls: number;
  /** Ended calls whose account the active had not written. */
  readonly ended: number;
  /** Targets whose health was adopted, and states that operators had set. */
  readonly targets: number;
  readonly operators: number;
  /** Records that could not be read, and those of a version too new. */
  readonly garbage: number;
  readonly newer: number;
}

/** Anything else that has records in the copy. @returns false where the text is none that it knows */
export type ReadOther = (kind: string, parts: { key: string; text: string; since: number }) => boolean;

export interface RestorePorts {
  readonly proxy: SipProxy;
  readonly calls: CallTable;
  readonly journal: NodeJournal;
  /** Monotonic milliseconds. */
  readonly now: () => number;
  /** How old a commit is, by the store's clock. */
  readonly ageOf: (at: number) => number;
  readonly targets: readonly Target[];
  /** After how long a BYE and its answer are through, and how long a call may ring unheard. */
  readonly transactionMs: number;
  readonly timerCMs: number;
  readonly other: ReadOther;
  /** A record, or what was made of it, made this program fail: it counts as garbage, and all else is restored. */
  readonly failed: (key: string, error: unknown) => void;
}

/** What the copy tells: records in groups, by Call-ID; "" has those of no call. */
export type RestoredCopy = Pick<WarmCopy, "take" | "groupNames" | "counts">;

export class Restoration {
  private readonly copy: RestoredCopy;
  private readonly ports: RestorePorts;
  private readonly targets = new Map<string, Target>();
  private readonly numbers = {
    invites: 0,
    pending: 0,
    own: 0,
    calls: 0,
    ended: 0,
    targets: 0,
    operators: 0,
    garbage: 0,
    newer: 0,
  };
  /** Groups whose turn comes, the last one first. */
  private readonly waiting: string[];

  /** What belongs to no call is there at once: the health of targets, the words of operators. */
  constructor(copy: RestoredCopy, ports: RestorePorts) {
    this.copy = copy;
    this.ports = ports;
    for (const target of ports.targets) this.targets.set(`${target.group} ${target.id}`, target);
    this.restore(copy.take(""));
    // The newest first: what rings has more to lose than what has been talking for an hour.
    this.waiting = copy.groupNames().reverse();
  }

  /** What was taken over so far. */
  get counts(): RestoreCounts {
    return { ...this.numbers };
  }

  /** Something of this call is about to happen here: its timers run from now on, and accounts that are missing are written. */
  touch(callId: string): void {
    this.restore(this.copy.take(callId));
  }

  /**
   * Goes on with what nobody has asked for yet. Only on the node that holds the epoch.
   * @param forMs about how long
   * @returns false: nothing is left
   */
  advance(forMs: number): boolean {
    const until = this.ports.now() + forMs;
    do {
      const group = this.waiting.pop();
      if (group === undefined) return false;
      this.touch(group);
    } while (this.ports.now() < until);
    return true;
  }

  private restore(records: readonly KeyedRecord[]): void {
    const { proxy, calls: table } = this.ports;
    table.awaited = this.copy.counts().get("call") ?? 0;
    if (records.length === 0) return;
    const contexts: ResponseContext[] = [];
    const own: OwnRequest[] = [];
    const calls: Call[] = [];
    const now = this.ports.now();
    for (const [key, { text, at }] of records) {
      this.attempt(key, () => {
        const since = now - this.ports.ageOf(at);
        const kind = kindOf(key);
        if (kind === CONTEXT_KIND)
          push(contexts, this.context(key.slice(CONTEXT_KIND.length + 1), text, since));
        else if (kind === OWN_KIND) push(own, this.ownRequest(key.slice(OWN_KIND.length + 1), text, since));
        else if (kind === "call") push(calls, this.call(key, text, since));
        else this.other(kind, key, { text, since });
      });
    }
    const unanswered = contexts.filter(({ finalSent }) => finalSent === 0);
    this.numbers.invites += contexts.length;
    this.numbers.pending += unanswered.length;
    this.numbers.own += own.length;
    const pending = new Set(unanswered.map(({ callKey }) => callKey));
    for (const call of calls) this.attempt(call.key, () => this.arm(call, pending, now));
    for (const context of contexts) this.attempt(context.key, () => proxy.arm(context));
    for (const each of own) this.attempt(each.branch, () => proxy.armOwn(each));
  }

  /** Elsewhere a failure of the program ends the process; here whoever takes over next would meet the same record. */
  private attempt(key: string, work: () => void): void {
    try {
      work();
    } catch (error) {
      this.numbers.garbage++;
      this.ports.failed(key, error);
    }
  }

  private other(kind: string, key: string, { text, since }: { text: string; since: number }): void {
    if (!this.ports.other(kind, { key, text, since })) this.numbers.garbage++;
    else if (kind === "health") this.numbers.targets++;
    else this.numbers.operators++;
  }

  private context(key: string, text: string, since: number): ResponseContext | null {
    const { proxy, journal } = this.ports;
    const target = (group: string, id: string): Target | null => this.targets.get(`${group} ${id}`) ?? null;
    const stored = readContextRecord(text, { key, since, target });
    if (typeof stored === "string") {
      this.numbers[stored]++;
      return null;
    }
    const context = proxy.restore(stored);
    if (context === null) this.numbers.garbage++;
    else journal.contextRestored(context);
    return context;
  }

  private ownRequest(key: string, text: string, since: number): OwnRequest | null {
    const { proxy, journal } = this.ports;
    const stored = readOwnRecord(text, { key, since });
    if (typeof stored === "string") {
      this.numbers[stored]++;
      return null;
    }
    const own = proxy.restoreOwn(stored);
    if (own === null) this.numbers.garbage++;
    else journal.ownRestored(own);
    return own;
  }

  private call(key: string, text: string, since: number): Call | null {
    const { calls, journal } = this.ports;
    const stored = readCallRecord(key, text, since);
    if (typeof stored === "string") {
      this.numbers[stored]++;
      return null;
    }
    const call = calls.restore(stored);
    if (call === null) this.numbers.garbage++;
    else journal.callRestored(call);
    return call;
  }

  private arm(call: Call, pending: ReadonlySet<string>, now: number): void {
    const { calls } = this.ports;
    if (call.end !== null) {
      this.numbers.ended++;
      calls.accountFor(call);
      return;
    }
    this.numbers.calls++;
    this.expect(call, pending, now);
    calls.arm(call);
  }

  /**
   * Timers of a call of which nothing may come any more: the active may have died between its last message and the commit that
   * said so. What is still heard of the call stops them.
   */
  private expect(call: Call, pending: ReadonlySet<string>, now: number): void {
    const { transactionMs, timerCMs } = this.ports;
    if (call.isAnswered && call.hungUpBy !== null) call.unseenAt = now + transactionMs;
    else if (!call.isAnswered && !pending.has(call.key)) call.unseenAt = now + timerCMs;
  }
}

function push<T>(list: T[], item: T | null): void {
  if (item !== null) list.push(item);
}
