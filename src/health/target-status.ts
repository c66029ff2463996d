/** One target as an operator sees it. */
import { detectionMs, type HealthPolicy, recoveryMs } from "./health-policy.ts";
import { heldUntil } from "./probe-plan.ts";
import { type Observed, type OperatorState, slowStartFactor, type TargetHealth } from "./target-health.ts";

export interface TargetStatus {
  readonly id: string;
  readonly observed: Observed;
  readonly forMs: number;
  readonly reason: string;
  readonly operator: OperatorState;
  readonly operatorBy: string;
  /** null: none is planned, or one is under way. */
  readonly nextProbeMs: number | null;
  /** In words; "" before the first. */
  readonly lastProbe: string;
  readonly rttMs: number | null;
  readonly allow: string;
  readonly server: string;
  readonly failures: number;
  readonly successes: number;
  /** How often it went down within the window of damping; at most as many as lead to it. */
  readonly flaps: number;
  /** How long it still stays down whatever it answers; 0: not held. */
  readonly heldMs: number;
  /** 0 < factor <= 1, of its weight. */
  readonly slowStart: number;
  /** The longest time until probes alone see its death, and its return; null: it is not probed. */
  readonly detectionMs: number | null;
  readonly recoveryMs: number | null;
}

export function statusOf(id: string, health: TargetHealth, policy: HealthPolicy, now: number): TargetStatus {
  const { observed, reason, operator, operatorBy, lastProbe, rttMs, allow, server } = health;
  const { failures, successes, probeAt, dampingLevel, downTimes } = health;
  const remembered = (at: number): boolean => dampingLevel > 0 || now - at < policy.flapWindowMs;
  const isDown = observed === "down" || observed === "recovering";
  return {
    id,
    observed,
    forMs: now - health.since,
    reason,
    operator,
    operatorBy,
    nextProbeMs: Number.isFinite(probeAt) ? Math.max(0, probeAt - now) : null,
    lastProbe,
    rttMs,
    allow,
    server,
    failures,
    successes,
    flaps: downTimes.filter(remembered).length,
    heldMs: isDown ? Math.max(0, heldUntil(health, policy) - now) : 0,
    slowStart: slowStartFactor(health.slowSince, now, policy.slowStartMs),
    detectionMs: detectionMs(policy),
    recoveryMs: recoveryMs(policy),
  };
}
