// The world of a cluster: nodes, links, Redis, the segment of the floating IP. One seed gives one history.

import type { Message } from "../../../src/cluster/message.ts";
import type { HistoryRecord, LeaseOperation, LeaseReply } from "../../../src/cluster/node-state.ts";
import type { ClusterSettings } from "../../../src/cluster/settings.ts";
import { Random } from "../../fuzz/random.ts";
import type { Environment, Neighbour, Plant } from "./environment.ts";
import { Invariants } from "./invariants.ts";
import { RedisModel } from "./redis-model.ts";
import { Schedule } from "./schedule.ts";
import { SimulatedNode } from "./simulated-node.ts";

export interface WorldOptions {
  readonly seed: number;
  readonly plant?: Plant;
  /** Keeps what happened, to be read. */
  readonly trace?: boolean;
  /** Disks never fill, and keep a node's own epochs only, not those that it sees: as when the histories were found that the tests keep. */
  readonly forgetful?: boolean;
  /** Instead of what the seed would choose. */
  readonly nodes?: 2 | 3;
  readonly settings?: Partial<Omit<ClusterSettings, "node" | "nodes">>;
}

interface Link {
  up: boolean;
  lossPercent: number;
  delayMs: number;
}

const NAMES = ["a", "b", "c"];
const REDIS_TIMEOUT_MS = 250;
const STEPS_MAX = 10_000;
const RECORDED_MAX = 64;

export class World implements Environment {
  readonly random: Random;
  readonly schedule = new Schedule();
  readonly redis: RedisModel;
  readonly invariants: Invariants;
  readonly plant: Plant | null;
  readonly forgetful: boolean;
  readonly settings: Omit<ClusterSettings, "node">;
  readonly paths: number;
  readonly nodes: SimulatedNode[];
  private readonly links = new Map<string, Link>();
  /** Datagrams of the past, to be sent again by somebody who has no secret. */
  readonly recorded: { message: Message; path: number }[] = [];
  readonly trace: string[] | null;
  private lastBoot = 0;
  private lastCall = 0;

  constructor(options: WorldOptions) {
    this.random = new Random(options.seed);
    this.plant = options.plant ?? null;
    this.forgetful = options.forgetful === true;
    this.trace = options.trace === true ? [] : null;
    const { random } = this;
    const chosen = random.once(3) ? 3 : 2;
    const count = options.nodes ?? chosen;
    this.paths = random.once(3) ? 2 : 1;
    this.settings = {
      cluster: "edge",
      nodes: NAMES.slice(0, count).map((name, index) => ({
        name,
        priority: random.once(2) && options.nodes === undefined ? 10 : 10 * (index + 1),
      })),
      heartbeatMs: 100,
      deadAfterMs: 300,
      leaseTtlMs: 400,
      leaseRenewMs: 100,
      leaseMarginMs: 50,
      addressLifetimeMs: 1_000,
      bootWaitMs: 5_000,
      withoutRedis: random.once(5) ? "hold" : "takeover",
      failback: random.once(3) ? "auto" : "manual",
      stableForMs: 2_000,
      canFence: random.once(4),
      ...options.settings,
    };
    this.redis = new RedisModel({ checksEpoch: this.plant !== "epoch not checked" });
    this.nodes = this.settings.nodes.map(({ name }) => new SimulatedNode(this, name));
    this.invariants = new Invariants(this);
  }

  get now(): number {
    return this.schedule.now;
  }

  newBoot(): string {
    this.lastBoot += 1;
    return `boot-${this.lastBoot}`;
  }

  newCall(): number {
    this.lastCall += 1;
    return this.lastCall;
  }

  tell(what: string): void {
    this.trace?.push(`${this.now.toFixed(1).padStart(9)} ${what}`);
  }

  node(name: string): SimulatedNode | undefined {
    return this.nodes.find((node) => node.name === name);
  }

  /** Of heartbeats, one way. */
  link(from: string, to: string, path: number): Link {
    const key = `${from}>${to}/${path}`;
    const found = this.links.get(key);
    if (found !== undefined) return found;
    const made = { up: true, lossPercent: 0, delayMs: 1 };
    this.links.set(key, made);
    return made;
  }

