/** The store in Redis: turns requests into commands, and replies into answers. */
import { createHash } from "node:crypto";
import { COMMIT_SCRIPT } from "./commit-script.ts";
import { KEYSPACE_FORMAT, type Keyspace } from "./keyspace.ts";
import { RedisFault, type RedisReply } from "./redis-client.ts";
import type { RedisConnection } from "./redis-connection.ts";
import { readDescription, readJournal, readScan } from "./redis-replies.ts";
import type {
  CommitOutcome,
  CommitRequest,
  CommitStore,
  Described,
  JournalRead,
  Position,
  ReadStore,
  Scanned,
  StoreFault,
  StoreFaultCode,
} from "./store.ts";

/** Records a part of a snapshot asks for: some hundred kilobytes, a millisecond of Redis's time. */
const SCAN_RECORDS_MAX = 500;
/** Journal entries a read asks for. */
const READ_COMMITS_MAX = 32;

const COMMIT_SHA = createHash("sha1").update(COMMIT_SCRIPT).digest("hex");

export interface StoreIdentity {
  readonly node: string;
  /** Random, for a process's life. */
  readonly boot: string;
  /** What only nodes of this cluster know, of letters and digits: the first is written, all are accepted (a changed secret). */
  readonly cluster: readonly string[];
}

export class RedisStore implements CommitStore, ReadStore {
  private readonly connection: RedisConnection;
  private readonly keyspace: Keyspace;
  private readonly identity: StoreIdentity;
  private readonly head: readonly string[];

  constructor(connection: RedisConnection, keyspace: Keyspace, identity: StoreIdentity) {
    this.connection = connection;
    this.keyspace = keyspace;
    this.identity = identity;
    const { meta, records, journal, fence } = keyspace;
    this.head = ["4", meta, records, journal, fence, KEYSPACE_FORMAT, identity.cluster.join(" ")];
  }

  commit(request: CommitRequest, done: (outcome: CommitOutcome) => void): void {
    this.runCommit(request).then(done, (error: unknown) => done(faultOf(error)));
  }

  describe(done: (answer: Described) => void): void {
    this.runDescribe().then(done, (error: unknown) => done(faultOf(error)));
  }

  scan(cursor: string | null, done: (answer: Scanned) => void): void {
    const args = ["HSCAN", this.keyspace.records, cursor ?? "0", "COUNT", String(SCAN_RECORDS_MAX)];
    this.connection
      .call(args, { bytes: true })
      .then(readScan)
      .then(done, (error: unknown) => done(faultOf(error)));
  }

  read({ after, waitMs }: { after: Position; waitMs: number }, done: (answer: JournalRead) => void): void {
    const block = waitMs > 0 ? ["BLOCK", String(waitMs)] : [];
    const count = ["COUNT", String(READ_COMMITS_MAX)];
    const id = `${after.generation}-${after.commit}`;
    this.connection
      .call(["XREAD", ...count, ...block, "STREAMS", this.keyspace.journal, id], { bytes: true, waitMs })
      .then(readJournal)
      .then(done, (error: unknown) => done(faultOf(error)));
  }

  private async runCommit(request: CommitRequest): Promise<CommitOutcome> {
    const { after } = request;
    const args = [
      ...this.head,
      this.identity.node,
      this.identity.boot,
      String(request.epoch),
      after === null ? "" : String(after.generation),
      String(after === null ? request.laterThan : after.commit),
      String(request.oldest),
      `${flagsOf(request)} ${request.waitedMs} ${request.records ?? "-"}`,
      request.batch,
      String(after?.epoch ?? ""),
    ];
    try {
      return readOutcome(await this.connection.call(["EVALSHA", COMMIT_SHA, ...args]));
    } catch (error) {
      // A Redis that was restarted has forgotten the script.
      if (!(error instanceof RedisFault && error.message.startsWith("NOSCRIPT"))) throw error;
      return readOutcome(await this.connection.call(["EVAL", COMMIT_SCRIPT, ...args]));
    }
  }

  private async runDescribe(): Promise<Described> {
    const fields = ["format", "cluster", "generation", "commit", "complete", "epoch"];
    const [meta, time] = await Promise.all([
      this.connection.call(["HMGET", this.keyspace.meta, ...fields]),
      this.connection.call(["TIME"]),
    ]);
    return readDescription({ meta, time, cluster: this.identity.cluster });
  }
}

/** c: complete; b: begins its generation. */
function flagsOf({ complete, after }: CommitRequest): string {
  return (complete ? "c" : "-") + (after === null ? "b" : "-");
}

function faultOf(error: unknown): StoreFault {
  if (error instanceof RedisFault) return error.fault;
  throw error;
}

const REFUSALS: Readonly<Record<string, { code: StoreFaultCode; message: string }>> = {
  foreign: {
    code: "JOURNAL_FOREIGN",
    message: "the keys are those of another cluster of this name, or the secret is another one",
  },
  newer: { code: "JOURNAL_NEWER", message: "the keys were written by a version that this one can't read" },
  garbage: { code: "JOURNAL_GARBAGE", message: "the keys hold something else than a journal" },
};

function readOutcome(reply: RedisReply): CommitOutcome {
  const [kind = "", first = "", second = "", third = ""] = Array.isArray(reply) ? reply.map(String) : [];
  switch (kind) {
    case "ok":
      return { kind: "committed", position: positionOf(first, second), at: Number(third) };
    case "fenced":
      return { kind: "fenced", epoch: Number(first), node: second };
    case "empty":
      return { kind: "elsewhere", position: null };
    case "elsewhere":
      return {
        kind: "elsewhere",
        position: { ...positionOf(first, second), epoch: third === "" ? null : Number(third) },
      };
    case "set-back":
      return { kind: "set-back", position: positionOf(first, second) };
    default: {
      const { code, message } = REFUSALS[kind] ?? {
        code: "REDIS_REFUSED",
        message: "an answer that is none of ours",
      };
      const detail = first === "" ? "" : ` (${first})`;
      return { kind: "fault", code, message: message + detail, uncertain: false };
    }
  }
}

function positionOf(generation: string, commit: string): Position {
  return { generation: Number(generation), commit: Number(commit) };
}
