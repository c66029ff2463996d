/** From a request to the targets that it may go to: who speaks, which rule matches, in which order the targets come. */
import { RE2JS } from "re2js";
import type { Config, GroupConfig, RouteConfig } from "../config/config.ts";
import { type CalledNumber, calledNumber, rewriteNumber } from "./called-number.ts";
import { GroupTargets, type OrderedCall, type TargetKnowledge } from "./group-targets.ts";
import { SourceTable } from "./source-table.ts";
import { type FailoverPolicy, failoverPolicy, type Target } from "./target.ts";

/** What the router needs from outside. */
export interface RouterDependencies extends TargetKnowledge {
  /** A sequence of numbers, uniform in [0, 1), that is the same for the same call on any node. */
  draw(callKey: string): () => number;
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
  /** In the order to try, of all groups; none where no group has any that may be tried. */
  readonly targets: readonly Target[];
  /** Why there are none; "" where there are. */
  readonly emptyBecause: string;
  /** Nothing that looks alive is left: what looks down is tried. */
  readonly panic: boolean;
  /** The rewritten user part; null: unchanged. */
  readonly user: string | null;
  readonly emergency: boolean;
  /** When to go on from a target of this plan. */
  failover(target: Target): FailoverPolicy;
}

interface Rule {
  readonly index: number;
  readonly from: ReadonlySet<string>;
  readonly groups: readonly GroupTargets[];
  /** null: any */
  readonly methods: ReadonlySet<string> | null;
  readonly hosts: ReadonlySet<string> | null;
  readonly pattern: RE2JS | null;
  readonly config: RouteConfig;
  readonly policies: ReadonlyMap<string, FailoverPolicy>;
}

export class Router {
  readonly #dependencies: RouterDependencies;
  readonly #config: Pick<Config, "groups" | "routes">;
  readonly #groups: readonly GroupTargets[];
  readonly #rules: readonly Rule[];
  #sources: SourceTable;
  #addresses: ReadonlySet<string>;

  /** Does any rule make its calls exempt from limits? */
  readonly hasEmergency: boolean;

  /** @param config checked: every name that a route uses is a group */
  constructor(config: Pick<Config, "groups" | "routes">, dependencies: RouterDependencies) {
    this.hasEmergency = config.routes.some((route) => route.emergency);
    this.#dependencies = dependencies;
    this.#config = config;
    this.#groups = config.groups.map((group) => new GroupTargets(group, dependencies));
    this.#sources = this.#sourceTable();
    this.#addresses = this.#targetAddresses();
    const groups = new Map(this.#groups.map((group) => [group.name, group] as const));
    const configs = new Map(config.groups.map((group) => [group.name, group] as const));
    this.#rules = config.routes.map((route, index) => ruleOf(route, { index, groups, configs }));
  }

  /** What is known of the names behind the targets has changed: the places are looked up anew. */
  resolve(): void {
    for (const group of this.#groups) group.resolve();
    this.#sources = this.#sourceTable();
    this.#addresses = this.#targetAddresses();
  }

  /** The standing of some target has changed. */
  standingsChanged(): void {
    for (const group of this.#groups) group.standingsChanged();
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
    return this.#groups.flatMap((group) => group.targets);
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
      const { targets, panic } = this.#order(rule, request);
      const emptyBecause =
        targets.length > 0 ? "" : rule.groups.map((group) => group.emptyBecause).join(", ");
      const failover = (target: Target): FailoverPolicy => policyOf(rule, target);
      return { route: rule.index, targets, emptyBecause, panic, user, emergency, failover };
    }
    return null;
  }

  /**
   * Group after group those that look alive. A group that looks down as a whole comes last: a probe's word is no reason to
   * refuse a call. An emergency call tries every target that there is.
   */
  #order(rule: Rule, request: RoutedRequest): { targets: Target[]; panic: boolean } {
    const call: OrderedCall = {
      random: this.#dependencies.draw(request.callKey),
      hashKey: request.caller || request.callKey,
    };
    const { emergency } = rule.config;
    const targets: Target[] = [];
    const last: Target[] = [];
    for (const group of rule.groups) {
      const max = rule.policies.get(group.name)?.maxAttempts ?? 1;
      const usable = group.usable(call);
      append(targets, usable, max);
      if (usable.length === 0 || emergency) append(last, group.doubtful(call), max);
    }
    const panic = targets.length === 0 && last.length > 0;
    append(targets, last, last.length);
    return { targets, panic };
  }

  #sourceTable(): SourceTable {
    const configured = this.#config.groups.flatMap((group) =>
      group.sources.map((network) => ({ network, group: group.name })),
    );
    // Behind those of the file: what a name server says takes no address away from another group.
    const taken = new Set(configured.map(({ network }) => network));
    const named = this.#config.groups.flatMap((group, index) => {
      const targets = group.sourcesByName ? (this.#groups[index]?.targets ?? []) : [];
      return targets.map((target) => ({ network: hostNetwork(target.address), group: group.name }));
    });
    const fresh = named.filter(({ network }) => !taken.has(network) && taken.add(network));
    return new SourceTable([...configured, ...fresh]);
  }

  #targetAddresses(): ReadonlySet<string> {
    return new Set(this.targets().map((target) => target.address));
  }
}

function append(to: Target[], from: readonly Target[], max: number): void {
  for (let i = 0; i < from.length && i < max; i++) {
    const target = from[i];
    if (target !== undefined) to.push(target);
  }
}

/** The network of one address only. */
function hostNetwork(address: string): string {
  return `${address}/${address.includes(":") ? 128 : 32}`;
}

function ruleOf(
  config: RouteConfig,
  known: {
    index: number;
    groups: ReadonlyMap<string, GroupTargets>;
    configs: ReadonlyMap<string, GroupConfig>;
  },
): Rule {
  const policies = new Map<string, FailoverPolicy>();
  const groups = config.to.flatMap((name) => {
    const group = known.groups.get(name);
    const groupConfig = known.configs.get(name);
    if (group === undefined || groupConfig === undefined) return [];
    const policy = failoverPolicy(groupConfig.failover, config.failover);
    policies.set(name, config.emergency ? { ...policy, maxAttempts: Number.POSITIVE_INFINITY } : policy);
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
