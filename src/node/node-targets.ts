/** What a node knows of its targets and does for them: the places behind their names, their health, their sockets, their limits. */
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import type {
  NameRow,
  OperatorWord,
  TargetRow,
  TargetsPort,
  UnresolvedRow,
} from "../admin/target-commands.ts";
import { callLimits } from "../calls/call-limits.ts";
import type { CallTable } from "../calls/call-table.ts";
import type { Config, TargetConfig } from "../config/config.ts";
import type { Location, ServerQuery } from "../dns/location.ts";
import type { Resolver } from "../dns/resolver.ts";
import { policyOf } from "../health/health-policy.ts";
import { type HealthChange, HealthTable } from "../health/health-table.ts";
import { RANK } from "../health/target-health.ts";
import type { TargetStatus } from "../health/target-status.ts";
import type { Locate } from "../proxy/core.ts";
import type { Counters } from "../proxy/counters.ts";
import type { Identity } from "../proxy/identity.ts";
import type { SipProxy } from "../proxy/proxy.ts";
import type { TargetWatch } from "../proxy/target-watch.ts";
import type { Journal } from "../replication/journal.ts";
import type { Standing, TargetKnowledge } from "../routing/group-targets.ts";
import type { Router } from "../routing/router.ts";
import { placeId, type Target } from "../routing/target.ts";
import { hostOf, isNumericHost } from "../sip/uri.ts";
import type { Transports } from "../transport/flow.ts";
import { readOperatorFile, writeOperatorFile } from "./operator-file.ts";
import type { SystemClock } from "./system-clock.ts";
import { readHealthRecord, readOperatorsRecord, TargetJournal } from "./target-journal.ts";
import { WatchedTargets } from "./watched-targets.ts";

interface Log {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

export interface NodeTargetsPorts {
  readonly clock: SystemClock;
  readonly log: Log;
  readonly transports: Pick<Transports, "watch" | "unwatch">;
  readonly calls: CallTable;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly resolver: Resolver;
  readonly probe: SipProxy["probe"];
  readonly counters: Pick<Counters, "add">;
  /** Where the states that operators set are kept. */
  readonly stateDirectory: string;
  /** Where a successor learns what this node knows. */
  readonly journal: Journal;
}

/** Of one configuration, put into use together. */
export interface Followed {
  readonly config: Config;
  readonly router: Router;
  readonly identity: Pick<Identity, "egress">;
}

export class NodeTargets implements TargetsPort {
  readonly #ports: NodeTargetsPorts;
  readonly #health: HealthTable;
  readonly #watched: WatchedTargets;
  readonly #file: string;
  readonly #journal: TargetJournal;
  /** Only the node that serves probes, and takes sockets for its targets. */
  #isServing = false;
  /** What operators have set on the other node is not in this one's file yet. */
  #operatorsDiffer = false;
  /** By id: how a probe names it, and where it is. */
  #places = new Map<string, Target>();
  #followed: Followed | null = null;
  /** How to stop following each name. */
  #names = new Map<string, { query: ServerQuery; stop: () => void }>();

