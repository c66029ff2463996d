// Targets that fail in every way that the machine knows, for days, around the real health table. One seed, one history.
import { detectionMs, type HealthPolicy, recoveryMs } from "../../src/health/health-policy.ts";
import { type HealthChange, HealthTable } from "../../src/health/health-table.ts";
import { type HealthEvent, RANK } from "../../src/health/target-health.ts";
import { TimerEntry, TimerWheel } from "../../src/sip/timer/timer-wheel.ts";
import { Random } from "../fuzz/random.ts";

const TICK_MS = 10;
const SECOND_MS = 1_000;
const MINUTE_MS = 60_000;
/** Timer E: over UDP a probe is sent again after T1, within its time-out. */
const T1_MS = 500;
const NO_ANSWER_AFTER_MS = 2_000;
/** Every tenth target has calls, one in about so long. */
const CALL_GAP_MS = 20_000;

const REFUSED = "connection refused";

const BAD = ["dead", "refusing", "unavailable", "retry-after", "slow"] as const;
type Phase = "well" | "lossy" | "flapping" | (typeof BAD)[number];

interface SimulatedTarget {
  readonly id: string;
  readonly hasCalls: boolean;
  phase: Phase;
  /** Where the target is well or dead for sure: since when. */
  sureSince: number;
  /** Of `flapping`: is it dead at the moment? */
  dead: boolean;
  observed: string;
  probes: number;
  probedAt: number;
  readonly downTimes: number[];
}

export interface Tally {
  probes: number;
  changes: number;
  downs: number;
  /** Downs of targets that lose 5% each way and are well otherwise. */
  lossyProbes: number;
  lossyDowns: number;
  detections: number;
  detectionMsMax: number;
  recoveries: number;
  flapsInWindowMax: number;
}

export class HealthWorld {
  readonly tally: Tally = {
    probes: 0,
    changes: 0,
    downs: 0,
    lossyProbes: 0,
    lossyDowns: 0,
    detections: 0,
    detectionMsMax: 0,
    recoveries: 0,
    flapsInWindowMax: 0,
  };
  /** Rules that were broken, the first hundred. */
  readonly faults: string[] = [];
  private readonly random: Random;
  private readonly policy: HealthPolicy;
  private readonly wheel = new TimerWheel(0, TICK_MS);
  private readonly table: HealthTable;
  private readonly targets = new Map<string, SimulatedTarget>();
  private readonly detectionMs: number;
  private readonly recoveryMs: number;
  private readonly flapsMax: number;
  private now = 0;
  private healed = false;

  /** @param planted what the table does otherwise than the rules know: a fault that they have to find */
  constructor(count: number, policy: HealthPolicy, seed: number, planted: Partial<HealthPolicy> = {}) {
    this.policy = policy;
    this.random = new Random(seed);
    // Each step of the machine may be seen a tick late.
    this.detectionMs = (detectionMs(policy) ?? 0) + TICK_MS * (2 * policy.fall + 1);
    this.recoveryMs = (recoveryMs(policy) ?? 0) + TICK_MS * (2 * policy.rise + 1);
    this.flapsMax = policy.flaps + Math.floor(Math.log2(policy.flapWindowMs / policy.holdDownMs + 1)) + 1;
    this.table = new HealthTable({
      wheel: this.wheel,
      random: () => this.unit(),
      probe: (id, probe) => this.onProbe(this.target(id), probe),
      onChange: (change) => this.onChange(change),
    });
    for (let index = 0; index < count; index++)
      this.addTarget(`udp:10.${index >> 8}.${index & 255}.1:5060`, index);
    this.table.follow(
      [...this.targets.keys()].map((id) => ({ id, policies: [{ ...policy, ...planted }] })),
      0,
    );
  }

  /** Lets simulated time pass. */
  run(ms: number): void {
    for (const end = this.now + ms; this.now < end; ) {
      this.now += TICK_MS;
      this.wheel.advance(this.now);
    }
  }

  /** Ends all faults, and waits until whatever was held down is free. */
  heal(): void {
    this.healed = true;
    for (const target of this.targets.values()) this.enter(target, "well", Number.POSITIVE_INFINITY);
    this.run(Math.max(this.policy.holdDownMaxMs, this.policy.retryAfterMaxMs) + 2 * this.recoveryMs);
  }

  notUp(): string[] {
    return this.table.statuses(this.now).flatMap(({ id, observed, reason }) => {
      return observed === "up" ? [] : [`${id}: ${observed}, ${reason}`];
    });
  }

