/** Replication of one node: it follows the journal as a standby, and writes it as the active. Two connections, as one of them blocks. */
import { createHash } from "node:crypto";
import { type JournalHealth, JournalWriter } from "../../replication/journal-writer.ts";
import { keyspaceOf } from "../../replication/keyspace.ts";
import { RedisConnection } from "../../replication/redis-connection.ts";
import type { RedisSettings } from "../../replication/redis-settings.ts";
import { RedisStore } from "../../replication/redis-store.ts";
import { StandbyReader } from "../../replication/standby-reader.ts";
import type { Position, Standing } from "../../replication/store.ts";
import { StoreClock } from "../../replication/store-clock.ts";
import { TimeoutClock } from "../../replication/timeout-clock.ts";
import { WarmCopy } from "../../replication/warm-copy.ts";
import type { Inheritance } from "../engine.ts";
import { callIdOfRecord } from "../record-call-id.ts";

/** A takeover does not wait longer for the end of the journal: what is there must do. */
const CATCH_UP_MS = 250;
/** A switchover does not wait longer for its last commit. */
const DRAIN_MS = 400;
/** A store that its writer left half filled is as full as it gets: who takes over works from it. */
const ABANDONED_MS = 1_000;
/** Messages that did not wait for their commit are told of no more often. */
const UNCONFIRMED_AGAIN_MS = 10_000;
/** Commits of one generation; one of 5 ms each for half a year. */
const COMMITS_OF_GENERATION = 2 ** 32;
const GENERATIONS = 2 ** 20;

export interface ReplicaState {
  /** Number of the last commit applied or written; grows within a generation. */
  readonly applied: number;
  readonly lagMs: number;
  /** All is there that can be had. */
  readonly inSync: boolean;
  readonly reason: string;
  readonly records: number;
}

export interface ReplicaEvents {
  /** Another node rules: this one must stop at once. */
  onFenced(ruler: { readonly epoch: number; readonly node: string }): void;
  onHealth(health: JournalHealth): void;
  /** `redis.confirm`: so many messages have left without their commit, since the start. */
  onUnconfirmed(total: number): void;
  /** A commit was applied. */
  onApplied(): void;
}

export interface ReplicaIdentity {
  readonly cluster: string;
  readonly node: string;
  readonly boot: string;
  readonly secrets: readonly string[];
  /** Changes wait so long for others. */
  readonly flushEveryMs: number;
}

export class Replica {
  readonly copy = new WarmCopy(callIdOfRecord);
  readonly storeClock = new StoreClock();
  readonly journal: JournalWriter;
  /** For whoever else has something to write, none of it urgent. */
  readonly connection: RedisConnection;
  readonly #clock = new TimeoutClock();
  readonly #reader: StandbyReader;
  readonly #readerConnection: RedisConnection;
  readonly #store: RedisStore;
  #appliedAt = Number.NEGATIVE_INFINITY;
  #position: Standing | null = null;
  #isWriting = false;
  #unconfirmedAt = Number.NEGATIVE_INFINITY;
  readonly #events: ReplicaEvents;

