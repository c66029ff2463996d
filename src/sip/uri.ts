/** SIP, SIPS and tel URIs (RFC 3261 §19.1, RFC 3966), as far as a proxy reads them. */
import ipaddr from "ipaddr.js";
import {
  DIGIT,
  decimal,
  HOST,
  IPV6,
  isIn,
  PARAM,
  SCHEME,
  SCHEME_START,
  spanEscaped,
  spanOf,
  URI_HEADER,
  USER,
} from "./header/character.ts";
import { paramValue } from "./header/params.ts";
import { equalsIgnoringCase } from "./message/header-name.ts";
import { badHeader } from "./message/parse-error.ts";

export interface SipUri {
  readonly scheme: "sip" | "sips" | "tel";
  /** As written, escapes kept; "" where there is none. The whole number for tel. */
  readonly user: string;
  readonly password: string;
  /** In lower case; an IPv6 reference keeps its brackets. "" for tel. */
  readonly host: string;
  /** 0: none given. */
  readonly port: number;
  /** With the leading `;`, or "". */
  readonly params: string;
  /** With the leading `?`, or "". */
  readonly headers: string;
}

/** Scheme of a URI in lower case, without the colon; "" where the text has none. */
export function schemeOf(text: string): string {
  if (text.startsWith("sip:")) return "sip";
  const colon = text.indexOf(":");
  if (colon <= 0 || !isIn(SCHEME_START, text.charCodeAt(0)) || spanOf(SCHEME, text, 0, colon) !== colon)
    return "";
  return text.slice(0, colon).toLowerCase();
}

/**
 * Parses one URI; nothing may stand before or after it.
 * @throws SipParseError (400) where it breaks the grammar or has another scheme than sip, sips, tel
 */
export function parseUri(text: string): SipUri {
  if (equalsIgnoringCase(text, 0, "sip:")) return parseSip(text, "sip", 4);
  if (equalsIgnoringCase(text, 0, "sips:")) return parseSip(text, "sips", 5);
  if (equalsIgnoringCase(text, 0, "tel:")) return parseTel(text);
  throw badHeader("a URI that is neither sip, sips nor tel", 0);
}

/** Value of a URI parameter, "" for a flag, null where absent. */
export function uriParam(uri: SipUri, name: string): string | null {
  return uri.params === "" ? null : paramValue(uri.params, 0, uri.params.length, name);
}

/** The URI as text, ready for a start line or between angle brackets. */
export function formatUri(uri: SipUri): string {
  if (uri.scheme === "tel") return `tel:${uri.user}${uri.params}`;
  const password = uri.password === "" ? "" : `:${uri.password}`;
  const user = uri.user === "" ? "" : `${uri.user}${password}@`;
  const port = uri.port === 0 ? "" : `:${uri.port}`;
  return `${uri.scheme}:${user}${uri.host}${port}${uri.params}${uri.headers}`;
}

/** An IP address as a host part: IPv6 in brackets. */
export function hostOf(address: string): string {
  return address.includes(":") ? `[${address}]` : address;
}

/** The reverse of {@link hostOf}. */
export function addressOf(host: string): string {
  return host.charCodeAt(0) === 91 ? host.slice(1, -1) : host;
}

/** Is the host a numeric address (and so needs no resolver, RFC 3263 §4.1)? */
export function isNumericHost(host: string): boolean {
  if (host.charCodeAt(0) === 91) return ipaddr.IPv6.isValid(host.slice(1, -1));
  let at = 0;
  for (let byte = 0; byte < 4; byte++) {
    const end = spanOf(DIGIT, host, at, host.length);
    if (!isDecimalByte(host, at, end)) return false;
    if (byte < 3 && host.charCodeAt(end) !== 46) return false;
    at = end + 1;
  }
  return at === host.length + 1;
}

/** 0 to 255 without leading zeros, which some read as octal. */
function isDecimalByte(text: string, from: number, to: number): boolean {
  const isShort = to === from + 1 || (to <= from + 3 && text.charCodeAt(from) !== 48);
  return isShort && decimal(text, from, to, 255) >= 0;
}

