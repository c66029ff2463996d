/**
 * Arbitraries of valid SIP messages in odd spelling, each with the truth about itself: compact forms, odd case,
 * folds, quoted strings with escapes, IPv6 references, several values a line, any order of headers
 * (RFC 3261 §7.3.1, §7.3.3, §25.1). A truth is what a right parser must read.
 */
import fc from "fast-check";
import {
  ALPHANUM,
  anyHost,
  anyIpv4,
  anyIpv6,
  anyPort,
  anySipUri,
  anyTelUri,
  anyToken,
  anyWord,
  LETTERS,
  stringOf,
  type UriTruth,
} from "./uris.ts";

export interface ViaTruth {
  /** In upper case. */
  readonly transport: string;
  readonly host: string;
  readonly port: number;
  readonly branch: string;
  readonly received: string;
  /** "": a flag; null: absent. */
  readonly rport: string | null;
}

export interface AddressTruth {
  readonly uri: UriTruth;
  /** "": none. */
  readonly tag: string;
}

interface CommonTruth {
  /** The message as latin1 text, ready for parseMessage. */
  readonly text: string;
  readonly vias: readonly ViaTruth[];
  readonly from: AddressTruth;
  readonly to: AddressTruth;
  readonly callId: string;
  readonly cseq: { readonly number: number; readonly method: string };
  readonly contacts: readonly UriTruth[];
  readonly routes: readonly UriTruth[];
  readonly recordRoutes: readonly UriTruth[];
  /** null: no such header. */
  readonly maxForwards: number | null;
  /** null: no such header. */
  readonly contentLength: number | null;
  /** Header lines as they stand in the text, folds and all, without the last CRLF. */
  readonly lines: readonly string[];
  readonly body: string;
}

export interface RequestTruth extends CommonTruth {
  readonly kind: "request";
  readonly method: string;
  readonly uri: UriTruth;
}

export interface ResponseTruth extends CommonTruth {
  readonly kind: "response";
  readonly status: number;
  readonly reason: string;
}

export type MessageTruth = RequestTruth | ResponseTruth;

/** Where the grammar has SWS or LWS, the next of these is written; the list is gone through in a circle. */
class Spaces {
  private readonly list: readonly string[];
  private next = 0;

  constructor(list: readonly string[]) {
    this.list = list;
  }

  /** SWS: may be nothing (RFC 3261 §25.1). */
  optional(): string {
    const space = this.list[this.next++ % this.list.length];
    return space ?? "";
  }

  /** LWS: at least one space. */
  needed(): string {
    return this.optional() || " ";
  }

  /** Before HCOLON: no fold there (RFC 3261 §25.1 HCOLON). */
  beforeColon(): string {
    return this.optional().replace(/\r\n/g, "");
  }
}

const anySpaces = fc.array(
  fc.oneof(
    { weight: 8, arbitrary: fc.constant("") },
    { weight: 4, arbitrary: fc.constant(" ") },
    fc.constantFrom("  ", "\t", " \t ", "\r\n ", " \r\n\t", "\r\n  "),
  ),
  { minLength: 1, maxLength: 24 },
);

const anyQuoted = fc
  .array(
    fc.oneof(
      { weight: 6, arbitrary: stringOf(`${ALPHANUM} .,;:<>@=()`, 1, 6) },
      fc.constantFrom('\\"', "\\\\", "\\x", "\xc3\xa9", "\\\x01", "\t"),
    ),
    { maxLength: 4 },
  )
  .map((parts) => `"${parts.join("")}"`);

const anyDisplayName = fc.oneof(
  { weight: 3, arbitrary: fc.constant("") },
  { weight: 3, arbitrary: anyQuoted },
  fc
    .array(stringOf(`${ALPHANUM}-.!%*_+\`'~`, 1, 6), { minLength: 1, maxLength: 3 })
    .map((words) => words.join(" ")),
);

/** Header parameters that no parser knows, distinct in name. */
const anyGenericParams = fc
  .array(
    fc.tuple(
      stringOf(LETTERS, 1, 6),
      fc.oneof(
        fc.constant(null),
        anyToken,
        anyQuoted,
        anyIpv6.map((address) => `[${address}]`),
      ),
    ),
    { maxLength: 2 },
  )
  .map((params) => params.map(([name, value], index) => [`x${index}${name}`, value] as const));

