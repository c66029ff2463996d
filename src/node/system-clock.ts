/** The real clock, and the beat that drives the timer wheel. */
import type { Clock } from "../sip/timer/clock.ts";
import { TimerEntry, TimerWheel } from "../sip/timer/timer-wheel.ts";

/** How late a timer may fire. T1 is 500 ms: 10 ms are 2% of it, and a hundred wake-ups a second cost nothing. */
export const TICK_MS = 10;

/** Monotonic milliseconds. */
function monotonicMs(): number {
  return performance.now();
}

/** A timer wheel that runs by itself, and the {@link Clock} over it. */
export class SystemClock implements Clock {
  readonly wheel: TimerWheel;
  private readonly mayTick: () => boolean;
  private readonly origin = monotonicMs();
  private beat: NodeJS.Timeout;
  private isStopped = false;
  private readonly beatSoon = (): void => this.beatAt(monotonicMs() + TICK_MS);

  /** @param mayTick looked at before each beat: while it is not so, no timer fires. Default: always */
  constructor(mayTick: () => boolean = () => true) {
    this.wheel = new TimerWheel(this.origin, TICK_MS);
    this.mayTick = mayTick;
    this.beat = setTimeout(() => this.tick(), TICK_MS);
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
    this.isStopped = true;
    clearTimeout(this.beat);
  }

  /** A beat finds work in nearly each slot under load; where nothing is due for a while there is none. */
  private tick(): void {
    const now = monotonicMs();
    if (!this.mayTick()) {
      this.beatAt(now + TICK_MS);
      return;
    }
    this.wheel.advance(now);
    const last = now - ((now - this.origin) % TICK_MS);
    this.beatAt(last + this.wheel.sleep(this.beatSoon));
  }

  private beatAt(at: number): void {
    clearTimeout(this.beat);
    if (this.isStopped) return;
    this.beat = setTimeout(() => this.tick(), Math.max(1, Math.ceil(at - monotonicMs())));
  }
}
