/**
 * A hierarchical timing wheel: starting, moving and cancelling a deadline are O(1), and nothing ever walks all of them.
 * A heap costs log n for each of the three, and nearly every SIP timer is cancelled or moved before it fires
 * (`docs/adr/0002-timer-wheel.md` has the measurement).
 */

/** Something with one deadline. Tick and links belong to the wheel. */
export interface Timed {
  /** Tick at which it fires; -1: in no slot. */
  tick: number;
  next: Timed | null;
  previous: Timed | null;
  wake(now: number): void;
}

/** A deadline of its own, with what is to be done. */
export class TimerEntry implements Timed {
  tick = -1;
  next: Timed | null = null;
  previous: Timed | null = null;
  readonly wake: (now: number) => void;

  constructor(wake: (now: number) => void) {
    this.wake = wake;
  }
}

const BITS = 8;
const SLOTS = 1 << BITS;
const MASK = SLOTS - 1;
const LEVELS = 4; // 2**32 ticks: beyond a year at 10 ms

export class TimerWheel {
  /** Milliseconds a tick: how late a deadline may be seen. Never early. */
  readonly tickMs: number;
  private current: number;
  private readonly origin: number;
  private readonly slots: (Timed | null)[] = new Array(SLOTS * LEVELS).fill(null);
  private count = 0;
  /** Whoever advances the wheel sleeps until this tick; 0: it does not sleep. */
  private sleepsUntil = 0;
  private wakeUp = (): void => {};

  constructor(now: number, tickMs: number) {
    this.tickMs = tickMs;
    this.origin = now;
    this.current = 0;
  }

  /** Deadlines that are running. */
  get size(): number {
    return this.count;
  }

  /**
   * Sets the entry's one deadline, replacing the former; `Infinity` cancels.
   */
  schedule(entry: Timed, at: number): void {
    if (at === Number.POSITIVE_INFINITY) {
      this.cancel(entry);
      return;
    }
    const tick = Math.max(this.current + 1, Math.ceil((at - this.origin) / this.tickMs));
    if (entry.tick === tick) return;
    if (tick < this.sleepsUntil) this.disturb();
    if (entry.tick >= 0) this.unlink(entry);
    else this.count++;
    entry.tick = tick;
    this.link(entry);
  }

  cancel(entry: Timed): void {
    if (entry.tick < 0) return;
    this.unlink(entry);
    entry.tick = -1;
    this.count--;
  }

  /**
   * How long nothing is due, so that nobody needs to advance the wheel: up to the next slot with a deadline, or to the turn at which
   * later ones are spread over the slots. Of a deadline that is set meanwhile for an earlier time `wakeUp` tells, once.
   * @returns milliseconds from the last tick that was advanced to
   */
  sleep(wakeUp: () => void): number {
    let tick = this.current + 1;
    while ((tick & MASK) !== 0 && (this.slots[tick & MASK] ?? null) === null) tick++;
    this.sleepsUntil = tick;
    this.wakeUp = wakeUp;
    return (tick - this.current) * this.tickMs;
  }

  private disturb(): void {
    this.sleepsUntil = 0;
    this.wakeUp();
  }

  /** Fires everything due at `now`. A wake may schedule and cancel freely. */
  advance(now: number): void {
    this.sleepsUntil = 0;
    const target = Math.floor((now - this.origin) / this.tickMs);
    while (this.current < target) {
      if (this.count === 0) {
        this.current = target;
        return;
      }
      this.current++;
      if ((this.current & MASK) === 0) this.cascade(1);
      this.fire(this.current & MASK, now);
    }
  }

  private fire(slot: number, now: number): void {
    // One by one from the head: a wake may cancel its neighbour.
    for (let entry = this.slots[slot] ?? null; entry !== null; entry = this.slots[slot] ?? null) {
      this.cancel(entry);
      entry.wake(now);
    }
  }

  /** Spreads the slot that has come due at `level` over the levels below. */
  private cascade(level: number): void {
    if (level >= LEVELS) return;
    const index = Math.floor(this.current / 2 ** (BITS * level)) & MASK;
    if (index === 0) this.cascade(level + 1);
    const slot = level * SLOTS + index;
    let entry = this.slots[slot] ?? null;
    this.slots[slot] = null;
    while (entry !== null) {
      const next: Timed | null = entry.next;
      this.link(entry);
      entry = next;
    }
  }

  private slotOf(tick: number): number {
    const ahead = tick - this.current;
    if (ahead < SLOTS) return tick & MASK;
    if (ahead < SLOTS ** 2) return SLOTS + (Math.floor(tick / SLOTS) & MASK);
    if (ahead < SLOTS ** 3) return 2 * SLOTS + (Math.floor(tick / SLOTS ** 2) & MASK);
    return 3 * SLOTS + (Math.floor(tick / SLOTS ** 3) & MASK);
  }

  private link(entry: Timed): void {
    const slot = this.slotOf(entry.tick);
    const head = this.slots[slot] ?? null;
    entry.previous = null;
    entry.next = head;
    if (head !== null) head.previous = entry;
    this.slots[slot] = entry;
  }

  private unlink(entry: Timed): void {
    if (entry.previous !== null) entry.previous.next = entry.next;
    else {
      // A head stands in one of the slots that its tick may have had when it was linked.
      for (let level = 0; level < LEVELS; level++) {
        const slot = level * SLOTS + (Math.floor(entry.tick / 2 ** (BITS * level)) & MASK);
        if (this.slots[slot] === entry) {
          this.slots[slot] = entry.next;
          break;
        }
      }
    }
    if (entry.next !== null) entry.next.previous = entry.previous;
    entry.next = null;
    entry.previous = null;
  }
}
