/** Limits of calls at once and of new calls a second: whole, for a group, for a target. Pure. */

import type { Config } from "../config/config.ts";

export interface CallLimit {
  /** Calls at once; null: any number. */
  readonly maxCalls: number | null;
  /** New calls a second; null: any number. */
  readonly maxCallsPerSecond: number | null;
}

export interface CallLimits {
  readonly whole: CallLimit;
  /** By name of the group whose targets the calls go to. */
  readonly groups: ReadonlyMap<string, CallLimit>;
  /** By target id; two groups that name one place have the lower of their limits there. */
  readonly targets: ReadonlyMap<string, CallLimit>;
}

export const NO_LIMITS: CallLimits = {
  whole: { maxCalls: null, maxCallsPerSecond: null },
  groups: new Map(),
  targets: new Map(),
};

/** New calls in the second that runs. */
class Rate {
  private second = -1;
  private count = 0;

  isBelow(max: number | null, now: number): boolean {
    return max === null || Math.floor(now / 1000) !== this.second || this.count < max;
  }

  add(now: number): void {
    const second = Math.floor(now / 1000);
    if (second !== this.second) {
      this.second = second;
      this.count = 0;
    }
    this.count++;
  }
}

/** Counts new calls by the name of what is limited; only where there is a limit. */
export class CallRates {
  private readonly rates = new Map<string, Rate>();

  isBelow(name: string, limit: CallLimit | undefined, now: number): boolean {
    if (limit === undefined || limit.maxCallsPerSecond === null) return true;
    return this.rates.get(name)?.isBelow(limit.maxCallsPerSecond, now) ?? limit.maxCallsPerSecond > 0;
  }

  add(name: string, limit: CallLimit | undefined, now: number): void {
    if (limit === undefined || limit.maxCallsPerSecond === null) return;
    let rate = this.rates.get(name);
    if (rate === undefined) {
      rate = new Rate();
      this.rates.set(name, rate);
    }
    rate.add(now);
  }
}

/**
 * The limits that a configuration has; one place named by two groups has the lower of both.
 * @param targets as they are now: each place behind a name has the limits of the name
 */
export function callLimits(
  { limits, groups }: Pick<Config, "limits" | "groups">,
  targets: readonly (CallLimit & { readonly id: string })[],
): CallLimits {
  const ofGroups = new Map<string, CallLimit>();
  const ofTargets = new Map<string, CallLimit>();
  for (const group of groups) if (isLimit(group)) ofGroups.set(group.name, group);
  for (const target of targets) {
    if (isLimit(target)) ofTargets.set(target.id, lower(ofTargets.get(target.id), target));
  }
  return { whole: limits, groups: ofGroups, targets: ofTargets };
}

function isLimit({ maxCalls, maxCallsPerSecond }: CallLimit): boolean {
  return maxCalls !== null || maxCallsPerSecond !== null;
}

function lower(one: CallLimit | undefined, other: CallLimit): CallLimit {
  return {
    maxCalls: least(one?.maxCalls ?? null, other.maxCalls),
    maxCallsPerSecond: least(one?.maxCallsPerSecond ?? null, other.maxCallsPerSecond),
  };
}

function least(one: number | null, other: number | null): number | null {
  if (one === null || other === null) return one ?? other;
  return Math.min(one, other);
}