  /** @throws OperatorFileError where the stored states can't be read */
  constructor(ports: NodeTargetsPorts) {
    this.#ports = ports;
    const { clock, transports, random } = ports;
    this.#watched = new WatchedTargets(transports, clock);
    this.#health = new HealthTable({
      wheel: clock.wheel,
      random,
      probe: (id, probe, timeoutMs) => this.#probe(id, probe, timeoutMs),
      onChange: (change) => this.#onHealthChange(change),
    });
    this.#journal = new TargetJournal(ports.journal, this.#health);
    this.#file = join(ports.stateDirectory, "targets.json");
    this.#health.restore(readOperatorFile(this.#file), clock.now());
  }

  /** From now on targets are probed; until now only their names were followed. */
  serve(): void {
    this.#isServing = true;
    this.#refresh();
    this.#journal.operated();
    // To the disk, which a takeover must not wait for.
    if (this.#operatorsDiffer) setImmediate(() => this.#keepOperators());
    this.#operatorsDiffer = false;
  }

  /**
   * Takes over a record of the node that served before.
   * @param since when its times left began to run
   * @returns false where it is none
   */
  restore(kind: string, { key, text, since }: { key: string; text: string; since: number }): boolean {
    const now = this.#ports.clock.now();
    if (kind === "health") {
      const health = readHealthRecord(text, now - since);
      if (health === null) return false;
      this.#health.adopt([health], now);
    } else {
      const operators = kind === "operators" ? readOperatorsRecord(text) : null;
      if (operators === null) return false;
      const before = JSON.stringify(this.#health.operatorStates());
      this.#health.restore(operators, now);
      this.#operatorsDiffer ||= JSON.stringify(this.#health.operatorStates()) !== before;
    }
    this.#journal.restored(key);
    return true;
  }

  /** What a router asks. */
  readonly knowledge: TargetKnowledge = {
    placesOf: (target) => this.#ports.resolver.peek(queryOf(target))?.servers ?? null,
    standing: (id) => this.#standing(id),
    share: (id) => this.#health.weightFactor(id, this.#ports.clock.now()),
    callsOn: (id) => this.#ports.calls.callsOn(id),
  };

  /** What the proxy tells of calls. */
  readonly watch: TargetWatch = {
    heard: (id, status, retryAfterS, now) => {
      this.#health.feed(id, { kind: "call-answered", status, retryAfterS }, now);
    },
    silent: (id, now) => this.#health.feed(id, { kind: "call-silent" }, now),
    failed: (id, failure, now) => this.#health.feed(id, { kind: "call-failed", failure }, now),
  };

  /** Where a name in a route set or a Contact leads. */
  readonly locate: Locate = ({ host, port, transport }) =>
    this.#ports.resolver.peek({ host, port, transport, secure: false })?.servers ?? null;

  /** These are in use from now on. */
  follow(followed: Followed): void {
    this.#followed = followed;
    this.#followNames(followed.config);
    this.#refresh();
  }

  /** Settles when each name of a configuration has led somewhere or nowhere once, or the configured wait is over. */
  async firstAnswers({ groups }: Pick<Config, "groups">): Promise<void> {
    const names = groups.flatMap((group) => group.targets).filter(({ numeric }) => !numeric);
    await Promise.all(
      names.map((target) => {
        return new Promise<void>((done) => this.#ports.resolver.locate(queryOf(target), () => done()));
      }),
    );
  }

  /** The servers behind a query have changed: new calls go to the new ones, running calls stay. */
  onLocation(query: ServerQuery, location: Location): void {
    if (!this.#names.has(keyOf(query))) return;
    const { status, reason, servers } = location;
    const fields = { name: query.host, status, reason, servers: servers.map(placeId) };
    if (status === "fresh") this.#ports.log.info(fields, "name resolved");
    else this.#ports.log.warn(fields, "name not resolved anew");
    if (this.#followed === null) return;
    this.#followed.router.resolve();
    this.#refresh();
  }

  rows(): TargetRow[] {
    const { clock, calls } = this.#ports;
    const statuses = new Map(this.#health.statuses(clock.now()).map((status) => [status.id, status]));
    return (this.#followed?.router.targets() ?? []).flatMap((target) => {
      const status = statuses.get(target.id);
      const { tried, answered } = calls.seizuresOn(target.id);
      return status === undefined
        ? []
        : [rowOf(target, status, { calls: calls.callsOn(target.id), tried, answered })];
    });
  }

  unresolved(): UnresolvedRow[] {
    const groups = this.#followed?.config.groups ?? [];
    return groups.flatMap((group) =>
      group.targets.flatMap((target) => {
        if (target.numeric) return [];
        const location = this.#ports.resolver.peek(queryOf(target));
        if (location !== null && location.servers.length > 0) return [];
        const why = location?.reason ?? "no answer yet";
        return [{ group: group.name, name: target.uri, why }];
      }),
    );
  }

  names(): NameRow[] {
    const now = this.#ports.clock.now();
    return [...this.#names.values()].map(({ query }) => {
      const location = this.#ports.resolver.peek(query);
      const stale = location?.staleSinceMs ?? null;
      return {
        name: query.host,
        status: location?.status ?? "unknown",
        why: location?.reason ?? "no answer yet",
        staleMs: stale === null ? null : Math.max(0, now - stale),
        servers: (location?.servers ?? []).map(placeId),
      };
    });
  }

  operate(ids: readonly string[], state: OperatorWord, by: string): { error: string | null } {
    const now = this.#ports.clock.now();
    const refused = ids.filter((id) => !this.#health.operate(id, { state, by }, now));
    if (refused.length > 0)
      return { error: `too many targets are drained or disabled: ${refused.join(", ")}` };
    this.#journal.operated();
    return { error: this.#keepOperators() };
  }

  /** @returns why what operators have set is not kept; null: it is */
  #keepOperators(): string | null {
    try {
      writeOperatorFile(this.#file, this.#health.operatorStates());
      return null;
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      this.#ports.log.error({ error: why }, "states of targets are not kept");
      return `in effect, but it will not outlive this run: ${why}`;
    }
  }

  /** Stops asking DNS servers. */
  close(): void {
    for (const { stop } of this.#names.values()) stop();
    this.#ports.resolver.close();
  }

  #followNames({ groups }: Config): void {
    const gone = new Set(this.#names.keys());
    for (const target of groups.flatMap((group) => group.targets)) {
      if (target.numeric) continue;
      const query = queryOf(target);
      const key = keyOf(query);
      gone.delete(key);
      if (!this.#names.has(key)) this.#names.set(key, { query, stop: this.#ports.resolver.follow(query) });
    }
    for (const key of gone) {
      this.#names.get(key)?.stop();
      this.#names.delete(key);
    }
  }

  /** Everything that hangs on the list of targets. */
  #refresh(): void {
    if (this.#followed === null) return;
    const { config, router, identity } = this.#followed;
    const { calls, clock } = this.#ports;
    const targets = router.targets();
    calls.configure({ limits: callLimits(config, targets), maxDurationMs: config.calls.maxDurationMs });
    if (!this.#isServing) return;
    this.#watched.follow(targets, identity);
    const policies = new Map(config.groups.map((group) => [group.name, policyOf(group.probe, group.health)]));
    const byId = new Map<string, { id: string; policies: ReturnType<typeof policyOf>[] }>();
    this.#places = new Map();
    for (const target of targets) {
      const policy = policies.get(target.group);
      const entry = byId.get(target.id) ?? { id: target.id, policies: [] };
      if (policy !== undefined) entry.policies.push(policy);
      byId.set(target.id, entry);
      if (!this.#places.has(target.id)) this.#places.set(target.id, target);
    }
    this.#health.follow([...byId.values()], clock.now());
    this.#journal.follow(new Set(byId.keys()));
    router.standingsChanged();
  }

  #standing(id: string): Standing {
    switch (this.#health.rank(id)) {
      case RANK.usable:
        return this.knowledge.share(id) < 1 ? "ramping" : "usable";
      case RANK.failing:
        return "failing";
      case RANK.recovering:
        return "recovering";
      case RANK.down:
        return "down";
      default:
        return "out";
    }
  }

  #probe(id: string, probe: number, timeoutMs: number): void {
    const target = this.#places.get(id);
    if (target === undefined) return;
    const { clock } = this.#ports;
    const sentAt = clock.now();
    const { transport, address, port, uri } = target;
    const host = isNumericHost(uri.host) ? hostOf(address) : uri.host;
    const nonce = randomBytes(12).toString("hex");
    this.#ports.probe({ transport, address, port, host, timeoutMs, nonce }, (result) => {
      const now = clock.now();
      if (result.kind === "answered") {
        const { status, retryAfterS, allow, server } = result;
        const rttMs = now - sentAt;
        this.#health.feed(
          id,
          { kind: "probe-answered", probe, status, retryAfterS, rttMs, allow, server },
          now,
        );
      } else if (result.kind === "failed") {
        this.#health.feed(id, { kind: "probe-failed", probe, failure: result.failure }, now);
      } else this.#health.feed(id, { kind: "probe-silent", probe }, now);
      this.#journal.changed(id);
    });
  }

  #onHealthChange(change: HealthChange): void {
    this.#followed?.router.standingsChanged();
    this.#journal.changed(change.id);
    const { log } = this.#ports;
    const { counters } = this.#ports;
    const { id: target, from, to, reason } = change;
    const fields = { target, from, to, reason };
    if (change.kind === "operated") {
      counters.add("health.operated");
      log.warn({ ...fields, by: change.by }, "target set by an operator");
    } else if (change.crossed) {
      counters.add(to === "down" ? "health.down" : "health.back");
      log.warn(fields, to === "down" ? "target down" : "target back");
    } else {
      counters.add("health.changed");
      log.info(fields, "target changed");
    }
  }
}

function queryOf({ host, port, transport }: TargetConfig): ServerQuery {
  return { host, port, transport, secure: false };
}

function keyOf({ host, port, transport }: ServerQuery): string {
  return `${host} ${port} ${transport ?? ""}`;
}

function rowOf(
  target: Target,
  status: TargetStatus,
  counted: { calls: number; tried: number; answered: number },
): TargetRow {
  const { group, name, id, priority, srvPriority, weight } = target;
  const { observed, operator, operatorBy, forMs, reason } = status;
  const { rttMs, lastProbe, nextProbeMs, heldMs, detectionMs, allow, server } = status;
  return {
    group,
    name,
    id,
    state: operator === "enabled" ? observed : operator,
    observed,
    forMs,
    why: operator === "enabled" ? reason : `${operator} by ${operatorBy}; ${reason}`,
    priority,
    srvPriority,
    weight: Math.round(weight * status.slowStart * 100) / 100,
    ...counted,
    answerSeizureRatio: counted.tried === 0 ? null : counted.answered / counted.tried,
    rttMs,
    lastProbe,
    nextProbeMs,
    heldMs,
    detectionMs,
    allow,
    server,
  };
}
