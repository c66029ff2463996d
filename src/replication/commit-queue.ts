/**
 * What the store does not know yet. A record waits once, however often it changes, and its text is made when it is taken: so the
 * queue never holds more than the records that live, and those that ended after the store had heard of them. Pure.
 */
import type { BatchWriter } from "./batch.ts";
import type { JournalEntry } from "./journal.ts";
import { LiveRecords } from "./live-records.ts";

/** It waits among the changed ones. */
const CHANGED = 1;
/** It waits for its turn in a resend of everything. */
const RESEND = 2;
/** The store may have it: its end has to be told. */
const STORED = 4;

/** Below this the dead entries of a queue are not worth a pass over it. */
const COMPACT_MIN = 1_024;

export class CommitQueue {
  private readonly live = new LiveRecords();
  private changed: JournalEntry[] = [];
  private changedHead = 0;
  /** Entries among the changed ones that ended before the store heard of them: nothing is to be told. */
  private dead = 0;
  private resend: JournalEntry[] = [];
  private resendHead = 0;
  private inFlight: JournalEntry[] = [];
  /** Places of the changed queue that have ever been taken. */
  private taken = 0;
  /** Records too large for a commit: told as ended, so that nobody works from an older state. */
  tooLarge = 0;

  get liveCount(): number {
    return this.live.size;
  }

  /** Records whose newest state the store has not acknowledged. */
  get uncommitted(): number {
    return this.changed.length - this.changedHead - this.dead + this.resendLeft + this.inFlight.length;
  }

  get isEmpty(): boolean {
    return this.changedHead === this.changed.length && this.resendLeft === 0;
  }

  private get resendLeft(): number {
    return this.resend.length - this.resendHead;
  }

  /** Where the next change would stand: all that has been marked so far is before it. */
  get tail(): number {
    return this.taken + this.changed.length - this.changedHead;
  }

  /** All before it has been taken. */
  get head(): number {
    return this.taken;
  }

  mark(entry: JournalEntry): void {
    if (entry.source === null) return;
    if (entry.place < 0) this.live.add(entry);
    if ((entry.flags & CHANGED) !== 0) return;
    entry.flags |= CHANGED;
    this.changed.push(entry);
  }

  adopt(entry: JournalEntry): void {
    if (entry.source === null) return;
    this.live.add(entry);
    entry.flags |= STORED;
  }

  end(entry: JournalEntry): void {
    if (entry.source === null) return;
    entry.source = null;
    this.live.remove(entry);
    const waits = (entry.flags & CHANGED) !== 0;
    if ((entry.flags & STORED) !== 0) {
      if (waits) return;
      entry.flags |= CHANGED;
      this.changed.push(entry);
    } else if (waits) {
      this.dead++;
      this.compact();
    }
  }

  /** Moves what fits into the batch; the rest waits for the next one. What changed goes before what is only sent again. */
  take(batch: BatchWriter, now: number): void {
    for (; this.changedHead < this.changed.length; this.changedHead++, this.taken++) {
      const entry = this.changed[this.changedHead];
      if (entry === undefined) continue;
      if (entry.source === null && (entry.flags & STORED) === 0) this.dead--;
      else if (!this.put(entry, batch, now)) {
        this.shorten();
        return;
      }
      entry.flags &= ~CHANGED;
    }
    this.changed = [];
    this.changedHead = 0;
    for (; this.resendHead < this.resend.length; this.resendHead++) {
      const entry = this.resend[this.resendHead];
      if (entry === undefined || entry.source === null || (entry.flags & RESEND) === 0) continue;
      if (!this.put(entry, batch, now)) return;
    }
    this.resend = [];
    this.resendHead = 0;
  }

  private put(entry: JournalEntry, batch: BatchWriter, now: number): boolean {
    const text = entry.source === null ? null : entry.source.encode(now);
    if (!batch.add(entry.key, text)) {
      if (batch.count > 0) return false;
      this.tooLarge++;
      batch.add(entry.key, null);
    }
    entry.flags = (entry.flags & ~RESEND) | STORED;
    this.inFlight.push(entry);
    return true;
  }

  acknowledged(): void {
    this.inFlight = [];
  }

  /** The commit may or may not have been applied: its records wait again, before all others. */
  failed(): void {
    const again = this.inFlight.filter((entry) => (entry.flags & CHANGED) === 0);
    for (const entry of again) entry.flags |= CHANGED;
    this.taken -= again.length;
    this.changed = again.concat(this.changed.slice(this.changedHead));
    this.changedHead = 0;
    this.inFlight = [];
  }

  /** The store is emptied before the next commit: every live record is sent, no end has to be told. */
  resendAll(): void {
    this.taken = this.tail;
    for (const entry of this.changed) entry.flags = 0;
    for (const entry of this.inFlight) entry.flags = 0;
    this.changed = [];
    this.changedHead = 0;
    this.dead = 0;
    this.inFlight = [];
    // The newest first: what rings must be there before what has been talking for an hour.
    this.resend = this.live.all().toReversed();
    this.resendHead = 0;
    for (const entry of this.resend) entry.flags = RESEND;
  }

  /** More comes than one commit carries: what has been taken makes room. */
  private shorten(): void {
    if (this.changedHead < COMPACT_MIN || this.changedHead * 2 < this.changed.length) return;
    this.changed = this.changed.slice(this.changedHead);
    this.changedHead = 0;
  }

  /** While nothing can be committed, calls come and go: what ended unheard makes room. */
  private compact(): void {
    if (this.dead < COMPACT_MIN || this.dead * 2 < this.changed.length - this.changedHead) return;
    this.changed = this.changed
      .slice(this.changedHead)
      .filter((entry) => entry.source !== null || (entry.flags & STORED) !== 0);
    this.changedHead = 0;
    this.dead = 0;
  }
}
