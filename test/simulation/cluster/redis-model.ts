// Redis as the cluster sees it: the lease scripts as a model, the calls of the journal, and its own ways of failing.
import { type LeaseRecord, sameRecord } from "../../../src/cluster/lease.ts";
import type { LeaseOperation, LeaseReply } from "../../../src/cluster/node-state.ts";

export interface JournalEntry {
  readonly sequence: number;
  readonly call: number;
  /** Of this call, growing with each change. */
  readonly version: number;
  readonly ended: boolean;
}

/** Who may write: raised with the lease, and by whoever writes in a higher epoch. */
interface Fence {
  readonly epoch: number;
  readonly boot: string;
}

interface Data {
  readonly record: LeaseRecord | null;
  readonly fence: Fence;
  readonly calls: ReadonlyMap<number, JournalEntry>;
  readonly sequence: number;
}

interface Snapshot {
  readonly at: number;
  readonly data: Data;
  /** A replica has it: no failover loses it. */
  readonly confirmed: boolean;
}

const EMPTY: Data = { record: null, fence: { epoch: 0, boot: "" }, calls: new Map(), sequence: 0 };
const SNAPSHOTS = 64;

export interface Owner {
  readonly node: string;
  readonly boot: string;
}

/** The lease scripts of src/cluster/lease-scripts.ts; test/integration/cluster compares the two. */
export function runLeaseScript(
  record: LeaseRecord | null,
  operation: LeaseOperation,
  owner: Owner,
): { done: boolean; record: LeaseRecord | null } {
  const refused = { done: false, record };
  const ours = record !== null && record.holder === owner.node && record.boot === owner.boot;
  switch (operation.kind) {
    case "read":
      return { done: true, record };
    case "acquire": {
      const { record: expected, compareCounter } = operation.expected;
      const counter = compareCounter ? expected?.counter : record?.counter;
      const seen = expected === null ? null : { ...expected, counter: counter ?? 0 };
      if (!sameRecord(record, seen) || (record !== null && operation.epoch <= record.epoch)) return refused;
      const next = (record?.counter ?? 0) + 1;
      const { node, boot } = owner;
      return { done: true, record: { holder: node, boot, epoch: operation.epoch, counter: next, ask: null } };
    }
    case "renew":
      if (!ours || record.epoch !== operation.epoch) return refused;
      return { done: true, record: { ...record, counter: record.counter + 1 } };
    case "hand-over": {
      if (!ours || record.epoch !== operation.epoch) return refused;
      const { node: holder, boot } = operation.to;
      const next = { holder, boot, epoch: record.epoch + 1, counter: record.counter + 1, ask: null };
      return { done: true, record: next };
    }
    case "please-resign":
      if (record === null || record.epoch !== operation.epoch) return refused;
      return { done: true, record: { ...record, ask: owner.node } };
  }
}

export class RedisModel {
  private data: Data = EMPTY;
  private snapshots: Snapshot[] = [];
  /** Names the server's life. */
  life = 1;
  /** Counts losses of data: what was promised before one may be gone. */
  losses = 0;
  up = true;
  stalledUntil = 0;
  /** Planted fault: the epoch of a writer is not compared. */
  readonly checksEpoch: boolean;

  constructor(options: { checksEpoch: boolean }) {
    this.checksEpoch = options.checksEpoch;
  }

  get record(): LeaseRecord | null {
    return this.data.record;
  }

  get calls(): ReadonlyMap<number, JournalEntry> {
    return this.data.calls;
  }

  get sequence(): number {
    return this.data.sequence;
  }

  private keep(at: number, confirmed: boolean): void {
    this.snapshots.push({ at, data: this.data, confirmed });
    if (this.snapshots.length > SNAPSHOTS) this.snapshots.shift();
  }

  lease(operation: LeaseOperation, owner: Owner, now: number): LeaseReply {
    const { done, record } = runLeaseScript(this.data.record, operation, owner);
    const { fence } = this.data;
    const raised = record !== null && record.epoch > fence.epoch;
    this.data = { ...this.data, record, fence: raised ? { epoch: record.epoch, boot: record.boot } : fence };
    // Acquisitions and hand-overs wait for a replica.
    if (done && operation.kind !== "read")
      this.keep(now, operation.kind === "acquire" || operation.kind === "hand-over");
    return { outcome: done ? "granted" : "refused", reading: { source: `life ${this.life}`, record } };
  }

  /** As the script of src/replication/commit-script.ts. @returns the entries with their numbers; null: refused, a newer epoch or its holder rules */
  commit(
    changes: readonly Omit<JournalEntry, "sequence">[],
    owner: Owner & { epoch: number },
    now: number,
  ): JournalEntry[] | null {
    const { record, fence } = this.data;
    const { epoch, boot } = owner;
    const isPast = fence.epoch > epoch || (fence.epoch === epoch && fence.boot !== boot);
    if (isPast && this.checksEpoch) return null;
    const calls = new Map(this.data.calls);
    let { sequence } = this.data;
    const entries = changes.map((change) => {
      sequence += 1;
      const entry = { ...change, sequence };
      if (entry.ended) calls.delete(entry.call);
      else calls.set(entry.call, entry);
      return entry;
    });
    this.data = { record, fence: isPast ? fence : { epoch, boot }, calls, sequence };
    this.keep(now, false);
    return entries;
  }

  private newLife(data: Data): void {
    this.data = data;
    this.snapshots = [];
    this.life += 1;
    this.losses += 1;
  }

  /** Another master, without the writes of the last `lostMs` that no replica had confirmed. */
  failOver(now: number, lostMs: number): void {
    const kept = this.snapshots.filter(({ at, confirmed }) => confirmed || at <= now - lostMs).at(-1);
    this.newLife(kept?.data ?? this.data);
  }

  restartEmpty(): void {
    this.newLife(EMPTY);
  }

  /** From a file that is older than what was confirmed. */
  restartOld(): void {
    this.newLife(this.snapshots[0]?.data ?? this.data);
  }
}
