/** The real clock, and the beat that drives the timer wheel. */
import type { Clock } from "../sip/timer/clock.ts";
import { TimerEntry, TimerWheel } from "../sip/timer/timer-wheel.ts";

/** How late a timer may fire. T1 is 500 ms: 10 ms are 2% of it, and a hundred wake-ups a second cost nothing. */
const TICK_MS = 10;

/** Monotonic milliseconds. */
function monotonicMs(): number {
  return performance.now();
}

/** A timer wheel that runs by itself, and the {@link Clock} over it. */
export class SystemClock implements Clock {
  readonly wheel = new TimerWheel(monotonicMs(), TICK_MS);
  private readonly beat: NodeJS.Timeout;

  /** @param mayTick looked at before each beat: while it is not so, no timer fires. Default: always */
  constructor(mayTick: () => boolean = () => true) {
    this.beat = setInterval(() => {
      if (mayTick()) this.wheel.advance(monotonicMs());
    }, TICK_MS);
  }

  now(): number {
    return monotonicMs();
  }

  wakeAt(at: number, wake: () => void): () => void {
    const entry = new TimerEntry(wake);
    this.wheel.schedule(entry, at);
    return () => this.wheel.cancel(entry);
  }

  stop(): void {
    clearInterval(this.beat);
  }
}
