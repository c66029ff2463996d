// What must hold after every step, whatever happens.
import type { LeaseOperation } from "../../../src/cluster/node-state.ts";
import type { Engine, Environment, Neighbour, Watcher } from "./environment.ts";
import type { JournalEntry, Owner } from "./redis-model.ts";

/** A served floating IP may have two owners for so long. */
const OWNERS_MS_MAX = 1_500;
/** Two nodes that serve at once, on one segment: only after a virtual machine stood still, or without Redis. */
const SERVING_MS_MAX = 450;
const SWITCHES_MAX = 3;

interface Word {
  readonly version: number;
  /** Losses of data that Redis had had by then. */
  readonly losses: number;
}

export class Invariants implements Watcher {
  private readonly world: Environment;
  broken: string | null = null;
  private readonly grants = new Map<string, string>();
  private readonly grantedTo = new Set<string>();
  private highest = { lineage: -1, epoch: 0 };
  private readonly promises = new Map<number, Word>();
  private readonly over = new Set<number>();
  private ownersSince = Number.POSITIVE_INFINITY;
  private servingSince = Number.POSITIVE_INFINITY;
  private readonly switches: number[] = [];
  /** Longest that was seen, for the report. */
  ownersMs = 0;
  servingMs = 0;
  takeovers = 0;
  handOvers = 0;

  constructor(world: Environment) {
    this.world = world;
  }

  break(what: string): void {
    this.broken ??= `at ${this.world.now.toFixed(0)} ms: ${what}`;
  }

  check(): void {
    const { world } = this;
    const { now } = world;
    let owners = 0;
    let serving = 0;
    const entitled: Neighbour[] = [];
    for (const node of world.nodes) {
      const { serves } = node;
      if (serves && node.engine?.node.state.byRedis === true) entitled.push(node);
      if (!node.answersArp) continue;
      owners++;
      if (serves) serving++;
    }
    this.ownersSince = owners > 1 ? Math.min(this.ownersSince, now) : Number.POSITIVE_INFINITY;
    this.servingSince = serving > 1 ? Math.min(this.servingSince, now) : Number.POSITIVE_INFINITY;
    const ownersMs = now - this.ownersSince;
    const servingMs = now - this.servingSince;
    this.ownersMs = Math.max(this.ownersMs, ownersMs);
    this.servingMs = Math.max(this.servingMs, servingMs);
    if (ownersMs > OWNERS_MS_MAX) this.break(`the floating IP has two owners for ${ownersMs.toFixed(0)} ms`);
    // Rights are measured from an exchange and don't overlap, on one network or not: the margin covers clocks that run apart by 1%.
    if (entitled.length > 1) this.checkEntitled(entitled);
    if (servingMs > SERVING_MS_MAX) this.break(`two nodes serve for ${servingMs.toFixed(0)} ms`);
  }

  private checkEntitled(entitled: readonly Neighbour[]): void {
    if (entitled.filter((node) => !this.knowsNothing(node)).length > 1)
      this.break("two nodes may serve in epochs of Redis");
  }

  /**
   * A virtual machine that was paused without a trace in its clocks can't know of another: not before the right that it had then
   * is over by its own clock, or it hears of an epoch above its own (docs/takeover.md: only STONITH does better).
   */
  private knowsNothing({ blindUntil, engine }: Neighbour): boolean {
    if (engine === null || this.world.now > blindUntil) return false;
    const { epoch, epochSeen } = engine.node.state;
    return epochSeen <= epoch;
  }

  /** Redis did what a node asked of the lease. */
  granted(operation: LeaseOperation, owner: Owner): void {
    if (operation.kind !== "acquire" && operation.kind !== "hand-over") return;
    const epoch = operation.kind === "acquire" ? operation.epoch : operation.epoch + 1;
    const boot = operation.kind === "acquire" ? owner.boot : operation.to.boot;
    const { losses } = this.world.redis;
    // A Redis that has lost what it granted may grant it again.
    const key = `${losses}/${epoch}`;
    const former = this.grants.get(key);
    if (former !== undefined && former !== boot)
      this.break(`epoch ${epoch} was granted to ${former} and to ${boot}`);
    this.grants.set(key, boot);
    this.grantedTo.add(`${boot}/${epoch}`);
    const before = this.highest.lineage === losses ? this.highest.epoch : 0;
    if (epoch <= before) this.break(`epoch ${epoch} was granted after ${before}`);
    this.highest = { lineage: losses, epoch };
    if (operation.kind === "hand-over") this.switched();
    this.world.tell(`Redis grants epoch ${epoch} to ${boot} (${operation.kind})`);
  }

