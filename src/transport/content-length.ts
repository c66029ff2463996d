// Content-Length of a message head (RFC 3261 sections 18.3, 20.14), found without building a table of headers.
import { decimal, skipSpace, trimEnd } from "../sip/header/character.ts";

/** No Content-Length in the head. */
export const ABSENT = -1;
/** Negative, no number, beyond any message, or two that differ. */
export const BAD = -2;

/** Above any limit that may be set: such a number is a lie, whoever tells it. */
const CONTENT_LENGTH_MAX = 0x7fff_ffff;
const LONG_NAME = "content-length";

/**
 * @param head start line and headers, latin1, with the empty line that ends them
 * @returns the number, {@link ABSENT} or {@link BAD}
 */
export function readContentLength(head: string): number {
  let found = ABSENT;
  for (let at = nextLine(head, 0); at < head.length - 2; at = nextLine(head, at)) {
    const start = valueStart(head, at);
    if (start < 0) continue;
    const end = nextLine(head, at);
    const from = skipSpace(head, start, end);
    const value = decimal(head, from, trimEnd(head, from, end), CONTENT_LENGTH_MAX);
    if (value < 0 || (found >= 0 && found !== value)) return BAD;
    found = value;
  }
  return found;
}

/** Start of the next header line after the one at `at`; folded lines belong to theirs (RFC 3261 section 7.3.1). */
function nextLine(head: string, at: number): number {
  for (;;) {
    const end = head.indexOf("\r\n", at);
    if (end < 0) return head.length;
    at = end + 2;
    const code = head.charCodeAt(at);
    if (code !== 32 && code !== 9) return at;
  }
}

/** Index after the colon where the line at `at` is Content-Length or its compact form; else -1. */
function valueStart(head: string, at: number): number {
  const first = head.charCodeAt(at) | 32;
  let nameEnd = -1;
  if (first === 108)
    nameEnd = at + 1; // l
  else if (first === 99 && head.slice(at, at + LONG_NAME.length).toLowerCase() === LONG_NAME) {
    nameEnd = at + LONG_NAME.length; // c
  }
  if (nameEnd < 0) return -1;
  const colon = skipSpace(head, nameEnd, head.length);
  return head.charCodeAt(colon) === 58 ? colon + 1 : -1;
}