type Param = readonly [name: string, value: string | null];

function writeParams(params: readonly Param[], spaces: Spaces): string {
  return params
    .map(([name, value]) => {
      const start = `${spaces.optional()};${spaces.optional()}${name}`;
      return value === null ? start : `${start}${spaces.optional()}=${spaces.optional()}${value}`;
    })
    .join("");
}

interface AddressParts {
  readonly uri: UriTruth;
  readonly display: string;
  readonly bare: boolean;
  readonly tag: string;
  readonly others: readonly Param[];
  readonly tagFirst: boolean;
}

function anyAddress(uri: fc.Arbitrary<UriTruth>, tag: fc.Arbitrary<string>): fc.Arbitrary<AddressParts> {
  return fc.record({
    uri,
    display: anyDisplayName,
    bare: fc.boolean(),
    tag,
    others: anyGenericParams,
    tagFirst: fc.boolean(),
  });
}

function writeAddress(address: AddressParts, spaces: Spaces): string {
  const { uri, display, tag } = address;
  // Without <> a URI may have no ; ? or , of its own (RFC 3261 §20.10).
  const bare = address.bare && display === "" && !/[;?,]/.test(uri.text);
  const tagged: Param[] = tag === "" ? [] : [["tag", tag]];
  const params = writeParams(
    address.tagFirst ? [...tagged, ...address.others] : [...address.others, ...tagged],
    spaces,
  );
  if (bare) return `${uri.text}${params}`;
  const name =
    display === "" ? "" : `${display}${display.startsWith('"') ? spaces.optional() : spaces.needed()}`;
  return `${name}<${uri.text}>${params}`;
}

const anyVia = fc.record({
  transport: fc.constantFrom("UDP", "TCP", "TLS", "SCTP", "WS", "WSS", "udp", "Tcp"),
  host: anyHost,
  port: anyPort,
  branch: fc.oneof(
    { weight: 5, arbitrary: anyToken.map((token) => `z9hG4bK${token}`) },
    anyToken,
    fc.constant(""),
  ),
  received: fc.oneof({ weight: 4, arbitrary: fc.constant("") }, anyIpv4, fc.constant("2001:db8::9:255")),
  rport: fc.oneof(fc.constant(null), fc.constant(""), fc.constantFrom("5060", "19823")),
  others: anyGenericParams,
});

type ViaParts = typeof anyVia extends fc.Arbitrary<infer T> ? T : never;

function writeVia(via: ViaParts, spaces: Spaces): string {
  const params: Param[] = [];
  if (via.rport !== null) params.push(["rport", via.rport === "" ? null : via.rport]);
  if (via.branch !== "") params.push(["branch", via.branch]);
  params.push(...via.others);
  if (via.received !== "") params.push(["Received", via.received]);
  const slash = () => `${spaces.optional()}/${spaces.optional()}`;
  const port = via.port === 0 ? "" : `${spaces.optional()}:${spaces.optional()}${via.port}`;
  return `SIP${slash()}2.0${slash()}${via.transport}${spaces.needed()}${via.host}${port}${writeParams(params, spaces)}`;
}

function viaTruth(via: ViaParts): ViaTruth {
  const { transport, host, port, branch, received, rport } = via;
  return { transport: transport.toUpperCase(), host: host.toLowerCase(), port, branch, received, rport };
}

const COMPACT: Readonly<Record<string, string>> = {
  Via: "v",
  From: "f",
  To: "t",
  "Call-ID": "i",
  Contact: "m",
  "Content-Length": "l",
  "Content-Type": "c",
  Subject: "s",
  Supported: "k",
};

/** 0: as in the RFC, 1: upper, 2: lower, 3: compact, 4: compact in upper case. */
function spellName(name: string, spelling: number): string {
  const compact = COMPACT[name] ?? name;
  return [name, name.toUpperCase(), name.toLowerCase(), compact, compact.toUpperCase()][spelling] ?? name;
}

const anyMethod = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.constantFrom(
      "INVITE",
      "ACK",
      "BYE",
      "CANCEL",
      "OPTIONS",
      "REGISTER",
      "INFO",
      "MESSAGE",
      "REFER",
    ),
  },
  stringOf(`${LETTERS}-.!%*_+\`'~`, 1, 12),
);

