/** Health of the targets and what operators have set, in the journal: the verdicts that a successor begins with. */
import { z } from "zod";
import type { HealthRecord } from "../health/health-record.ts";
import type { HealthTable, OperatorRecord } from "../health/health-table.ts";
import { type Journal, JournalEntry } from "../replication/journal.ts";
import { readRecord, writeRecord } from "../replication/record-text.ts";
import { OPERATOR_RECORDS } from "./operator-file.ts";

const VERSION = 1;
/** Of the one record that holds the states of all operated targets. */
const OPERATORS_KEY = "operators all";

type Source = Pick<HealthTable, "record" | "operatorStates">;

export class TargetJournal {
  private readonly journal: Journal;
  private readonly health: Source;
  private readonly entries = new Map<string, JournalEntry>();
  private readonly operators: JournalEntry;

  constructor(journal: Journal, health: Source) {
    this.journal = journal;
    this.health = health;
    this.operators = new JournalEntry(OPERATORS_KEY, {
      encode: () => writeRecord(VERSION, [JSON.stringify(health.operatorStates())]),
    });
  }

  /** A probe has ended, or a verdict changed. Calls alone, thousands a second, are no reason to write. */
  changed(id: string): void {
    this.journal.mark(this.entryOf(id));
  }

  operated(): void {
    this.journal.mark(this.operators);
  }

  /** These are the targets from now on: what is known of others is of no use to a successor. */
  follow(ids: ReadonlySet<string>): void {
    for (const [id, entry] of this.entries) {
      if (ids.has(id)) continue;
      this.entries.delete(id);
      this.journal.end(entry);
    }
  }

  /** The store has the record of this key as it is. */
  restored(key: string): void {
    this.journal.adopt(key === OPERATORS_KEY ? this.operators : this.entryOf(key.slice("health ".length)));
  }

  private entryOf(id: string): JournalEntry {
    let entry = this.entries.get(id);
    if (entry === undefined) {
      entry = new JournalEntry(`health ${id}`, {
        encode: (now) => writeRecord(VERSION, [JSON.stringify(this.health.record(id, now))]),
      });
      this.entries.set(id, entry);
    }
    return entry;
  }
}

const time = z.number().nullable();
const HEALTH: z.ZodType<HealthRecord> = z.object({
  id: z.string().max(256),
  reason: z.string(),
  observed: z.enum(["unknown", "up", "failing", "down", "recovering"]),
  failures: z.number(),
  successes: z.number(),
  refusedBy: z.enum(["nobody", "probe", "call"]),
  probe: z.number(),
  dampingLevel: z.number(),
  rttMs: z.number().nullable(),
  allow: z.string(),
  server: z.string(),
  lastProbe: z.string(),
  times: z.object({
    since: time,
    refusedAt: time,
    probeStartedAt: time,
    probeAt: time,
    releaseAt: time,
    retryUntil: time,
    dampedUntil: time,
    upSince: time,
    slowSince: time,
  }),
  downTimes: z.array(z.number()).max(1_024),
});

/**
 * Reads a record of a target's health.
 * @param ageMs how long ago it was written: its times left are taken back by it
 * @returns null where it is none
 */
export function readHealthRecord(text: string, ageMs: number): HealthRecord | null {
  const parsed = HEALTH.safeParse(jsonIn(text));
  if (!parsed.success) return null;
  const { times, downTimes, ...rest } = parsed.data;
  const aged = (left: number | null): number | null => (left === null ? null : left - ageMs);
  return {
    ...rest,
    times: {
      since: aged(times.since),
      refusedAt: aged(times.refusedAt),
      probeStartedAt: aged(times.probeStartedAt),
      probeAt: aged(times.probeAt),
      releaseAt: aged(times.releaseAt),
      retryUntil: aged(times.retryUntil),
      dampedUntil: aged(times.dampedUntil),
      upSince: aged(times.upSince),
      slowSince: aged(times.slowSince),
    },
    downTimes: downTimes.map((at) => at - ageMs),
  };
}

/** Reads the record of what operators have set. @returns null where it is none */
export function readOperatorsRecord(text: string): OperatorRecord[] | null {
  const parsed = OPERATOR_RECORDS.safeParse(jsonIn(text));
  return parsed.success ? parsed.data : null;
}

function jsonIn(text: string): unknown {
  const record = readRecord(text, VERSION);
  if (typeof record === "string") return null;
  try {
    return JSON.parse(record.text(0));
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}