  *allLinks(): Generator<{ from: string; to: string; path: number; link: Link }> {
    for (const from of this.nodes)
      for (const to of this.nodes)
        for (let path = 0; path < this.paths && from !== to; path++)
          yield { from: from.name, to: to.name, path, link: this.link(from.name, to.name, path) };
  }

  /** Over all paths. The sender is alive: a frozen one sends nothing. */
  send(message: Message, copies: number): void {
    for (let path = 0; path < this.paths; path++) {
      for (let copy = 0; copy < copies; copy++) this.transmit(message, path);
    }
  }

  transmit(message: Message, path: number): void {
    const { random } = this;
    const link = this.link(message.node, message.to, path);
    if (!link.up || random.below(100) < link.lossPercent) return;
    if (random.once(50)) {
      this.recorded.push({ message, path });
      if (this.recorded.length > RECORDED_MAX) this.recorded.shift();
    }
    this.schedule.after(link.delayMs * (1 + random.below(100) / 50), () => this.arrive(message, path));
  }

  arrive(message: Message, path: number): void {
    const to = this.node(message.to);
    to?.run((engine) => engine.node.feed({ kind: "message", path, message }));
  }

  /** An exchange with Redis: it may be executed after the asker has given up. Never out of order for one node. */
  exchange<T>(from: Neighbour, execute: () => T, done: (answer: T | null) => void): void {
    const { random, schedule, redis } = this;
    const settle = from.once(done);
    schedule.after(REDIS_TIMEOUT_MS, () => settle(null));
    if (!from.redisLink || !redis.up) {
      schedule.after(2 + random.below(20), () => settle(null));
      return;
    }
    const arrives = Math.max(schedule.now + 0.3 + random.below(10) / 10, from.lastArrival);
    from.lastArrival = arrives;
    const attempt = (): void => {
      if (!redis.up) {
        settle(null);
        return;
      }
      if (schedule.now < redis.stalledUntil) {
        from.lastArrival = Math.max(from.lastArrival, redis.stalledUntil);
        schedule.at(redis.stalledUntil, attempt);
        return;
      }
      const answer = execute();
      if (from.redisLink) schedule.after(0.3 + random.below(10) / 10, () => settle(answer));
    };
    schedule.at(arrives, attempt);
  }

  lease(from: Neighbour, boot: string, operation: LeaseOperation, done: (reply: LeaseReply) => void): void {
    const owner = { node: from.name, boot };
    const { redis } = this;
    if (operation.kind === "acquire" && this.plant === "takeover without the lease") {
      const record = { holder: from.name, boot, epoch: operation.epoch, counter: 1, ask: null };
      const source = `life ${redis.life}`;
      this.schedule.after(1, () => done({ outcome: "granted", reading: { source, record } }));
      return;
    }
    this.exchange(
      from,
      () => {
        const reply = redis.lease(operation, owner, this.now);
        if (reply.outcome === "granted") this.invariants.granted(operation, owner);
        return reply;
      },
      (reply) => done(reply ?? { outcome: "error", message: "Redis did not answer in time" }),
    );
  }

  record(record: HistoryRecord): void {
    if (this.trace === null) return;
    this.tell(
      `${record.node} [${record.role} ${record.epoch}] ${record.what}: ${record.row ?? ""} ${record.reason}`,
    );
  }

  /** Runs to a moment, or to the first broken invariant. */
  runUntil(end: number, enough: () => boolean = () => false): void {
    const { schedule, invariants } = this;
    let over = false;
    let steps = 0;
    let last = -1;
    schedule.at(end, () => {
      over = true;
    });
    while (!over && invariants.broken === null && schedule.step()) {
      invariants.check();
      // A deadline that lies in the past would stop time.
      steps = schedule.now === last ? steps + 1 : 0;
      last = schedule.now;
      if (steps > STEPS_MAX) invariants.break("time stands still");
      if (enough()) break;
    }
  }
}
