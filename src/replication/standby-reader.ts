/**
 * Keeps the warm copy of a standby: a snapshot in parts, then the journal from the commit that was noted before it. Applying an
 * entry twice changes nothing, so a part may be newer than the commit that the journal goes on from. A commit that is
 * missing (trimmed, or written by a Redis that was another one) means a new snapshot.
 */
import { readBatch } from "./batch.ts";
import type { Clock } from "./clock.ts";
import type {
  Described,
  JournalCommit,
  JournalRead,
  Position,
  ReadStore,
  Scanned,
  Standing,
  StoreFault,
} from "./store.ts";
import type { StoreClock } from "./store-clock.ts";
import type { WarmCopy } from "./warm-copy.ts";

/** How long a read waits for a commit: beyond the 500 ms of the writer's canary, so that nothing is asked in vain while all is well. */
export const READ_WAIT_MS = 600;
/** After a fault, or where the store is empty, it is asked again. */
export const READ_RETRY_MS = 100;
/** How often the store's clock and position are asked for while commits come. */
const DESCRIBE_MS = 1_000;

/** Between two snapshots that are read only because the number of records differed. */
export const MISMATCH_MS = 60_000;

/** What a standby knows of itself; it stands in its heartbeat. */
export interface StandbyState {
  /** All records are there, and the last commit seen is applied. */
  readonly isWarm: boolean;
  /** The store has no records at all: there is nothing to wait for. */
  readonly isEmpty: boolean;
  /** The active began to fill the store anew, and has not ended. */
  readonly isFilling: boolean;
  readonly reason: string;
  /** Null: nothing yet. */
  readonly applied: Standing | null;
  /** Commits that the store has and this copy has not, when last asked. */
  readonly behind: number;
  /** From the oldest change of the last commit to its being applied here. */
  readonly lagMs: number;
}

/** What the reader tells: a warm copy of texts, or somebody who makes something of them at once. */
export type StandbyCopy = Pick<WarmCopy, "size" | "begin" | "complete" | "put" | "remove">;

export interface ReaderPorts {
  readonly clock: Clock;
  readonly store: ReadStore;
  readonly copy: StandbyCopy;
  readonly storeClock: StoreClock;
  /** Called when what a standby says of itself has changed in kind: warm, or the reason why not. */
  readonly changed: (state: StandbyState) => void;
  /** Called for every commit applied. */
  readonly applied: (commit: { lagMs: number; changes: number }) => void;
}

type CaughtUp = (position: Standing | null) => void;

export class StandbyReader {
  private readonly ports: ReaderPorts;
  private store: ReadStore;
  private isRunning = false;
  /** Answers to requests of an earlier run or of another store are not looked at. */
  private turn = 0;
  private applied: Standing | null = null;
  /** Commit up to which the journal has to be read until the copy is whole. */
  private wholeFrom: Position | null = null;
  private isComplete = false;
  private headCommit = 0;
  private lagMs = 0;
  private describedAt = Number.NEGATIVE_INFINITY;
  private reason = "not started";
  private isWarm = false;
  private isEmpty = false;
  private caughtUp: CaughtUp | null = null;
  private cancelWake = (): void => {};
  private comparedAt = Number.NEGATIVE_INFINITY;
  garbage = 0;
  snapshots = 0;
  /** How often the copy had another number of records than the active said. */
  mismatches = 0;

  constructor(ports: ReaderPorts) {
    this.ports = ports;
    this.store = ports.store;
  }

  start(): void {
    if (this.isRunning) return;
    this.isRunning = true;
    this.store = this.ports.store;
    this.say(false, "reads the store");
    this.describe();
  }

  stop(): void {
    this.isRunning = false;
    this.turn++;
    this.cancelWake();
  }

  get state(): StandbyState {
    const { isWarm, isEmpty, reason, applied, lagMs } = this;
    const isFilling = applied !== null && !this.isComplete;
    return {
      isWarm,
      isEmpty,
      isFilling,
      reason,
      applied,
      lagMs,
      behind: Math.max(0, this.headCommit - (applied?.commit ?? 0)),
    };
  }

