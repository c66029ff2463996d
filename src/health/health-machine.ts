/** The machine of one target: events and the time in, its health and effects out. Pure. */
import { flat } from "../sip/flat.ts";
import type { HealthPolicy } from "./health-policy.ts";
import { plan } from "./probe-plan.ts";
import type {
  HealthEffect,
  HealthEvent,
  Observed,
  OperatorState,
  ProbeOutcome,
  TargetHealth,
} from "./target-health.ts";
import { type Failure, fail, release, succeed } from "./verdict.ts";

const NEVER = Number.POSITIVE_INFINITY;
const NONE: readonly HealthEffect[] = [];
/** What is kept of a text that a target, a library or an operator wrote. */
export const TEXT_CHARACTERS_MAX = 200;

/** @param now monotonic ms, never less than before */
export function step(
  health: TargetHealth,
  event: HealthEvent,
  now: number,
  policy: HealthPolicy,
): [TargetHealth, readonly HealthEffect[]] {
  if (event.kind === "operator") return operate(health, event, now, policy);
  if (health.operator === "disabled") return [health, NONE];
  switch (event.kind) {
    case "tick":
      return tick(health, now, policy);
    case "probe-answered":
    case "probe-silent":
    case "probe-failed":
      return conclude(health, probed(health, event, now, policy), now, policy);
    case "call-answered":
    case "call-silent":
    case "call-failed":
      return policy.passive
        ? conclude(health, called(health, event, now, policy), now, policy)
        : [health, NONE];
  }
}

/** Tells what has changed; a change of state changes the plan. */
function conclude(
  before: TargetHealth,
  after: TargetHealth,
  now: number,
  policy: HealthPolicy,
): [TargetHealth, readonly HealthEffect[]] {
  if (before.observed === after.observed) return [after, NONE];
  const { observed: to, reason } = after;
  const change: HealthEffect = {
    kind: "changed",
    from: before.observed,
    to,
    reason,
    crossed: serves(before.observed) !== serves(to),
  };
  return [plan(after, now, policy), [change]];
}

function serves(observed: Observed): boolean {
  return observed !== "down" && observed !== "recovering";
}

function tick(
  health: TargetHealth,
  now: number,
  policy: HealthPolicy,
): [TargetHealth, readonly HealthEffect[]] {
  let next = health;
  if (now >= next.awaitedUntil) next = silent(next, now, policy);
  if (now >= next.releaseAt) next = release(next, now, policy);
  const [planned, changes] = conclude(health, next, now, policy);
  if (now < planned.probeAt) return [planned, changes];
  const probe = planned.probe + 1;
  const { timeoutMs } = policy;
  const begun = { ...planned, probe, probeStartedAt: now, probeAt: NEVER, awaitedUntil: now + timeoutMs };
  return [begun, [...changes, { kind: "probe", probe, timeoutMs }]];
}

function silent(health: TargetHealth, now: number, policy: HealthPolicy): TargetHealth {
  const what = `no answer to OPTIONS within ${policy.timeoutMs} ms`;
  return ended(health, { by: "probe", what, refused: false, retryAfterS: null }, now, policy);
}

/** A probe that failed: planned anew even where the state stays. */
function ended(health: TargetHealth, failure: Failure, now: number, policy: HealthPolicy): TargetHealth {
  const settled = { ...health, awaitedUntil: NEVER, lastProbe: failure.what };
  return plan(fail(settled, failure, now, policy), now, policy);
}

