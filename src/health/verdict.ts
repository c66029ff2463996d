/** What a success or a failure makes of a target. Pure. */
import { type HealthPolicy, holdMs } from "./health-policy.ts";
import { heldUntil } from "./probe-plan.ts";
import type { Observed, TargetHealth } from "./target-health.ts";

/** A sign of life: a probe, the final response of a call, or a provisional one. */
export interface Success {
  readonly by: "probe" | "call" | "provisional";
  /** "OPTIONS answered 200" */
  readonly what: string;
}

export interface Failure {
  readonly by: "probe" | "call";
  readonly what: string;
  /** A code was received; otherwise silence or a transport error. */
  readonly refused: boolean;
  readonly retryAfterS: number | null;
}

const NEVER = Number.POSITIVE_INFINITY;
const LEVEL_MAX = 30;

/** The target after a sign of life; the same object where it changes nothing. */
export function succeed(
  health: TargetHealth,
  success: Success,
  now: number,
  policy: HealthPolicy,
): TargetHealth {
  if (health.observed === "up" || !clears(health, success, now, policy)) return health;
  const clean = { ...health, failures: 0, refusedBy: "nobody" as const };
  switch (health.observed) {
    case "unknown":
      return become(clean, "up", `${success.what}: the first sign of life`, now);
    case "failing":
      return become(
        clean,
        "up",
        `${success.what}: the failures before it were fewer than ${policy.fall}`,
        now,
      );
    case "down":
    case "recovering":
      return success.by === "provisional" ? health : recover(clean, success, now, policy);
  }
}

/**
 * A success of one kind must not hide failures of another. Who refuses OPTIONS wants no new calls, even if calls that it
 * has are answered; who refuses calls is no use, even if OPTIONS is answered; and a 100 says nothing of what follows it.
 */
function clears(health: TargetHealth, { by }: Success, now: number, policy: HealthPolicy): boolean {
  switch (health.refusedBy) {
    case "nobody":
      return true;
    case "probe":
      return by === "probe";
    case "call":
      // Where no more calls come, nothing but probes can clear: a call's refusal is forgotten after an interval.
      return by === "call" || (by === "probe" && now - health.refusedAt >= policy.intervalMs);
  }
}

function recover(health: TargetHealth, success: Success, now: number, policy: HealthPolicy): TargetHealth {
  const successes = health.successes + 1;
  const counted = { ...health, successes };
  const until = heldUntil(health, policy);
  if (successes >= policy.rise && until <= now) return recovered(counted, now);
  const releaseAt = successes >= policy.rise ? until : health.releaseAt;
  if (health.observed === "recovering") return { ...counted, releaseAt };
  const missing = `${successes} of the ${policy.rise} successes in a row that bring it back`;
  return { ...become(counted, "recovering", `${success.what}: ${missing}`, now), releaseAt };
}

function recovered(health: TargetHealth, now: number): TargetHealth {
  const reason = `${health.successes} successes in a row`;
  return { ...become(health, "up", reason, now), releaseAt: NEVER, upSince: now, slowSince: now };
}

/** Its time of being held down, or out of use without probes, is over. */
export function release(health: TargetHealth, now: number, policy: HealthPolicy): TargetHealth {
  if (policy.probed) {
    if (health.observed === "recovering" && health.successes >= policy.rise) return recovered(health, now);
    return { ...health, releaseAt: NEVER };
  }
  const clean = { ...health, failures: 0, successes: 0, refusedBy: "nobody" as const, releaseAt: NEVER };
  const back = become(
    clean,
    "unknown",
    "it is not probed, and its time out of use is over: calls may try it",
    now,
  );
  return health.observed === "failing" ? back : { ...back, upSince: now, slowSince: now };
}

/** The target after a failure. */
export function fail(
  health: TargetHealth,
  failure: Failure,
  now: number,
  policy: HealthPolicy,
): TargetHealth {
  const askedMs = Math.min((failure.retryAfterS ?? 0) * 1_000, policy.retryAfterMaxMs);
  const counted: TargetHealth = {
    ...health,
    failures: health.failures + 1,
    successes: 0,
    refusedBy: failure.refused ? failure.by : health.refusedBy,
    refusedAt: failure.refused ? now : health.refusedAt,
    retryUntil: askedMs > 0 ? Math.max(health.retryUntil, now + askedMs) : health.retryUntil,
  };
  const releaseAt = policy.probed ? NEVER : Math.max(health.releaseAt, heldUntil(counted, policy));
  switch (health.observed) {
    case "down":
      return { ...counted, releaseAt };
    case "recovering":
      return { ...become(counted, "down", `${failure.what} while it was recovering`, now), releaseAt };
    case "unknown":
    case "up":
    case "failing":
      if (askedMs > 0 || counted.failures >= policy.fall) return goDown(counted, failure, now, policy);
      if (health.observed === "failing") return counted;
      return become(
        counted,
        "failing",
        `${failure.what}: ${policy.fall} failures in a row take it down`,
        now,
      );
  }
}

/** RFC 3261 §21.5.4: a 503 with Retry-After is obeyed at once, as nothing has to be guessed. */
function goDown(health: TargetHealth, failure: Failure, now: number, policy: HealthPolicy): TargetHealth {
  const damped = damp(health, now, policy);
  const runs = `${health.failures} ${health.failures === 1 ? "failure" : "failures in a row, the last"}: `;
  const asks =
    health.retryUntil > now ? `; by its Retry-After not before ${seconds(health.retryUntil - now)}` : "";
  const heldMs = damped.dampedUntil - now;
  const flapped = `; ${damped.downTimes.length} times down within ${seconds(policy.flapWindowMs)}`;
  const nextMs = holdMs(policy, damped.dampingLevel + 1);
  const flaps =
    heldMs > 0 ? `${flapped}: held down for ${seconds(heldMs)}, next time ${seconds(nextMs)}` : "";
  return become(damped, "down", `${runs}${failure.what}${asks}${flaps}`, now);
}

/** Who was in service for a whole window is forgiven; who was not, and is down too often, is held down for longer each time. */
function damp(health: TargetHealth, now: number, policy: HealthPolicy): TargetHealth {
  const forgiven = now - health.upSince >= policy.flapWindowMs;
  const level = forgiven ? 0 : health.dampingLevel;
  const recent = forgiven ? [] : health.downTimes.filter((at) => level > 0 || now - at < policy.flapWindowMs);
  const downTimes = [...recent, now].slice(-policy.flaps);
  if (downTimes.length < policy.flaps) return { ...health, downTimes, dampingLevel: 0 };
  const dampingLevel = Math.min(level + 1, LEVEL_MAX);
  return { ...health, downTimes, dampingLevel, dampedUntil: now + holdMs(policy, dampingLevel) };
}

function become(health: TargetHealth, observed: Observed, reason: string, now: number): TargetHealth {
  return { ...health, observed, since: now, reason };
}

/** As a user writes a duration. */
function seconds(ms: number): string {
  return ms < 1_000 ? `${Math.round(ms)} ms` : `${Math.round(ms / 100) / 10} s`;
}