/** Headers that a proxy never reads: name and value. The empty value and the semicolons are legal (RFC 4475 §3.1.1.1). */
const anyOtherHeader: fc.Arbitrary<readonly [string, string]> = fc.oneof(
  fc.constantFrom<readonly [string, string]>(
    ["Subject", ""],
    ["User-Agent", "Unit/1.0 (a (nested) comment)"],
    ["Allow", "INVITE, ACK,BYE"],
    ["Supported", "100rel, timer"],
    ["X-Odd", ";;,,;;,;"],
    ["Date", "Sat, 13 Nov 2010 23:29:00 GMT"],
    ["P-Asserted-Identity", '"A, B" <sip:+15551234@example.com>'],
  ),
  fc.tuple(
    stringOf(`${LETTERS}-.!%*_+\`'~`, 3, 12).map((name) => `X-${name}`),
    fc
      .string({ unit: fc.constantFrom(...`${ALPHANUM} ,;:="<>\xd0\xb1`), maxLength: 24 })
      .map((value) => value.trim()),
  ),
);

const anyBody = fc.oneof(
  { weight: 3, arbitrary: fc.constant("") },
  fc.constant(
    "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 49217 RTP/AVP 0\r\n",
  ),
  fc.string({ unit: fc.constantFrom(..."\x00\xff\r\n ab:;"), maxLength: 40 }),
);

const anyCommon = fc.record({
  spaces: anySpaces,
  spellings: fc.array(fc.nat(4), { minLength: 1, maxLength: 8 }),
  order: fc.array(fc.nat(1_000), { minLength: 1, maxLength: 24 }),
  vias: fc.array(anyVia, { minLength: 1, maxLength: 4 }),
  from: anyAddress(
    fc.oneof({ weight: 6, arbitrary: anySipUri }, anyTelUri),
    fc.oneof({ weight: 5, arbitrary: anyToken }, fc.constant("")),
  ),
  to: anyAddress(
    fc.oneof({ weight: 6, arbitrary: anySipUri }, anyTelUri),
    fc.oneof(anyToken, fc.constant("")),
  ),
  callId: fc
    .tuple(anyWord, fc.option(anyWord, { nil: "" }))
    .map(([left, right]) => (right === "" ? left : `${left}@${right}`)),
  cseqNumber: fc.oneof(fc.nat(2_147_483_647), fc.constantFrom(0, 1, 2_147_483_647)),
  leadingZeros: fc.constantFrom("", "", "", "0", "000"),
  maxForwards: fc.option(fc.nat(255), { freq: 6 }),
  contacts: fc.array(anyAddress(anySipUri, fc.constant("")), { maxLength: 2 }),
  routes: fc.array(anyAddress(anySipUri, fc.constant("")), { maxLength: 3 }),
  recordRoutes: fc.array(anyAddress(anySipUri, fc.constant("")), { maxLength: 3 }),
  others: fc.array(anyOtherHeader, { maxLength: 4 }),
  joins: fc.array(fc.boolean(), { minLength: 1, maxLength: 6 }),
  body: anyBody,
  withLength: fc.boolean(),
});

type CommonParts = typeof anyCommon extends fc.Arbitrary<infer T> ? T : never;

/** Values of one header, each on a line of its own or behind a comma on the one before (RFC 3261 §7.3.1). */
function groupLines(values: readonly string[], joins: readonly boolean[], spaces: Spaces): string[] {
  const lines: string[] = [];
  values.forEach((value, index) => {
    if (index > 0 && joins[index % joins.length] === true) {
      lines.push(`${lines.pop()}${spaces.optional()},${spaces.optional()}${value}`);
    } else lines.push(value);
  });
  return lines;
}

/** Any order between headers; the values of one header keep theirs. */
function shuffle(groups: readonly (readonly string[])[], order: readonly number[]): string[] {
  const waiting = groups.map((lines) => [...lines]).filter((lines) => lines.length > 0);
  const result: string[] = [];
  while (waiting.length > 0) {
    const at = (order[result.length % order.length] ?? 0) % waiting.length;
    const line = waiting[at]?.shift();
    if (line !== undefined) result.push(line);
    if (waiting[at]?.length === 0) waiting.splice(at, 1);
  }
  return result;
}

