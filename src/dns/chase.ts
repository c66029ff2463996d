/** Reading cached answers on the way from a name to its records: over CNAMEs, noting what expires when. Pure. */
import { ALIASES_MAX, type Answer } from "./answer.ts";
import type { DnsRecord, Question, RecordType } from "./question.ts";

/** A cached question as the procedure sees it. */
export interface Known {
  /** null: never answered, and not failed yet. */
  readonly answer: Answer | { readonly kind: "failure" } | null;
  readonly stale: boolean;
  readonly expiresAt: number;
  /** Why the last attempt failed; null: it did not. */
  readonly failure: string | null;
}

/** Asked for each question that is needed; what is not known is then to be asked. */
export type Look = (question: Question) => Known;

type TypedRecord<T extends RecordType> = Extract<DnsRecord, { type: T }>;

/** What stands behind a name. `pending`: to be told by an answer that has not come. */
export type Found<T extends RecordType> = Readonly<
  | { kind: "pending" }
  | { kind: "records"; records: readonly TypedRecord<T>[] }
  | { kind: "none"; reason: string }
  | { kind: "failed"; reason: string }
>;

export class Chase {
  pending = false;
  /** When the first of the answers used expires or expired. */
  expiresAt = Number.POSITIVE_INFINITY;
  staleSinceMs: number | null = null;
  staleReason: string | null = null;
  readonly #look: Look;

  constructor(look: Look) {
    this.#look = look;
  }

  find<T extends RecordType>(name: string, type: T): Found<T> {
    const seen = new Set([name]);
    for (let at = name; ; ) {
      const known = this.#look({ name: at, type });
      const { answer } = known;
      if (answer === null) {
        this.pending = true;
        return { kind: "pending" };
      }
      this.#note(known);
      switch (answer.kind) {
        case "records":
          return { kind: "records", records: answer.records.filter((each) => isOf(each, type)) };
        case "none":
          return {
            kind: "none",
            reason: answer.exists ? `${at} has no ${type} record` : `${at} does not exist`,
          };
        case "failure":
          return { kind: "failed", reason: `${type} of ${at}: ${known.failure ?? "no answer"}` };
        case "alias":
          at = answer.to;
      }
      if (seen.has(at)) return { kind: "failed", reason: `${type} of ${name}: a CNAME loop at ${at}` };
      if (seen.size > ALIASES_MAX)
        return { kind: "failed", reason: `${type} of ${name}: more than ${ALIASES_MAX} CNAMEs` };
      seen.add(at);
    }
  }

  #note({ stale, expiresAt, failure }: Known): void {
    this.expiresAt = Math.min(this.expiresAt, expiresAt);
    if (!stale) return;
    this.staleSinceMs = Math.min(this.staleSinceMs ?? Number.POSITIVE_INFINITY, expiresAt);
    this.staleReason ??= failure;
  }
}

function isOf<T extends RecordType>(record: DnsRecord, type: T): record is TypedRecord<T> {
  return record.type === type;
}
