/** The cached questions: runs a {@link stepRecord} machine for each, asks within bounds, tells who depends on it. */
import type { Known } from "./chase.ts";
import type { Clock } from "./clock.ts";
import type { DnsExchange, DnsReply, HostsFile } from "./exchange.ts";
import { hostsAnswer } from "./hosts-answer.ts";
import { keyOf, type Question } from "./question.ts";
import {
  type CacheSettings,
  newRecord,
  type RecordEvent,
  type RecordState,
  recordDeadline,
  stepRecord,
} from "./record.ts";

/** Questions that are under way at once; the rest wait their turn. */
export const QUERIES_MAX = 256;

export interface RecordPorts {
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly exchange: DnsExchange;
  readonly hosts: HostsFile;
  readonly settings: CacheSettings;
}

interface CachedRecord<User> {
  readonly question: Question;
  state: RecordState;
  cancelWake: () => void;
  /** Who needs it; with none it is forgotten. */
  readonly users: Set<User>;
  forgotten: boolean;
}

const nothing = (): void => {};

export class RecordCache<User> {
  readonly #ports: RecordPorts;
  readonly #onChange: (users: Iterable<User>) => void;
  readonly #records = new Map<string, CachedRecord<User>>();
  readonly #waiting = new Set<CachedRecord<User>>();
  #outstanding = 0;

  /** @param onChange told after each change of a record, who uses it */
  constructor(ports: RecordPorts, onChange: (users: Iterable<User>) => void) {
    this.#ports = ports;
    this.#onChange = onChange;
  }

  /** Cached questions. */
  get size(): number {
    return this.#records.size;
  }

  /** Questions under way. */
  get outstanding(): number {
    return this.#outstanding;
  }

  /** What is known; a question that is new here is asked by {@link wake}. */
  use(question: Question, user: User): Known {
    const key = keyOf(question);
    let record = this.#records.get(key);
    if (record === undefined) {
      const state = newRecord(this.#ports.clock.now());
      record = { question, state, cancelWake: nothing, users: new Set(), forgotten: false };
      this.#records.set(key, record);
    }
    record.users.add(user);
    return this.#known(record.state);
  }

  /** Asks the question if it is due. */
  wake(key: string): void {
    const record = this.#records.get(key);
    if (record !== undefined) this.#feed(record, { kind: "tick" });
  }

  /** The user needs it no longer. */
  release(key: string, user: User): void {
    const record = this.#records.get(key);
    if (record === undefined) return;
    record.users.delete(user);
    if (record.users.size === 0) this.#forget(key, record);
  }

  close(): void {
    for (const [key, record] of this.#records) this.#forget(key, record);
  }

  #forget(key: string, record: CachedRecord<User>): void {
    record.forgotten = true;
    record.cancelWake();
    this.#records.delete(key);
    this.#waiting.delete(record);
  }

  #known({ view, answer, expiresAt, asking, askAt, failure }: RecordState): Known {
    switch (view) {
      case "unknown":
        return { answer: null, stale: false, expiresAt, failure };
      case "failed":
        return {
          answer: { kind: "failure" },
          stale: false,
          expiresAt: asking ? this.#ports.clock.now() : askAt,
          failure,
        };
      case "fresh":
      case "stale":
        return { answer, stale: view === "stale", expiresAt, failure };
    }
  }

  #feed(record: CachedRecord<User>, event: RecordEvent): void {
    if (record.forgotten) return;
    const { clock, settings } = this.#ports;
    const [state, effects] = stepRecord(record.state, event, { now: clock.now(), settings });
    record.state = state; // stored first: what follows may feed it again
    record.cancelWake();
    record.cancelWake = clock.wakeAt(recordDeadline(state), () => this.#feed(record, { kind: "tick" }));
    if (effects.includes("changed")) this.#onChange(record.users);
    if (effects.includes("ask") && !record.forgotten) this.#ask(record);
  }

  #ask(record: CachedRecord<User>): void {
    const answer = hostsAnswer(record.question, this.#ports.hosts);
    if (answer !== null) this.#feed(record, { kind: "answer", answer, roll: this.#ports.random() });
    else if (this.#outstanding < QUERIES_MAX) this.#send(record);
    else this.#waiting.add(record);
  }

  #send(record: CachedRecord<User>): void {
    const { exchange, random } = this.#ports;
    this.#outstanding++;
    exchange.ask(record.question, ({ outcome }: DnsReply) => {
      this.#outstanding--;
      const roll = random();
      this.#feed(
        record,
        outcome.kind === "failure"
          ? { kind: "failure", reason: outcome.reason, roll }
          : { kind: "answer", answer: outcome, roll },
      );
      this.#next();
    });
  }

  #next(): void {
    for (const record of this.#waiting) {
      if (this.#outstanding >= QUERIES_MAX) return;
      this.#waiting.delete(record);
      this.#send(record);
    }
  }
}