  private addTarget(id: string, index: number): void {
    const target: SimulatedTarget = {
      id,
      hasCalls: index % 10 === 0,
      phase: "well",
      sureSince: 0,
      dead: false,
      observed: "unknown",
      probes: 0,
      probedAt: 0,
      downTimes: [],
    };
    this.targets.set(id, target);
    this.enter(target, "well", this.between(MINUTE_MS, 120 * MINUTE_MS));
    if (target.hasCalls) this.after(this.between(0, CALL_GAP_MS), () => this.call(target));
  }

  // Phases of a target

  private enter(target: SimulatedTarget, phase: Phase, lengthMs: number): void {
    const kind = (each: Phase): string => (isBad(each) ? "dead" : each);
    if (kind(phase) !== kind(target.phase)) target.sureSince = this.now;
    target.phase = phase;
    target.dead = false;
    if (phase === "flapping") this.flap(target);
    const since = target.sureSince;
    const still = (): boolean => target.sureSince === since && target.phase === phase;
    if (isBad(phase)) this.after(this.detectionMs, () => still() && this.checkDown(target));
    if (phase === "well") this.after(this.recoveryMs, () => still() && this.checkUp(target, since));
    if (lengthMs === Number.POSITIVE_INFINITY) return;
    this.after(lengthMs, () => {
      if (this.healed) return;
      if (phase !== "well") this.enter(target, "well", this.between(MINUTE_MS, 6 * 60 * MINUTE_MS));
      else this.enter(target, this.fault(), this.between(SECOND_MS, 30 * MINUTE_MS));
    });
  }

  private fault(): Phase {
    return this.random.pick<Phase>([...BAD, "lossy", "flapping"]);
  }

  private flap(target: SimulatedTarget): void {
    if (target.phase !== "flapping") return;
    target.dead = !target.dead;
    this.after(this.between(5 * SECOND_MS, 40 * SECOND_MS), () => this.flap(target));
  }

  // What is asked of it, and what it answers

  private onProbe(target: SimulatedTarget, probe: number): void {
    this.tally.probes++;
    this.checkSchedule(target);
    target.probes++;
    target.probedAt = this.now;
    if (target.phase === "refusing") this.feed(target, { kind: "probe-failed", probe, failure: REFUSED });
    const answer = this.answerOf(target);
    if (answer === null) return;
    const { afterMs, status, retryAfterS } = answer;
    const event = {
      kind: "probe-answered",
      probe,
      status,
      retryAfterS,
      rttMs: afterMs,
      allow: "",
      server: "",
    } as const;
    this.after(afterMs, () => this.feed(target, event));
  }

  private answerOf(
    target: SimulatedTarget,
  ): { afterMs: number; status: number; retryAfterS: number | null } | null {
    const answer = (afterMs: number, status: number, retryAfterS: number | null = null) => {
      return { afterMs, status, retryAfterS };
    };
    switch (target.phase) {
      case "well":
        return answer(this.between(1, 300), 200);
      case "lossy": {
        this.tally.lossyProbes++;
        const afterMs = this.tryUntilHeard();
        return afterMs === null ? null : answer(afterMs, 200);
      }
      case "flapping":
        return target.dead ? null : answer(20, 200);
      case "unavailable":
        return answer(20, 503);
      case "retry-after":
        return answer(20, 503, this.random.below(300));
      case "slow":
        return answer(this.policy.timeoutMs + this.between(2 * TICK_MS, 2_000), 200);
      case "dead":
      case "refusing":
        return null;
    }
  }

  /** A probe and its repetitions, 5% lost each way, 200 ms for both; null: none gets through. */
  private tryUntilHeard(): number | null {
    for (let sent = 0; sent + 200 < this.policy.timeoutMs; sent += T1_MS) {
      if (this.unit() < 0.95 && this.unit() < 0.95) return sent + 200;
    }
    return null;
  }

  private call(target: SimulatedTarget): void {
    this.after(this.between(1, 2 * CALL_GAP_MS), () => this.call(target));
    if (this.table.rank(target.id) >= RANK.recovering) return;
    for (const { afterMs, event } of shownByCall(target)) this.after(afterMs, () => this.feed(target, event));
  }

  private feed(target: SimulatedTarget, event: HealthEvent): void {
    this.table.feed(target.id, event, this.now);
  }

  // Rules

