// An active and a standby of a cluster, as far as replication goes, over real connections.
import { randomUUID } from "node:crypto";
import { type JournalHealth, JournalWriter } from "../../../src/replication/journal-writer.ts";
import { keyspaceOf } from "../../../src/replication/keyspace.ts";
import { RedisConnection } from "../../../src/replication/redis-connection.ts";
import type { RedisSettings } from "../../../src/replication/redis-settings.ts";
import { RedisStore } from "../../../src/replication/redis-store.ts";
import { StandbyReader } from "../../../src/replication/standby-reader.ts";
import type { Standing, StoreFault } from "../../../src/replication/store.ts";
import { StoreClock } from "../../../src/replication/store-clock.ts";
import { TimeoutClock } from "../../../src/replication/timeout-clock.ts";
import { WarmCopy } from "../../../src/replication/warm-copy.ts";
import { TestRecord } from "../../support/replicated.ts";

export interface NodeOptions {
  readonly node?: string;
  readonly epoch?: number;
  readonly cluster?: readonly string[];
  readonly position?: Standing | null;
  readonly flushEveryMs?: number;
}

export const KEYSPACE = keyspaceOf("edge");
const clock = new TimeoutClock();

export class ActiveNode {
  readonly writer: JournalWriter;
  readonly connection: RedisConnection;
  readonly records = new Map<string, TestRecord>();
  readonly healths: JournalHealth[] = [];
  readonly fences: { epoch: number; node: string }[] = [];

  constructor(settings: RedisSettings, options: NodeOptions = {}) {
    const { node = "edge-a", epoch = 1, cluster = ["ours"], position = null, flushEveryMs = 5 } = options;
    this.connection = new RedisConnection(settings, {
      random: Math.random,
      up: () => this.writer.up(),
      down: (fault) => this.writer.down(fault),
    });
    const store = new RedisStore(this.connection, KEYSPACE, { node, boot: randomUUID(), cluster });
    this.writer = new JournalWriter(
      {
        clock,
        store,
        fenced: (ruler) => this.fences.push(ruler),
        health: (health) => this.healths.push(health),
        unconfirmed: () => {},
      },
      { flushEveryMs },
    );
    this.writer.serve({ epoch, position, granted: true });
    this.connection.start();
  }

  set(key: string, text: string): void {
    const known = this.records.get(key);
    const record = known ?? new TestRecord(key, text);
    record.text = text;
    this.records.set(key, record);
    this.writer.mark(record.entry);
  }

  /** What another node has written, read and taken over. */
  adopt(key: string, text: string): void {
    const record = new TestRecord(key, text);
    this.records.set(key, record);
    this.writer.adopt(record.entry);
  }

  end(key: string): void {
    const record = this.records.get(key);
    if (record === undefined) return;
    this.records.delete(key);
    this.writer.end(record.entry);
  }

  async committed(timeoutMs = 5_000): Promise<void> {
    await soon(
      "everything to be committed",
      () => this.writer.health.state === "ok" && this.writer.uncommitted === 0,
      timeoutMs,
    );
  }

  texts(): [string, string][] {
    return [...this.records].map(([key, { text }]): [string, string] => [key, text]).sort();
  }

  [Symbol.dispose](): void {
    this.writer.retire();
    this.connection.close();
  }
}

export class StandbyNode {
  readonly copy = new WarmCopy();
  readonly storeClock = new StoreClock();
  readonly reader: StandbyReader;
  readonly connection: RedisConnection;
  readonly store: RedisStore;
  readonly faults: StoreFault[] = [];
  readonly lags: number[] = [];

  constructor(settings: RedisSettings, { cluster = ["ours"] }: NodeOptions = {}) {
    this.connection = new RedisConnection(settings, {
      random: Math.random,
      up: () => {},
      down: (fault) => this.faults.push(fault),
    });
    this.store = new RedisStore(this.connection, KEYSPACE, { node: "edge-b", boot: randomUUID(), cluster });
    const { copy, storeClock, store } = this;
    this.reader = new StandbyReader({
      clock,
      store,
      copy,
      storeClock,
      changed: () => {},
      applied: ({ lagMs }) => this.lags.push(lagMs),
    });
    this.connection.start();
    this.reader.start();
  }

  texts(): [string, string][] {
    return [...this.copy.entries()].map(([key, { text }]): [string, string] => [key, text]).sort();
  }

  /** Waits until it has what the active has. */
  async equals(active: ActiveNode, timeoutMs = 5_000): Promise<void> {
    await active.committed(timeoutMs);
    await soon(
      "the standby to have every record",
      () => {
        const { applied } = this.reader.state;
        const { committed } = active.writer;
        return (
          this.reader.state.isWarm &&
          applied?.generation === committed?.generation &&
          (applied?.commit ?? 0) >= (committed?.commit ?? 0) &&
          JSON.stringify(this.texts()) === JSON.stringify(active.texts())
        );
      },
      timeoutMs,
      () => JSON.stringify([this.reader.state, active.writer.health, this.copy.size, active.records.size]),
    );
  }

  [Symbol.dispose](): void {
    this.reader.stop();
    this.connection.close();
  }
}

/** Asks each 5 ms until it is so. */
export async function soon(
  what: string,
  isSo: () => boolean,
  timeoutMs = 5_000,
  describe = (): string => "",
): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!isSo()) {
    if (performance.now() > deadline)
      throw new Error(`waited ${timeoutMs} ms for ${what} in vain ${describe()}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
