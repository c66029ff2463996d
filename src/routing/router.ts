/** From a request to the targets that it may go to: who speaks, which rule matches, in which order the targets come. */
import { RE2JS } from "re2js";
import type { Config, GroupConfig, RouteConfig } from "../config/config.ts";
import { type CalledNumber, calledNumber, rewriteNumber } from "./called-number.ts";
import { SourceTable } from "./source-table.ts";
import { type FailoverPolicy, failoverPolicy, type Target, targetOf } from "./target.ts";
import { orderByCalls, orderByHash, orderByWeight, rotate, tiersOf } from "./target-order.ts";

/** What the router needs from outside. */
export interface RouterDependencies {
  /** A sequence of numbers, uniform in [0, 1), that is the same for the same call on any node. */
  draw(callKey: string): () => number;
  /** Calls on a target now, in any group. */
  callsOn(targetId: string): number;
}

export interface RoutedRequest {
  /** Group of the sender, from {@link Router.classify}. */
  readonly from: string;
  readonly method: string;
  /** User part of the Request-URI, or the number of a tel URI. */
  readonly user: string;
  /** Host of the Request-URI in lower case, IPv6 in brackets; "" for tel. */
  readonly host: string;
  /** Equal for each try of one call, on any node. */
  readonly callKey: string;
  /** Who calls, for `balance: hash`; where it is not given, each call has its own place. */
  readonly caller?: string | undefined;
}

export interface Plan {
  /** Index of the rule in the configuration, for logs. */
  readonly route: number;
  /** In the order to try, of all groups; at least one. */
  readonly targets: readonly Target[];
  /** The rewritten user part; null: unchanged. */
  readonly user: string | null;
  readonly emergency: boolean;
  /** When to go on from a target of this plan. */
  failover(target: Target): FailoverPolicy;
}

interface Tier {
  readonly targets: readonly Target[];
  /** Where `round-robin` begins next. */
  next: number;
}

interface Group {
  readonly name: string;
  readonly balance: GroupConfig["balance"];
  readonly tiers: readonly Tier[];
}

interface Rule {
  readonly index: number;
  readonly from: ReadonlySet<string>;
  readonly groups: readonly Group[];
  /** null: any */
  readonly methods: ReadonlySet<string> | null;
  readonly hosts: ReadonlySet<string> | null;
  readonly pattern: RE2JS | null;
  readonly config: RouteConfig;
  readonly policies: ReadonlyMap<string, FailoverPolicy>;
}

export class Router {
  readonly #dependencies: RouterDependencies;
  readonly #sources: SourceTable;
  readonly #targets: readonly Target[];
  readonly #addresses: ReadonlySet<string>;
  readonly #rules: readonly Rule[];

  /** Does any rule make its calls exempt from limits? */
  readonly hasEmergency: boolean;

