/**
 * Header names as small numbers, so that a message's table is compared by number and not by text.
 * Names are case-insensitive, and some have a compact form of one letter (RFC 3261 §7.3.3).
 */
export const OTHER = 0;
export const VIA = 1;
export const ROUTE = 2;
export const RECORD_ROUTE = 3;
export const PATH = 4;
export const FROM = 5;
export const TO = 6;
export const CALL_ID = 7;
export const CSEQ = 8;
export const CONTACT = 9;
export const MAX_FORWARDS = 10;
export const PROXY_REQUIRE = 11;
export const REQUIRE = 12;
export const SUPPORTED = 13;
export const CONTENT_LENGTH = 14;
export const RETRY_AFTER = 15;
export const REASON = 16;
export const SESSION_EXPIRES = 17;
export const MAX_BREADTH = 18;
export const PROXY_AUTHORIZATION = 19;
export const WWW_AUTHENTICATE = 20;
export const PROXY_AUTHENTICATE = 21;
export const MIN_SE = 22;
export const RSEQ = 23;
export const RACK = 24;
export const TIMESTAMP = 25;

interface Name {
  readonly usual: string;
  readonly lower: string;
  readonly id: number;
}

/** Usual spelling, number. */
const NAMES: readonly Name[] = (
  [
    ["Via", VIA],
    ["v", VIA],
    ["Route", ROUTE],
    ["Record-Route", RECORD_ROUTE],
    ["Path", PATH],
    ["From", FROM],
    ["f", FROM],
    ["To", TO],
    ["t", TO],
    ["Call-ID", CALL_ID],
    ["i", CALL_ID],
    ["CSeq", CSEQ],
    ["Contact", CONTACT],
    ["m", CONTACT],
    ["Max-Forwards", MAX_FORWARDS],
    ["Proxy-Require", PROXY_REQUIRE],
    ["Require", REQUIRE],
    ["Supported", SUPPORTED],
    ["k", SUPPORTED],
    ["Content-Length", CONTENT_LENGTH],
    ["l", CONTENT_LENGTH],
    ["Retry-After", RETRY_AFTER],
    ["Reason", REASON],
    ["Session-Expires", SESSION_EXPIRES],
    ["x", SESSION_EXPIRES],
    ["Max-Breadth", MAX_BREADTH],
    ["Proxy-Authorization", PROXY_AUTHORIZATION],
    ["WWW-Authenticate", WWW_AUTHENTICATE],
    ["Proxy-Authenticate", PROXY_AUTHENTICATE],
    ["Min-SE", MIN_SE],
    ["RSeq", RSEQ],
    ["RAck", RACK],
    ["Timestamp", TIMESTAMP],
  ] as const
).map(([usual, id]) => ({ usual, lower: usual.toLowerCase(), id }));

const LONGEST = 19;
/** Candidates by length and first letter: one or two, so that a line costs one look and one comparison. */
const CANDIDATES: (readonly Name[] | undefined)[] = new Array((LONGEST + 1) * 32).fill(undefined);
for (const name of NAMES) {
  const slot = name.lower.length * 32 + (name.lower.charCodeAt(0) & 31);
  CANDIDATES[slot] = [...(CANDIDATES[slot] ?? []), name];
}

/**
 * Number of the header name that stands in `text` from `start` to `end`.
 * @returns one of the constants above; {@link OTHER} for a name that the proxy never reads
 */
export function headerId(text: string, start: number, end: number): number {
  const length = end - start;
  if (length > LONGEST) return OTHER;
  const candidates = CANDIDATES[length * 32 + (text.charCodeAt(start) & 31)];
  if (candidates === undefined) return OTHER;
  for (let i = 0; i < candidates.length; i++) {
    const name = candidates[i];
    if (name !== undefined && text.startsWith(name.usual, start)) return name.id;
  }
  for (const name of candidates) if (equalsIgnoringCase(text, start, name.lower)) return name.id;
  return OTHER;
}

/** Does `text` hold `lower` (in lower case) at `start`, in any case? Only letters are folded. */
export function equalsIgnoringCase(text: string, start: number, lower: string): boolean {
  for (let i = 0; i < lower.length; i++) {
    const code = text.charCodeAt(start + i);
    const want = lower.charCodeAt(i);
    if (code !== want && !(code >= 65 && code <= 90 && code + 32 === want)) return false;
  }
  return true;
}
