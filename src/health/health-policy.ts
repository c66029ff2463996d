/** How a target is judged: plain numbers from the configuration, and what follows from them. */
import type { HealthConfig, ProbeConfig } from "../config/config.ts";

/** A probe of a steady target comes this share of its interval early or late, so that a thousand do not fire together. */
export const JITTER = 0.05;

export interface HealthPolicy {
  /** Is OPTIONS sent? If not, calls alone tell. */
  readonly probed: boolean;
  /** Between the starts of two probes of a target that is up or down. */
  readonly intervalMs: number;
  /** The same while it is failing or recovering. */
  readonly fastIntervalMs: number;
  /** No longer than `fastIntervalMs`: one probe is over before the next begins. */
  readonly timeoutMs: number;
  /** Failures in a row until down, successes in a row until up. */
  readonly fall: number;
  readonly rise: number;
  /** Received codes that are failures. */
  readonly downOn: ReadonlySet<number>;
  /** Do calls count? */
  readonly passive: boolean;
  /** At most so much of a Retry-After is honoured; 0: none. */
  readonly retryAfterMaxMs: number;
  /** May probes bring a target back before its Retry-After is over? */
  readonly earlyRecovery: boolean;
  /** A target that came back has its whole weight after so long; 0: at once. */
  readonly slowStartMs: number;
  /** Held down when it went down so often within the window; */
  readonly flaps: number;
  readonly flapWindowMs: number;
  /** for so long at first (0: never), twice as long each time, up to the bound. */
  readonly holdDownMs: number;
  readonly holdDownMaxMs: number;
}

/** The policy of one group. */
export function policyOf(probe: ProbeConfig, health: HealthConfig): HealthPolicy {
  const { enabled, intervalMs, fastIntervalMs, timeoutMs, fall, rise, downOn } = probe;
  const { passive, retryAfterMaxMs, earlyRecovery, slowStartMs } = health;
  const { flaps, flapWindowMs, holdDownMs, holdDownMaxMs } = health;
  return {
    probed: enabled,
    intervalMs,
    fastIntervalMs,
    timeoutMs,
    fall,
    rise,
    downOn: new Set(downOn),
    passive,
    retryAfterMaxMs,
    earlyRecovery,
    slowStartMs,
    flaps,
    flapWindowMs,
    holdDownMs,
    holdDownMaxMs,
  };
}

/**
 * One policy for a target that several groups share: the soonest to see a failure, the slowest to trust again. Times of
 * groups that do not probe say nothing where another group does.
 * @param policies at least one
 */
export function strictest(policies: readonly HealthPolicy[]): HealthPolicy {
  const [first, ...others] = policies;
  if (first === undefined) throw new RangeError("a target without a policy");
  return others.reduce(stricter, first);
}

function stricter(a: HealthPolicy, b: HealthPolicy): HealthPolicy {
  const timed = a.probed === b.probed ? [a, b] : [a, b].filter(({ probed }) => probed);
  const least = (of: (policy: HealthPolicy) => number): number => Math.min(...timed.map(of));
  return {
    probed: a.probed || b.probed,
    // The least timeout is no longer than the one of the group with the least fastInterval: the order of the three stays.
    intervalMs: least((policy) => policy.intervalMs),
    fastIntervalMs: least((policy) => policy.fastIntervalMs),
    timeoutMs: least((policy) => policy.timeoutMs),
    fall: Math.min(a.fall, b.fall),
    rise: Math.max(a.rise, b.rise),
    downOn: new Set([...a.downOn, ...b.downOn]),
    passive: a.passive || b.passive,
    retryAfterMaxMs: Math.max(a.retryAfterMaxMs, b.retryAfterMaxMs),
    earlyRecovery: a.earlyRecovery && b.earlyRecovery,
    slowStartMs: Math.max(a.slowStartMs, b.slowStartMs),
    flaps: Math.min(a.flaps, b.flaps),
    flapWindowMs: Math.max(a.flapWindowMs, b.flapWindowMs),
    holdDownMs: Math.max(a.holdDownMs, b.holdDownMs),
    holdDownMaxMs: Math.max(a.holdDownMaxMs, b.holdDownMaxMs),
  };
}

/**
 * The longest time from the death of a target that was up to `down` by probes alone: it dies right after an answer, the
 * next probe is as late as jitter allows, and each of `fall` waits for its time-out. null: it is not probed.
 */
export function detectionMs(policy: HealthPolicy): number | null {
  if (!policy.probed) return null;
  const { intervalMs, fastIntervalMs, timeoutMs, fall } = policy;
  return Math.round(intervalMs * (1 + JITTER)) + (fall - 1) * fastIntervalMs + timeoutMs;
}

/** The longest time from the return of a target that was down, and is not held down, to `up`. null: it is not probed. */
export function recoveryMs(policy: HealthPolicy): number | null {
  if (!policy.probed) return null;
  const { intervalMs, fastIntervalMs, timeoutMs, rise } = policy;
  return Math.round(intervalMs * (1 + JITTER)) + (rise - 1) * fastIntervalMs + timeoutMs;
}

/** How long a target is held down the `level`th time in a row, from 1. */
export function holdMs(policy: HealthPolicy, level: number): number {
  return level < 1 ? 0 : Math.min(policy.holdDownMaxMs, policy.holdDownMs * 2 ** (level - 1));
}
