/** A control socket that can't be opened. */

export type ControlErrorCode = "CONTROL_IN_USE" | "CONTROL_UNSAFE" | "CONTROL_FAILED";

/** Nothing stays open behind it, and nothing of somebody else's was removed. */
export class ControlError extends Error {
  override readonly name = "ControlError";
  /** Stable: docs/errors.md. */
  readonly code: ControlErrorCode;

  constructor(code: ControlErrorCode, message: string, cause?: unknown) {
    super(message, { cause });
    this.code = code;
  }
}
