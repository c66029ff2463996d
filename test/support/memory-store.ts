// A store as Redis is one for us, in simulated time: it can be away, silent, full, emptied, set back to an older state, and
// can carry out a commit without its answer coming back.
import { Buffer } from "node:buffer";
import { readBatch } from "../../src/replication/batch.ts";
import type { Clock } from "../../src/replication/clock.ts";
import type {
  CommitOutcome,
  CommitRequest,
  CommitStore,
  Described,
  JournalCommit,
  JournalRead,
  Position,
  ReadStore,
  Scanned,
  Standing,
  StoredRecord,
  StoreFault,
  StoreFaultCode,
} from "../../src/replication/store.ts";

const ANSWER_MS = 1;
const PART_RECORDS = 3;

export interface Data {
  position: Standing | null;
  complete: boolean;
  records: Map<string, { text: string; at: number }>;
  journal: JournalCommit[];
  fence: { epoch: number; node: string };
}

export class MemoryStore {
  private readonly clock: Clock;
  /** What the store's own clock shows when the node's shows 0. */
  readonly wallOffset = 1_764_109_000_000;
  data: Data = {
    position: null,
    complete: false,
    records: new Map(),
    journal: [],
    fence: { epoch: 0, node: "" },
  };
  /** Every request fails with it. */
  fault: StoreFaultCode | null = null;
  /** The next commit is carried out, and its answer is lost. */
  loseNextAnswer = false;
  readonly sizes: number[] = [];
  readonly requests: CommitRequest[] = [];

  constructor(clock: Clock) {
    this.clock = clock;
  }

  /** As a node sees it. */
  of(node: string): CommitStore & ReadStore {
    return {
      commit: (request, done) => this.answer(() => this.commit(node, request), done),
      describe: (done) => this.answer(() => this.describe(), done),
      scan: (cursor, done) => this.answer(() => this.scan(cursor), done),
      read: ({ after, waitMs }, done) => this.waitFor(after, { until: this.clock.now() + waitMs, done }),
    };
  }

  texts(): [string, string][] {
    return [...this.data.records].map(([key, { text }]): [string, string] => [key, text]).sort();
  }

  snapshot(): Data {
    const { data } = this;
    return { ...data, records: new Map(data.records), journal: [...data.journal], fence: { ...data.fence } };
  }

  private answer<T>(run: () => T | StoreFault, done: (outcome: T | StoreFault) => void): void {
    const { fault } = this;
    const outcome = fault === null ? run() : failed(fault);
    const isLost = this.loseNextAnswer;
    this.loseNextAnswer = false;
    this.clock.wakeAt(this.clock.now() + ANSWER_MS, () => done(isLost ? failed("REDIS_TIMEOUT") : outcome));
  }

  private commit(node: string, request: CommitRequest): CommitOutcome {
    const { data } = this;
    this.requests.push(request);
    if (
      data.fence.epoch > request.epoch ||
      (data.fence.epoch === request.epoch && data.fence.node !== node)
    ) {
      return { kind: "fenced", ...data.fence };
    }
    const { after } = request;
    if (after !== null && data.position !== null && data.fence.epoch < (after.epoch ?? 0)) {
      return { kind: "set-back", position: data.position };
    }
    if (
      after !== null &&
      (after.generation !== data.position?.generation || after.commit !== data.position.commit)
    ) {
      return { kind: "elsewhere", position: data.position };
    }
    const made = data.position?.epoch ?? null;
    if (
      after !== null &&
      data.position !== null &&
      after.epoch !== null &&
      made !== null &&
      made !== after.epoch
    ) {
      return { kind: "set-back", position: data.position };
    }
    data.fence = { epoch: request.epoch, node };
    const at = this.wallOffset + this.clock.now();
    if (after === null) {
      data.records.clear();
      data.journal = [];
      // By the store's clock, as the script does it: a store that is set back uses no generation again.
      data.position = {
        generation: Math.max((data.position?.generation ?? 0) + 1, request.laterThan + 1, at),
        commit: 0,
        epoch: null,
      };
    }
    const { generation, commit } = data.position ?? { generation: at, commit: 0 };
    const position = { generation, commit: commit + 1 };
    const batch = Buffer.from(request.batch);
    this.sizes.push(batch.length);
    readBatch(batch, (key, text) => {
      if (text === null) data.records.delete(key);
      else data.records.set(key, { text, at });
    });
    data.position = { ...position, epoch: request.epoch };
    data.complete = request.complete;
    const { epoch, complete, waitedMs, records } = request;
    data.journal.push({ position, at, epoch, begins: after === null, complete, waitedMs, records, batch });
    return { kind: "committed", position, at };
  }

  private describe(): Described {
    const { position, complete } = this.data;
    return { kind: "described", position, complete, now: this.wallOffset + this.clock.now() };
  }

  private scan(cursor: string | null): Scanned {
    // By the last key, not by a number: what is removed meanwhile must not hide another record.
    const left = [...this.data.records]
      .filter(([key]) => cursor === null || key > cursor)
      .sort(([one], [other]) => (one < other ? -1 : 1));
    const records = left
      .slice(0, PART_RECORDS)
      .map(([key, { text, at }]): StoredRecord => ({ key, text, at }));
    const last = records.at(-1);
    const isEnd = last === undefined || left.length <= PART_RECORDS;
    return { kind: "scanned", records, cursor: isEnd ? null : last.key, garbage: 0 };
  }

  private waitFor(
    after: Position,
    { until, done }: { until: number; done: (answer: JournalRead) => void },
  ): void {
    const commits = this.data.journal.filter(
      ({ position: { generation, commit } }) =>
        generation > after.generation || (generation === after.generation && commit > after.commit),
    );
    if (this.fault !== null || commits.length > 0 || this.clock.now() >= until) {
      this.answer((): JournalRead => ({ kind: "read", commits }), done);
    } else {
      this.clock.wakeAt(Math.min(until, this.clock.now() + ANSWER_MS), () =>
        this.waitFor(after, { until, done }),
      );
    }
  }
}

function failed(code: StoreFaultCode): StoreFault {
  const uncertain = code === "REDIS_TIMEOUT" || code === "REDIS_AWAY";
  return { kind: "fault", code, message: `the store: ${code}`, uncertain };
}
