/** One SIP message: its text as it came, and a table of where its headers stand. Headers are decoded when asked for. */
import { DIGIT, decimal, HOST, isIn, skipSpace, spanOf, TOKEN, trimEnd } from "../header/character.ts";
import { addressParam, type NameAddress, parseNameAddress } from "../header/name-address.ts";
import { parseVia, type Via } from "../header/via.ts";
import { parseUri, type SipUri } from "../uri.ts";
import {
  CALL_ID,
  CONTENT_LENGTH,
  CSEQ,
  equalsIgnoringCase,
  FROM,
  headerId,
  MAX_FORWARDS,
  OTHER,
  TO,
  VIA,
} from "./header-name.ts";
import {
  CSEQ_MAX,
  HEAD_BYTES_MAX,
  HEADERS_MAX,
  MAX_FORWARDS_MAX,
  MESSAGE_BYTES_MAX,
  URI_BYTES_MAX,
} from "./limits.ts";
import { badHeader, badStartLine, SipParseError } from "./parse-error.ts";

/** Numbers a header takes in {@link SipMessage.table}: id, start of the line, start of the value, end of the line. */
const ROW = 4;

export class SipMessage {
  /** latin1 text; what lay behind the body that Content-Length names is cut (RFC 3261 §18.3). */
  readonly raw: string;
  /** "" for a response. Case matters (RFC 3261 §7.1). */
  readonly method: string;
  /** Request-URI as written; "" for a response. */
  readonly uri: string;
  /** 0 for a request. */
  readonly status: number;
  /** Index of the first header line. */
  readonly headersStart: number;
  /** Index of the empty line that ends the headers. */
  readonly headersEnd: number;
  private readonly table: readonly number[];
  private readonly seen: number;
  private readonly repeated: number;
  private uriRead: SipUri | null = null;
  private topViaRead: Via | null = null;
  private fromRead: NameAddress | null = null;
  private toRead: NameAddress | null = null;
  private fromTagRead: string | null = null;
  private toTagRead: string | null = null;
  private callIdRead: string | null = null;
  private cseqNumberRead = -1;
  private cseqMethodRead = "";

  constructor(parts: StartLine, raw: string, headers: HeaderTable) {
    this.raw = raw;
    this.method = parts.method;
    this.uri = parts.uri;
    this.status = parts.status;
    this.headersStart = parts.next;
    this.headersEnd = headers.headersEnd;
    this.table = headers.table;
    this.seen = headers.seen;
    this.repeated = headers.repeated;
  }

  get isRequest(): boolean {
    return this.status === 0;
  }

  /** The Request-URI, read once. @throws SipParseError where it is malformed or of another scheme than sip, sips, tel */
  get requestUri(): SipUri {
    this.uriRead ??= parseUri(this.uri);
    return this.uriRead;
  }

  /** Body as it came, "" where there is none. */
  get body(): string {
    return this.raw.slice(this.headersEnd + 2);
  }

  get rows(): number {
    return this.table.length / ROW;
  }

  /** First row with this header from row `from` on; -1 where there is none. */
  find(id: number, from = 0): number {
    if ((this.seen & (1 << id)) === 0) return -1; // most of what is looked for is in few messages
    const { table } = this;
    for (let at = from * ROW; at < table.length; at += ROW) if (table[at] === id) return at / ROW;
    return -1;
  }

  idAt(row: number): number {
    return this.table[row * ROW] ?? OTHER;
  }

  /** Index of the first character of the row's line. */
  lineStart(row: number): number {
    return this.table[row * ROW + 1] ?? 0;
  }

  valueStart(row: number): number {
    return this.table[row * ROW + 2] ?? 0;
  }

  /** Index after the value: of the CRLF that ends the (folded) line. */
  valueEnd(row: number): number {
    return this.table[row * ROW + 3] ?? 0;
  }

  /** Value of the row, trimmed, folds kept as they came. */
  valueAt(row: number): string {
    return this.raw.slice(this.valueStart(row), this.valueEnd(row));
  }

  /** Value of the first such header; null where absent. */
  value(id: number): string | null {
    const row = this.find(id);
    return row < 0 ? null : this.valueAt(row);
  }

