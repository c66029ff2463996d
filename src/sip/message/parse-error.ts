/** Bytes that RFC 3261 §25 does not allow. Expected daily: the sender is answered `status`, the node keeps running. */
export type SipParseCode = "SIP_START_LINE" | "SIP_HEADER" | "SIP_VERSION" | "SIP_TOO_LARGE";

export class SipParseError extends Error {
  override readonly name = "SipParseError";
  /** Stable: logs and counters branch on it. */
  readonly code: SipParseCode;
  readonly status: 400 | 414 | 505 | 513;
  /** Bytes from the start of the text that was parsed. */
  readonly offset: number;

  constructor(
    message: string,
    detail: { code: SipParseCode; status: 400 | 414 | 505 | 513; offset: number },
  ) {
    // No stack: it costs three times what finding the fault does, and it is peers who would make us pay.
    const { stackTraceLimit } = Error;
    Error.stackTraceLimit = 0;
    super(message);
    Error.stackTraceLimit = stackTraceLimit;
    this.code = detail.code;
    this.status = detail.status;
    this.offset = detail.offset;
  }
}

/** A header field (or the URI in the start line) that breaks the grammar: 400 (RFC 3261 §16.3 item 1). */
export function badHeader(what: string, offset: number): SipParseError {
  return new SipParseError(what, { code: "SIP_HEADER", status: 400, offset });
}

/** A start line that breaks the grammar (RFC 3261 §7.1, §7.2). */
export function badStartLine(what: string, offset: number): SipParseError {
  return new SipParseError(what, { code: "SIP_START_LINE", status: 400, offset });
}
