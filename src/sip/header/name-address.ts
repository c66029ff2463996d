/** name-addr and addr-spec with parameters: From, To, Contact, Route, Record-Route, Path (RFC 3261 §20.10, §25.1). */
import { badHeader } from "../message/parse-error.ts";
import { isIn, skipQuoted, skipSpace, spanOf, TOKEN, trimEnd } from "./character.ts";
import { checkParams, paramValue } from "./params.ts";
import { endOfValue } from "./via.ts";

export interface NameAddress {
  /** The URI as written, without angle brackets. */
  readonly uri: string;
  /** Index of the URI in the text. */
  readonly uriStart: number;
  /** Where the header parameters stand: from here to `end`. */
  readonly paramsStart: number;
  readonly start: number;
  readonly end: number;
}

/**
 * Reads the value that starts at `from`; a comma outside quotes and brackets, or `to`, ends it.
 * @throws SipParseError (400) where it breaks the grammar
 */
export function parseNameAddress(text: string, from: number, to: number): NameAddress {
  const start = skipSpace(text, from, to);
  const plain = plainAddress(text, start, to);
  if (plain !== null) return plain;
  const open = endOfDisplayName(text, start, to);
  if (open < 0) return addressSpec(text, start, to);
  const close = text.indexOf(">", open);
  if (close < 0 || close >= to) throw badHeader("< without >", open);
  const comma = endOfValue(text, close + 1, to);
  const end = trimEnd(text, close + 1, comma);
  checkParams(text, close + 1, end);
  const uriStart = skipSpace(text, open + 1, close);
  const uri = text.slice(uriStart, trimEnd(text, uriStart, close));
  if (uri === "") throw badHeader("an empty URI", open);
  return { uri, uriStart, paramsStart: close + 1, start, end };
}

/** `<uri>` with nothing behind it, or `;tag=token`: how nearly all From and To are written. null for any other. */
function plainAddress(text: string, start: number, to: number): NameAddress | null {
  if (text.charCodeAt(start) !== 60) return null;
  const close = text.indexOf(">", start);
  if (close < 0 || close >= to || text.charCodeAt(start + 1) <= 32 || text.charCodeAt(close - 1) <= 32)
    return null;
  if (close === start + 1) return null;
  const isTag = text.startsWith(";tag=", close + 1);
  if (close + 1 !== to && (!isTag || close + 6 >= to || spanOf(TOKEN, text, close + 6, to) !== to))
    return null;
  return { uri: text.slice(start + 1, close), uriStart: start + 1, paramsStart: close + 1, start, end: to };
}

/** Value of a header parameter such as `tag`; "" for a flag; null where absent. */
export function addressParam(text: string, address: NameAddress, name: string): string | null {
  if (address.paramsStart === address.end) return null;
  return paramValue(text, address.paramsStart, address.end, name);
}

/** Index of the `<`; -1 where the value has none (addr-spec). */
function endOfDisplayName(text: string, start: number, to: number): number {
  if (text.charCodeAt(start) === 60) return start;
  if (text.charCodeAt(start) === 34) {
    const quoted = skipQuoted(text, start, to);
    if (quoted < 0) throw badHeader("a quoted string without its end", start);
    const open = skipSpace(text, quoted, to);
    if (open >= to || text.charCodeAt(open) !== 60) throw badHeader("expected < after a display name", open);
    return open;
  }
  // *(token LWS): letters of other alphabets are common in display names without quotes, and harmless here.
  let at = start;
  while (at < to) {
    const code = text.charCodeAt(at);
    if (code === 60) return at;
    if (!isIn(TOKEN, code) && code !== 32 && code !== 9 && code !== 13 && code !== 10 && code < 128)
      return -1;
    at++;
  }
  return -1;
}

/** Without brackets, what stands after the first `;` belongs to the header, not to the URI (RFC 3261 §20). */
function addressSpec(text: string, start: number, to: number): NameAddress {
  let at = start;
  while (at < to) {
    const code = text.charCodeAt(at);
    if (code === 59 || code === 44) break;
    if (code === 60 || code === 62 || code === 34 || code <= 32) {
      if (skipSpace(text, at, to) === trimmedStop(text, at, to)) break;
      throw badHeader("a character that an address can't have", at);
    }
    at++;
  }
  const uri = text.slice(start, at);
  if (uri.indexOf(":") <= 0) throw badHeader("an address without a scheme", start);
  const comma = endOfValue(text, at, to);
  const end = trimEnd(text, at, comma);
  checkParams(text, at, end);
  return { uri, uriStart: start, paramsStart: at, start, end };
}

/** Index of the next `;`, `,` or the end, where only white space stands before it; -1 otherwise. */
function trimmedStop(text: string, from: number, to: number): number {
  const at = skipSpace(text, from, to);
  if (at >= to) return to;
  const code = text.charCodeAt(at);
  return code === 59 || code === 44 ? at : -1;
}