  constructor(settings: RedisSettings, identity: ReplicaIdentity, events: ReplicaEvents) {
    const random = Math.random;
    this.#events = events;
    const store = {
      node: identity.node,
      boot: identity.boot,
      cluster: identity.secrets.map((secret) => ownerMark(identity.cluster, secret)),
    };
    const keyspace = keyspaceOf(identity.cluster);
    this.connection = new RedisConnection(settings, {
      random,
      up: () => this.journal.up(),
      down: (fault) => this.journal.down(fault),
    });
    this.#store = new RedisStore(this.connection, keyspace, store);
    this.journal = new JournalWriter(
      {
        clock: this.#clock,
        store: this.#store,
        // A lease that we acquired anew has raised our own fence: its answer is on its way, and brings the epoch.
        fenced: (ruler) => (ruler.node === identity.node ? undefined : events.onFenced(ruler)),
        health: (health) => events.onHealth(health),
        unconfirmed: (total) => this.#tellUnconfirmed(total),
      },
      { flushEveryMs: identity.flushEveryMs },
    );
    this.#readerConnection = new RedisConnection(settings, { random, up: () => {}, down: () => {} });
    this.#reader = new StandbyReader({
      clock: this.#clock,
      store: new RedisStore(this.#readerConnection, keyspace, store),
      copy: this.copy,
      storeClock: this.storeClock,
      changed: () => {},
      applied: () => {
        this.#appliedAt = performance.now();
        events.onApplied();
      },
    });
  }

  #tellUnconfirmed(total: number): void {
    const now = this.#clock.now();
    if (now - this.#unconfirmedAt < UNCONFIRMED_AGAIN_MS) return;
    this.#unconfirmedAt = now;
    this.#events.onUnconfirmed(total);
  }

  /** Connects, and follows the journal. */
  start(): void {
    this.connection.start();
    this.#readerConnection.start();
    this.#reader.start();
  }

  get state(): ReplicaState {
    if (this.#isWriting) {
      const { committed, health, liveRecords } = this.journal;
      const applied = committed === null ? 0 : entryNumber(committed);
      return { applied, lagMs: 0, inSync: true, reason: health.reason, records: liveRecords };
    }
    const { isWarm, isEmpty, isFilling, applied, lagMs, reason } = this.#reader.state;
    const abandoned = isFilling && performance.now() - this.#appliedAt >= ABANDONED_MS;
    return {
      applied: applied === null ? 0 : entryNumber(applied),
      lagMs,
      inSync: isWarm || isEmpty || abandoned,
      reason,
      records: this.copy.size,
    };
  }

  /** To the journal's end. @param done with false: it could not be read to there */
  catchUp(done: (ok: boolean) => void): void {
    let isOver = false;
    const end = (position: Standing | null): void => {
      if (isOver) return;
      isOver = true;
      cancel();
      this.#position = position;
      done(position !== null || this.#reader.state.isEmpty);
    };
    const cancel = this.#clock.wakeAt(this.#clock.now() + CATCH_UP_MS, () => {
      this.#reader.stop();
      end(null);
    });
    this.#reader.catchUp(this.#store, end);
  }

  /** What a takeover reads. */
  get inheritance(): Inheritance {
    return {
      copy: this.copy,
      ageOf: (committedAt) => this.storeClock.ageOf(committedAt, this.#clock.now()),
      isWhole: this.#position !== null,
    };
  }

  /**
   * This node writes from now on, or as soon as Redis has granted the epoch; records are adopted or marked after it, until the
   * journal is told that all are.
   */
  serve(epoch: number, granted: boolean): void {
    this.#isWriting = true;
    this.#readerConnection.close();
    this.journal.serve({ epoch, position: this.#position, granted, adopts: true });
  }

  /** Commits all that waits. @param done ok, and the number of the last commit */
  drain(done: (ok: boolean, lastEntry: number) => void): void {
    let isOver = false;
    const end = (ok: boolean): void => {
      if (isOver) return;
      isOver = true;
      cancel();
      done(ok, this.state.applied);
    };
    const cancel = this.#clock.wakeAt(this.#clock.now() + DRAIN_MS, () => end(false));
    this.journal.drain(end);
  }

  close(): void {
    this.journal.retire();
    this.#reader.stop();
    this.connection.close();
    this.#readerConnection.close();
  }
}

/** What only nodes with the cluster's secret know, of letters and digits. */
function ownerMark(cluster: string, secret: string): string {
  return createHash("sha256").update(`journal of ${cluster} ${secret}`).digest("hex").slice(0, 32);
}

/** One number for two nodes to compare; a switchover within the moment in which a generation changes is refused by readiness. */
function entryNumber({ generation, commit }: Position): number {
  return (generation % GENERATIONS) * COMMITS_OF_GENERATION + commit;
}
