/** The health machine under any events: what holds whatever a network, a target and an operator do. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { step } from "../../../src/health/health-machine.ts";
import { type HealthPolicy, JITTER } from "../../../src/health/health-policy.ts";
import { fromRecord, type HealthRecord, toRecord } from "../../../src/health/health-record.ts";
import { heldUntil, plan } from "../../../src/health/probe-plan.ts";
import {
  deadline,
  type HealthEffect,
  type HealthEvent,
  newTarget,
  RANK,
  rankOf,
  type TargetHealth,
} from "../../../src/health/target-health.ts";
import { DEFAULT_POLICY } from "../../support/health-run.ts";

const status = fc.constantFrom(100, 180, 200, 404, 408, 486, 500, 503);
const retryAfterS = fc.option(fc.integer({ min: 0, max: 400 }));
/** The number of the probe is the latest one, or one before or after it. */
const about = fc.constantFrom(0, 0, 0, 0, -1, 1);
type Planned = (probe: number) => HealthEvent;
const anyEvent: fc.Arbitrary<Planned> = fc.oneof(
  fc.record({ status, retryAfterS, off: about }).map(({ status, retryAfterS, off }): Planned => {
    const rest = { status, retryAfterS, rttMs: 5, allow: "INVITE", server: "x" };
    return (probe) => ({ kind: "probe-answered", probe: probe + off, ...rest });
  }),
  about.map(
    (off): Planned =>
      (probe) => ({ kind: "probe-silent", probe: probe + off }),
  ),
  about.map(
    (off): Planned =>
      (probe) => ({ kind: "probe-failed", probe: probe + off, failure: "refused" }),
  ),
  fc.record({ status, retryAfterS }).map(
    (answer): Planned =>
      () => ({ kind: "call-answered", ...answer }),
  ),
  fc.constant<Planned>(() => ({ kind: "call-silent" })),
  fc.constant<Planned>(() => ({ kind: "call-failed", failure: "refused" })),
  fc.constantFrom("enabled" as const, "enabled" as const, "draining" as const, "disabled" as const).map(
    (state): Planned =>
      () => ({ kind: "operator", state, by: "ann" }),
  ),
);
const waits = fc.oneof(fc.integer({ min: 0, max: 1_500 }), fc.integer({ min: 0, max: 90_000 }));
const history = fc.array(fc.record({ wait: waits, event: anyEvent }), { maxLength: 60 });
const anyPolicy: fc.Arbitrary<HealthPolicy> = fc
  .record({
    probed: fc.boolean(),
    passive: fc.boolean(),
    fall: fc.integer({ min: 1, max: 4 }),
    rise: fc.integer({ min: 1, max: 4 }),
    flaps: fc.integer({ min: 2, max: 4 }),
    holdDownMs: fc.constantFrom(0, 30_000),
    retryAfterMaxMs: fc.constantFrom(0, 60_000),
    earlyRecovery: fc.boolean(),
  })
  .map((changes) => ({ ...DEFAULT_POLICY, ...changes }));

interface Step {
  readonly before: TargetHealth;
  readonly after: TargetHealth;
  readonly event: HealthEvent;
  readonly effects: readonly HealthEffect[];
  readonly now: number;
}

/** Every step of a history, ticks at their deadlines among them, and a day of silence behind it. */
function play(
  steps: readonly { wait: number; event: Planned }[],
  policy: HealthPolicy,
  seed: number,
): Step[] {
  const taken: Step[] = [];
  let now = 0;
  let health = plan(newTarget(0, seed), 0, policy);
  const take = (event: HealthEvent): void => {
    const [after, effects] = step(health, event, now, policy);
    taken.push({ before: health, after, event, effects, now });
    health = after;
  };
  const pass = (ms: number): void => {
    const end = now + ms;
    while (deadline(health) <= end) {
      now = Math.max(now, deadline(health));
      take({ kind: "tick" });
    }
    now = end;
  };
  for (const { wait, event } of steps) {
    pass(wait);
    take(event(health.probe));
  }
  pass(120_000);
  return taken;
}

const serves = ({ observed }: TargetHealth): boolean => observed !== "down" && observed !== "recovering";

