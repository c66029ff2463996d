/** An answer that the proxy gives in place of forwarding. */
export interface Refusal {
  readonly status: number;
  readonly phrase: string;
  /** Whole header lines with their CRLF, or "". */
  readonly headers: string;
  /** Name of the counter that it is counted under. */
  readonly reason: string;
}

export function refusal(status: number, phrase: string, reason: string, headers = ""): Refusal {
  return { status, phrase, headers, reason };
}
