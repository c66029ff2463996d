// A record whose state is a text, as an engine would keep it.
import { JournalEntry, type RecordSource } from "../../src/replication/journal.ts";

export class TestRecord implements RecordSource {
  text: string;
  readonly entry: JournalEntry;

  constructor(key: string, text: string) {
    this.text = text;
    this.entry = new JournalEntry(key, this);
  }

  encode(): string {
    return this.text;
  }
}
