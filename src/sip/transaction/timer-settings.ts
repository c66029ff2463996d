/** Timers of RFC 3261 §17 and its table 4, in milliseconds. All follow from T1, T2, T4 unless set. */
export interface TimerSettings {
  /** Round-trip estimate. */
  readonly t1Ms: number;
  /** Longest interval between retransmissions of non-INVITE requests and INVITE responses. */
  readonly t2Ms: number;
  /** How long a message may stay in the network. */
  readonly t4Ms: number;
  /** Timers B, F, H, J, L, M: 64*T1. */
  readonly transactionMs: number;
  /** Timer D over unreliable transports: at least 32 s (§17.1.1.2). */
  readonly dMs: number;
}

export const DEFAULT_TIMERS: TimerSettings = timersFrom({ t1Ms: 500, t2Ms: 4_000, t4Ms: 5_000 });

export function timersFrom(base: { t1Ms: number; t2Ms: number; t4Ms: number }): TimerSettings {
  const transactionMs = 64 * base.t1Ms;
  return { ...base, transactionMs, dMs: Math.max(32_000, transactionMs) };
}
