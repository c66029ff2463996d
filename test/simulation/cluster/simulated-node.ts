// One host: kernel with the floating IP, guardian, engine with the real machine of src/cluster; clocks that drift and stop.
import { ClusterNode } from "../../../src/cluster/cluster-node.ts";
import type { ProbeOutcome } from "../../../src/cluster/evidence.ts";
import type { ClusterClock, ClusterPorts } from "../../../src/cluster/ports.ts";
import { resignationKit, resignations } from "../../../src/cluster/resignation.ts";
import { CallsModel } from "./calls-model.ts";
import type { Engine, Environment, HostState, Neighbour } from "./environment.ts";
import { JournalLink } from "./journal-link.ts";
import type { JournalEntry } from "./redis-model.ts";

const ADDRESS_LIFETIME_MS = 1_030;
const ADDRESS_RENEW_MS = 250;
const WITNESS_MS = 100;
const CHANGE_MS = 120;
const PROBE_MS = 100;

export class SimulatedNode implements Neighbour {
  readonly name: string;
  private readonly world: Environment;
  state: HostState = "running";
  engine: Engine | null = null;
  /** Processes that can't be stopped by a crash of the engine alone. */
  guardian = true;
  redisLink = true;
  frontLink = true;
  epochOnDisk = 0;
  diskFull = false;
  lastArrival = 0;
  /** The kernel's own: world time at which the address goes; -Infinity: it is not there. */
  private addressUntil = Number.NEGATIVE_INFINITY;
  private addressLeft = 0;
  private readonly rate: number;
  private local = 0;
  private localAt = 0;
  private backlog: (() => void)[] = [];
  private suspendedAt = 0;
  blindUntil = Number.NEGATIVE_INFINITY;
  private readonly journal: JournalLink;

  constructor(world: Environment, name: string) {
    this.world = world;
    this.name = name;
    this.rate = 1 + (world.random.below(200) - 100) / 10_000;
    this.local = world.random.below(1_000_000);
    this.journal = new JournalLink(world, this);
  }

  /** Its own monotonic clock: stands still while it is suspended. */
  now(): number {
    if (this.state !== "suspended") {
      this.local += (this.world.now - this.localAt) * this.rate;
      this.localAt = this.world.now;
    }
    return this.local;
  }

  get ownsAddress(): boolean {
    return this.state === "suspended" ? this.addressLeft > 0 : this.world.now < this.addressUntil;
  }

  /** Does its kernel answer on the segment of the floating IP? */
  get answersArp(): boolean {
    return this.ownsAddress && this.frontLink && (this.state === "running" || this.state === "frozen");
  }

  get serves(): boolean {
    return this.state === "running" && this.engine !== null && this.engine.node.mayServe();
  }

  /** Calls back once, in the engine's present life and when it runs. */
  once<T>(done: (answer: T) => void): (answer: T) => void {
    const { engine } = this;
    let settled = false;
    return (answer) => {
      if (settled) return;
      settled = true;
      this.run((current) => {
        if (current === engine) done(answer);
      });
    };
  }

  /** Now, or when the host goes on. */
  run(work: (engine: Engine) => void): void {
    const { engine } = this;
    const perform = (): void => {
      if (this.engine !== null && this.engine === engine) work(engine);
    };
    if (this.state === "running") perform();
    else if (this.state !== "down") this.backlog.push(perform);
  }

  start(): void {
    const { world } = this;
    if (this.engine !== null || this.state === "down") return;
    const boot = world.newBoot();
    // The guardian removes a left-over address before the engine starts.
    this.addressUntil = Number.NEGATIVE_INFINITY;
    const node = new ClusterNode(
      {
        settings: { ...world.settings, node: this.name },
        boot,
        epochOnDisk: this.epochOnDisk,
        fingerprint: "same",
        schema: 1,
        paths: world.paths,
      },
      this.ports(boot),
      this.clock(),
    );
    const calls = new CallsModel({ backwards: world.plant === "journal out of order" });
    this.engine = {
      boot,
      startedAt: world.now,
      node,
      calls,
      socketsOpen: false,
      epoch: 0,
      waiting: [],
      granted: false,
      committing: false,
      afterCommit: [],
      journalRead: false,
      stopped: false,
    };
    world.tell(`${this.name} starts as ${boot}`);
    node.start();
    if (!this.frontLink) node.feed({ kind: "front", health: "lost" });
    this.journal.follow(this.engine);
    this.every(WITNESS_MS, this.engine, (engine) => {
      this.witness(engine);
      if (!world.forgetful) this.remember(engine);
    });
    this.every(ADDRESS_RENEW_MS, this.engine, () => this.renewAddress());
    this.every(CHANGE_MS, this.engine, (engine) => this.journal.change(engine));
  }

  private every(ms: number, engine: Engine, work: (engine: Engine) => void): void {
    const again = (): void => {
      if (this.engine !== engine) return;
      if (this.state === "running") work(engine);
      this.world.schedule.after(ms, again);
    };
    this.world.schedule.after(this.world.random.below(ms), again);
  }

