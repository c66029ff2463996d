/** The records that live, without order: adding and removing cost the same whatever their number. */
import type { JournalEntry } from "./journal.ts";

export class LiveRecords {
  private readonly entries: JournalEntry[] = [];

  get size(): number {
    return this.entries.length;
  }

  /** An entry that is in already stays where it is. */
  add(entry: JournalEntry): void {
    if (entry.place >= 0) return;
    entry.place = this.entries.length;
    this.entries.push(entry);
  }

  remove(entry: JournalEntry): void {
    const { place } = entry;
    if (place < 0) return;
    entry.place = -1;
    const last = this.entries.pop();
    if (last === undefined || last === entry) return;
    last.place = place;
    this.entries[place] = last;
  }

  all(): readonly JournalEntry[] {
    return this.entries;
  }
}
