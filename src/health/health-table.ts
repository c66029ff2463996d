/** The health of all targets: runs their machines, and answers for each call who is fit for it. */
import { type Timed, TimerEntry, type TimerWheel } from "../sip/timer/timer-wheel.ts";
import { step } from "./health-machine.ts";
import { type HealthPolicy, strictest } from "./health-policy.ts";
import { fromRecord, type HealthRecord, toRecord } from "./health-record.ts";
import { plan } from "./probe-plan.ts";
import {
  deadline,
  type HealthEffect,
  type HealthEvent,
  newTarget,
  type OperatorState,
  RANK,
  rankOf,
  slowStartFactor,
  type TargetHealth,
} from "./target-health.ts";
import { statusOf, type TargetStatus } from "./target-status.ts";

/** First probes of targets that come (or change) together begin so far apart on average, and all within the bound. */
const FIRST_PROBE_GAP_MS = 5;
const FIRST_PROBES_MS_MAX = 5_000;
/** A target that left (a reload, a changed DNS record) and returns is remembered so long, and so many of them. */
export const DEPARTED_KEPT_MS = 3_600_000;
export const DEPARTED_MAX = 4_096;
/** Targets that an operator has drained or disabled, those included that are gone. */
export const OPERATED_MAX = 4_096;

/** One change, for a log line and a metric. */
export type HealthChange = { readonly id: string } & Exclude<HealthEffect, { readonly kind: "probe" }>;

export interface HealthPorts {
  readonly wheel: Pick<TimerWheel, "schedule" | "cancel">;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** Sends OPTIONS. The outcome comes by `feed` with this number; after `timeoutMs` it counts as silent by itself. */
  probe(id: string, probe: number, timeoutMs: number): void;
  onChange(change: HealthChange): void;
}

/** What an operator has set, to be stored; a target that is enabled has none. */
export interface OperatorRecord {
  readonly id: string;
  readonly state: OperatorState;
  readonly by: string;
}

const ENABLED = { state: "enabled", by: "" } as const;

interface Entry {
  readonly id: string;
  readonly timer: Timed;
  policy: HealthPolicy;
  health: TargetHealth;
}

export class HealthTable {
  private readonly ports: HealthPorts;
  private readonly entries = new Map<string, Entry>();
  private readonly departed = new Map<string, { readonly health: TargetHealth; readonly at: number }>();
  private readonly operated = new Map<string, OperatorRecord>();

  constructor(ports: HealthPorts) {
    this.ports = ports;
  }

  /**
   * These are the targets from now on, each once. One that stays keeps its health; one that returns in time, too.
   * @param targets `policies` of all the groups that name it, at least one
   */
  follow(targets: readonly { id: string; policies: readonly HealthPolicy[] }[], now: number): void {
    this.forget(now);
    const gone = new Set(this.entries.keys());
    const planned: Entry[] = [];
    for (const { id, policies } of targets) {
      gone.delete(id);
      const policy = strictest(policies);
      const known = this.entries.get(id);
      if (known === undefined) planned.push(this.add(id, policy, now));
      else if (this.change(known, policy, now)) planned.push(known);
    }
    for (const id of gone) this.remove(id, now);
    this.spread(planned, now);
  }

  /** What a probe or a call showed; of a target that is not followed (any more) it is ignored. */
  feed(id: string, event: HealthEvent, now: number): void {
    const entry = this.entries.get(id);
    if (entry !== undefined) this.apply(entry, event, now);
  }

  /** One of `RANK`; a target that is not followed is usable. On the path of a call: allocates nothing. */
  rank(id: string): number {
    const entry = this.entries.get(id);
    return entry === undefined ? RANK.usable : rankOf(entry.health);
  }

  /** What its weight is multiplied with, above 0, at most 1. On the path of a call: allocates nothing. */
  weightFactor(id: string, now: number): number {
    const entry = this.entries.get(id);
    return entry === undefined ? 1 : slowStartFactor(entry.health.slowSince, now, entry.policy.slowStartMs);
  }

  /** In the order in which they came. */
  statuses(now: number): TargetStatus[] {
    return [...this.entries.values()].map(({ id, health, policy }) => statusOf(id, health, policy, now));
  }

  /** @returns false where no such target is followed, or too many are drained and disabled already */
  operate(id: string, { state, by }: { state: OperatorState; by: string }, now: number): boolean {
    const entry = this.entries.get(id);
    if (entry === undefined || !this.note({ id, state, by })) return false;
    this.apply(entry, { kind: "operator", state, by }, now);
    return true;
  }

  operatorStates(): OperatorRecord[] {
    return [...this.operated.values()];
  }

  /** Takes over what was stored; targets that are not followed get theirs when they are. Those not named are enabled. */
  restore(records: readonly OperatorRecord[], now: number): void {
    const before = [...this.operated.keys()];
    this.operated.clear();
    for (const record of records) this.note(record);
    for (const id of new Set([...before, ...this.operated.keys()])) {
      const { state, by } = this.operated.get(id) ?? ENABLED;
      this.feed(id, { kind: "operator", state, by }, now);
    }
  }

