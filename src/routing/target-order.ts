/** The order in which the targets of a group are tried for one call. Pure: randomness is drawn from the call. */

/** What the order looks at. */
export interface Weighted {
  readonly id: string;
  readonly weight: number;
}

/** Two priorities, the second within the first: of the configuration, and of a name's SRV records. */
export interface Prioritized {
  readonly priority: number;
  readonly srvPriority: number;
}

/** Targets of equal priorities, the lowest first; within a tier in the order given. */
export function tiersOf<T extends Prioritized>(targets: readonly T[]): T[][] {
  const tiers: T[][] = [];
  const sorted = [...targets].sort((a, b) => a.priority - b.priority || a.srvPriority - b.srvPriority);
  let last: T | undefined;
  for (const target of sorted) {
    if (last?.priority === target.priority && last.srvPriority === target.srvPriority)
      tiers.at(-1)?.push(target);
    else tiers.push([target]);
    last = target;
  }
  return tiers;
}

/**
 * Orders one tier by weight, as RFC 2782 has it: the chance to be next is the share of the weights that are left, and
 * those of weight 0 have together a chance of one in the sum of the others plus one.
 * @param random uniform in [0, 1); called once per target, and not at all where there is no choice
 * @returns a new array of the same targets
 */
export function orderByWeight<T extends Weighted>(tier: readonly T[], random: () => number): T[] {
  if (tier.length === 1) return [...tier];
  const left = [...tier];
  const ordered: T[] = [];
  while (left.length > 0) {
    const [next] = left.splice(pickByWeight(left, random()), 1);
    if (next !== undefined) ordered.push(next);
  }
  return ordered;
}

/** @returns the index picked by a draw in [0, 1) */
function pickByWeight(targets: readonly Weighted[], draw: number): number {
  const sum = targets.reduce((total, target) => total + target.weight, 0);
  const weightless = targets.filter((target) => target.weight === 0).length;
  // The RFC's number runs from 0 to the sum, and 0 is theirs who have no weight. Where there are none of them, it
  // would favour the first of the list.
  let point = draw * (weightless > 0 ? sum + 1 : sum);
  if (weightless > 0) {
    if (point < 1) return nthWeightless(targets, Math.floor(point * weightless));
    point -= 1;
  }
  for (const [index, target] of targets.entries()) {
    if (target.weight > 0 && point < target.weight) return index;
    point -= target.weight;
  }
  return targets.length - 1; // rounding put the point on the very end
}

function nthWeightless(targets: readonly Weighted[], nth: number): number {
  let seen = 0;
  return targets.findIndex((target) => target.weight === 0 && seen++ === nth);
}

/** One tier from `start` on, around its end. Weights do not count. */
export function rotate<T>(tier: readonly T[], start: number): T[] {
  const from = tier.length === 0 ? 0 : start % tier.length;
  return [...tier.slice(from), ...tier.slice(0, from)];
}

/**
 * One tier by load, the fewest calls for its weight first; equal ones in weighted random order.
 * @param callsOn calls on a target now
 */
export function orderByCalls<T extends Weighted>(
  tier: readonly T[],
  callsOn: (id: string) => number,
  random: () => number,
): T[] {
  return orderByWeight(tier, random)
    .map((target) => ({ target, load: loadOf(target, callsOn(target.id)) }))
    .sort((a, b) => compare(a.load, b.load))
    .map(({ target }) => target);
}

/** A target of weight 0 is the last resort, as under the other balances. */
function loadOf(target: Weighted, calls: number): number {
  return target.weight === 0 ? Number.POSITIVE_INFINITY : calls / target.weight;
}

/** Infinity is equal to itself, which a subtraction would not say. */
function compare(a: number, b: number): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

/**
 * One tier by rendezvous hashing (highest random weight): each key has an order of its own, shares follow the weights,
 * and a target that comes or goes moves only the keys that it has.
 */
export function orderByHash<T extends Weighted>(tier: readonly T[], key: string): T[] {
  return tier
    .map((target) => ({ target, score: rendezvousScore(key, target) }))
    .sort((a, b) => compare(b.score, a.score) || compare(b.target.weight, a.target.weight))
    .map(({ target }) => target);
}

/** −weight / ln(u): the chance to be the greatest is the share of the weight, exactly. */
function rendezvousScore(key: string, target: Weighted): number {
  return target.weight === 0 ? 0 : -target.weight / Math.log(unitHash(`${target.id}\n${key}`));
}

/** FNV-1a, then the finalizer of MurmurHash3, as FNV alone mixes its last characters badly. In (0, 1). */
function unitHash(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return ((hash ^ (hash >>> 16)) >>> 0) / 2 ** 32 + 2 ** -33;
}