  private witness(engine: Engine): void {
    if (!this.frontLink) return;
    engine.node.feed({ kind: "witness", askedAt: this.now() });
  }

  /** As often as the real one looks: what it knows of goes to its disk. */
  private remember({ node }: Engine): void {
    const { epochSeen, own } = node.state;
    if (epochSeen <= this.epochOnDisk) return;
    const fault = this.store(epochSeen) ? null : "no space is left on it";
    if (fault !== own.disk) node.feed({ kind: "disk", fault });
  }

  private store(epoch: number): boolean {
    if (!this.diskFull) this.epochOnDisk = Math.max(this.epochOnDisk, epoch);
    return !this.diskFull;
  }

  private renewAddress(): void {
    const { engine } = this;
    if (
      this.ownsAddress &&
      engine !== null &&
      (engine.node.mayServe() || engine.node.state.takeover !== null)
    )
      this.addressUntil = this.world.now + ADDRESS_LIFETIME_MS;
  }

  private clock(): ClusterClock {
    return {
      now: () => this.now(),
      wakeAt: (at, wake) => this.wakeAt(at, wake),
    };
  }

  private wakeAt(at: number, wake: () => void): () => void {
    let cancelled = false;
    if (at === Number.POSITIVE_INFINITY) return () => {};
    const look = (): void => {
      if (cancelled) return;
      if (this.state !== "running") {
        if (this.state !== "down") this.backlog.push(look);
        return;
      }
      const left = at - this.now();
      if (left > 1e-6) this.world.schedule.after(left / this.rate, look);
      else wake();
    };
    this.world.schedule.after((at - this.now()) / this.rate + this.world.random.below(20) / 10, look);
    return () => {
      cancelled = true;
    };
  }

  private ports(boot: string): ClusterPorts {
    const { world } = this;
    const { random, schedule } = world;
    const later = <T>(ms: number, answer: () => T, done: (answer: T) => void): void => {
      const settle = this.once(done);
      schedule.after(ms, () => this.run(() => settle(answer())));
    };
    return {
      send: (message, copies) => world.send(message, copies),
      lease: (operation, done) => world.lease(this, boot, operation, this.once(done)),
      storeEpoch: (epoch, done) =>
        later(
          1 + random.below(5),
          () => {
            return this.store(epoch);
          },
          done,
        ),
      probe: (done) => this.probe(this.once(done)),
      addAddress: (done) =>
        later(
          5 + random.below(15),
          () => {
            this.addressUntil = world.now + ADDRESS_LIFETIME_MS;
            return true;
          },
          done,
        ),
      removeAddress: (done) =>
        later(
          5 + random.below(10),
          () => {
            this.addressUntil = Number.NEGATIVE_INFINITY;
            return false;
          },
          done,
        ),
      announce: () => {},
      checkConflict: (done) =>
        later(
          PROBE_MS,
          () => world.nodes.some((node) => node !== this && node.answersArp && this.frontLink),
          done,
        ),
      openSockets: (done) => {
        later(
          1 + random.below(5),
          () => {
            if (this.engine !== null) this.engine.socketsOpen = true;
            return true;
          },
          done,
        );
      },
      closeSockets: () => this.closeSockets(),
      resetConnections: () => {},
      relay: () => this.closeSockets(),
      verify: (done) => later(10, () => true, done),
      fencePeer: (node, done) => this.fence(node, done),
      hook: () => {},
      record: (record) => world.record(record),
      answer: (ok, reason) => world.tell(`${this.name} answers ${ok ? "yes" : "no"}: ${reason}`),
      ...this.journal.ports(),
    };
  }

  private probe(done: (outcome: ProbeOutcome) => void): void {
    const { world } = this;
    const { random, schedule } = world;
    const answer = (): void => {
      const outcome = this.ownerSeen();
      const silent = outcome === "arp-silent" || outcome === "sip-silent";
      schedule.after(silent ? PROBE_MS : 1 + random.below(3), () => done(outcome));
    };
    schedule.after(0.5, answer);
  }

  private ownerSeen(): ProbeOutcome {
    if (!this.frontLink) return this.ownsAddress ? "own" : "unasked";
    const owner = this.world.nodes.find((node) => node.answersArp);
    if (owner === undefined) return "arp-silent";
    return owner === this ? "own" : owner.answersProbe();
  }

  answersProbe(): "active" | "idle" | "refused" | "sip-silent" {
    if (this.state === "frozen") return "sip-silent";
    if (this.engine === null || !this.engine.socketsOpen) return "refused";
    const { role } = this.engine.node.state;
    return role === "active" || role === "taking-over" ? "active" : "idle";
  }

  private closeSockets(): void {
    if (this.engine === null) return;
    this.engine.socketsOpen = false;
    this.engine.epoch = 0;
  }

