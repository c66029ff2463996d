/**
 * The standby's copy of the active's records, as texts: small, and made into calls only when they are needed. While the store is
 * filled anew, what was known before stays until all is there again. Pure.
 */
import { kindOf } from "./journal.ts";

export interface WarmRecord {
  readonly text: string;
  /** Of its commit, by the store's clock. */
  readonly at: number;
}

interface Kept extends WarmRecord {
  readonly round: number;
}

export class WarmCopy {
  private readonly records = new Map<string, Kept>();
  private round = 0;

  get size(): number {
    return this.records.size;
  }

  /** All is about to be told again. */
  begin(): void {
    this.round++;
  }

  /** All has been told: what was not among it is no more. */
  complete(): void {
    for (const [key, { round }] of this.records) if (round !== this.round) this.records.delete(key);
  }

  put(key: string, record: WarmRecord): void {
    this.records.set(key, { text: record.text, at: record.at, round: this.round });
  }

  remove(key: string): void {
    this.records.delete(key);
  }

  get(key: string): WarmRecord | null {
    return this.records.get(key) ?? null;
  }

  entries(): Iterable<readonly [string, WarmRecord]> {
    return this.records;
  }

  /** Records of each kind: what a standby shows, and what is compared with the active's numbers. */
  counts(): ReadonlyMap<string, number> {
    const counts = new Map<string, number>();
    for (const key of this.records.keys()) {
      const kind = kindOf(key);
      counts.set(kind, (counts.get(kind) ?? 0) + 1);
    }
    return counts;
  }
}
