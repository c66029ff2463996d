/**
 * The port to what keeps the records: Redis, or a double of it in tests and in the simulator. Every request is answered once, by
 * callback, within a bounded time; a callback never runs before the request has returned.
 */
import type { Buffer } from "node:buffer";

/**
 * Where in its history a store stands. A generation begins with an empty store and counts its commits from 1; it is never
 * used again.
 */
export interface Position {
  readonly generation: number;
  readonly commit: number;
}

/** Where a store stands, and the epoch under which that commit was made; null: not known, a former version wrote it. */
export interface Standing extends Position {
  readonly epoch: number | null;
}

/** Why a store did not do what it was asked; the stable names of docs/errors.md. */
export type StoreFaultCode =
  | "REDIS_AWAY"
  | "REDIS_TIMEOUT"
  | "REDIS_LOGIN"
  | "REDIS_MEMORY"
  | "REDIS_READ_ONLY"
  | "REDIS_LOADING"
  | "REDIS_REFUSED"
  | "JOURNAL_FOREIGN"
  | "JOURNAL_NEWER"
  | "JOURNAL_GARBAGE";

export interface StoreFault {
  readonly kind: "fault";
  readonly code: StoreFaultCode;
  readonly message: string;
  /** The request may have been carried out all the same: it was sent, and no answer came. */
  readonly uncertain: boolean;
}

export interface CommitRequest {
  /** What the writer believes to be the last commit; null: empty the store and begin a generation. */
  readonly after: Standing | null;
  /** Where `after` is null: the new generation is later than this one. */
  readonly laterThan: number;
  readonly epoch: number;
  /** After this commit every live record is in the store. */
  readonly complete: boolean;
  /** How long the oldest change in it waited, in milliseconds. */
  readonly waitedMs: number;
  /** Records in the store after this commit, for a standby to compare with its own; null: more are on their way. */
  readonly records: number | null;
  /** Journal entries before this commit are not needed any more. */
  readonly oldest: number;
  /** As in batch.ts; only valid until the answer. */
  readonly batch: Buffer;
}

export type CommitOutcome =
  | { readonly kind: "committed"; readonly position: Position; readonly at: number }
  /** A newer epoch rules, or this one is another's. Nothing was written. */
  | { readonly kind: "fenced"; readonly epoch: number; readonly node: string }
  /** The store stands elsewhere; null: it is empty. Nothing was written. */
  | { readonly kind: "elsewhere"; readonly position: Standing | null }
  /**
   * The fence is below an epoch that the store knew, or the commit of that number was made under another epoch: it was set back,
   * and a former holder may have gone on from there and come to the same number. Nothing was written.
   */
  | { readonly kind: "set-back"; readonly position: Position }
  | StoreFault;

export interface StoreWatcher {
  /** It can be asked again. */
  up(): void;
  down(fault: StoreFault): void;
}

export interface CommitStore {
  commit(request: CommitRequest, done: (outcome: CommitOutcome) => void): void;
}

/** One commit as the journal has it. */
export interface JournalCommit {
  readonly position: Position;
  /** By the store's clock, in milliseconds since the epoch. */
  readonly at: number;
  readonly epoch: number;
  /** It began its generation: the store was emptied before it. */
  readonly begins: boolean;
  readonly complete: boolean;
  readonly waitedMs: number;
  /** Records in the store after it; null: not told. */
  readonly records: number | null;
  readonly batch: Buffer;
}

export type Described =
  | {
      readonly kind: "described";
      /** Null: the store is empty. */
      readonly position: Standing | null;
      readonly complete: boolean;
      /** By the store's clock. */
      readonly now: number;
    }
  | StoreFault;

export interface StoredRecord {
  readonly key: string;
  readonly text: string;
  /** Of its commit, by the store's clock. */
  readonly at: number;
}

export type Scanned =
  | {
      readonly kind: "scanned";
      readonly records: readonly StoredRecord[];
      /** Of the next part; null: this was the last. */
      readonly cursor: string | null;
      /** Values that are no records. */
      readonly garbage: number;
    }
  | StoreFault;

export type JournalRead = { readonly kind: "read"; readonly commits: readonly JournalCommit[] } | StoreFault;

export interface ReadStore {
  describe(done: (answer: Described) => void): void;
  /** Reads a part of the records; every record that is there from the first part to the last is in one of them. */
  scan(cursor: string | null, done: (answer: Scanned) => void): void;
  /** Commits after a position, the oldest first; where there is none yet, it waits for one, at most `waitMs`. */
  read(request: { after: Position; waitMs: number }, done: (answer: JournalRead) => void): void;
}
