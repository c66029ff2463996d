/** What is known of one target: a resolved transport, address, port and local socket. Plain data; times are monotonic ms. */

/** What probes and calls show. */
export type Observed = "unknown" | "up" | "failing" | "down" | "recovering";
/** What the operator wants; never mixed with what is observed. */
export type OperatorState = "enabled" | "draining" | "disabled";

/** Whose received code is the latest one in a run of failures. */
type RefusedBy = "nobody" | "probe" | "call";

export interface TargetHealth {
  readonly observed: Observed;
  /** When `observed` last changed, and why, in a sentence. */
  readonly since: number;
  readonly reason: string;
  readonly operator: OperatorState;
  /** Who set it; "" where nobody has. */
  readonly operatorBy: string;
  readonly operatorSince: number;
  /** In a row. */
  readonly failures: number;
  readonly successes: number;
  readonly refusedBy: RefusedBy;
  readonly refusedAt: number;
  /** Number of the latest probe; 0: none yet. */
  readonly probe: number;
  readonly probeStartedAt: number;
  /** Deadlines; Infinity: none. The next probe; the end of the wait for the answer; the end of being held down. */
  readonly probeAt: number;
  readonly awaitedUntil: number;
  readonly releaseAt: number;
  /** By its own Retry-After, and by damping; -Infinity: not held. */
  readonly retryUntil: number;
  readonly dampedUntil: number;
  /** When it went down, the latest `flaps` of them within the window. */
  readonly downTimes: readonly number[];
  /** How often in a row it was held down for flapping. */
  readonly dampingLevel: number;
  /** When it was last taken into service. */
  readonly upSince: number;
  /** When slow start began; -Infinity: it never was down. */
  readonly slowSince: number;
  /** What its answers taught; null and "": nothing yet. */
  readonly rttMs: number | null;
  readonly allow: string;
  readonly server: string;
  /** How the latest probe ended, in words. */
  readonly lastProbe: string;
  /** Of the jitter: 32 bits, moved on by each draw, so that the machine needs no chance from outside. */
  readonly seed: number;
}

export type HealthEvent =
  | { readonly kind: "tick" }
  | ProbeOutcome
  /** A response to a call, provisional or final; `retryAfterS` of its Retry-After. */
  | { readonly kind: "call-answered"; readonly status: number; readonly retryAfterS: number | null }
  /** No provisional in `noAnswerAfter`, or Timer B. */
  | { readonly kind: "call-silent" }
  /** ICMP, refusal, or another transport error. */
  | { readonly kind: "call-failed"; readonly failure: string }
  | { readonly kind: "operator"; readonly state: OperatorState; readonly by: string };

/** `probe` is the number that came with the order to probe: what belongs to another one is late. */
export type ProbeOutcome = { readonly probe: number } & (
  | {
      readonly kind: "probe-answered";
      readonly status: number;
      readonly retryAfterS: number | null;
      readonly rttMs: number;
      readonly allow: string;
      readonly server: string;
    }
  | { readonly kind: "probe-silent" }
  | { readonly kind: "probe-failed"; readonly failure: string }
);

export type HealthEffect =
  /** Send OPTIONS; its outcome is of interest for `timeoutMs`. */
  | { readonly kind: "probe"; readonly probe: number; readonly timeoutMs: number }
  | {
      readonly kind: "changed";
      readonly from: Observed;
      readonly to: Observed;
      readonly reason: string;
      /** Whether new calls are, by this change, kept away or let in again; other changes are of interest to few. */
      readonly crossed: boolean;
    }
  | {
      readonly kind: "operated";
      readonly from: OperatorState;
      readonly to: OperatorState;
      readonly by: string;
      readonly reason: string;
    };

/** How routing orders targets of one priority: lower first. */
export const RANK = {
  /** up, or unknown */
  usable: 0,
  /** Fewer than `fall` failures: behind those without any, but not out. */
  failing: 1,
  /** Not for calls, unless nothing better is left (panic). */
  recovering: 2,
  down: 3,
  /** The operator's word: no new calls, not even when all others are down. */
  closed: 4,
} as const;

const RANK_OF: Readonly<Record<Observed, number>> = {
  unknown: RANK.usable,
  up: RANK.usable,
  failing: RANK.failing,
  recovering: RANK.recovering,
  down: RANK.down,
};

/** A target that nothing is known of: its first probe is due at once. @param seed any 32 bits, another for each target */
export function newTarget(now: number, seed: number): TargetHealth {
  return {
    observed: "unknown",
    since: now,
    reason: "new: nothing is known of it yet",
    operator: "enabled",
    operatorBy: "",
    operatorSince: now,
    failures: 0,
    successes: 0,
    refusedBy: "nobody",
    refusedAt: Number.NEGATIVE_INFINITY,
    probe: 0,
    probeStartedAt: Number.NEGATIVE_INFINITY,
    probeAt: now,
    awaitedUntil: Number.POSITIVE_INFINITY,
    releaseAt: Number.POSITIVE_INFINITY,
    retryUntil: Number.NEGATIVE_INFINITY,
    dampedUntil: Number.NEGATIVE_INFINITY,
    downTimes: [],
    dampingLevel: 0,
    upSince: now,
    slowSince: Number.NEGATIVE_INFINITY,
    rttMs: null,
    allow: "",
    server: "",
    lastProbe: "",
    seed: seed >>> 0,
  };
}

/** When `tick` is due; Infinity: never. */
export function deadline({ probeAt, awaitedUntil, releaseAt }: TargetHealth): number {
  return Math.min(probeAt, awaitedUntil, releaseAt);
}

/** One of `RANK`. */
export function rankOf({ operator, observed }: TargetHealth): number {
  return operator === "enabled" ? RANK_OF[observed] : RANK.closed;
}

/** The share of its weight that a target begins with when it comes back. */
const SLOW_START_FROM = 0.1;

/** Grows evenly from a tenth to 1. */
export function slowStartFactor(slowSince: number, now: number, slowStartMs: number): number {
  const elapsed = now - slowSince;
  if (elapsed >= slowStartMs) return 1;
  return SLOW_START_FROM + (1 - SLOW_START_FROM) * Math.max(0, elapsed / slowStartMs);
}
