/** What is observed of a target, as it is stored or sent: JSON, times as time left or time gone, no clock. */
import type { TargetHealth } from "./target-health.ts";

type Timeless = "reason" | "observed" | "failures" | "successes" | "refusedBy" | "probe" | "dampingLevel";
type Learned = "rttMs" | "allow" | "server" | "lastProbe";
type Time = "since" | "refusedAt" | "probeStartedAt" | "probeAt" | "releaseAt" | "retryUntil";
type ServiceTime = "dampedUntil" | "upSince" | "slowSince";

/** The operator's word is not in it (`HealthTable.operatorStates`), nor a probe that is under way. */
export interface HealthRecord extends Pick<TargetHealth, Timeless | Learned> {
  readonly id: string;
  /** Milliseconds from the moment of the record, negative in the past; null: none. */
  readonly times: Readonly<Record<Time | ServiceTime, number | null>>;
  readonly downTimes: readonly number[];
}

export function toRecord(id: string, health: TargetHealth, now: number): HealthRecord {
  const { observed, reason, failures, successes, refusedBy, probe, dampingLevel } = health;
  const { rttMs, allow, server, lastProbe } = health;
  const left = (at: number): number | null => (Number.isFinite(at) ? at - now : null);
  return {
    id,
    observed,
    reason,
    failures,
    successes,
    refusedBy,
    probe,
    dampingLevel,
    rttMs,
    allow,
    server,
    lastProbe,
    times: {
      since: left(health.since),
      refusedAt: left(health.refusedAt),
      probeStartedAt: left(health.probeStartedAt),
      probeAt: left(health.probeAt),
      releaseAt: left(health.releaseAt),
      retryUntil: left(health.retryUntil),
      dampedUntil: left(health.dampedUntil),
      upSince: left(health.upSince),
      slowSince: left(health.slowSince),
    },
    downTimes: health.downTimes.map((at) => at - now),
  };
}

/** @param own what is known here: its operator state and its seed stay */
export function fromRecord(record: HealthRecord, own: TargetHealth, now: number): TargetHealth {
  const { id: _, times, downTimes, ...rest } = record;
  const past = (left: number | null): number => (left === null ? Number.NEGATIVE_INFINITY : now + left);
  const due = (left: number | null): number => (left === null ? Number.POSITIVE_INFINITY : now + left);
  return {
    ...own,
    ...rest,
    since: past(times.since),
    refusedAt: past(times.refusedAt),
    probeStartedAt: past(times.probeStartedAt),
    probeAt: due(times.probeAt),
    awaitedUntil: Number.POSITIVE_INFINITY,
    releaseAt: due(times.releaseAt),
    retryUntil: past(times.retryUntil),
    dampedUntil: past(times.dampedUntil),
    upSince: past(times.upSince),
    slowSince: past(times.slowSince),
    downTimes: downTimes.map((left) => now + left),
  };
}