/** < and > always: RFC 3261 §20.30, §20.34 have name-addr only. */
function routeLike(addresses: readonly AddressParts[]): AddressParts[] {
  return addresses.map((address) => ({ ...address, bare: false, tag: "" }));
}

function write(startLine: string, parts: CommonParts, method: string): CommonTruth {
  const { spellings, joins, body } = parts;
  const spaces = new Spaces(parts.spaces);
  let spelled = 0;
  const line = (name: string, value: string): string => {
    const spelling = spellings[spelled++ % spellings.length] ?? 0;
    return `${spellName(name, spelling)}${spaces.beforeColon()}:${spaces.optional()}${value}`;
  };
  const list = (name: string, values: readonly string[]) =>
    groupLines(values, joins, spaces).map((value) => line(name, value));
  const single = (name: string, value: string) => [line(name, value)];
  const routes = routeLike(parts.routes);
  const recordRoutes = routeLike(parts.recordRoutes);
  const hasLength = parts.withLength || body !== "";
  const zeros = parts.leadingZeros;
  const groups = [
    list(
      "Via",
      parts.vias.map((via) => writeVia(via, spaces)),
    ),
    single("From", writeAddress(parts.from, spaces)),
    single("To", writeAddress(parts.to, spaces)),
    single("Call-ID", parts.callId),
    single("CSeq", `${zeros}${parts.cseqNumber}${spaces.needed()}${method}`),
    parts.maxForwards === null ? [] : single("Max-Forwards", `${zeros}${parts.maxForwards}`),
    list(
      "Contact",
      parts.contacts.map((address) => writeAddress(address, spaces)),
    ),
    list(
      "Route",
      routes.map((address) => writeAddress(address, spaces)),
    ),
    list(
      "Record-Route",
      recordRoutes.map((address) => writeAddress(address, spaces)),
    ),
    ...parts.others.map(([name, value]) => single(name, value)),
    hasLength ? single("Content-Length", `${zeros}${body.length}`) : [],
  ];
  const lines = shuffle(groups, parts.order);
  return {
    text: `${startLine}\r\n${lines.join("\r\n")}\r\n\r\n${body}`,
    vias: parts.vias.map(viaTruth),
    from: { uri: parts.from.uri, tag: parts.from.tag },
    to: { uri: parts.to.uri, tag: parts.to.tag },
    callId: parts.callId,
    cseq: { number: parts.cseqNumber, method },
    contacts: parts.contacts.map((address) => address.uri),
    routes: routes.map((address) => address.uri),
    recordRoutes: recordRoutes.map((address) => address.uri),
    maxForwards: parts.maxForwards,
    contentLength: hasLength ? body.length : null,
    lines,
    body,
  };
}

/** A valid request; some are oddly spelled, all must be accepted. */
export const anyRequest: fc.Arbitrary<RequestTruth> = fc
  .tuple(anyMethod, fc.oneof({ weight: 8, arbitrary: anySipUri }, anyTelUri), anyCommon)
  .map(([method, uri, parts]) => ({
    kind: "request",
    method,
    uri,
    ...write(`${method} ${uri.text} SIP/2.0`, parts, method),
  }));

/** A valid response, its reason phrase at times empty or in UTF-8. */
export const anyResponse: fc.Arbitrary<ResponseTruth> = fc
  .tuple(
    fc.oneof(
      fc.constantFrom(100, 180, 183, 200, 302, 404, 486, 503, 603),
      fc.integer({ min: 100, max: 699 }),
    ),
    fc.oneof(
      fc.constantFrom("OK", "", "Not Found", "= 2**3", "\xd0\xbd\xd0\xbe"),
      stringOf(`${ALPHANUM} :/-`, 0, 20),
    ),
    anyMethod,
    anyCommon,
  )
  .map(([status, reason, method, parts]) => ({
    kind: "response",
    status,
    reason,
    ...write(`SIP/2.0 ${status} ${reason}`, parts, method),
  }));

export const anyMessage: fc.Arbitrary<MessageTruth> = fc.oneof(
  { weight: 3, arbitrary: anyRequest },
  { weight: 1, arbitrary: anyResponse },
);
