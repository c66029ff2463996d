// The journal of one simulated node: what it writes while it serves, and what it follows while it does not.
import type { ClusterPorts } from "../../../src/cluster/ports.ts";
import type { Engine, Environment, Neighbour } from "./environment.ts";
import type { JournalEntry } from "./redis-model.ts";

const COMMIT_MS = 10;
const RETRY_MS = 200;

/** Runs something in the engine's present life, when the host runs. */
export interface JournalHost extends Neighbour {
  run(work: (engine: Engine) => void): void;
}

export class JournalLink {
  private readonly world: Environment;
  private readonly host: JournalHost;

  constructor(world: Environment, host: JournalHost) {
    this.world = world;
    this.host = host;
  }

  private journalAgain(engine: Engine, epoch: number): void {
    engine.epoch = epoch;
    engine.waiting = engine.calls.all();
    this.commit(engine);
  }

  /** What a call does on the active node. */
  change(engine: Engine): void {
    if (engine.epoch === 0 || engine.stopped || !engine.node.mayServe()) return;
    const { random } = this.world;
    const up = [...engine.calls.versions.keys()];
    const call = up.length < 3 || random.once(3) ? this.world.newCall() : random.pick(up);
    const ends = up.length > 6 && random.once(2);
    if (ends) this.world.invariants.ended(call);
    engine.waiting.push(engine.calls.change(call, ends));
    // Two changes of a call may leave in one commit.
    if (random.once(3) && engine.calls.versions.has(call))
      engine.waiting.push(engine.calls.change(call, false));
    this.world.schedule.after(COMMIT_MS, () => this.host.run((current) => this.commit(current)));
  }

  /** One commit at a time, as the journal does it; what changes meanwhile goes with the next. */
  private commit(engine: Engine, done: (ok: boolean, lastEntry: number) => void = () => {}): void {
    const { world } = this;
    const { boot, epoch } = engine;
    if (epoch === 0) return;
    // As the real one: nothing is written in an epoch that Redis has not granted.
    if (!engine.granted) {
      world.schedule.after(0, () => this.host.run(() => done(false, 0)));
      return;
    }
    if (engine.committing) {
      engine.afterCommit.push(() => this.commit(engine, done));
      return;
    }
    const changes = newest(engine.waiting);
    engine.waiting = [];
    engine.committing = true;
    world.exchange(
      this.host,
      () => {
        const entries = world.redis.commit(changes, { node: this.host.name, boot, epoch }, world.now);
        if (entries === null) return { entries: [], losses: world.redis.losses, refused: true };
        world.invariants.committed(this.host.name, boot, epoch);
        for (const node of world.nodes) if (node !== this.host) node.stream(entries);
        return { entries, losses: world.redis.losses, refused: false };
      },
      (answer) => {
        engine.committing = false;
        if (answer === null) engine.waiting = [...changes, ...engine.waiting];
        else world.invariants.acknowledged(answer.entries, answer.losses);
        done(answer?.refused === false, answer?.entries.at(-1)?.sequence ?? world.redis.sequence);
        engine.afterCommit.shift()?.();
      },
    );
  }

  private stopAndFlush(done: (ok: boolean, lastEntry: number) => void): void {
    const { engine } = this.host;
    if (engine === null) return;
    engine.stopped = true;
    if (engine.epoch > 0) this.commit(engine, done);
    else this.world.schedule.after(1, () => this.host.run(() => done(true, 0)));
  }

  /** Entries of the stream, pushed by Redis. */
  stream(entries: readonly JournalEntry[]): void {
    if (!this.host.redisLink) return;
    const { random, schedule } = this.world;
    schedule.after(0.5 + random.below(20) / 10, () =>
      this.host.run((engine) => {
        if (engine.epoch > 0 || !engine.calls.inSync) return;
        const first = entries[0]?.sequence ?? 0;
        if (first > engine.calls.applied + 1) this.follow(engine);
        else if ((entries.at(-1)?.sequence ?? 0) > engine.calls.applied) {
          engine.calls.apply(entries);
          this.tellJournal(engine);
        }
      }),
    );
  }

  private tellJournal(engine: Engine): void {
    const { applied, inSync } = engine.calls;
    engine.node.feed({ kind: "journal", applied, lagMs: 0, inSync });
  }

  /** A snapshot; tried until it comes. */
  follow(engine: Engine): void {
    const { world } = this;
    engine.calls.lose();
    const ask = (): void => {
      if (this.host.engine !== engine || engine.epoch > 0) return;
      world.exchange(
        this.host,
        () => ({ calls: world.redis.calls, sequence: world.redis.sequence, life: world.redis.life }),
        (answer) => {
          if (answer === null) {
            world.schedule.after(RETRY_MS, () => this.host.run(ask));
            return;
          }
          engine.calls.load(answer.calls, answer.sequence);
          this.tellJournal(engine);
        },
      );
    };
    ask();
  }

  private applyJournal(done: (ok: boolean) => void): void {
    const { world } = this;
    const settle = this.host.once(done);
    world.exchange(
      this.host,
      () => ({ calls: world.redis.calls, sequence: world.redis.sequence }),
      (answer) => {
        const { engine } = this.host;
        if (engine !== null) engine.journalRead = answer !== null;
        if (answer !== null) engine?.calls.load(answer.calls, answer.sequence);
        settle(answer !== null);
      },
    );
  }

  ports(): Pick<
    ClusterPorts,
    "applyJournal" | "followJournal" | "armCalls" | "stopAndFlush" | "resumeCalls" | "journalAgain"
  > {
    return {
      applyJournal: (done) => this.applyJournal(done),
      followJournal: () => this.host.run((engine) => this.follow(engine)),
      armCalls: (epoch) => {
        if (this.host.engine === null) return;
        this.host.engine.epoch = epoch;
        this.host.engine.granted = this.host.engine.node.state.byRedis;
        this.host.engine.stopped = false;
        this.world.invariants.tookOver(this.host, this.host.engine);
        this.journalAgain(this.host.engine, epoch);
      },
      stopAndFlush: (done) => this.stopAndFlush(done),
      resumeCalls: () => {
        if (this.host.engine !== null) this.host.engine.stopped = false;
      },
      journalAgain: (epoch) => {
        const { engine } = this.host;
        if (engine === null || (engine.epoch === 0 && engine.node.state.role !== "active")) return;
        engine.granted = true;
        // It serves on with what it has kept.
        if (engine.epoch === 0) this.world.invariants.tookOver(this.host, engine);
        this.journalAgain(engine, epoch);
      },
    };
  }
}

/** The last change of each call. */
function newest(changes: readonly Omit<JournalEntry, "sequence">[]): Omit<JournalEntry, "sequence">[] {
  return [...new Map(changes.map((change) => [change.call, change])).values()];
}
