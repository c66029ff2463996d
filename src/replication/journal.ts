/** The port by which the engine says what a successor must know. Nothing here waits and nothing throws. */

/** What a record says is asked for when it is written: ten changes within one commit cost one text. */
export interface RecordSource {
  /**
   * The newest state, whole: a record is no difference to an earlier one, and means something without any other.
   * @param now monotonic milliseconds of this node; deadlines are written as what is left of them then
   */
  encode(now: number): string;
}

/** One record of the journal for as long as it lives. Its owner keeps it; only a journal writes its last three fields. */
export class JournalEntry {
  /** Kind and id, as "call 3c26-1@host". The kind has no space. */
  readonly key: string;
  /** Null once the record has ended. */
  source: RecordSource | null;
  /** Place among the live records; -1: in none. */
  place = -1;
  /** Of commit-queue.ts. */
  flags = 0;

  constructor(key: string, source: RecordSource) {
    this.key = key;
    this.source = source;
  }
}

export interface Journal {
  /** The record is new, or has changed. */
  mark(entry: JournalEntry): void;
  /** The record is no more. The entry is never used again. */
  end(entry: JournalEntry): void;
  /** A record that was read from the store stands there already: it is known from now on, and written when it changes. */
  adopt(entry: JournalEntry): void;
  /**
   * Runs `then` once: when all that has been marked so far is committed, or 10 ms later, or at once where nothing can be
   * committed now. Never runs it where the node is fenced: what waits must not leave any more.
   */
  confirmed(then: () => void): void;
}

/** "call" of "call 3c26-1@host". */
export function kindOf(key: string): string {
  const space = key.indexOf(" ");
  return space < 0 ? key : key.slice(0, space);
}