const RULES: Readonly<Record<string, (taken: Step, policy: HealthPolicy) => void>> = {
  "a tick leaves no deadline behind that is due": ({ after, event, now }) => {
    if (event.kind === "tick") assert.ok(deadline(after) > now);
  },
  "while it is probed and not disabled, a probe is under way or planned within an interval": (
    { after, now },
    { probed, intervalMs },
  ) => {
    if (!probed || after.operator === "disabled") return;
    assert.ok(Math.min(after.probeAt, after.awaitedUntil) <= now + intervalMs * (1 + JITTER));
  },
  "without probes, or disabled, none is sent": ({ before, effects }, { probed }) => {
    if (probed && before.operator !== "disabled") return;
    assert.ok(effects.every(({ kind }) => kind !== "probe"));
  },
  "without probes, what is out of use is released some time": ({ after, now }, { probed }) => {
    if (probed || after.operator === "disabled" || after.observed === "up") return;
    if (after.observed !== "unknown") assert.ok(after.releaseAt > now && after.releaseAt <= now + 3_600_000);
  },
  "a change is told if and only if there is one, with a reason": ({ before, after, effects }) => {
    const told = effects.filter((effect) => effect.kind === "changed");
    assert.equal(told.length, before.observed === after.observed ? 0 : 1);
    for (const { from, to, reason, crossed } of told) {
      assert.deepEqual([from, to, reason], [before.observed, after.observed, after.reason]);
      assert.equal(crossed, serves(before) !== serves(after));
      assert.ok(reason.length > 10);
    }
  },
  "down takes `fall` failures in a row, or a Retry-After": ({ before, after, now }, { fall }) => {
    if (after.observed !== "down" || !serves(before)) return;
    assert.ok(after.failures >= fall || after.retryUntil > now);
  },
  "up after down takes `rise` successes in a row, and no hold": ({ before, after, now }, policy) => {
    if (serves(before) || after.observed !== "up") return;
    assert.ok(after.successes >= policy.rise && heldUntil(after, policy) <= now);
    assert.equal(after.slowSince, now);
  },
  "a hold is no longer than its bound": ({ after, now }, { retryAfterMaxMs, holdDownMaxMs }) => {
    assert.ok(after.retryUntil - now <= retryAfterMaxMs && after.dampedUntil - now <= holdDownMaxMs);
  },
  "the operator's word alone changes the operator's state, and closes": ({ before, after, event }) => {
    if (event.kind !== "operator") assert.equal(after.operator, before.operator);
    else assert.equal(after.operator, event.state);
    assert.equal(rankOf(after) === RANK.closed, after.operator !== "enabled");
  },
  "what is kept has its bounds": ({ after }, { flaps }) => {
    assert.ok(after.downTimes.length <= flaps && after.dampingLevel <= 30);
  },
  "as a record it is the same": ({ after, now }) => {
    const record: HealthRecord = JSON.parse(JSON.stringify(toRecord("a", after, now)));
    assert.deepEqual(fromRecord(record, after, now), { ...after, awaitedUntil: Number.POSITIVE_INFINITY });
  },
};

describe("the health machine, any events", () => {
  for (const [name, rule] of Object.entries(RULES)) {
    test(name, () => {
      fc.assert(
        fc.property(history, anyPolicy, fc.nat(), (steps, policy, seed) => {
          for (const taken of play(steps, policy, seed)) rule(taken, policy);
        }),
        { numRuns: 200 },
      );
    });
  }

  test("two probes begin no closer together than fastInterval, but for the operator's", () => {
    const calls = history.map((steps) => steps.filter(({ event }) => event(1).kind !== "operator"));
    fc.assert(
      fc.property(calls, anyPolicy, fc.nat(), (steps, policy, seed) => {
        const begun = play(steps, policy, seed).filter(({ effects }) =>
          effects.some(({ kind }) => kind === "probe"),
        );
        for (const [index, { now }] of begun.entries()) {
          const before = begun[index - 1]?.now ?? Number.NEGATIVE_INFINITY;
          assert.ok(now - before >= policy.fastIntervalMs, `${before}, ${now}`);
        }
      }),
      { numRuns: 300 },
    );
  });

  test("whatever happened, a target that answers from now on is up within its hold and its formula", () => {
    fc.assert(
      fc.property(history, anyPolicy, fc.nat(), (steps, policy, seed) => {
        let health = play(steps, { ...policy, probed: true }, seed).at(-1)?.after ?? newTarget(0, seed);
        const probing = { ...policy, probed: true };
        let now = health.since + 10_000_000; // every hold is over
        if (health.operator === "disabled") return;
        for (let turn = 0; turn < 40 && health.observed !== "up"; turn++) {
          now = Math.max(now, deadline(health));
          const [asked] = step(health, { kind: "tick" }, now, probing);
          const answer = { status: 200, retryAfterS: null, rttMs: 1, allow: "", server: "" };
          [health] = step(asked, { kind: "probe-answered", probe: asked.probe, ...answer }, now, probing);
        }
        assert.equal(health.observed, "up", health.reason);
      }),
    );
  });
});