  private onChange(change: HealthChange): void {
    if (change.kind !== "changed") return;
    const target = this.target(change.id);
    this.tally.changes++;
    target.observed = change.to;
    if (change.to !== "down" || change.from === "recovering") return;
    this.tally.downs++;
    const sureFor = this.now - target.sureSince;
    if (isBad(target.phase)) {
      this.tally.detections++;
      this.tally.detectionMsMax = Math.max(this.tally.detectionMsMax, sureFor);
    }
    if (target.phase === "lossy" && sureFor > 2 * this.detectionMs) this.tally.lossyDowns++;
    // A probe or a call that began before it was well may end afterwards.
    const straggle = NO_ANSWER_AFTER_MS + this.policy.timeoutMs;
    if (target.phase === "well" && sureFor > straggle)
      this.broken(target, `down while it is well: ${change.reason}`);
    this.checkFlaps(target);
  }

  private checkFlaps(target: SimulatedTarget): void {
    const { downTimes } = target;
    downTimes.push(this.now);
    while ((downTimes[0] ?? this.now) <= this.now - this.policy.flapWindowMs) downTimes.shift();
    this.tally.flapsInWindowMax = Math.max(this.tally.flapsInWindowMax, downTimes.length);
    if (downTimes.length > this.flapsMax) this.broken(target, `${downTimes.length} times down in a window`);
  }

  private checkSchedule(target: SimulatedTarget): void {
    if (target.probes < 2) return; // the second one is spread over an interval
    const { intervalMs, fastIntervalMs } = this.policy;
    const gap = this.now - target.probedAt;
    const fast = target.observed === "failing" || target.observed === "recovering";
    // Held, a target that recovers is asked as seldom as one that is up; and a call's failure brings a probe forward.
    const within = (wanted: number): boolean =>
      gap >= wanted * 0.95 - TICK_MS && gap <= wanted * 1.05 + 2 * TICK_MS;
    const early = target.hasCalls && gap >= fastIntervalMs;
    if (within(intervalMs) || (fast && within(fastIntervalMs)) || (early && gap <= intervalMs)) return;
    this.broken(target, `a probe after ${gap} ms while it is ${target.observed}`);
  }

  private checkDown(target: SimulatedTarget): void {
    if (target.observed === "down") return;
    this.broken(target, `${target.observed} ${this.detectionMs} ms after it became ${target.phase}`);
  }

  private checkUp(target: SimulatedTarget, since: number): void {
    this.tally.recoveries++;
    if (target.observed === "up") return;
    const held = this.table.statuses(this.now).find(({ id }) => id === target.id)?.heldMs ?? 0;
    // What calls showed last is forgotten after an interval.
    const slack = target.hasCalls ? this.policy.intervalMs + NO_ANSWER_AFTER_MS + this.recoveryMs : 0;
    if (held === 0 && slack === 0) {
      this.broken(target, `${target.observed} after its return, and not held`);
      return;
    }
    this.after(held + slack + TICK_MS, () => {
      if (target.sureSince !== since || target.observed === "up") return;
      this.broken(target, `${target.observed} after its return, and no longer held`);
    });
  }

  private broken(target: SimulatedTarget, what: string): void {
    if (this.faults.length < 100)
      this.faults.push(`at ${this.now} ms ${target.id} (${target.phase}): ${what}`);
  }

  // Time and chance

  private after(ms: number, act: () => void): void {
    this.wheel.schedule(new TimerEntry(act), this.now + ms);
  }

  private unit(): number {
    return this.random.next() / 2 ** 32;
  }

  private between(min: number, max: number): number {
    return min + Math.floor(this.unit() * (max - min));
  }

  private target(id: string): SimulatedTarget {
    const found = this.targets.get(id);
    if (found === undefined) throw new RangeError(`no target ${id}`);
    return found;
  }
}

/** What a call to it shows, and when. */
function shownByCall({ phase, dead }: SimulatedTarget): { afterMs: number; event: HealthEvent }[] {
  const silent = { afterMs: NO_ANSWER_AFTER_MS, event: { kind: "call-silent" } } as const;
  const answered = (afterMs: number, status: number): { afterMs: number; event: HealthEvent } => {
    return { afterMs, event: { kind: "call-answered", status, retryAfterS: null } };
  };
  switch (phase) {
    case "dead":
    case "slow":
      return [silent];
    case "flapping":
      return dead ? [silent] : [answered(20, 200)];
    case "refusing":
      return [{ afterMs: 1, event: { kind: "call-failed", failure: REFUSED } }];
    case "unavailable":
    case "retry-after":
      return [answered(1, 100), answered(20, 503)];
    case "well":
    case "lossy":
      return [answered(100, 180)];
  }
}

function isBad(phase: Phase): boolean {
  return phase !== "well" && phase !== "lossy" && phase !== "flapping";
}