function parseSip(text: string, scheme: "sip" | "sips", start: number): SipUri {
  const length = text.length;
  const at = text.indexOf("@", start);
  let user = "";
  let password = "";
  let host = start;
  if (at >= 0) {
    const userEnd = spanEscaped(USER, text, start, at);
    user = text.slice(start, userEnd);
    if (userEnd === start) throw badHeader("an empty or malformed user part", userEnd);
    if (userEnd < at) {
      if (text.charCodeAt(userEnd) !== 58)
        throw badHeader("a character that a user part can't have", userEnd);
      const passwordEnd = spanEscaped(USER, text, userEnd + 1, at);
      if (passwordEnd < at) throw badHeader("a character that a password can't have", passwordEnd);
      password = text.slice(userEnd + 1, at);
    }
    host = at + 1;
  }
  const hostEnd = endOfHost(text, host);
  let end = hostEnd;
  let port = 0;
  if (text.charCodeAt(end) === 58) {
    const portEnd = spanOf(DIGIT, text, end + 1, length);
    port = decimal(text, end + 1, portEnd, 65_535);
    if (port <= 0) throw badHeader("a port that is not 1 to 65535", end + 1);
    end = portEnd;
  }
  const paramsEnd = endOfParams(text, end);
  const headersEnd = endOfHeaders(text, paramsEnd);
  if (headersEnd !== length) throw badHeader("a character that a URI can't have", headersEnd);
  return {
    scheme,
    user,
    password,
    host: text.slice(host, hostEnd).toLowerCase(),
    port,
    params: text.slice(end, paramsEnd),
    headers: text.slice(paramsEnd),
  };
}

/** Index after the host that starts at `from` (RFC 3261 §25.1 host). */
export function endOfHost(text: string, from: number): number {
  if (text.charCodeAt(from) === 91) {
    const end = spanOf(IPV6, text, from + 1, text.length);
    if (text.charCodeAt(end) !== 93 || end === from + 1) throw badHeader("a malformed IPv6 reference", from);
    return end + 1;
  }
  const end = spanOf(HOST, text, from, text.length);
  if (end === from) throw badHeader("an empty or malformed host", from);
  return end;
}

function endOfParams(text: string, from: number): number {
  let at = from;
  while (text.charCodeAt(at) === 59) {
    const nameEnd = spanEscaped(PARAM, text, at + 1, text.length);
    if (nameEnd === at + 1) throw badHeader("a URI parameter without a name", nameEnd);
    at = nameEnd;
    if (text.charCodeAt(at) === 61) {
      const valueEnd = spanEscaped(PARAM, text, at + 1, text.length);
      if (valueEnd === at + 1) throw badHeader("a URI parameter without a value", valueEnd);
      at = valueEnd;
    }
  }
  return at;
}

function endOfHeaders(text: string, from: number): number {
  return text.charCodeAt(from) === 63 ? spanEscaped(URI_HEADER, text, from + 1, text.length) : from;
}

/** Numbers are compared and matched by their user part only, so a tel URI keeps it in `user` (RFC 3966 §3). */
function parseTel(text: string): SipUri {
  const end = text.indexOf(";", 4);
  const numberEnd = end < 0 ? text.length : end;
  const user = text.slice(4, numberEnd);
  if (user === "") throw badHeader("a tel URI without a number", 4);
  for (let at = 4; at < numberEnd; at++) {
    const code = text.charCodeAt(at);
    const visual = code === 45 || code === 46 || code === 40 || code === 41;
    const lower = code | 32;
    const digit = (code >= 48 && code <= 57) || code === 42 || code === 35 || (lower >= 97 && lower <= 102);
    if (!visual && !digit && !(code === 43 && at === 4))
      throw badHeader("a character that a number can't have", at);
  }
  const paramsEnd = endOfParams(text, numberEnd);
  if (paramsEnd !== text.length) throw badHeader("a character that a URI can't have", paramsEnd);
  return { scheme: "tel", user, password: "", host: "", port: 0, params: text.slice(numberEnd), headers: "" };
}