function probed(health: TargetHealth, event: ProbeOutcome, now: number, policy: HealthPolicy): TargetHealth {
  if (event.probe !== health.probe || health.awaitedUntil === NEVER) return late(health, event, policy);
  switch (event.kind) {
    case "probe-silent":
      return silent(health, now, policy);
    case "probe-failed": {
      const what = `OPTIONS failed: ${kept(event.failure)}`;
      return ended(health, { by: "probe", what, refused: false, retryAfterS: null }, now, policy);
    }
    case "probe-answered": {
      const { status, rttMs, retryAfterS } = event;
      const what = `OPTIONS answered ${status}`;
      const learned = {
        ...health,
        rttMs,
        allow: remembered(health.allow, event.allow),
        server: remembered(health.server, event.server),
      };
      if (policy.downOn.has(status)) {
        const asks = status === 503 ? retryAfterS : null;
        return ended(learned, { by: "probe", what, refused: true, retryAfterS: asks }, now, policy);
      }
      const settled = { ...learned, awaitedUntil: NEVER, lastProbe: what };
      return plan(succeed(settled, { by: "probe", what }, now, policy), now, policy);
    }
  }
}

/** Counts for nothing, but whoever asks why a target that answers is down is told. */
function late(health: TargetHealth, event: ProbeOutcome, policy: HealthPolicy): TargetHealth {
  if (event.kind !== "probe-answered" || event.probe > health.probe) return health;
  const { status, rttMs } = event;
  if (rttMs <= policy.timeoutMs) return health; // it came twice
  const lastProbe = `OPTIONS answered ${status} after ${Math.round(rttMs)} ms, too late: the time-out is ${policy.timeoutMs} ms`;
  return { ...health, rttMs, lastProbe };
}

type CallEvent = Extract<HealthEvent, { kind: "call-answered" | "call-silent" | "call-failed" }>;

function called(health: TargetHealth, event: CallEvent, now: number, policy: HealthPolicy): TargetHealth {
  switch (event.kind) {
    case "call-silent": {
      const what = "a call got no answer in time";
      return fail(health, { by: "call", what, refused: false, retryAfterS: null }, now, policy);
    }
    case "call-failed": {
      const what = `a call failed: ${kept(event.failure)}`;
      return fail(health, { by: "call", what, refused: false, retryAfterS: null }, now, policy);
    }
    case "call-answered": {
      if (health.observed === "up" && event.status !== 503) return health; // nearly all of them
      const { status, retryAfterS } = event;
      const what = `a call was answered ${status}`;
      if (status < 200) return succeed(health, { by: "provisional", what }, now, policy);
      if (!policy.downOn.has(status)) return succeed(health, { by: "call", what }, now, policy);
      // Other codes may be the callee's, who is further on: a 408 is no word on the target itself.
      return status === 503
        ? fail(health, { by: "call", what, refused: true, retryAfterS }, now, policy)
        : health;
    }
  }
}

function operate(
  health: TargetHealth,
  { state, by }: { state: OperatorState; by: string },
  now: number,
  policy: HealthPolicy,
): [TargetHealth, readonly HealthEffect[]] {
  const from = health.operator;
  if (from === state) return [health, NONE];
  const who = kept(by);
  const told: HealthEffect = {
    kind: "operated",
    from,
    to: state,
    by: who,
    reason: who === "" ? `set to ${state}` : `${who} set it to ${state}`,
  };
  const set = { ...health, operator: state, operatorBy: who, operatorSince: now };
  if (state === "disabled") return [plan(set, now, policy), [told]];
  if (from !== "disabled") return [set, [told]];
  // Nothing was seen meanwhile, and what was seen before is old.
  const anew: TargetHealth = {
    ...set,
    observed: "unknown",
    since: now,
    reason: "enabled: nothing is known of it yet",
    failures: 0,
    successes: 0,
    refusedBy: "nobody",
    retryUntil: Number.NEGATIVE_INFINITY,
  };
  const [planned, changes] = conclude(health, anew, now, policy);
  return [plan(planned, now, policy), [told, ...changes]];
}

function remembered(before: string, text: string): string {
  return text === "" || text === before ? before : kept(text);
}

/** Cut, and a string of its own: what is stored must not keep a whole message alive. */
function kept(text: string): string {
  return flat(`${text.slice(0, TEXT_CHARACTERS_MAX)} `).trimEnd();
}
