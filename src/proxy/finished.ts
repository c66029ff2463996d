/**
 * What is left of a non-INVITE transaction over UDP once its final response has gone up: for Timer J the response, to be sent again
 * to a request that comes again, and for Timer K the branch, whose repeated responses are absorbed (RFC 3261 §17.1.2.2, §17.2.2).
 * A thousand calls a second leave 32,000 of them. Two small records each cost the garbage collector a fraction of
 * what the whole context would, and the tables that every message is looked up in stay short.
 */
import { type Timed, TimerEntry, type TimerWheel } from "../sip/timer/timer-wheel.ts";
import type { Flow } from "../transport/flow.ts";

/** One that is kept until its time. */
interface Kept<T> {
  readonly key: string;
  readonly value: T;
  readonly until: number;
}

/** Ended ones at the front of a queue are let go of when they are so many, and an eighth of all. */
const ENDED_KEPT = 1_024;

/** Kept by key, each for as long as those before it: as a queue has them in the order of their ends, one timer does for all. */
export class KeptForATime<T> {
  private readonly byKey = new Map<string, Kept<T>>();
  private queue: Kept<T>[] = [];
  private first = 0;
  private readonly timer: Timed = new TimerEntry((now) => this.end(now));
  private readonly wheel: TimerWheel;

  constructor(wheel: TimerWheel) {
    this.wheel = wheel;
  }

  get size(): number {
    return this.byKey.size;
  }

  add(key: string, value: T, until: number): void {
    const kept = { key, value, until };
    this.byKey.set(key, kept);
    this.queue.push(kept);
    if (this.timer.tick < 0) this.wheel.schedule(this.timer, until);
  }

  find(key: string): T | undefined {
    return this.byKey.get(key)?.value;
  }

  private end(now: number): void {
    let next = this.queue[this.first];
    while (next !== undefined && next.until <= now) {
      // One that was added again under its key lives on.
      if (this.byKey.get(next.key) === next) this.byKey.delete(next.key);
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

/** An answer that went up, and where to; the text is "" where none did. */
export interface Answer {
  readonly reply: Flow;
  readonly text: string;
}

export class Finished {
  /** By server transaction key. */
  readonly answers: KeptForATime<Answer>;
  /** By branch; the value is its method. */
  readonly branches: KeptForATime<string>;

  constructor(wheel: TimerWheel) {
    this.answers = new KeptForATime(wheel);
    this.branches = new KeptForATime(wheel);
  }
}
