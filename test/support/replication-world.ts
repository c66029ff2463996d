// An active and a standby over a store in simulated time.
import { type JournalHealth, JournalWriter } from "../../src/replication/journal-writer.ts";
import { StandbyReader } from "../../src/replication/standby-reader.ts";
import type { Standing } from "../../src/replication/store.ts";
import { StoreClock } from "../../src/replication/store-clock.ts";
import { WarmCopy } from "../../src/replication/warm-copy.ts";
import { MemoryStore } from "./memory-store.ts";
import { TestRecord } from "./replicated.ts";
import { SimulatedClock } from "./simulated-clock.ts";

export const FLUSH_MS = 5;

interface ActiveParts {
  readonly node?: string;
  readonly epoch?: number;
  readonly position?: Standing | null;
  readonly granted?: boolean;
  /** Its records come bit by bit. */
  readonly adopts?: boolean;
}

export class SimulatedActive {
  readonly writer: JournalWriter;
  readonly records = new Map<string, TestRecord>();
  readonly healths: JournalHealth[] = [];
  readonly unconfirmed: number[] = [];
  readonly fences: { epoch: number; node: string }[] = [];

  constructor(world: ReplicationWorld, { node, epoch, position, granted, adopts }: Required<ActiveParts>) {
    this.writer = new JournalWriter(
      {
        clock: world.clock,
        store: world.store.of(node),
        fenced: (ruler) => this.fences.push(ruler),
        health: (health) => this.healths.push(health),
        unconfirmed: (total) => this.unconfirmed.push(total),
      },
      { flushEveryMs: FLUSH_MS },
    );
    this.writer.serve({ epoch, position, granted, adopts });
    this.writer.up();
  }

  set(key: string, text: string): TestRecord {
    const record = this.records.get(key) ?? new TestRecord(key, text);
    record.text = text;
    this.records.set(key, record);
    this.writer.mark(record.entry);
    return record;
  }

  /** What another node has written, read and taken over. */
  adopt(key: string, text: string): void {
    const record = new TestRecord(key, text);
    this.records.set(key, record);
    this.writer.adopt(record.entry);
  }

  end(key: string): void {
    const record = this.records.get(key);
    this.records.delete(key);
    if (record !== undefined) this.writer.end(record.entry);
  }

  texts(): [string, string][] {
    return [...this.records].map(([key, { text }]): [string, string] => [key, text]).sort();
  }
}

export class SimulatedStandby {
  readonly copy = new WarmCopy();
  readonly storeClock = new StoreClock();
  readonly reader: StandbyReader;
  readonly lags: number[] = [];

  constructor(world: ReplicationWorld) {
    const { copy, storeClock } = this;
    this.reader = new StandbyReader({
      clock: world.clock,
      store: world.store.of("edge-b"),
      copy,
      storeClock,
      changed: () => {},
      applied: ({ lagMs }) => this.lags.push(lagMs),
    });
    this.reader.start();
  }

  texts(): [string, string][] {
    return [...this.copy.entries()].map(([key, { text }]): [string, string] => [key, text]).sort();
  }
}

export class ReplicationWorld {
  readonly clock = new SimulatedClock();
  readonly store = new MemoryStore(this.clock);

  active(parts: ActiveParts = {}): SimulatedActive {
    const defaults = { node: "edge-a", epoch: 1, position: null, granted: true, adopts: false };
    return new SimulatedActive(this, { ...defaults, ...parts });
  }

  standby(): SimulatedStandby {
    return new SimulatedStandby(this);
  }
}
