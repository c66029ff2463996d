/** What Redis says about the journal, read with care: the bytes may be another program's. Pure. */
import { Buffer } from "node:buffer";
import { KEYSPACE_FORMAT } from "./keyspace.ts";
import type { RedisReply } from "./redis-client.ts";
import type {
  Described,
  JournalCommit,
  JournalRead,
  Position,
  Scanned,
  StoredRecord,
  StoreFault,
  StoreFaultCode,
} from "./store.ts";

/** Digits before a record's text: the time of its commit. */
const TIME_DIGITS = 13;

function fault(code: StoreFaultCode, message: string): StoreFault {
  return { kind: "fault", code, message, uncertain: false };
}

const isList = (reply: RedisReply | undefined): reply is readonly RedisReply[] => Array.isArray(reply);

/** @param cluster identities that are ours */
export function readDescription(replies: {
  meta: RedisReply;
  time: RedisReply;
  cluster: readonly string[];
}): Described {
  const { meta, time, cluster } = replies;
  if (!isList(meta) || !isList(time)) return fault("REDIS_REFUSED", "an answer that is none");
  const [format, owner, generation, commit, complete, epoch] = meta;
  const now = Number(time[0]) * 1_000 + Math.floor(Number(time[1]) / 1_000);
  if (meta.every((field) => field === null)) {
    return { kind: "described", position: null, complete: false, now };
  }
  if (format !== KEYSPACE_FORMAT) {
    return fault(
      "JOURNAL_NEWER",
      `the keys have the format ${format}, this version reads ${KEYSPACE_FORMAT}`,
    );
  }
  if (typeof owner !== "string" || !cluster.includes(owner)) {
    return fault("JOURNAL_FOREIGN", "the keys are those of another cluster of this name");
  }
  const position = positionOf(`${generation}-${commit}`);
  if (position === null) return fault("JOURNAL_GARBAGE", "meta has no position");
  const made = epochOf(position, epoch);
  return { kind: "described", position: { ...position, epoch: made }, complete: complete === "1", now };
}

/** @param text "1764109000000-17 3": of another commit where a former version, which does not write it, has committed since */
function epochOf({ generation, commit }: Position, text: RedisReply | undefined): number | null {
  const match = /^(\d+-\d+) (\d{1,15})$/.exec(String(text));
  return match?.[1] === `${generation}-${commit}` ? Number(match[2]) : null;
}

/** "1764109000000-17" */
function positionOf(id: string): Position | null {
  const match = /^(\d{1,15})-(\d{1,15})$/.exec(id);
  return match === null ? null : { generation: Number(match[1]), commit: Number(match[2]) };
}

export function readScan(reply: RedisReply): Scanned {
  if (!isList(reply) || !isList(reply[1])) return fault("JOURNAL_GARBAGE", "records are no hash");
  const cursor = String(reply[0]);
  const fields = reply[1];
  const records: StoredRecord[] = [];
  let garbage = 0;
  for (let at = 0; at + 1 < fields.length; at += 2) {
    const [key, value] = [fields[at], fields[at + 1]];
    const record = Buffer.isBuffer(key) && Buffer.isBuffer(value) ? recordOf(key, value) : null;
    if (record === null) garbage++;
    else records.push(record);
  }
  return { kind: "scanned", records, cursor: cursor === "0" ? null : cursor, garbage };
}

function recordOf(key: Buffer, value: Buffer): StoredRecord | null {
  const time = value.toString("latin1", 0, TIME_DIGITS);
  if (!/^\d{13}$/.test(time)) return null;
  return { key: key.toString(), text: value.toString("utf8", TIME_DIGITS), at: Number(time) };
}

/** @param reply of XREAD on one stream; null where nothing came */
export function readJournal(reply: RedisReply): JournalRead {
  if (reply === null) return { kind: "read", commits: [] };
  const stream = isList(reply) ? reply[0] : undefined;
  const entries = isList(stream) ? stream[1] : undefined;
  if (!isList(entries)) return fault("JOURNAL_GARBAGE", "the journal is no stream");
  const commits: JournalCommit[] = [];
  for (const entry of entries) {
    const commit = commitOf(entry);
    if (commit === null) return fault("JOURNAL_GARBAGE", "an entry of the journal is no commit");
    commits.push(commit);
  }
  return { kind: "read", commits };
}

/** [id, ["m", "<time> <epoch> <flags> <waited> <records>", "b", batch]] */
function commitOf(entry: RedisReply): JournalCommit | null {
  if (!isList(entry) || !isList(entry[1])) return null;
  const position = positionOf(String(entry[0]));
  const [, head, , batch] = entry[1];
  if (position === null || !Buffer.isBuffer(head) || !Buffer.isBuffer(batch)) return null;
  const [at = "", epoch = "", flags = "", waited = "", records = ""] = head.toString("latin1").split(" ");
  if (!/^\d{13}$/.test(at) || !/^\d+$/.test(epoch)) return null;
  return {
    position,
    at: Number(at),
    epoch: Number(epoch),
    complete: flags.includes("c"),
    begins: flags.includes("b"),
    waitedMs: Number(waited) || 0,
    records: /^\d+$/.test(records) ? Number(records) : null,
    batch,
  };
}
