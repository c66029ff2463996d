/**
 * When what is done each so often is done next: at the multiples of its interval, so that all that has the same interval falls on
 * the same moments, and one wake-up of the process serves it. Waking up costs more than most of what is then done. Pure.
 */

/** A timer may come so much before its time, by the rounding of the event loop. */
const EARLY_MS = 5;
const EARLY_SHARE = 0.1;

function early(everyMs: number): number {
  return Math.min(EARLY_MS, everyMs * EARLY_SHARE);
}

/** The next multiple of an interval; one that is a moment ahead counts as reached. */
export function nextTurn(now: number, everyMs: number): number {
  return (Math.floor((now + early(everyMs)) / everyMs) + 1) * everyMs;
}

/** Is it time, or as good as? */
export function isTurn(now: number, at: number, everyMs: number): boolean {
  return now >= at - early(everyMs);
}
