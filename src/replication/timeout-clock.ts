/** The real clock at a resolution of a millisecond: commits are a few milliseconds apart, less than the timer wheel's beat. */
import type { Clock } from "./clock.ts";

export class TimeoutClock implements Clock {
  now(): number {
    return performance.now();
  }

  wakeAt(at: number, wake: () => void): () => void {
    const timer = setTimeout(wake, Math.max(0, Math.ceil(at - performance.now())));
    return () => clearTimeout(timer);
  }
}
