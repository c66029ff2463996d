/**
 * When the address is announced: five times at once, again for some seconds, after every healed link, and each minute.
 * Pure; times are monotonic milliseconds.
 */

/** A burst outlives a neighbour's or a switch's loss of a few frames, and a bridge port that forwards only seconds later. */
const BURST_AFTER_MS = [0, 10, 20, 50, 100, 500, 1_000, 2_000, 4_000, 8_000] as const;

/** A neighbour that missed all of a burst, or was told wrongly, has it right within a minute. */
const REPEAT_MS = 60_000;

/** Somebody else announces our address: we repeat at once, but no more often, or two nodes would never end. */
const DEFENCE_MS = 1_000;

export interface Announcing {
  /** The times that are still to come, ascending; never empty while we announce. */
  readonly due: readonly number[];
  readonly defendedAt: number;
}

/** Starts anew: after the address was added, and after the link was lost and is back. */
export function announceFrom(now: number): Announcing {
  return { due: BURST_AFTER_MS.map((after) => now + after), defendedAt: Number.NEGATIVE_INFINITY };
}

/**
 * What is due by now is one announcement, however many were missed: a process that was held up announces once, not ten times.
 * @returns whether to announce now, and the state to go on with
 */
export function announceStep(state: Announcing, now: number): [Announcing, boolean] {
  const left = state.due.filter((at) => at > now);
  if (left.length === state.due.length) return [state, false];
  return [{ ...state, due: left.length > 0 ? left : [now + REPEAT_MS] }, true];
}

/**
 * Another node claims the address that we hold. A claim that comes too soon after the last answer is answered when its second
 * is over: the last word is ours.
 * @returns the state to go on with, and whether to announce now
 */
export function defend(state: Announcing, now: number): [Announcing, boolean] {
  const next = state.defendedAt + DEFENCE_MS;
  if (now >= next) return [{ ...state, defendedAt: now }, true];
  if (state.due.includes(next)) return [state, false];
  return [{ ...state, due: [...state.due, next].sort((one, other) => one - other) }, false];
}

export function announceDeadline(state: Announcing): number {
  return state.due[0] ?? Number.POSITIVE_INFINITY;
}
