/** Parameters of header fields and URIs: `;name=value` lists (RFC 3261 §7.3.1, §19.1.1). */
import { equalsIgnoringCase } from "../message/header-name.ts";
import { badHeader } from "../message/parse-error.ts";
import { IPV6, isIn, skipQuoted, skipSpace, spanOf, TOKEN, trimEnd } from "./character.ts";

/**
 * Value of one parameter in the list that stands in `text` from `from` to `to`.
 * @param name in lower case
 * @returns the value without white space and, where quoted, with its quotes; "" for a flag; null where absent
 */
export function paramValue(text: string, from: number, to: number, name: string): string | null {
  let at = from;
  while (at < to) {
    const code = text.charCodeAt(at);
    if (code === 34) {
      at = skipQuoted(text, at, to);
      if (at < 0) return null;
      continue;
    }
    if (code !== 59) {
      at++;
      continue;
    }
    at = skipSpace(text, at + 1, to);
    const nameEnd = at + name.length;
    if (nameEnd > to || !equalsIgnoringCase(text, at, name)) continue;
    const next = skipSpace(text, nameEnd, to);
    if (next >= to || text.charCodeAt(next) === 59) return "";
    if (text.charCodeAt(next) !== 61) continue;
    const start = skipSpace(text, next + 1, to);
    return text.slice(start, trimEnd(text, start, valueEnd(text, start, to)));
  }
  return null;
}

function valueEnd(text: string, start: number, to: number): number {
  if (text.charCodeAt(start) === 34) {
    const end = skipQuoted(text, start, to);
    return end < 0 ? to : end;
  }
  const end = text.indexOf(";", start);
  return end < 0 || end > to ? to : end;
}

/**
 * Checks a list of generic-params (RFC 3261 §25.1) that starts with `;` or is empty.
 * @throws SipParseError at the first character that the grammar does not allow
 */
export function checkParams(text: string, from: number, to: number): void {
  let at = skipSpace(text, from, to);
  while (at < to) {
    if (text.charCodeAt(at) !== 59) throw badHeader("expected ; before a parameter", at);
    at = skipSpace(text, at + 1, to);
    const nameEnd = spanOf(TOKEN, text, at, to);
    if (nameEnd === at) throw badHeader("a parameter without a name", at);
    at = skipSpace(text, nameEnd, to);
    if (at >= to || text.charCodeAt(at) !== 61) continue;
    at = skipSpace(text, endOfParamValue(text, skipSpace(text, at + 1, to), to), to);
  }
}

/**
 * Index after a gen-value: token, host (IPv6reference among them) or quoted-string.
 * @throws SipParseError where none stands there
 */
export function endOfParamValue(text: string, from: number, to: number): number {
  const code = text.charCodeAt(from);
  if (code === 34) {
    const end = skipQuoted(text, from, to);
    if (end < 0) throw badHeader("a quoted string without its end", from);
    return end;
  }
  if (code === 91) {
    const end = spanOf(IPV6, text, from + 1, to);
    if (text.charCodeAt(end) !== 93 || end >= to) throw badHeader("an IPv6 reference without its ]", from);
    return end + 1;
  }
  let at = from;
  // A bare IPv6 address as `received` has colons (RFC 5118 §4.5 wants it taken).
  while (at < to && (isIn(TOKEN, text.charCodeAt(at)) || text.charCodeAt(at) === 58)) at++;
  if (at === from) throw badHeader("a parameter without a value", from);
  return at;
}
