/** A floating IP that can't be moved. */

export type FloatingIpErrorCode =
  | "FLOATING_IP_PROGRAM"
  | "FLOATING_IP_PRIVILEGE"
  | "FLOATING_IP_INTERFACE"
  | "FLOATING_IP_FOREIGN"
  | "FLOATING_IP_SUPERSEDED"
  | "FLOATING_IP_FAILED";

/** What the driver was asked for was not done. `message` says what to do about it, for an operator. */
export class FloatingIpError extends Error {
  override readonly name = "FloatingIpError";
  /** Stable: docs/errors.md. */
  readonly code: FloatingIpErrorCode;

  constructor(code: FloatingIpErrorCode, message: string, cause?: unknown) {
    super(message, { cause });
    this.code = code;
  }
}