  /**
   * Applies what the journal still has, and stops: this node becomes the active. Its epoch is written already, so that nobody
   * adds to the journal any more.
   * @param store over another connection, as the reader's own may be waiting for a commit
   * @param done with the commit that the copy stands at; null where the store could not be read to its end, or has not all:
   *   the copy may be more than the store has, or less, and the store has to be filled anew
   */
  catchUp(store: ReadStore, done: CaughtUp): void {
    this.stop();
    this.isRunning = true;
    this.store = store;
    this.caughtUp = done;
    this.read();
  }

  private describe(): void {
    const turn = ++this.turn;
    const askedAt = this.ports.clock.now();
    this.store.describe((answer) => {
      if (turn !== this.turn) return;
      if (answer.kind === "fault") this.onFault(answer);
      else this.onDescribed(answer, askedAt);
    });
  }

  private onDescribed(answer: Exclude<Described, StoreFault>, askedAt: number): void {
    const now = this.ports.clock.now();
    this.ports.storeClock.read({ askedAt, answeredAt: now, storeTime: answer.now });
    this.describedAt = now;
    const { position } = answer;
    const { applied } = this;
    this.isEmpty = position === null;
    if (position === null) {
      // The active fills it anew when it finds it empty. What is known here is kept for a takeover.
      this.applied = null;
      this.say(false, "the store is empty");
      if (this.caughtUp !== null) this.finish(null);
      else this.after(READ_RETRY_MS, () => this.describe());
      return;
    }
    this.headCommit = position.commit;
    if (applied === null || !goesOn(applied, position)) this.load(position, answer.complete);
    else this.read();
  }

  private load(position: Standing, isComplete: boolean): void {
    this.snapshots++;
    this.applied = null;
    this.isComplete = isComplete;
    this.say(false, "loads a snapshot");
    this.ports.copy.begin();
    this.scan(null, position);
  }

  private scan(cursor: string | null, from: Standing): void {
    const turn = ++this.turn;
    this.store.scan(cursor, (answer) => {
      if (turn !== this.turn) return;
      // The part is asked for again: a cursor stays good for as long as the records do.
      if (answer.kind === "fault") this.onFault(answer, () => this.scan(cursor, from));
      else this.onScanned(answer, from);
    });
  }

  private onScanned(answer: Exclude<Scanned, StoreFault>, from: Standing): void {
    this.garbage += answer.garbage;
    for (const { key, text, at } of answer.records) this.ports.copy.put(key, { text, at });
    if (answer.cursor !== null) {
      this.scan(answer.cursor, from);
      return;
    }
    // What was read may be as new as this moment: whole only when the journal has been read up to here.
    const turn = ++this.turn;
    this.store.describe((end) => {
      if (turn !== this.turn) return;
      if (end.kind === "fault") this.onFault(end);
      // Set back meanwhile, its later parts are older than its first ones.
      else if (end.position === null || !goesOn(from, end.position)) this.restart();
      else {
        this.wholeFrom = end.position;
        this.headCommit = end.position.commit;
        this.applied = from;
        this.judge();
        this.read();
      }
    });
  }

  /** The store is another one than it was, or the journal no longer has what comes next. */
  private restart(): void {
    this.applied = null;
    this.describe();
  }

  private read(): void {
    const { applied } = this;
    if (applied === null) {
      this.describe();
      return;
    }
    const turn = ++this.turn;
    const waitMs = this.caughtUp === null ? READ_WAIT_MS : 0;
    this.store.read({ after: applied, waitMs }, (answer) => {
      if (turn !== this.turn) return;
      if (answer.kind === "fault") this.onFault(answer);
      else this.onRead(answer);
    });
  }