  /** Value of the first header with a name that has no number of its own, compared without case; null where absent. */
  valueNamed(name: string): string | null {
    const lower = name.toLowerCase();
    for (let row = 0; row < this.rows; row++) {
      const start = this.lineStart(row);
      const end = spanOf(TOKEN, this.raw, start, this.valueEnd(row));
      if (end - start === lower.length && this.raw.slice(start, end).toLowerCase() === lower)
        return this.valueAt(row);
    }
    return null;
  }

  /** The topmost Via. @throws SipParseError where there is none or it is malformed */
  get topVia(): Via {
    if (this.topViaRead === null) {
      const row = this.find(VIA);
      if (row < 0) throw badHeader("no Via", 0);
      this.topViaRead = parseVia(this.raw, this.valueStart(row), this.valueEnd(row));
    }
    return this.topViaRead;
  }

  /** The Via below the topmost; null where there is none. @throws SipParseError where it is malformed */
  get secondVia(): Via | null {
    const row = this.find(VIA);
    const next = skipSpace(this.raw, this.topVia.end, this.valueEnd(row));
    if (next < this.valueEnd(row)) return parseVia(this.raw, next + 1, this.valueEnd(row));
    const second = this.find(VIA, row + 1);
    return second < 0 ? null : parseVia(this.raw, this.valueStart(second), this.valueEnd(second));
  }

  /** Is there a Via below the topmost? Cheaper than to read it. */
  get hasViaBelow(): boolean {
    const row = this.find(VIA);
    return (
      skipSpace(this.raw, this.topVia.end, this.valueEnd(row)) < this.valueEnd(row) ||
      this.find(VIA, row + 1) >= 0
    );
  }

  get from(): NameAddress {
    this.fromRead ??= this.address(FROM, "no From");
    return this.fromRead;
  }

  get to(): NameAddress {
    this.toRead ??= this.address(TO, "no To");
    return this.toRead;
  }

  /** "" where there is none (RFC 2543 sender). */
  get fromTag(): string {
    this.fromTagRead ??= addressParam(this.raw, this.from, "tag") ?? "";
    return this.fromTagRead;
  }

  /** "" outside a dialog. */
  get toTag(): string {
    this.toTagRead ??= addressParam(this.raw, this.to, "tag") ?? "";
    return this.toTagRead;
  }

  /** @throws SipParseError where there is none, or it is empty or has white space */
  get callId(): string {
    if (this.callIdRead === null) {
      const row = this.find(CALL_ID);
      const value = row < 0 ? "" : this.valueAt(row);
      if (value === "" || hasSpace(value)) throw badHeader("no Call-ID, or a malformed one", 0);
      this.callIdRead = value;
    }
    return this.callIdRead;
  }

  /** @throws SipParseError where it is missing, malformed or past 2**31-1 (RFC 3261 §8.1.1.5) */
  get cseqNumber(): number {
    if (this.cseqNumberRead < 0) this.readCseq();
    return this.cseqNumberRead;
  }

  /** @throws SipParseError as {@link cseqNumber} */
  get cseqMethod(): string {
    if (this.cseqNumberRead < 0) this.readCseq();
    return this.cseqMethodRead;
  }

  /** Does this header stand there more than once? */
  isRepeated(id: number): boolean {
    return this.isAnyRepeated(1 << id);
  }

  /** @param bits 1 << id for each header that is asked for */
  isAnyRepeated(bits: number): boolean {
    return (this.repeated & bits) !== 0;
  }

  /** null where absent. @throws SipParseError where it is not 0 to 255 */
  get maxForwards(): number | null {
    const row = this.find(MAX_FORWARDS);
    if (row < 0) return null;
    const value = decimal(this.raw, this.valueStart(row), this.valueEnd(row), MAX_FORWARDS_MAX);
    if (value < 0) throw badHeader("a Max-Forwards that is not 0 to 255", this.valueStart(row));
    return value;
  }

  private readCseq(): void {
    const { raw } = this;
    const row = this.find(CSEQ);
    if (row < 0) throw badHeader("no CSeq", 0);
    const start = this.valueStart(row);
    const end = this.valueEnd(row);
    const numberEnd = spanOf(DIGIT, raw, start, end);
    const number = decimal(raw, start, numberEnd, CSEQ_MAX);
    if (number < 0) throw badHeader("a CSeq number that is not 0 to 2147483647", start);
    const method = skipSpace(raw, numberEnd, end);
    if (method === numberEnd || method === end || spanOf(TOKEN, raw, method, end) !== end) {
      throw badHeader("a malformed CSeq", start);
    }
    this.cseqMethodRead = raw.slice(method, end);
    this.cseqNumberRead = number;
  }

