// Time that stands still until a test moves it.
import type { Clock } from "../../src/replication/clock.ts";

interface Wake {
  readonly at: number;
  readonly order: number;
  readonly run: () => void;
}

export class SimulatedClock implements Clock {
  private time: number;
  private order = 0;
  private wakes: Wake[] = [];

  constructor(time = 1_000) {
    this.time = time;
  }

  now(): number {
    return this.time;
  }

  wakeAt(at: number, run: () => void): () => void {
    const wake = { at: Math.max(at, this.time), order: this.order++, run };
    this.wakes.push(wake);
    return () => {
      this.wakes = this.wakes.filter((other) => other !== wake);
    };
  }

  /** Runs all that is due within the next `ms`, in order, and stands at their end. */
  advance(ms: number): void {
    const end = this.time + ms;
    for (;;) {
      const next = this.wakes
        .filter(({ at }) => at <= end)
        .sort((one, other) => one.at - other.at || one.order - other.order)[0];
      if (next === undefined) break;
      this.wakes = this.wakes.filter((other) => other !== next);
      this.time = next.at;
      next.run();
    }
    this.time = end;
  }
}
