/** A successor takes over what the active wrote: the records of the warm copy become calls and requests that go on. */
import type { Call } from "../calls/call.ts";
import type { CallTable } from "../calls/call-table.ts";
import type { OwnRequest } from "../proxy/own-request.ts";
import type { SipProxy } from "../proxy/proxy.ts";
import type { ResponseContext } from "../proxy/response-context.ts";
import { readCallRecord } from "../replication/call-record.ts";
import { kindOf } from "../replication/journal.ts";
import type { WarmRecord } from "../replication/warm-copy.ts";
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
  readonly now: number;
  /** How old a commit is, by the store's clock. */
  readonly ageOf: (at: number) => number;
  readonly targets: readonly Target[];
  /** After how long a BYE and its answer are through, and how long a call may ring unheard. */
  readonly transactionMs: number;
  readonly timerCMs: number;
  readonly other: ReadOther;
}

/** What was taken over, and what sets it going. */
export interface Restored {
  readonly counts: RestoreCounts;
  /** Starts every timer, and writes the accounts that are missing. Only for the node that holds the epoch. */
  readonly arm: () => void;
}

export function restoreRecords(
  records: Iterable<readonly [string, WarmRecord]>,
  ports: RestorePorts,
): Restored {
  const restoring = new Restoring(ports);
  for (const [key, record] of records) restoring.take(key, record);
  return { counts: restoring.counts(), arm: () => restoring.arm() };
}

class Restoring {
  private readonly ports: RestorePorts;
  private readonly contexts: ResponseContext[] = [];
  private readonly own: OwnRequest[] = [];
  private readonly calls: Call[] = [];
  private readonly targets = new Map<string, Target>();
  private readonly numbers = { targets: 0, operators: 0, garbage: 0, newer: 0 };

  constructor(ports: RestorePorts) {
    this.ports = ports;
    for (const target of ports.targets) this.targets.set(`${target.group} ${target.id}`, target);
  }

  take(key: string, { text, at }: WarmRecord): void {
    const since = this.ports.now - this.ports.ageOf(at);
    const kind = kindOf(key);
    if (kind === CONTEXT_KIND) this.context(key.slice(CONTEXT_KIND.length + 1), text, since);
    else if (kind === OWN_KIND) this.ownRequest(key.slice(OWN_KIND.length + 1), text, since);
    else if (kind === "call") this.call(key, text, since);
    else if (!this.ports.other(kind, { key, text, since })) this.numbers.garbage++;
    else if (kind === "health") this.numbers.targets++;
    else this.numbers.operators++;
  }

  private context(key: string, text: string, since: number): void {
    const { proxy, journal } = this.ports;
    const target = (group: string, id: string): Target | null => this.targets.get(`${group} ${id}`) ?? null;
    const stored = readContextRecord(text, { key, since, target });
    if (typeof stored === "string") {
      this.numbers[stored]++;
      return;
    }
    const context = proxy.restore(stored);
    if (context === null) this.numbers.garbage++;
    else {
      journal.contextRestored(context);
      this.contexts.push(context);
    }
  }

  private ownRequest(key: string, text: string, since: number): void {
    const { proxy, journal } = this.ports;
    const stored = readOwnRecord(text, { key, since });
    if (typeof stored === "string") {
      this.numbers[stored]++;
      return;
    }
    const own = proxy.restoreOwn(stored);
    if (own === null) this.numbers.garbage++;
    else {
      journal.ownRestored(own);
      this.own.push(own);
    }
  }

  private call(key: string, text: string, since: number): void {
    const { calls, journal } = this.ports;
    const stored = readCallRecord(key, text, since);
    if (typeof stored === "string") {
      this.numbers[stored]++;
      return;
    }
    const call = calls.restore(stored);
    if (call === null) this.numbers.garbage++;
    else {
      journal.callRestored(call);
      this.calls.push(call);
    }
  }

  /**
   * Timers of a call of which nothing may come any more: the active may have died between its last message and the commit that
   * said so. What is still heard of the call stops them.
   */
  private expect(call: Call, pending: ReadonlySet<string>): void {
    const { now, transactionMs, timerCMs } = this.ports;
    if (call.isAnswered && call.hungUpBy !== null) call.unseenAt = now + transactionMs;
    else if (!call.isAnswered && !pending.has(call.key)) call.unseenAt = now + timerCMs;
  }

  arm(): void {
    const { proxy, calls } = this.ports;
    const pending = new Set(
      this.contexts.filter(({ finalSent }) => finalSent === 0).map(({ callKey }) => callKey),
    );
    for (const call of this.calls) {
      if (call.end !== null) calls.accountFor(call);
      else {
        this.expect(call, pending);
        calls.arm(call);
      }
    }
    for (const context of this.contexts) proxy.arm(context);
    for (const own of this.own) proxy.armOwn(own);
  }

  counts(): RestoreCounts {
    const ended = this.calls.filter(({ end }) => end !== null).length;
    return {
      invites: this.contexts.length,
      pending: this.contexts.filter(({ finalSent }) => finalSent === 0).length,
      own: this.own.length,
      calls: this.calls.length - ended,
      ended,
      ...this.numbers,
    };
  }
}