  private address(id: number, missing: string): NameAddress {
    const row = this.find(id);
    if (row < 0) throw badHeader(missing, 0);
    const address = parseNameAddress(this.raw, this.valueStart(row), this.valueEnd(row));
    if (address.end !== this.valueEnd(row)) throw badHeader("several values in From or To", address.end);
    return address;
  }
}

interface HeaderTable {
  readonly table: readonly number[];
  readonly headersEnd: number;
  /** Bit 1 << id for each header that stands there, and for each that does so more than once. */
  readonly seen: number;
  readonly repeated: number;
}

interface StartLine {
  readonly method: string;
  readonly uri: string;
  readonly status: number;
  /** Index of the first header line. */
  readonly next: number;
}

/**
 * Finds where everything stands; decodes only the start line and Content-Length.
 * @param raw latin1 text of one whole message (a datagram, or what the stream framer cut)
 * @throws SipParseError with the status to answer
 */
export function parseMessage(raw: string): SipMessage {
  if (raw.length > MESSAGE_BYTES_MAX) throw tooLarge("message", MESSAGE_BYTES_MAX);
  const message = parseOwn(raw);
  if (message.uri.length > URI_BYTES_MAX) throw tooLarge("Request-URI", URI_BYTES_MAX, 414); // §21.4.12
  if (message.headersEnd > HEAD_BYTES_MAX) throw tooLarge("header section", HEAD_BYTES_MAX);
  if (message.rows > HEADERS_MAX) throw tooLarge("number of headers", HEADERS_MAX);
  return message;
}

/**
 * As {@link parseMessage}, without limits: for copies that we made ourselves, which are a few lines longer than what was let in.
 * @throws SipParseError
 */
export function parseOwn(raw: string): SipMessage {
  const line = isResponse(raw) ? statusLine(raw) : requestLine(raw);
  let size = 0;
  let at = line.next;
  let seen = 0;
  let repeated = 0;
  for (;;) {
    let end = lineFeed(raw, at);
    if (end === at) break;
    while (isFold(raw.charCodeAt(end + 2))) end = lineFeed(raw, end + 2);
    const bit = 1 << readRow(size, raw, at, end);
    size += ROW;
    repeated |= seen & bit;
    seen |= bit;
    at = end + 2;
  }
  const table = ROWS.slice(0, size);
  const whole = cutAtContentLength(raw, table, at);
  return new SipMessage(line, whole, { table, headersEnd: at, seen, repeated });
}

/**
 * Index of the next CRLF.
 * @throws SipParseError where none follows, or a CR or LF stands alone before it: the next element might read a line end
 * there, and so a header that nobody checked
 */
function lineFeed(raw: string, from: number): number {
  // Two searches for one character are cheaper than one for two.
  const at = raw.indexOf("\r", from);
  if (at < 0 || raw.indexOf("\n", from) !== at + 1) throw badHeader("a header line without its CRLF", from);
  return at;
}

/** White space as the latin1 readings of a message have it. */
function hasSpace(text: string): boolean {
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === 32 || code === 160 || (code >= 9 && code <= 13)) return true;
  }
  return false;
}

function isFold(code: number): boolean {
  return code === 32 || code === 9;
}

/** The table while it is read: one array for all messages, each of which gets a copy of the right size. No larger than the largest message needs. */
const ROWS: number[] = [];

/** Reads one header line into {@link ROWS} from `size` on. @returns its header number */
function readRow(size: number, raw: string, at: number, end: number): number {
  const colon = raw.indexOf(":", at);
  if (colon < 0 || colon >= end) throw badHeader("a header without a colon", at);
  const nameEnd = raw.charCodeAt(colon - 1) > 32 ? colon : trimEnd(raw, at, colon);
  const id = headerId(raw, at, nameEnd);
  if (nameEnd === at || (id === OTHER && spanOf(TOKEN, raw, at, nameEnd) !== nameEnd)) {
    throw badHeader("a malformed header name", at);
  }
  // One space before the value and none behind it is how nearly all are written.
  let start = colon + 1;
  if (raw.charCodeAt(start) === 32 && raw.charCodeAt(start + 1) > 32) start++;
  else start = skipSpace(raw, start, end);
  const valueEnd = raw.charCodeAt(end - 1) > 32 ? end : trimEnd(raw, start, end);
  ROWS[size] = id;
  ROWS[size + 1] = at;
  ROWS[size + 2] = start;
  ROWS[size + 3] = Math.max(start, valueEnd);
  return id;
}

