/**
 * Calls that were refused for want of room, by server transaction. The refusal keeps no state, and there may be room by the time
 * that the INVITE comes once more: forwarded then, it would ring for a caller who has been refused.
 */
import { mix32 } from "../sip/signing/mix.ts";
import type { Refusal } from "./refusal.ts";

/** A generation; two are kept, so that each refusal is remembered for 64*T1 at least: so long an INVITE is repeated (RFC 3261 §17.1.1.2). */
const GENERATION_MS = 32_000;
/** Refusals of a generation: two thousand a second. With more the generations are shorter. */
export const REFUSED_MAX = 65_536;

/** By a hash alone: with all places taken one in thirty thousand new calls meets another's refusal. */
export class RefusedLately {
  private recent = new Map<number, Refusal>();
  private older = new Map<number, Refusal>();
  private turnsAt = 0;

  /**
   * @param key of the server transaction
   * @param now monotonic milliseconds
   */
  add(key: string, why: Refusal, now: number): void {
    this.turn(now);
    this.recent.set(mix32(key, 0), why);
  }

  /** The refusal that it got; null: it got none, or long ago. */
  find(key: string, now: number): Refusal | null {
    if (this.recent.size === 0 && this.older.size === 0) return null;
    this.turn(now);
    const hash = mix32(key, 0);
    return this.recent.get(hash) ?? this.older.get(hash) ?? null;
  }

  private turn(now: number): void {
    if (now < this.turnsAt && this.recent.size < REFUSED_MAX) return;
    // Idle for longer than a generation: both are over.
    this.older = now < this.turnsAt + GENERATION_MS ? this.recent : new Map();
    this.recent = new Map();
    this.turnsAt = now + GENERATION_MS;
  }
}
