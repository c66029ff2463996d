/**
 * What is left of a transaction over UDP once its final response has gone up. Of a non-INVITE transaction: for Timer J the response, to be
 * sent again to a request that comes again, and for Timer K the branch, whose repeated responses are absorbed (RFC 3261 §17.1.2.2,
 * §17.2.2). Of an INVITE that was answered: answered-invite.ts. A thousand calls a second leave 64,000 of them. Small records
 * cost the garbage collector a fraction of what the whole contexts would, and the tables that every message is looked up in stay short.
 */
import { type Timed, TimerEntry, type TimerWheel } from "../sip/timer/timer-wheel.ts";
import type { Flow } from "../transport/flow.ts";
import { AnsweredInvite } from "./answered-invite.ts";

/** One that is kept until its time. */
interface Kept {
  readonly key: string;
  readonly until: number;
}

/** Ended ones at the front of a queue are let go of when they are so many, and an eighth of all. */
const ENDED_KEPT = 1_024;

/** Kept by key, each for as long as those before it: as a queue has them in the order of their ends, one timer does for all. */
export class KeptForATime<T extends Kept> {
  private readonly byKey = new Map<string, T>();
  private queue: T[] = [];
  /** Entries of the queue that are not kept any more, as they were taken out or added again: without any no look-up tells. */
  private stale = 0;
  private latestUntil = 0;
  private first = 0;
  private readonly timer: Timed = new TimerEntry((now) => this.end(now));
  private readonly wheel: TimerWheel;
  private readonly ended: (kept: T) => void;

  /** @param ended is told of each whose time is over */
  constructor(wheel: TimerWheel, ended: (kept: T) => void) {
    this.wheel = wheel;
    this.ended = ended;
  }

  get size(): number {
    return this.byKey.size;
  }

  /** Until when any was kept at most. */
  get latest(): number {
    return this.latestUntil;
  }

  add(kept: T): void {
    const { size } = this.byKey;
    this.byKey.set(kept.key, kept);
    if (this.byKey.size === size) this.stale++;
    this.queue.push(kept);
    this.latestUntil = Math.max(this.latestUntil, kept.until);
    if (this.timer.tick < 0) this.wheel.schedule(this.timer, kept.until);
  }

  find(key: string): T | undefined {
    return this.byKey.get(key);
  }

  /** No longer kept; nobody is told. */
  take({ key }: T): void {
    if (this.byKey.delete(key)) this.stale++;
  }

  private end(now: number): void {
    let next = this.queue[this.first];
    while (next !== undefined && next.until <= now) {
      // One that was added again under its key lives on.
      if (this.stale === 0 || this.byKey.get(next.key) === next) {
        this.byKey.delete(next.key);
        this.ended(next);
      } else this.stale--;
      next = this.queue[++this.first];
    }
    if (next === undefined) {
      this.queue = [];
      this.first = 0;
      return;
    }
    if (this.first > ENDED_KEPT && this.first * 8 > this.queue.length) {
      this.queue = this.queue.slice(this.first);
      this.first = 0;
    }
    this.wheel.schedule(this.timer, next.until);
  }
}

/** An answer that went up, and where to; the text is "" where none did. By server transaction key. */
export interface Answer extends Kept {
  readonly reply: Flow;
  readonly text: string;
}

/** By branch. */
interface FinishedBranch extends Kept {
  readonly method: string;
}

export class Finished {
  readonly answers: KeptForATime<Answer | AnsweredInvite>;
  readonly branches: KeptForATime<FinishedBranch>;
  /** By branch: those of `answers`. */
  readonly invites = new Map<string, AnsweredInvite>();

  /** @param ended is told of an INVITE that is over */
  constructor(wheel: TimerWheel, ended: (invite: AnsweredInvite) => void) {
    this.answers = new KeptForATime(wheel, (kept) => {
      if (!(kept instanceof AnsweredInvite)) return;
      this.invites.delete(kept.branch);
      ended(kept);
    });
    this.branches = new KeptForATime(wheel, () => {});
  }

  /**
   * Is it kept longer than all before it? Then it ends at its time; and one that was taken out is not, so that what comes again and again
   * does not fill the queue.
   */
  isNewest(until: number): boolean {
    return until > this.answers.latest;
  }

  addInvite(invite: AnsweredInvite): void {
    this.answers.add(invite);
    this.invites.set(invite.branch, invite);
  }

  takeInvite(invite: AnsweredInvite): void {
    this.answers.take(invite);
    this.invites.delete(invite.branch);
  }
}
