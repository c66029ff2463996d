// Replicated calls, as simple as can be: each has a version that grows; what matters is that none goes back or is lost.
// The port is what the journal and the restoring of calls offer to the cluster, so that they can take this model's place.
import type { JournalEntry } from "./redis-model.ts";

export interface ReplicatedCalls {
  /** Highest journal entry applied. */
  readonly applied: number;
  readonly inSync: boolean;
  /** The standby's copy, or the active's calls: version by call. */
  readonly versions: ReadonlyMap<number, number>;
  /** Newest versions that this life ever knew: a copy must not go back behind them. */
  readonly known: ReadonlyMap<number, number>;
  /** A snapshot, then entries in their order. */
  load(calls: ReadonlyMap<number, JournalEntry>, sequence: number): void;
  apply(entries: readonly JournalEntry[]): void;
  /** Not followed any more, until the next snapshot. */
  lose(): void;
  /** A change of the active's own. @returns what the journal is told */
  change(call: number, ended: boolean): Omit<JournalEntry, "sequence">;
  /** All that is up, for a journal that may have lost it. */
  all(): Omit<JournalEntry, "sequence">[];
}

export class CallsModel implements ReplicatedCalls {
  applied = 0;
  inSync = false;
  readonly versions = new Map<number, number>();
  readonly known = new Map<number, number>();
  private readonly ended = new Set<number>();
  /** Planted fault: a batch is applied from its end, and an older version overwrites a newer one. */
  private readonly backwards: boolean;

  constructor(options: { backwards: boolean }) {
    this.backwards = options.backwards;
  }

  load(calls: ReadonlyMap<number, JournalEntry>, sequence: number): void {
    for (const { call, version } of calls.values()) {
      if (this.ended.has(call) || (this.known.get(call) ?? 0) > version) continue;
      this.set(call, version);
    }
    this.applied = sequence;
    this.inSync = true;
  }

  apply(entries: readonly JournalEntry[]): void {
    const order = this.backwards ? [...entries].reverse() : entries;
    for (const { call, version, ended } of order) {
      if (ended) this.end(call);
      else if (this.backwards || (version >= (this.known.get(call) ?? 0) && !this.ended.has(call)))
        this.set(call, version);
    }
    this.applied = entries.at(-1)?.sequence ?? this.applied;
  }

  private set(call: number, version: number): void {
    this.versions.set(call, version);
    this.known.set(call, Math.max(version, this.known.get(call) ?? 0));
  }

  private end(call: number): void {
    this.versions.delete(call);
    this.known.delete(call);
    this.ended.add(call);
  }

  lose(): void {
    this.inSync = false;
  }

  change(call: number, ended: boolean): Omit<JournalEntry, "sequence"> {
    const version = (this.versions.get(call) ?? 0) + 1;
    if (ended) this.end(call);
    else this.set(call, version);
    return { call, version, ended };
  }

  all(): Omit<JournalEntry, "sequence">[] {
    return [...this.versions].map(([call, version]) => ({ call, version, ended: false }));
  }
}
