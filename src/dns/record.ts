/**
 * One cached question: when it is asked, how long its answer holds, what is used while nobody answers (TTL bounds,
 * RFC 2308, RFC 8767). Pure. Times are monotonic milliseconds.
 */
import type { Answer } from "./answer.ts";

export interface CacheSettings {
  /** Floor and ceiling of a TTL. */
  readonly minTtlMs: number;
  readonly maxTtlMs: number;
  /** Ceiling of a negative answer's. */
  readonly negativeTtlMs: number;
  /** How long an expired answer is used while no server gives a new one. */
  readonly staleForMs: number;
}

/** After a failure it is asked again, each time twice as late; RFC 8767 §5 wants 30 s at most between two attempts. */
const RETRY_FIRST_MS = 1_000;
const RETRY_LAST_MS = 30_000;
/** Refreshed after this part of the TTL, plus a random part so that answers of one moment do not expire together. */
const REFRESH_AFTER = 0.75;
const REFRESH_SPREAD = 0.15;

/** `unknown`: no answer yet and no failure. `failed`: no answer that may be used. */
export type RecordView = "unknown" | "fresh" | "stale" | "failed";

export interface RecordState {
  readonly view: RecordView;
  /** The last one, expired or not. */
  readonly answer: Answer | null;
  readonly expiresAt: number;
  readonly staleUntil: number;
  readonly asking: boolean;
  /** The next question; Infinity while one is under way. */
  readonly askAt: number;
  /** In a row. */
  readonly failures: number;
  /** Of the last attempt; null: it succeeded, or there was none. */
  readonly failure: string | null;
}

/** `roll` is uniform in [0, 1). */
export type RecordEvent = Readonly<
  | { kind: "tick" }
  | { kind: "answer"; answer: Answer; roll: number }
  | { kind: "failure"; reason: string; roll: number }
>;

export type RecordEffect = "ask" | "changed";

/** A question that nobody has asked yet. */
export function newRecord(now: number): RecordState {
  return {
    view: "unknown",
    answer: null,
    expiresAt: now,
    staleUntil: now,
    asking: false,
    askAt: now,
    failures: 0,
    failure: null,
  };
}

/** When the next tick is due; Infinity: with the next event only. */
export function recordDeadline({ view, askAt, expiresAt, staleUntil }: RecordState): number {
  if (view === "fresh") return Math.min(askAt, expiresAt);
  return view === "stale" ? Math.min(askAt, staleUntil) : askAt;
}

export function stepRecord(
  state: RecordState,
  event: RecordEvent,
  { now, settings }: { now: number; settings: CacheSettings },
): [RecordState, readonly RecordEffect[]] {
  switch (event.kind) {
    case "tick": {
      const due = now >= state.askAt;
      const aged = due ? { ...state, asking: true, askAt: Number.POSITIVE_INFINITY } : state;
      const view = viewOf(aged, now);
      const changed: RecordEffect[] = view === state.view ? [] : ["changed"];
      return [{ ...aged, view }, due ? ["ask", ...changed] : changed];
    }
    case "answer": {
      const ttlMs = ttlOf(event.answer, settings);
      const next: RecordState = {
        view: "fresh",
        answer: event.answer,
        expiresAt: now + ttlMs,
        staleUntil: now + ttlMs + settings.staleForMs,
        asking: false,
        askAt: now + ttlMs * (REFRESH_AFTER + REFRESH_SPREAD * event.roll),
        failures: 0,
        failure: null,
      };
      return [next, ["changed"]];
    }
    case "failure": {
      const backoff = Math.min(RETRY_FIRST_MS * 2 ** state.failures, RETRY_LAST_MS);
      const failed: RecordState = {
        ...state,
        asking: false,
        askAt: now + backoff * (1 - event.roll / 4),
        failures: state.failures + 1,
        failure: event.reason,
      };
      return [{ ...failed, view: viewOf(failed, now) }, ["changed"]];
    }
  }
}

function viewOf({ answer, expiresAt, staleUntil, failure }: RecordState, now: number): RecordView {
  if (answer === null) return failure === null ? "unknown" : "failed";
  if (now < expiresAt) return "fresh";
  return now < staleUntil ? "stale" : "failed";
}

function ttlOf(answer: Answer, { minTtlMs, maxTtlMs, negativeTtlMs }: CacheSettings): number {
  const ttlMs = (answer.ttlS ?? 0) * 1_000;
  return Math.max(minTtlMs, Math.min(ttlMs, answer.kind === "none" ? negativeTtlMs : maxTtlMs));
}
