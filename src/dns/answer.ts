/** What an answer says to the question, its CNAME chain followed. Pure. */
import type { DnsRecord, Question } from "./question.ts";
import type { DnsMessage, OwnedRecord } from "./wire.ts";

/** CNAMEs that are followed from one name, in one answer or over several. Real chains have two or three. */
export const ALIASES_MAX = 8;

export type Answer = Readonly<
  | { kind: "records"; records: readonly DnsRecord[]; ttlS: number }
  /** The chain leaves what this server knows: its end is to be asked for. */
  | { kind: "alias"; to: string; ttlS: number }
  /** RFC 2308: no such name, or no record of the type. `ttlS` null: the answer does not say how long it holds. */
  | { kind: "none"; exists: boolean; ttlS: number | null }
>;

/** The server did not do its work: another one may. */
export interface Failure {
  readonly kind: "failure";
  /** A clause, such as "SERVFAIL". */
  readonly reason: string;
}

/** Reads a reply to the question; the caller has checked that it is one. */
export function readAnswer(question: Question, message: DnsMessage): Answer | Failure {
  const { rcode, answers } = message;
  if (rcode !== "NOERROR" && rcode !== "NXDOMAIN") return failure(rcode);
  let name = question.name;
  let ttlS = Number.POSITIVE_INFINITY;
  const seen = new Set([name]);
  for (;;) {
    const found = answers.filter(({ owner, record }) => owner === name && record.type === question.type);
    if (found.length > 0) return recordsOf(found, ttlS);
    const alias = answers.find(({ owner, record }) => owner === name && record.type === "CNAME");
    if (alias?.record.type !== "CNAME") break;
    name = alias.record.target;
    ttlS = Math.min(ttlS, alias.ttlS);
    if (seen.has(name)) return failure(`a CNAME loop at ${name}`);
    if (seen.size > ALIASES_MAX) return failure(`more than ${ALIASES_MAX} CNAMEs behind ${question.name}`);
    seen.add(name);
  }
  if (rcode === "NXDOMAIN") return { kind: "none", exists: false, ttlS: message.negativeTtlS };
  if (message.negativeTtlS !== null) {
    return { kind: "none", exists: true, ttlS: Math.min(ttlS, message.negativeTtlS) };
  }
  if (seen.size > 1) return { kind: "alias", to: name, ttlS };
  if (message.refers && !message.authoritative) return failure("a referral: the server asks nobody for us");
  return { kind: "none", exists: true, ttlS: null };
}

function recordsOf(found: readonly OwnedRecord[], chainTtlS: number): Answer {
  const records = found.flatMap(({ record }) => (record.type === "CNAME" ? [] : [record]));
  return { kind: "records", records, ttlS: Math.min(chainTtlS, ...found.map(({ ttlS }) => ttlS)) };
}

function failure(reason: string): Failure {
  return { kind: "failure", reason };
}
