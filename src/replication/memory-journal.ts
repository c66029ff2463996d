/** The journal of a node that runs alone: its records are its live state, so that nothing is written until somebody asks. */
import type { Journal, JournalEntry } from "./journal.ts";
import { LiveRecords } from "./live-records.ts";

export class MemoryJournal implements Journal {
  private readonly live = new LiveRecords();

  mark(entry: JournalEntry): void {
    if (entry.source !== null) this.live.add(entry);
  }

  adopt(entry: JournalEntry): void {
    this.mark(entry);
  }

  end(entry: JournalEntry): void {
    entry.source = null;
    this.live.remove(entry);
  }

  confirmed(then: () => void): void {
    then();
  }

  get size(): number {
    return this.live.size;
  }

  /** All that a successor in the same process would be told: key and text. */
  records(now: number): [string, string][] {
    return this.live.all().map((entry) => [entry.key, entry.source?.encode(now) ?? ""]);
  }
}
