/**
 * The standby's copy of the active's records, as texts: small, and made into calls only when they are needed. While the store is
 * filled anew, what was known before stays until all is there again. Records of one call are found together, so that a
 * takeover can begin with the calls that are heard of. Pure.
 */
import { kindOf } from "./journal.ts";

export interface WarmRecord {
  readonly text: string;
  /** Of its commit, by the store's clock. */
  readonly at: number;
}

interface Kept extends WarmRecord {
  readonly round: number;
  readonly group: string;
}

export type KeyedRecord = readonly [key: string, record: WarmRecord];

/** What a record belongs to; "": to nothing, it stands for itself. */
export type GroupOf = (key: string, text: string) => string;

const ALONE: GroupOf = () => "";

export class WarmCopy {
  private readonly records = new Map<string, Kept>();
  /** Keys of each group; most have one. */
  private readonly groups = new Map<string, string | Set<string>>();
  private readonly groupOf: GroupOf;
  /** Records of each kind that there is. */
  private readonly kinds = new Map<string, number>();
  private round = 0;

  /** @param groupOf default: every record stands for itself */
  constructor(groupOf: GroupOf = ALONE) {
    this.groupOf = groupOf;
  }

  get size(): number {
    return this.records.size;
  }

  /** All is about to be told again. */
  begin(): void {
    this.round++;
  }

  /** All has been told: what was not among it is no more. */
  complete(): void {
    for (const [key, { round }] of this.records) if (round !== this.round) this.remove(key);
  }

  put(key: string, { text, at }: WarmRecord): void {
    const group = this.groupOf(key, text);
    const known = this.records.get(key);
    if (known !== undefined && known.group !== group) this.leave(known.group, key);
    if (known?.group !== group) this.join(group, key);
    if (known === undefined) this.count(key, 1);
    this.records.set(key, {
      text,
      at,
      round: this.round,
      group: known?.group === group ? known.group : group,
    });
  }

  remove(key: string): void {
    const known = this.records.get(key);
    if (known === undefined) return;
    this.records.delete(key);
    this.count(key, -1);
    this.leave(known.group, key);
  }

  get(key: string): WarmRecord | null {
    return this.records.get(key) ?? null;
  }

  entries(): Iterable<KeyedRecord> {
    return this.records;
  }

  /** The groups that there are, the newest first; "" is one of them where a record stands for itself. */
  groupNames(): string[] {
    return [...this.groups.keys()].reverse();
  }

  /** Takes the records of a group out. @returns them, none where nothing is left of it */
  take(group: string): KeyedRecord[] {
    const keys = this.groups.get(group);
    if (keys === undefined) return [];
    this.groups.delete(group);
    const taken: KeyedRecord[] = [];
    for (const key of typeof keys === "string" ? [keys] : keys) {
      const record = this.records.get(key);
      if (record === undefined) continue;
      this.records.delete(key);
      this.count(key, -1);
      taken.push([key, record]);
    }
    return taken;
  }

  /** Records of each kind: what a standby shows, and what is compared with the active's numbers. */
  counts(): ReadonlyMap<string, number> {
    return this.kinds;
  }

  private count(key: string, step: 1 | -1): void {
    const kind = kindOf(key);
    const count = (this.kinds.get(kind) ?? 0) + step;
    if (count === 0) this.kinds.delete(kind);
    else this.kinds.set(kind, count);
  }

  private join(group: string, key: string): void {
    const keys = this.groups.get(group);
    if (keys === undefined) this.groups.set(group, key);
    else if (typeof keys === "string") this.groups.set(group, new Set([keys, key]));
    else keys.add(key);
  }

  private leave(group: string, key: string): void {
    const keys = this.groups.get(group);
    if (keys === key) this.groups.delete(group);
    else if (typeof keys === "object") {
      keys.delete(key);
      if (keys.size === 0) this.groups.delete(group);
    }
  }
}
