/** How long the kernel keeps the address for us, and what a renewal may do. Pure; times are monotonic milliseconds. */

export interface Tenure {
  /** When the newest renewal was written. */
  readonly writtenAt: number;
  /** When the newest renewal that has been read back was written: the kernel removes the address a lifetime after it. */
  readonly confirmedAt: number;
}

/** Renewals are written at most this often a lifetime: three may be lost, and the kernel's listeners are not flooded. */
const RENEWALS_A_LIFETIME = 5;
/** A turn that comes so much before its time writes all the same. */
const EARLY_MS = 10;

/** An answer of `ip` that is late by this share of a lifetime will not come: its process is stuck, and is replaced. */
const STUCK_SHARE = 0.4;

/**
 * - `lapse`: the address may be gone, and a write would bring it back. It has to be removed, read back, and added anew.
 * - `stuck`: the address is ours still, but `ip` no longer answers.
 */
export type RenewalStep = "write" | "early" | "stuck" | "lapse";

/** @param waitingSince when the oldest question without an answer was asked; null: all are answered */
export function renewalStep(
  tenure: Tenure,
  lifetimeMs: number,
  times: { now: number; waitingSince: number | null },
): RenewalStep {
  const { now, waitingSince } = times;
  if (now - tenure.confirmedAt >= lifetimeMs) return "lapse";
  if (waitingSince !== null && now - waitingSince >= lifetimeMs * STUCK_SHARE) return "stuck";
  return now - tenure.writtenAt < lifetimeMs / RENEWALS_A_LIFETIME - EARLY_MS ? "early" : "write";
}