  private switched(): void {
    const { now } = this.world;
    this.handOvers++;
    this.switches.push(now);
    // What nobody who lives has lived through may be forgotten: no engine keeps it on its disk.
    const remembered = Math.min(...this.world.nodes.map(({ engine }) => engine?.startedAt ?? now));
    const recent = this.switches.filter((at) => now - at < 60_000 && at >= remembered).length;
    if (recent > SWITCHES_MAX) this.break(`${recent} voluntary switches in a minute`);
  }

  /** Redis took a commit. */
  committed(node: string, boot: string, epoch: number): void {
    if (!this.grantedTo.has(`${boot}/${epoch}`))
      this.break(`${node} wrote in epoch ${epoch}, which Redis never granted to it`);
    const { record } = this.world.redis;
    if (record !== null && record.epoch > epoch)
      this.break(`${node} wrote in epoch ${epoch}, the lease has ${record.epoch}`);
  }

  /** The active node was told that these are replicated. */
  acknowledged(entries: readonly JournalEntry[], losses: number): void {
    for (const { call, version } of entries) {
      const former = this.promises.get(call);
      if (former === undefined || former.version < version || former.losses < losses)
        this.promises.set(call, { version, losses });
    }
  }

  /** Somebody hung up: whether anybody else hears of it is another matter. */
  ended(call: number): void {
    this.over.add(call);
  }

  /** A node serves: what was promised must be there, unless Redis lost it or can't be read. */
  tookOver(node: Neighbour, engine: Engine): void {
    const { world } = this;
    this.takeovers++;
    const { byRedis, epoch } = engine.node.state;
    if (byRedis && !this.grantedTo.has(`${engine.boot}/${epoch}`))
      this.break(`${node.name} serves in epoch ${epoch}, which Redis never granted to it`);
    // It may take up an epoch that is over, or that Redis has given another meanwhile: it is fenced in a moment.
    if (world.redis.record?.boot !== engine.boot && this.knowsNothing(node)) return;
    const { calls } = engine;
    for (const [call, version] of calls.known) {
      if ((calls.versions.get(call) ?? 0) < version)
        this.break(
          `call ${call} went back to ${calls.versions.get(call) ?? "nothing"} on ${node.name}, from ${version}`,
        );
    }
    if (!engine.journalRead) {
      this.forgetNewer(calls.versions);
      return;
    }
    for (const [call, { version, losses }] of this.promises) {
      if (this.over.has(call) || losses < world.redis.losses) continue;
      if ((calls.versions.get(call) ?? 0) < version)
        this.break(
          `call ${call} was replicated as ${version} and is ${calls.versions.get(call) ?? "lost"} on ${node.name}`,
        );
    }
  }

  /** Taken over without the journal: what this node did not have is lost, and counted, by the table. */
  private forgetNewer(versions: ReadonlyMap<number, number>): void {
    for (const [call, { version, losses }] of this.promises) {
      const kept = versions.get(call) ?? 0;
      if (kept < version) this.promises.set(call, { version: kept, losses });
    }
  }

  /** A calm world has one active node. */
  get settled(): boolean {
    const { nodes } = this.world;
    return (
      nodes.filter((node) => node.serves).length === 1 && nodes.every((node) => node.state === "running")
    );
  }

  expectSettled(afterMs: number): void {
    if (this.broken !== null || this.settled) return;
    const roles = this.world.nodes.map((node) => {
      const state = node.engine?.node.state;
      return `${node.name} ${node.state} ${state?.role ?? "no engine"} (${state?.lastDecision?.reason ?? "-"})`;
    });
    this.break(`not one active node ${afterMs} ms after the last fault: ${roles.join("; ")}`);
  }
}
