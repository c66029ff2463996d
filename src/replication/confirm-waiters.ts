/** What waits for a commit (`redis.confirm`), in order; each waits CONFIRM_MS at most. */
import type { Clock } from "./clock.ts";

/** A caller does not notice it; a commit takes a fraction of it. */
export const CONFIRM_MS = 10;

/** What one message led to was added within this: it leaves at one wake, for no timer is finer. */
const WAKE_MS = 1;

interface Waiter {
  readonly place: number;
  readonly deadline: number;
  readonly then: () => void;
}

export class ConfirmWaiters {
  private readonly clock: Clock;
  private readonly early: (count: number) => void;
  private waiting: Waiter[] = [];
  private isArmed = false;

  /** @param early told how many have left before their commit, by time or by a fault */
  constructor(clock: Clock, early: (count: number) => void) {
    this.clock = clock;
    this.early = early;
  }

  /** @param place of the commit queue: all before it has to be committed; never lower than that of an earlier one */
  add({ place, then }: { place: number; then: () => void }): void {
    this.waiting.push({ place, deadline: this.clock.now() + CONFIRM_MS, then });
    this.arm();
  }

  /** All before this place of the queue is committed. */
  reached(place: number): void {
    this.run((waiter) => waiter.place <= place);
  }

  /** Nothing will be committed for now: nobody waits for it. */
  release(): void {
    this.runEarly(() => true);
  }

  /** What waits must not happen any more. */
  drop(): void {
    this.waiting = [];
  }

  private runEarly(isReady: (waiter: Waiter) => boolean): void {
    const count = this.run(isReady);
    if (count > 0) this.early(count);
  }

  private run(isReady: (waiter: Waiter) => boolean): number {
    const { waiting } = this;
    let count = 0;
    while (count < waiting.length) {
      const waiter = waiting[count];
      if (waiter === undefined || !isReady(waiter)) break;
      count++;
    }
    if (count > 0) this.waiting = waiting.slice(count);
    for (const { then } of waiting.slice(0, count)) then();
    return count;
  }

  /** One wake for the oldest of them: those behind it are later. */
  private arm(): void {
    const first = this.waiting[0];
    if (this.isArmed || first === undefined) return;
    this.isArmed = true;
    this.clock.wakeAt(first.deadline, () => {
      this.isArmed = false;
      const due = this.clock.now() + WAKE_MS;
      this.runEarly((waiter) => waiter.deadline <= due);
      this.arm();
    });
  }
}
