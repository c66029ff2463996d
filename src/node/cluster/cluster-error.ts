/** A cluster node that can't start. */

export type ClusterErrorCode = "CLUSTER_PATH" | "CLUSTER_STATE" | "CLUSTER_REDIS";

/** Nothing stays open behind it. `message` says what to do about it, for an operator. */
export class ClusterError extends Error {
  override readonly name = "ClusterError";
  /** Stable: docs/errors.md. */
  readonly code: ClusterErrorCode;

  constructor(code: ClusterErrorCode, message: string, cause?: unknown) {
    super(message, { cause });
    this.code = code;
  }
}