  private onRead({ commits }: Exclude<JournalRead, StoreFault>): void {
    for (const commit of commits) {
      if (!this.apply(commit)) {
        this.restart();
        return;
      }
    }
    this.judge();
    const { applied } = this;
    const isLacking = commits.length === 0 && applied !== null && this.headCommit > applied.commit;
    if (isLacking) this.restart();
    else if (this.caughtUp !== null) {
      if (commits.length === 0) this.finish(this.isWarm ? applied : null);
      else this.read();
    } else if (commits.length === 0 || this.ports.clock.now() - this.describedAt >= DESCRIBE_MS) {
      this.describe();
    } else this.read();
  }

  /** @returns false: a commit is missing before it, it can't be read, or the copy is not what it should be after it */
  private apply(commit: JournalCommit): boolean {
    const { applied } = this;
    const { generation, commit: number } = commit.position;
    // Epochs only grow: under a lower one a former active went on in a store that was set back to before this copy.
    const follows =
      applied?.generation === generation &&
      number === applied.commit + 1 &&
      commit.epoch >= (applied.epoch ?? commit.epoch);
    if (!follows && !(commit.begins && number === 1)) return false;
    const { copy, clock, storeClock } = this.ports;
    if (commit.begins) {
      copy.begin();
      this.isComplete = false;
      this.wholeFrom = null;
    }
    let changes = 0;
    const isWhole = readBatch(commit.batch, (key, text) => {
      changes++;
      if (text === null) copy.remove(key);
      else copy.put(key, { text, at: commit.at });
    });
    if (!isWhole) return false;
    this.applied = { ...commit.position, epoch: commit.epoch };
    this.headCommit = Math.max(commit.begins ? 0 : this.headCommit, number);
    if (commit.complete && !this.isComplete) {
      this.isComplete = true;
      copy.complete();
    }
    this.lagMs = commit.waitedMs + storeClock.ageOf(commit.at, clock.now());
    this.ports.applied({ lagMs: this.lagMs, changes });
    return this.agrees(commit);
  }

  /** Does the copy have as many records as the active says? If not, something is wrong that nobody knows of: a new snapshot. */
  private agrees({ records }: JournalCommit): boolean {
    const { copy, clock } = this.ports;
    if (records === null || !this.isComplete || this.wholeFrom !== null || copy.size === records) return true;
    this.mismatches++;
    if (clock.now() - this.comparedAt < MISMATCH_MS) return true;
    this.comparedAt = clock.now();
    return false;
  }

  /** Is the copy whole, and if not, why? */
  private judge(): void {
    const { applied, wholeFrom } = this;
    if (applied === null) return;
    if (wholeFrom !== null && applied.commit >= wholeFrom.commit && this.isComplete) {
      this.wholeFrom = null;
      this.ports.copy.complete();
    }
    if (!this.isComplete) this.say(false, "the active is filling the store anew");
    else if (this.wholeFrom !== null) this.say(false, "applies what changed during the snapshot");
    else this.say(true, "follows the journal");
  }

  private onFault(fault: StoreFault, again = (): void => this.describe()): void {
    this.say(false, fault.message);
    if (this.caughtUp !== null) this.finish(null);
    else this.after(READ_RETRY_MS, again);
  }

  private after(ms: number, then: () => void): void {
    const turn = ++this.turn;
    this.cancelWake();
    this.cancelWake = this.ports.clock.wakeAt(this.ports.clock.now() + ms, () => {
      if (turn === this.turn && this.isRunning) then();
    });
  }

  private finish(position: Standing | null): void {
    const { caughtUp } = this;
    this.caughtUp = null;
    this.stop();
    caughtUp?.(position);
  }

  private say(isWarm: boolean, reason: string): void {
    if (this.isWarm === isWarm && this.reason === reason) return;
    this.isWarm = isWarm;
    this.reason = reason;
    this.ports.changed(this.state);
  }
}

/** Can a copy that has applied a commit be made what the store is by the commits after it? Not where the store was set back. */
function goesOn(applied: Standing, store: Standing): boolean {
  if (applied.generation !== store.generation || applied.commit > store.commit) return false;
  if (applied.commit < store.commit || applied.epoch === null || store.epoch === null) return true;
  return applied.epoch === store.epoch;
}
