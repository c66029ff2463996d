// One health machine on a virtual clock, with a target that answers its probes as the test says.

import { parseConfig } from "../../src/config/load-config.ts";
import { step } from "../../src/health/health-machine.ts";
import { type HealthPolicy, policyOf } from "../../src/health/health-policy.ts";
import { plan } from "../../src/health/probe-plan.ts";
import {
  deadline,
  type HealthEffect,
  type HealthEvent,
  newTarget,
  type TargetHealth,
} from "../../src/health/target-health.ts";

/** A status, silence, or a transport error in words; `afterMs` is its round trip. */
export type Answer =
  | { readonly status: number; readonly retryAfterS?: number; readonly afterMs?: number }
  | { readonly failure: string }
  | null;

/** What a configuration without a word on health makes. */
export const DEFAULT_POLICY: HealthPolicy = ((): HealthPolicy => {
  const text =
    "listen: [udp://10.0.0.1]\ngroups: { pbx: { targets: [sip:10.0.0.2] } }\nroutes: [{ from: pbx, to: pbx }]\n";
  const [group] = parseConfig(text, { file: "edge.yaml", env: {}, uid: 0 }).groups;
  if (group === undefined) throw new RangeError("no group");
  return policyOf(group.probe, group.health);
})();

const ROUND_TRIP_MS = 10;

interface Pending {
  readonly at: number;
  readonly event: HealthEvent;
}

export class HealthRun {
  health: TargetHealth;
  /** When each probe began. */
  readonly probes: number[] = [];
  readonly changes: { at: number; from: string; to: string; reason: string; crossed: boolean }[] = [];
  readonly operated: string[] = [];
  private now = 0;
  private readonly policy: HealthPolicy;
  private readonly answer: (now: number) => Answer;
  private pending: Pending[] = [];

  constructor(policy: Partial<HealthPolicy>, answer: (now: number) => Answer, seed = 1) {
    this.policy = { ...DEFAULT_POLICY, ...policy };
    this.answer = answer;
    this.health = plan(newTarget(0, seed), 0, this.policy);
  }

  /** Something happens at `at`; what is due before happens first. */
  feed(at: number, event: HealthEvent): void {
    this.until(at);
    this.apply(event);
  }

  /** Lets time pass. */
  until(end: number): void {
    for (;;) {
      const [first] = this.pending.sort((a, b) => a.at - b.at);
      const due = Math.min(deadline(this.health), first?.at ?? Number.POSITIVE_INFINITY);
      if (due > end) break;
      this.now = Math.max(this.now, due);
      if (first !== undefined && first.at === due) {
        this.pending.shift();
        this.apply(first.event);
      } else this.apply({ kind: "tick" });
    }
    this.now = end;
  }

  private apply(event: HealthEvent): void {
    const [health, effects] = step(this.health, event, this.now, this.policy);
    this.health = health;
    for (const effect of effects) this.perform(effect);
  }

  private perform(effect: HealthEffect): void {
    if (effect.kind === "operated") this.operated.push(effect.reason);
    else if (effect.kind === "changed") {
      const { from, to, reason, crossed } = effect;
      this.changes.push({ at: this.now, from, to, reason, crossed });
    } else {
      this.probes.push(this.now);
      const answer = this.answer(this.now);
      if (answer !== null) this.pending.push(outcome(answer, effect.probe, this.now));
    }
  }
}

function outcome(answer: Exclude<Answer, null>, probe: number, now: number): Pending {
  if ("failure" in answer)
    return { at: now, event: { kind: "probe-failed", probe, failure: answer.failure } };
  const { status, retryAfterS = null, afterMs = ROUND_TRIP_MS } = answer;
  const event = {
    kind: "probe-answered",
    probe,
    status,
    retryAfterS,
    rttMs: afterMs,
    allow: "",
    server: "",
  } as const;
  return { at: now + afterMs, event };
}
