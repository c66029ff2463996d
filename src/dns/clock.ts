/** Time, as this folder sees it; the node's clock has the same shape. */
export interface Clock {
  /** Monotonic milliseconds from an arbitrary origin. */
  now(): number;
  /** Runs `wake` once, at or after `at`; `Infinity` is never. The returned cancel is safe to call twice. */
  wakeAt(at: number, wake: () => void): () => void;
}