  /** @param config checked: every name that a route uses is a group */
  constructor(config: Pick<Config, "groups" | "routes">, dependencies: RouterDependencies) {
    this.hasEmergency = config.routes.some((route) => route.emergency);
    this.#dependencies = dependencies;
    this.#sources = new SourceTable(
      config.groups.flatMap((group) => group.sources.map((network) => ({ network, group: group.name }))),
    );
    const targets = new Map(
      config.groups.map((group) => [group.name, group.targets.map((target) => targetOf(group.name, target))]),
    );
    this.#targets = [...targets.values()].flat();
    this.#addresses = new Set(this.#targets.map((target) => target.address));
    const groups = new Map(
      config.groups.map((group) => [group.name, groupOf(group, targets.get(group.name) ?? [])] as const),
    );
    const configs = new Map(config.groups.map((group) => [group.name, group] as const));
    this.#rules = config.routes.map((route, index) => ruleOf(route, { index, groups, configs }));
  }

  /** @returns the group of a source address, the longest prefix winning; null: unknown. Never throws. */
  classify(address: string): string | null {
    return this.#sources.classify(address);
  }

  /** Does a configured target or source have this address? */
  isTargetAddress(address: string): boolean {
    const mapped = address.startsWith("::ffff:") && address.includes(".");
    return (
      this.#addresses.has(mapped ? address.slice(7) : address) || this.#sources.classify(address) !== null
    );
  }

  /** Every target of every group; one place in two groups is there twice, with the same id. */
  targets(): readonly Target[] {
    return this.#targets;
  }

  /** @returns what the first rule that matches says; null: none does */
  plan(request: RoutedRequest): Plan | null {
    let number: CalledNumber | null | undefined;
    for (const rule of this.#rules) {
      if (!rule.from.has(request.from)) continue;
      if (rule.methods !== null && !rule.methods.has(request.method)) continue;
      if (rule.hosts !== null && !rule.hosts.has(request.host)) continue;
      const { strip, prefix, emergency } = rule.config;
      let user: string | null = null;
      if (rule.pattern !== null || strip > 0 || prefix !== "") {
        number ??= calledNumber(request.user);
        if (number === null || (rule.pattern !== null && !rule.pattern.test(number.digits))) continue;
        if (strip > 0 || prefix !== "") {
          user = rewriteNumber(number, { strip, prefix });
          if (user === null) continue;
        }
      }
      const targets = this.#order(rule, request);
      return { route: rule.index, targets, user, emergency, failover: (target) => policyOf(rule, target) };
    }
    return null;
  }

  #order(rule: Rule, request: RoutedRequest): Target[] {
    const random = this.#dependencies.draw(request.callKey);
    return rule.groups.flatMap((group) => {
      const ordered = group.tiers.flatMap((tier) => this.#orderTier(group, tier, { request, random }));
      const attempts = rule.config.emergency ? ordered.length : rule.policies.get(group.name)?.maxAttempts;
      return ordered.slice(0, attempts);
    });
  }

  #orderTier(group: Group, tier: Tier, call: { request: RoutedRequest; random: () => number }): Target[] {
    const { request, random } = call;
    switch (group.balance) {
      case "weighted":
        return orderByWeight(tier.targets, random);
      case "round-robin": {
        const start = tier.next;
        tier.next = (start + 1) % tier.targets.length;
        return rotate(tier.targets, start);
      }
      case "least-calls":
        return orderByCalls(tier.targets, (id) => this.#dependencies.callsOn(id), random);
      case "hash":
        return orderByHash(tier.targets, request.caller || request.callKey);
    }
  }
}

function groupOf(config: GroupConfig, targets: readonly Target[]): Group {
  const tiers = tiersOf(targets).map((tier) => ({ targets: tier, next: 0 }));
  return { name: config.name, balance: config.balance, tiers };
}

function ruleOf(
  config: RouteConfig,
  known: { index: number; groups: ReadonlyMap<string, Group>; configs: ReadonlyMap<string, GroupConfig> },
): Rule {
  const policies = new Map<string, FailoverPolicy>();
  const groups = config.to.flatMap((name) => {
    const group = known.groups.get(name);
    const groupConfig = known.configs.get(name);
    if (group === undefined || groupConfig === undefined) return [];
    const policy = failoverPolicy(groupConfig.failover, config.failover);
    policies.set(name, config.emergency ? { ...policy, maxAttempts: groupConfig.targets.length } : policy);
    return [group];
  });
  return {
    index: known.index,
    from: new Set(config.from),
    groups,
    methods: config.method.length === 0 ? null : new Set(config.method),
    hosts: config.host.length === 0 ? null : new Set(config.host),
    pattern: config.number === null ? null : RE2JS.compile(config.number),
    config,
    policies,
  };
}

function policyOf(rule: Rule, target: Target): FailoverPolicy {
  const policy = rule.policies.get(target.group);
  if (policy === undefined)
    throw new TypeError(`target ${target.id} of group ${target.group} is not in this plan`);
  return policy;
}
