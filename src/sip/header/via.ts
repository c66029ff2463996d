/** Via header values (RFC 3261 §20.42, §25.1; `rport` by RFC 3581 §3). */
import { equalsIgnoringCase } from "../message/header-name.ts";
import { badHeader } from "../message/parse-error.ts";
import { endOfHost } from "../uri.ts";
import { DIGIT, decimal, skipQuoted, skipSpace, spanOf, TOKEN } from "./character.ts";
import { endOfParamValue } from "./params.ts";

/** One Via value. Filled by {@link parseVia} in one pass over the text; nobody else writes to it. */
export class Via {
  /** In upper case: "UDP", "TCP", … */
  transport = "";
  /** In lower case; IPv6 in brackets. */
  host = "";
  /** 0: none given, so the default of the transport (RFC 3261 §18.1.1). */
  port = 0;
  /** "" where there is none: an RFC 2543 sender. */
  branch = "";
  /** "" where there is none. */
  received = "";
  /** "": the sender asks for it; null: not there; else the port that a hop filled in. */
  rport: string | null = null;
  /** Index after the name of an `rport` without value; -1 where there is none. */
  rportEnd = -1;
  maddr: string | null = null;
  /** May requests to the sender go over the connection that this came by (RFC 5923 §5)? */
  alias = false;
  /** Where the value stands in the text that it was read from. */
  start = 0;
  end = 0;
  /** Index of the end of sent-by: where parameters start. */
  sentByEnd = 0;
}

/**
 * Reads the Via value that starts at `from`; a comma or `to` ends it.
 * @throws SipParseError (400) where it breaks the grammar
 */
export function parseVia(text: string, from: number, to: number): Via {
  const via = new Via();
  via.start = skipSpace(text, from, to);
  let at = protocol(text, via.start, to);
  const transportEnd = spanOf(TOKEN, text, at, to);
  if (transportEnd === at) throw badHeader("a Via without a transport", at);
  via.transport = transportName(text, at, transportEnd);
  at = skipSpace(text, transportEnd, to);
  if (at === transportEnd) throw badHeader("a Via without a sent-by", at);
  const hostEnd = endOfHost(text, at);
  via.host = lowerHost(text.slice(at, hostEnd));
  via.sentByEnd = hostEnd;
  at = skipSpace(text, hostEnd, to);
  if (at < to && text.charCodeAt(at) === 58) {
    at = skipSpace(text, at + 1, to);
    via.sentByEnd = spanOf(DIGIT, text, at, to);
    via.port = decimal(text, at, via.sentByEnd, 65_535);
    if (via.port <= 0) throw badHeader("a Via with a port that is not 1 to 65535", at);
  }
  via.end = readParams(via, text, to);
  return via;
}

/** @returns index after the last parameter, before a comma. @throws SipParseError where the grammar is broken */
function readParams(via: Via, text: string, to: number): number {
  let at = via.sentByEnd;
  for (;;) {
    const last = at;
    at = skipSpace(text, at, to);
    if (at >= to || text.charCodeAt(at) === 44) return last;
    if (text.charCodeAt(at) !== 59) throw badHeader("expected ; before a parameter", at);
    const start = skipSpace(text, at + 1, to);
    const nameEnd = spanOf(TOKEN, text, start, to);
    if (nameEnd === start) throw badHeader("a parameter without a name", start);
    const equals = skipSpace(text, nameEnd, to);
    if (equals < to && text.charCodeAt(equals) === 61) {
      const value = skipSpace(text, equals + 1, to);
      at = endOfParamValue(text, value, to);
      takeParam(via, text, { start, end: nameEnd, value: text.slice(value, at) });
    } else {
      at = nameEnd;
      takeParam(via, text, { start, end: nameEnd, value: "" });
      if (via.rport === "" && via.rportEnd < 0) via.rportEnd = nameEnd;
    }
  }
}

function takeParam(via: Via, text: string, param: { start: number; end: number; value: string }): void {
  const { start, value } = param;
  // The length tells the four apart from each other and, nearly always, from the rest.
  switch (param.end - start) {
    case 5:
      if (equalsIgnoringCase(text, start, "rport")) via.rport ??= value;
      else if (equalsIgnoringCase(text, start, "maddr")) via.maddr ??= value;
      else if (equalsIgnoringCase(text, start, "alias")) via.alias = true;
      break;
    case 6:
      if (equalsIgnoringCase(text, start, "branch")) via.branch ||= value;
      break;
    case 8:
      if (equalsIgnoringCase(text, start, "received")) via.received ||= value;
      break;
  }
}

/** Numeric hosts, which most are, have no letters to fold. */
function lowerHost(host: string): string {
  for (let at = 0; at < host.length; at++) if (host.charCodeAt(at) > 57) return host.toLowerCase();
  return host;
}

/** Index of the comma that ends the value in which `from` stands, or `to`. */
export function endOfValue(text: string, from: number, to: number): number {
  let at = from;
  while (at < to) {
    const code = text.charCodeAt(at);
    if (code === 44) return at;
    if (code === 34) {
      at = skipQuoted(text, at, to);
      if (at < 0) throw badHeader("a quoted string without its end", from);
    } else at++;
  }
  return to;
}

/** The usual two without a copy. */
function transportName(text: string, from: number, to: number): string {
  if (text.startsWith("UDP", from) && to === from + 3) return "UDP";
  if (text.startsWith("TCP", from) && to === from + 3) return "TCP";
  return text.slice(from, to).toUpperCase();
}

/** Index after `SIP / 2.0 /`, between whose parts white space may stand (RFC 3261 §25.1 SLASH). */
function protocol(text: string, start: number, to: number): number {
  if (text.startsWith("SIP/2.0/", start)) return skipSpace(text, start + 8, to);
  let at = start;
  for (const part of ["sip", "/", "2.0", "/"]) {
    at = skipSpace(text, at, to);
    if (at + part.length > to || !equalsIgnoringCase(text, at, part))
      throw badHeader("a Via that is not SIP/2.0", at);
    at += part.length;
  }
  return skipSpace(text, at, to);
}
