/**
 * The store's clock as this node sees it. Deadlines travel as time left at the time of their commit by that clock, so that how
 * long ago that was can be told by another node, whatever its own clock shows. Pure.
 */

/** Readings that are looked at: the one with the shortest way there and back is off by half of that at most. */
const READINGS_MAX = 8;

interface Reading {
  readonly offset: number;
  readonly roundTrip: number;
}

export class StoreClock {
  private readings: Reading[] = [];

  /** @param reading times of this node's monotonic clock, and the store's between them; milliseconds */
  read({ askedAt, answeredAt, storeTime }: { askedAt: number; answeredAt: number; storeTime: number }): void {
    const roundTrip = answeredAt - askedAt;
    const reading = { offset: storeTime - (askedAt + answeredAt) / 2, roundTrip };
    const last = this.readings.at(-1);
    // Another server, or a clock that was set: what was read before says nothing any more.
    if (last !== undefined && Math.abs(last.offset - reading.offset) > (last.roundTrip + roundTrip) / 2 + 1)
      this.readings = [];
    this.readings = [...this.readings.slice(1 - READINGS_MAX), reading];
  }

  /** The store's time at a moment of this node's monotonic clock; null: never read. */
  at(now: number): number | null {
    let best: Reading | null = null;
    for (const reading of this.readings) {
      if (best === null || reading.roundTrip <= best.roundTrip) best = reading;
    }
    return best === null ? null : now + best.offset;
  }

  /** How long ago a commit was, in milliseconds; never negative, and 0 where the clock was never read. */
  ageOf(committedAt: number, now: number): number {
    const storeNow = this.at(now);
    return storeNow === null ? 0 : Math.max(0, storeNow - committedAt);
  }
}
