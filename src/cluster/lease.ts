/** The lease: what a standby sees of it, and until when its holder may serve. Pure. */
import { type ClusterSettings, LEASE_READS_MIN } from "./settings.ts";

/** The record in Redis; `ask`: who asked in Redis for a resignation. */
export interface LeaseRecord {
  readonly holder: string;
  readonly boot: string;
  readonly epoch: number;
  readonly counter: number;
  readonly ask: string | null;
}

/** A read that Redis answered. `source` names the server's life: run_id and address of the master. */
export interface LeaseReading {
  readonly source: string;
  readonly record: LeaseRecord | null;
}

/** A row of equal reads. */
export interface Observation {
  readonly reading: LeaseReading;
  /** When the first of them was answered, monotonic milliseconds. */
  readonly since: number;
  readonly reads: number;
}

/**
 * `expired`: the counter stood still in enough reads over the time to live. `free`: there was no record in as many. `held`:
 * it was seen to move. `unknown`: not yet observed for long enough.
 */
export type LeaseSight = "held" | "expired" | "free" | "unknown";

export function sameRecord(a: LeaseRecord | null, b: LeaseRecord | null): boolean {
  if (a === null || b === null) return a === b;
  return a.holder === b.holder && a.boot === b.boot && a.epoch === b.epoch && a.counter === b.counter;
}

/** Takes in a read; another life of Redis starts the observation anew, as any error does (pass null). */
export function observe(
  former: Observation | null,
  reading: LeaseReading | null,
  now: number,
): Observation | null {
  if (reading === null) return null;
  const same =
    former !== null &&
    former.reading.source === reading.source &&
    sameRecord(former.reading.record, reading.record);
  return same ? { reading, since: former.since, reads: former.reads + 1 } : { reading, since: now, reads: 1 };
}

/** The verdict of one who does not hold the lease, at the time of its last read. */
export function leaseSight(
  observation: Observation | null,
  at: { now: number; ttlMs: number; moved: boolean },
): LeaseSight {
  if (observation === null) return "unknown";
  const still = observation.reads >= LEASE_READS_MIN && at.now - observation.since >= at.ttlMs;
  if (still) return observation.reading.record === null ? "free" : "expired";
  return at.moved ? "held" : "unknown";
}

/** An exchange that was sent at this monotonic time proves that its sender may serve until then. */
export function serveUntilOf(sentAt: number, settings: ClusterSettings): number {
  return sentAt + settings.leaseTtlMs - settings.leaseMarginMs;
}

/** The epoch of a new holder: above everything that Redis, its own disk and the heartbeats know. */
export function nextEpoch(known: readonly number[]): number {
  return Math.max(0, ...known) + 1;
}
