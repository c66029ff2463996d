/** When the next probe of a target begins. */
import { type HealthPolicy, JITTER } from "./health-policy.ts";
import type { TargetHealth } from "./target-health.ts";

/** A target that is not probed and went down is tried again after so long: nothing else would bring it back. */
export const RETRY_UNPROBED_MS = 30_000;

const BEAT_MS_MAX = 250;

const NEVER = Number.POSITIVE_INFINITY;

/** Until when it stays down whatever its answers are. */
export function heldUntil(health: TargetHealth, policy: HealthPolicy): number {
  return policy.earlyRecovery ? health.dampedUntil : Math.max(health.retryUntil, health.dampedUntil);
}

/**
 * Sets the deadlines anew: after a probe has ended, after a change, and when the policy has changed. Two probes never
 * begin closer together than `fastIntervalMs`, whatever calls report.
 */
export function plan(health: TargetHealth, now: number, policy: HealthPolicy): TargetHealth {
  if (health.operator === "disabled") {
    return { ...health, probeAt: NEVER, awaitedUntil: NEVER, releaseAt: NEVER };
  }
  if (!policy.probed) {
    const inService = health.observed === "up" || health.observed === "unknown";
    const releaseAt = inService ? NEVER : Math.max(now + RETRY_UNPROBED_MS, heldUntil(health, policy));
    return { ...health, probeAt: NEVER, awaitedUntil: NEVER, releaseAt };
  }
  if (health.awaitedUntil !== NEVER) return health; // its end will plan
  const seed = (Math.imul(health.seed, 1_664_525) + 1_013_904_223) >>> 0;
  const { fromMs, toMs } = gapOf(health, policy);
  const at = health.probeStartedAt + Math.round(fromMs + (seed / 2 ** 32) * (toMs - fromMs));
  const early = Math.floor(at / beatMs(policy)) * beatMs(policy);
  const onBeat = toMs === fromMs || early < health.probeStartedAt + fromMs ? at : early;
  return { ...health, seed, probeAt: Math.max(now, onBeat) };
}

/** Targets share beats: of a thousand 25 are probed at a time. One by one each would find the caches of the processor cold. */
function beatMs({ intervalMs }: HealthPolicy): number {
  return Math.min(BEAT_MS_MAX, intervalMs / 40);
}

/** The gap between the starts of two probes is drawn from these bounds. */
function gapOf(health: TargetHealth, policy: HealthPolicy): { fromMs: number; toMs: number } {
  const { intervalMs, fastIntervalMs } = policy;
  const waits = health.observed === "recovering" && health.successes >= policy.rise; // held: time alone is missing
  const hurried = (health.observed === "recovering" && !waits) || health.observed === "failing";
  if (hurried || health.observed === "unknown") return { fromMs: fastIntervalMs, toMs: fastIntervalMs };
  // Targets that were met together part at once: their second probes are spread over a whole interval.
  if (health.probe === 1 && health.observed === "up") return { fromMs: fastIntervalMs, toMs: intervalMs };
  return { fromMs: intervalMs * (1 - JITTER), toMs: intervalMs * (1 + JITTER) };
}
