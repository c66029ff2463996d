/** The targets of one group as they are now: the places behind its names, those that look alive before those that do not. */
import type { GroupConfig, TargetConfig } from "../config/config.ts";
import { numericPlace, type Place, type Target, targetsOf } from "./target.ts";
import { orderByCalls, orderByHash, orderByWeight, rotate, tiersOf, type Weighted } from "./target-order.ts";

/**
 * May new calls go to a target? `usable`: yes. `ramping`: yes, with a part of its weight. `failing`: behind those of its priority that
 * are neither failing nor worse. `recovering` and `down`: only where nothing else of the group is left, in that order. `out`: the
 * operator has taken it out.
 */
export type Standing = "usable" | "ramping" | "failing" | "recovering" | "down" | "out";

/** What is known of targets outside the configuration. */
export interface TargetKnowledge {
  /** Places behind a name; null: nothing is known yet. Not asked for numeric hosts. Never waits. */
  placesOf(target: TargetConfig): readonly Place[] | null;
  standing(targetId: string): Standing;
  /** Part of its weight that a ramping target gets now, above 0 and at most 1. */
  share(targetId: string): number;
  /** Calls on a target now, in any group. */
  callsOn(targetId: string): number;
}

/** What the order of one call is drawn from. */
export interface OrderedCall {
  /** Uniform in [0, 1), the same sequence for the same call. */
  readonly random: () => number;
  /** What `balance: hash` goes by. */
  readonly hashKey: string;
}

const USABLE: ReadonlySet<Standing> = new Set<Standing>(["usable", "ramping", "failing"]);

/** Targets of one priority and one health. */
interface Tier {
  readonly targets: readonly Target[];
  readonly key: string;
  /** Ids of those that get a part of their weight only; null: none does. */
  readonly ramping: ReadonlySet<string> | null;
}

export class GroupTargets {
  readonly name: string;
  readonly #config: GroupConfig;
  readonly #knowledge: TargetKnowledge;
  #targets: readonly Target[] = [];
  /** Names that nothing is known of. */
  #unresolved: readonly string[] = [];
  /** null: to be made anew, as a standing has changed. */
  #tiers: { usable: readonly Tier[]; doubtful: readonly Tier[] } | null = null;
  /** Where `round-robin` begins next, by tier. */
  readonly #turns = new Map<string, number>();

  constructor(config: GroupConfig, knowledge: TargetKnowledge) {
    this.name = config.name;
    this.#config = config;
    this.#knowledge = knowledge;
    this.resolve();
  }

  /** Every target, whatever its standing. */
  get targets(): readonly Target[] {
    return this.#targets;
  }

  /** Looks up the places behind the names anew. A target that stays is the same object. */
  resolve(): void {
    const before = new Map(this.#targets.map((target) => [keyOf(target), target]));
    const unresolved: string[] = [];
    const targets = new Map<string, Target>();
    for (const config of this.#config.targets) {
      const places = config.numeric ? [numericPlace(config)] : this.#knowledge.placesOf(config);
      if (places === null || places.length === 0) unresolved.push(config.uri);
      for (const target of targetsOf(this.name, config, places ?? [])) {
        const known = before.get(keyOf(target));
        // One place behind two names is one target of the group: the first one's.
        if (!targets.has(target.id)) targets.set(target.id, known ?? target);
      }
    }
    this.#targets = [...targets.values()];
    this.#unresolved = unresolved;
    this.#tiers = null;
  }

  /** The standing of some target has changed. */
  standingsChanged(): void {
    this.#tiers = null;
  }

  /** Targets that look alive in the order for this call; none where all look down. */
  usable(call: OrderedCall): Target[] {
    return this.#ordered(this.#sorted().usable, call);
  }

  /** Targets that look down, in the order for this call; none where the file wants no calls to go there. */
  doubtful(call: OrderedCall): Target[] {
    if (!this.#config.health.panic) return [];
    return this.#ordered(this.#sorted().doubtful, call);
  }

  /** Why the group has no target at all to offer, in a few words. */
  get emptyBecause(): string {
    const [name] = this.#unresolved;
    if (this.#targets.length === 0)
      return name === undefined ? `${this.name} has no targets` : `${name} has no address`;
    const down = this.#targets.some(({ id }) => this.#knowledge.standing(id) !== "out");
    return down ? `all targets of ${this.name} are down` : `${this.name} is drained or disabled`;
  }

  #sorted(): { usable: readonly Tier[]; doubtful: readonly Tier[] } {
    if (this.#tiers !== null) return this.#tiers;
    const by = Map.groupBy(this.#targets, ({ id }) => this.#knowledge.standing(id));
    const ramping = new Set((by.get("ramping") ?? []).map(({ id }) => id));
    const failing = new Set((by.get("failing") ?? []).map(({ id }) => id));
    const tier = (targets: readonly Target[], health: string): Tier[] => {
      const [first] = targets;
      if (first === undefined) return [];
      const key = `${first.priority} ${first.srvPriority} ${health}`;
      return [{ targets, key, ramping: targets.some(({ id }) => ramping.has(id)) ? ramping : null }];
    };
    // In the order of the file: `round-robin` goes by it.
    const usable = this.#targets.filter(({ id }) => USABLE.has(this.#knowledge.standing(id)));
    const doubtful = (["recovering", "down"] as const).flatMap((health) =>
      tiersOf(by.get(health) ?? []).flatMap((targets) => tier(targets, health)),
    );
    this.#tiers = {
      usable: tiersOf(usable).flatMap((targets) => [
        ...tier(
          targets.filter(({ id }) => !failing.has(id)),
          "usable",
        ),
        ...tier(
          targets.filter(({ id }) => failing.has(id)),
          "failing",
        ),
      ]),
      doubtful,
    };
    return this.#tiers;
  }

  #ordered(tiers: readonly Tier[], call: OrderedCall): Target[] {
    const [only] = tiers;
    if (only !== undefined && tiers.length === 1) return this.#orderTier(only, call);
    return tiers.flatMap((tier) => this.#orderTier(tier, call));
  }

  #orderTier(tier: Tier, { random, hashKey }: OrderedCall): Target[] {
    switch (this.#config.balance) {
      case "weighted":
        return this.#byShares(tier, (targets) => orderByWeight(targets, random));
      case "round-robin": {
        const start = (this.#turns.get(tier.key) ?? 0) % tier.targets.length;
        this.#turns.set(tier.key, start + 1);
        return rotate(tier.targets, start);
      }
      case "least-calls":
        return this.#byShares(tier, (targets) =>
          orderByCalls(targets, (id) => this.#knowledge.callsOn(id), random),
        );
      case "hash":
        return this.#byShares(tier, (targets) => orderByHash(targets, hashKey));
    }
  }

  /** Orders by weights of which those that are ramping have a part. */
  #byShares({ targets, ramping }: Tier, order: <T extends Weighted>(targets: readonly T[]) => T[]): Target[] {
    if (ramping === null) return order(targets);
    const parts = targets.map((whole) => {
      const share = ramping.has(whole.id) ? this.#knowledge.share(whole.id) : 1;
      return { id: whole.id, weight: whole.weight * share, whole };
    });
    return order(parts).map(({ whole }) => whole);
  }
}

/** All that a target is; the rest follows from it and the configuration. */
function keyOf({ id, name, priority, srvPriority, weight }: Target): string {
  return `${id} ${name} ${priority} ${srvPriority} ${weight}`;
}