  /** What is observed, with times as time left: for a restart, or for another node. Operator states travel by themselves. */
  snapshot(now: number): HealthRecord[] {
    return [...this.entries.values()].map(({ id, health }) => toRecord(id, health, now));
  }

  /** Of one target; null where it is not followed. */
  record(id: string, now: number): HealthRecord | null {
    const entry = this.entries.get(id);
    return entry === undefined ? null : toRecord(id, entry.health, now);
  }

  /** Takes over another one's observations. Targets that are not followed yet find theirs when they are. */
  adopt(records: readonly HealthRecord[], now: number): void {
    const planned: Entry[] = [];
    for (const record of records) {
      const entry = this.entries.get(record.id);
      const own = entry?.health ?? this.fresh(now);
      const health = fromRecord(record, own, now);
      if (entry === undefined) this.depart(record.id, health, now);
      else {
        this.keep(entry, plan(health, now, entry.policy));
        planned.push(entry);
      }
    }
    this.spread(planned, now);
  }

  private add(id: string, policy: HealthPolicy, now: number): Entry {
    const known = this.departed.get(id);
    this.departed.delete(id);
    const { state, by } = this.operated.get(id) ?? ENABLED;
    const operator: HealthEvent = { kind: "operator", state, by };
    const [told] = step(known?.health ?? this.fresh(now), operator, now, policy);
    const health = plan(told, now, policy);
    const timer = new TimerEntry((at) => this.wake(entry, at));
    const entry: Entry = { id, timer, policy, health };
    this.entries.set(id, entry);
    this.keep(entry, health);
    return entry;
  }

  private fresh(now: number): TargetHealth {
    return newTarget(now, Math.floor(this.ports.random() * 2 ** 32));
  }

  /** @returns whether it is planned anew */
  private change(entry: Entry, policy: HealthPolicy, now: number): boolean {
    if (samePolicy(entry.policy, policy)) return false;
    entry.policy = policy;
    this.keep(entry, plan(entry.health, now, policy));
    return true;
  }

  /** Of targets that were planned together, those due at once are probed one after the other. */
  private spread(planned: readonly Entry[], now: number): void {
    const due = planned.filter(({ health }) => health.probeAt <= now);
    const within = Math.min(FIRST_PROBES_MS_MAX, due.length * FIRST_PROBE_GAP_MS);
    for (const entry of due) {
      const delay = this.ports.random() * Math.min(within, entry.policy.intervalMs);
      this.keep(entry, { ...entry.health, probeAt: now + delay });
    }
  }

  private remove(id: string, now: number): void {
    const entry = this.entries.get(id);
    if (entry === undefined) return;
    this.entries.delete(id);
    this.ports.wheel.cancel(entry.timer);
    this.depart(id, { ...entry.health, awaitedUntil: Number.POSITIVE_INFINITY }, now);
  }

  private depart(id: string, health: TargetHealth, now: number): void {
    this.departed.delete(id);
    this.departed.set(id, { health, at: now });
    this.forget(now);
  }

  /** The oldest stand first. */
  private forget(now: number): void {
    for (const [id, { at }] of this.departed) {
      if (this.departed.size <= DEPARTED_MAX && now - at < DEPARTED_KEPT_MS) return;
      this.departed.delete(id);
    }
  }

  /** @returns false where there is no room */
  private note(record: OperatorRecord): boolean {
    if (record.state === "enabled") this.operated.delete(record.id);
    else if (this.operated.size >= OPERATED_MAX && !this.operated.has(record.id)) return false;
    else this.operated.set(record.id, record);
    return true;
  }

  private wake(entry: Entry, now: number): void {
    this.apply(entry, { kind: "tick" }, now);
  }

  private apply(entry: Entry, event: HealthEvent, now: number): void {
    const [health, effects] = step(entry.health, event, now, entry.policy);
    // Stored first: an effect may feed the next event.
    if (health !== entry.health) this.keep(entry, health);
    for (const effect of effects) this.perform(entry.id, effect);
  }

  private keep(entry: Entry, health: TargetHealth): void {
    entry.health = health;
    this.ports.wheel.schedule(entry.timer, deadline(health));
  }

  private perform(id: string, effect: HealthEffect): void {
    if (effect.kind === "probe") this.ports.probe(id, effect.probe, effect.timeoutMs);
    else this.ports.onChange({ id, ...effect });
  }
}

function samePolicy(a: HealthPolicy, b: HealthPolicy): boolean {
  const [{ downOn: codesA, ...restA }, { downOn: codesB, ...restB }] = [a, b];
  if (codesA.size !== codesB.size || [...codesA].some((code) => !codesB.has(code))) return false;
  return JSON.stringify(restA) === JSON.stringify(restB);
}