  private fence(name: string | null, done: (ok: boolean) => void): void {
    const { world } = this;
    const target = name === null ? undefined : world.nodes.find((node) => node.name === name);
    const settle = this.once(done);
    const works = world.random.below(100) < 70;
    world.schedule.after(100 + world.random.below(400), () => {
      if (works) target?.powerOff(5_000);
      settle(works && target !== undefined);
    });
  }

  /** The engine dies; its guardian removes the address, tells the peers, and starts it anew. */
  crashEngine(): void {
    const { world } = this;
    const { engine } = this;
    if (engine === null || this.state === "down") return;
    world.tell(`${this.name}: the engine dies`);
    const kit = resignationKit(engine.node.state, this.now());
    engine.node.stop();
    this.engine = null;
    if (!this.guardian) return;
    world.schedule.after(5 + world.random.below(15), () =>
      this.whenRunning(() => {
        this.addressUntil = Number.NEGATIVE_INFINITY;
        for (const message of resignations(kit, true)) world.send(message, 5);
      }),
    );
    world.schedule.after(200 + world.random.below(800), () => this.whenRunning(() => this.start()));
  }

  private whenRunning(work: () => void): void {
    if (this.state === "running") work();
    else if (this.state !== "down") this.backlog.push(work);
  }

  /** Guardian and engine die: nobody removes the address but the kernel. */
  crashBoth(backAfterMs: number): void {
    const { world } = this;
    if (this.engine === null || this.state === "down") return;
    world.tell(`${this.name}: guardian and engine die`);
    this.engine.node.stop();
    this.engine = null;
    this.backlog = [];
    world.schedule.after(backAfterMs, () => this.whenRunning(() => this.start()));
  }

  powerOff(forMs: number): void {
    const { world } = this;
    if (this.state === "down") return;
    world.tell(`${this.name}: power off`);
    this.now();
    this.engine?.node.stop();
    this.engine = null;
    this.state = "down";
    this.backlog = [];
    this.addressUntil = Number.NEGATIVE_INFINITY;
    this.addressLeft = 0;
    world.schedule.after(forMs, () => {
      if (this.state !== "down") return;
      this.localAt = world.now;
      this.state = "running";
      this.start();
    });
  }

  freeze(forMs: number): void {
    const { world } = this;
    if (this.state !== "running") return;
    world.tell(`${this.name}: frozen for ${forMs} ms`);
    this.now();
    this.state = "frozen";
    world.schedule.after(forMs, () => this.wake(false));
  }

  suspend(forMs: number, clocksTell: boolean): void {
    const { world } = this;
    if (this.state !== "running") return;
    world.tell(`${this.name}: suspended for ${forMs} ms`);
    this.now();
    this.addressLeft = Math.max(0, this.addressUntil - world.now);
    this.state = "suspended";
    this.suspendedAt = world.now;
    world.schedule.after(forMs, () => this.wake(clocksTell));
  }

  private wake(clocksTell: boolean): void {
    const { world } = this;
    if (this.state !== "frozen" && this.state !== "suspended") return;
    const was = this.state;
    this.state = "running";
    if (was === "suspended") {
      this.localAt = world.now;
      const { leaseTtlMs, leaseMarginMs } = world.settings;
      if (!clocksTell) this.blindUntil = world.now + (leaseTtlMs - leaseMarginMs) / this.rate;
      this.addressUntil = this.addressLeft > 0 ? world.now + this.addressLeft : Number.NEGATIVE_INFINITY;
    }
    world.tell(
      `${this.name}: wakes${was === "suspended" ? ` after ${world.now - this.suspendedAt} ms` : ""}`,
    );
    if (clocksTell) this.jumpClock();
    const waiting = this.backlog;
    this.backlog = [];
    for (const work of waiting) work();
  }

  /** Wall time against monotonic time: its edge sees it before anything else. */
  jumpClock(): void {
    if (this.state === "running") this.engine?.node.feed({ kind: "clock-jumped" });
  }

  setFront(up: boolean): void {
    const { world } = this;
    if (this.frontLink === up) return;
    this.frontLink = up;
    world.tell(`${this.name}: front ${up ? "up" : "down"}`);
    world.schedule.after(20 + world.random.below(80), () =>
      this.run((engine) => engine.node.feed({ kind: "front", health: this.frontLink ? "ok" : "lost" })),
    );
  }

  setRedis(up: boolean): void {
    if (this.redisLink === up) return;
    this.redisLink = up;
    this.world.tell(`${this.name}: Redis link ${up ? "up" : "down"}`);
    if (up) this.resync();
    else this.engine?.calls.lose();
  }

  stream(entries: readonly JournalEntry[]): void {
    this.journal.stream(entries);
  }

  /** The stream was interrupted: a snapshot is needed. */
  resync(): void {
    this.run((engine) => {
      if (engine.epoch === 0) this.journal.follow(engine);
    });
  }
}
