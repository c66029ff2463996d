/** What was decided and why, for `tandem history`: a file of JSON lines, and a list in Redis that every node of the cluster writes to. */
import { appendFileSync, readFileSync, renameSync, statSync } from "node:fs";
import type { HistoryRecord } from "../../cluster/node-state.ts";
import { keyspaceOf } from "../../replication/keyspace.ts";
import { RedisFault } from "../../replication/redis-client.ts";
import type { RedisConnection } from "../../replication/redis-connection.ts";

/** Of the list in Redis, and of what is shown. */
const HISTORY_ENTRIES_MAX = 1_000;
/** Then the file is renamed to end in .1, over the former one. */
const HISTORY_FILE_BYTES_MAX = 4_194_304;

export interface HistoryEntry extends HistoryRecord {
  /** ISO 8601, by this node's wall clock: to be read by people, compared with nothing. */
  readonly at: string;
  /** Of a takeover: what was restored, by kind; absent while that goes on, and where the node ended before. */
  readonly restored?: Readonly<Record<string, number>>;
}

export class History {
  readonly #file: string;
  readonly #key: string;
  readonly #redis: Pick<RedisConnection, "call">;
  readonly #onFault: (reason: string) => void;
  #failing = false;

  constructor(options: {
    file: string;
    cluster: string;
    redis: Pick<RedisConnection, "call">;
    onFault: (reason: string) => void;
  }) {
    this.#file = options.file;
    this.#key = keyspaceOf(options.cluster).named("history");
    this.#redis = options.redis;
    this.#onFault = options.onFault;
  }

  /** Never throws: what can't be kept is said once, and calls go on. */
  add(entry: HistoryEntry): void {
    const line = JSON.stringify(entry);
    try {
      this.#rotate();
      appendFileSync(this.#file, `${line}\n`, { mode: 0o640 });
      this.#failing = false;
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      if (!this.#failing) this.#onFault(`the history can't be written to ${this.#file}: ${why}`);
      this.#failing = true;
    }
    void this.#push(line);
  }

  /** The newest last, by the nodes' own clocks: of the whole cluster by Redis, and of this node by its file, whatever Redis has lost. */
  async read(): Promise<{
    readonly source: "redis and file" | "file";
    readonly entries: readonly HistoryEntry[];
  }> {
    const own = readLines(this.#file).slice(-HISTORY_ENTRIES_MAX);
    const shared = await this.#shared();
    const entries = withoutBeginnings([...new Set([...(shared ?? []), ...own])].flatMap(parse));
    entries.sort((a, b) => (a.at < b.at ? -1 : a.at > b.at ? 1 : 0));
    return {
      source: shared === null ? "file" : "redis and file",
      entries: entries.slice(-HISTORY_ENTRIES_MAX),
    };
  }

  /** The oldest first; null: Redis does not answer. */
  async #shared(): Promise<string[] | null> {
    try {
      const reply = await this.#redis.call(["LRANGE", this.#key, "0", String(HISTORY_ENTRIES_MAX - 1)]);
      return Array.isArray(reply) ? reply.map(String).toReversed() : null;
    } catch (error) {
      if (!(error instanceof RedisFault)) throw error;
      return null;
    }
  }

  async #push(line: string): Promise<void> {
    try {
      await this.#redis.call(["LPUSH", this.#key, line]);
      await this.#redis.call(["LTRIM", this.#key, "0", String(HISTORY_ENTRIES_MAX - 1)]);
    } catch (error) {
      if (!(error instanceof RedisFault)) throw error; // Redis is away: the file has it
    }
  }

  #rotate(): void {
    const size = statSync(this.#file, { throwIfNoEntry: false })?.size ?? 0;
    if (size > HISTORY_FILE_BYTES_MAX) renameSync(this.#file, `${this.#file}.1`);
  }
}

function readLines(file: string): string[] {
  try {
    return readFileSync(file, "utf8").split("\n");
  } catch {
    return []; // nothing was decided yet
  }
}

/** A takeover is told when the node serves, and again when all is restored: then as a whole. */
function withoutBeginnings(entries: readonly HistoryEntry[]): HistoryEntry[] {
  const nameOf = ({ at, node, boot, epoch }: HistoryEntry): string => [at, node, boot, epoch].join(" ");
  const whole = new Set(entries.filter(({ restored }) => restored !== undefined).map(nameOf));
  return entries.filter(
    (entry) => entry.what !== "takeover" || entry.restored !== undefined || !whole.has(nameOf(entry)),
  );
}

/** A line that was cut by a crash is left out. */
function parse(line: string): HistoryEntry[] {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === "object" && value !== null ? [value as HistoryEntry] : [];
  } catch {
    return [];
  }
}
