/** Time, as replication sees it. The real one and the tests' one are passed in. */
export interface Clock {
  /** Monotonic milliseconds from an arbitrary origin. To another node only time *left* is sent. */
  now(): number;
  /** Runs `wake` once, at or after `at`. The returned cancel is safe to call twice. */
  wakeAt(at: number, wake: () => void): () => void;
}