/** Cuts what lies behind the body (RFC 3261 §18.3); a body shorter than promised is an error there. */
function cutAtContentLength(raw: string, table: readonly number[], headersEnd: number): string {
  const bodyStart = headersEnd + 2;
  let length = -1;
  for (let at = 0; at < table.length; at += ROW) {
    if (table[at] !== CONTENT_LENGTH) continue;
    const start = table[at + 2] ?? 0;
    const value = decimal(raw, start, table[at + 3] ?? 0, MESSAGE_BYTES_MAX);
    if (value < 0 || (length >= 0 && value !== length)) throw badHeader("a bad Content-Length", start);
    length = value;
  }
  if (length < 0 || bodyStart + length === raw.length) return raw;
  if (bodyStart + length > raw.length) throw badHeader("a body shorter than its Content-Length", bodyStart);
  return raw.slice(0, bodyStart + length);
}

/** Does the text begin as a response does? The name of the protocol has no case (RFC 3261 §7.1). */
export function isResponse(raw: string): boolean {
  return raw.startsWith("SIP/") || equalsIgnoringCase(raw, 0, "sip/");
}

/** Method SP Request-URI SP SIP-Version, one space each (RFC 3261 §7.1). */
function requestLine(raw: string): StartLine {
  const methodEnd = spanOf(TOKEN, raw, 0, Math.min(raw.length, URI_BYTES_MAX));
  if (methodEnd === 0 || raw.charCodeAt(methodEnd) !== 32) throw badStartLine("no method", methodEnd);
  const lineEnd = lineFeed(raw, methodEnd);
  const uriEnd = raw.indexOf(" ", methodEnd + 1);
  const uriStart = methodEnd + 1;
  if (uriEnd < 0 || uriEnd > lineEnd || uriEnd === uriStart) throw badStartLine("no Request-URI", uriStart);
  if (lineEnd !== uriEnd + 8 || !equalsIgnoringCase(raw, uriEnd + 1, "sip/2.0"))
    throw wrongVersion(raw, uriEnd + 1, lineEnd);
  return { method: raw.slice(0, methodEnd), uri: raw.slice(uriStart, uriEnd), status: 0, next: lineEnd + 2 };
}

/** SIP-Version SP Status-Code SP Reason-Phrase (RFC 3261 §7.2); the phrase may be empty. */
function statusLine(raw: string): StartLine {
  const lineEnd = lineFeed(raw, 0);
  if (!equalsIgnoringCase(raw, 0, "sip/2.0 ")) throw wrongVersion(raw, 0, raw.indexOf(" "));
  const status = decimal(raw, 8, 11, 699);
  const after = raw.charCodeAt(11);
  if (status < 100 || (after !== 32 && lineEnd !== 11))
    throw badStartLine("a status code that is not 100 to 699", 8);
  return { method: "", uri: "", status, next: lineEnd + 2 };
}

/** 505 for another version of SIP, 400 for what is no version (RFC 3261 §21.5.6). */
function wrongVersion(raw: string, start: number, end: number): SipParseError {
  const isVersion =
    equalsIgnoringCase(raw, start, "sip/") &&
    spanOf(HOST, raw, start + 4, end) === end &&
    isIn(HOST, raw.charCodeAt(start + 4));
  if (!isVersion || equalsIgnoringCase(raw, start, "sip/2.0"))
    return badStartLine("text behind the Request-URI", start);
  return new SipParseError("another version of SIP", { code: "SIP_VERSION", status: 505, offset: start });
}

function tooLarge(what: string, max: number, status: 414 | 513 = 513): SipParseError {
  return new SipParseError(`${what} beyond ${max}`, { code: "SIP_TOO_LARGE", status, offset: max });
}
