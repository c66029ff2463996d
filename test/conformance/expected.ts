/**
 * What RFC 4475 and RFC 5118 want of a proxy that gets one of their messages over UDP, from a peer that it knows
 * and for which it has a route. Data only; torture.test.ts runs it.
 */

export type Outcome = Readonly<{ forward: true } | { status: number } | { drop: true }>;

export interface TortureCase {
  /** Path below test/conformance/. */
  readonly file: string;
  /** Section of the RFC that the folder names. */
  readonly section: string;
  readonly kind: "request" | "response";
  /** What we do; one of those that the RFC allows. */
  readonly outcome: Outcome;
  /** What else the RFC allows. */
  readonly alsoAllowed?: readonly Outcome[];
  /** A response only: what we do with it when it answers a request that we forwarded (our Via put on top of it). */
  readonly answered?: Outcome;
  /**
   * A request inside a dialog: it gets a Route on top as our Record-Route would have made it. Without one it is none of
   * our dialogs, and is answered 481 (RFC 3261 §12.2.2).
   */
  readonly inDialog?: true;
  /** Well formed by the RFC. */
  readonly wellFormed: boolean;
  /**
   * What our parser does once every header that a proxy reads is asked for. It takes what is well formed, and also what
   * only the proxy's own checks find, or nobody but an endpoint.
   */
  readonly parser: "takes" | "refuses";
  /** What the message is about, and why we chose as we did. */
  readonly note: string;
}

const FORWARD: Outcome = { forward: true };
const DROP: Outcome = { drop: true };
const BAD_REQUEST: Outcome = { status: 400 };

type Row = readonly [
  name: string,
  section: string,
  outcome: Outcome,
  note: string,
  alsoAllowed?: readonly Outcome[],
];

/** Faults that the parser alone does not see: each is the proxy's to find, or harmless to it. */
const TAKEN_THOUGH_FAULTY: ReadonlySet<string> = new Set([
  "escruri",
  "baddate",
  "regbadct",
  "badaspec",
  "mismatch01",
  "mismatch02",
  "badbranch",
  "multi01",
  "ipv6-bug-abnf-3-colons",
]);
const IN_DIALOG: ReadonlySet<string> = new Set([
  "wsinv",
  "via-received-param-with-delim",
  "mult-ip-in-header",
]);

function requests(folder: string, wellFormed: boolean, rows: readonly Row[]): TortureCase[] {
  return rows.map(([name, section, outcome, note, alsoAllowed]) => ({
    file: `${folder}/${name}.dat`,
    section,
    kind: "request",
    outcome,
    ...(alsoAllowed === undefined ? {} : { alsoAllowed }),
    wellFormed,
    parser: wellFormed || TAKEN_THOUGH_FAULTY.has(name) ? "takes" : "refuses",
    ...(IN_DIALOG.has(name) ? { inDialog: true as const } : {}),
    note,
  }));
}

/** RFC 4475 section 3.1.1, and the later sections' messages without a fault of syntax. */
const VALID_REQUESTS = requests("rfc4475", true, [
  [
    "wsinv",
    "3.1.1.1",
    FORWARD,
    "folding, odd case, compact forms, leading zeros; unknown headers pass unchanged",
  ],
  ["intmeth", "3.1.1.2", FORWARD, "every character of token and of a user part", [{ status: 404 }]],
  ["esc01", "3.1.1.3", FORWARD, "escapes in URIs; unescaped at most once"],
  ["escnull", "3.1.1.4", FORWARD, "escaped NUL in user parts must not end a string"],
  ["esc02", "3.1.1.5", FORWARD, "% is no escape in a method, display name or header name", [{ status: 404 }]],
  ["lwsdisp", "3.1.1.6", FORWARD, "no space between display name and <"],
  ["longreq", "3.1.1.7", FORWARD, "long values, 34 Via header fields in every spelling"],
  ["dblreq", "3.1.1.8", FORWARD, "a second request behind the first in one datagram is thrown away"],
  ["semiuri", "3.1.1.9", FORWARD, "a semicolon inside the user part"],
  ["transports", "3.1.1.10", FORWARD, "every transport in Via, an unknown one too"],
  ["mpart01", "3.1.1.11", FORWARD, "a binary body with NUL bytes; a Route without lr that names us"],
  ["unkscm", "3.3.2", { status: 416 }, "unknown scheme in the Request-URI; To is not looked at to route it"],
  ["novelsc", "3.3.3", { status: 416 }, "a registered scheme that no SIP element serves", [{ status: 404 }]],
  ["unksm2", "3.3.4", FORWARD, "unknown schemes in To, From and Contact are nothing to a proxy"],
  ["bext01", "3.3.5", { status: 420 }, "Proxy-Require names what we do not support; Unsupported lists both"],
  ["invut", "3.3.6", FORWARD, "an unknown body type is the endpoint's business (415)"],
  ["regaut01", "3.3.7", FORWARD, "an unknown authorization scheme is the registrar's business"],
  [
    "zeromf",
    "3.3.11",
    { status: 200 },
    "Max-Forwards 0 in OPTIONS (RFC 3261 §16.3 item 3)",
    [{ status: 483 }],
  ],
  ["cparam01", "3.3.12", FORWARD, "an unknown parameter of Contact"],
  ["cparam02", "3.3.13", FORWARD, "an unknown parameter of Contact's URI"],
  ["regescrt", "3.3.14", FORWARD, "escaped headers in Contact's URI are stored, not obeyed"],
  ["sdp01", "3.3.15", FORWARD, "an Accept that nobody can serve is the endpoint's business (406)"],
  [
    "inv2543",
    "3.4.1",
    FORWARD,
    "RFC 2543: no branch, no From tag, no Max-Forwards; 70 is added (RFC 3261 §16.6 item 3)",
  ],
]);

/** RFC 4475 sections 3.1.2, 3.2 and 3.3 (faulty). */
const INVALID_REQUESTS = requests("rfc4475", false, [
  ["badinv01", "3.1.2.1", BAD_REQUEST, "semicolons and commas without parameters in Via"],
  ["clerr", "3.1.2.2", BAD_REQUEST, "Content-Length beyond the datagram"],
  ["ncl", "3.1.2.3", BAD_REQUEST, "Content-Length -999"],
  ["scalar02", "3.1.2.4", BAD_REQUEST, "CSeq, Max-Forwards and Expires out of range"],
  ["quotbal", "3.1.2.6", BAD_REQUEST, "a display name's quote is not closed", [FORWARD]],
  ["ltgtruri", "3.1.2.7", BAD_REQUEST, "<> around the Request-URI; nothing with them may be forwarded"],
  ["lwsruri", "3.1.2.8", BAD_REQUEST, "a space inside the Request-URI"],
  ["lwsstart", "3.1.2.9", BAD_REQUEST, "two spaces between the elements of the start line"],
  ["trws", "3.1.2.10", BAD_REQUEST, "spaces after the version"],
  ["escruri", "3.1.2.11", BAD_REQUEST, "escaped headers in the Request-URI (RFC 3261 §19.1.1)"],
  [
    "baddate",
    "3.1.2.12",
    FORWARD,
    "a wrong Date; who does not read Date should not refuse it",
    [BAD_REQUEST],
  ],
  [
    "regbadct",
    "3.1.2.13",
    FORWARD,
    "Contact needs <>; a proxy does not read it (RFC 3261 §16.3 item 1)",
    [BAD_REQUEST],
  ],
  ["badaspec", "3.1.2.14", FORWARD, "spaces inside To's <>, ignored", [BAD_REQUEST]],
  [
    "baddn",
    "3.1.2.15",
    BAD_REQUEST,
    "a comma in an unquoted display name, and a head without its empty line",
    [DROP],
  ],
  ["baddn-ended", "3.1.2.15", BAD_REQUEST, "the same with the empty line"],
  ["badvers", "3.1.2.16", { status: 505 }, "SIP/7.0"],
  ["mismatch01", "3.1.2.17", BAD_REQUEST, "OPTIONS with CSeq INVITE"],
  [
    "mismatch02",
    "3.1.2.18",
    BAD_REQUEST,
    "NEWMETHOD with CSeq INVITE; 501 is for an endpoint",
    [{ status: 501 }],
  ],
  ["badbranch", "3.2.1", FORWARD, "the magic cookie alone: matched as RFC 2543 has it", [BAD_REQUEST]],
  ["insuf", "3.3.1", BAD_REQUEST, "no Call-ID, From, To; the answer has what there is", [DROP]],
  ["multi01", "3.3.8", BAD_REQUEST, "two To, From, Call-ID, CSeq, Max-Forwards"],
  ["mcl01", "3.3.9", BAD_REQUEST, "two Content-Length that differ: framing unknown"],
]);

/** Without a transaction all are dropped: their top Via is not ours (RFC 3261 §16.7 item 3, §18.1.2). */
const RESPONSES: readonly TortureCase[] = [
  {
    file: "rfc4475/unreason.dat",
    section: "3.1.1.12",
    kind: "response",
    outcome: DROP,
    answered: FORWARD,
    wellFormed: true,
    parser: "takes",
    note: "a reason phrase in UTF-8, which passes unchanged",
  },
  {
    file: "rfc4475/noreason.dat",
    section: "3.1.1.13",
    kind: "response",
    outcome: DROP,
    answered: DROP,
    wellFormed: true,
    parser: "takes",
    note: "no reason phrase; a 100 ends at this hop anyway (RFC 3261 §16.7 item 5)",
  },
  {
    file: "rfc4475/scalarlg.dat",
    section: "3.1.2.5",
    kind: "response",
    outcome: DROP,
    answered: DROP,
    wellFormed: false,
    parser: "refuses",
    note: "CSeq and Retry-After out of range: discarded",
  },
  {
    file: "rfc4475/bigcode.dat",
    section: "3.1.2.19",
    kind: "response",
    outcome: DROP,
    answered: DROP,
    wellFormed: false,
    parser: "refuses",
    note: "status 4294967301: dropped",
  },
  {
    file: "rfc4475/bcast.dat",
    section: "3.3.10",
    kind: "response",
    outcome: DROP,
    wellFormed: true,
    parser: "takes",
    note: "the next Via is a broadcast address: an open reflector if it were followed",
  },
];

const IPV6_REQUESTS = [
  ...requests("rfc5118", true, [
    ["ipv6-good", "4.1", FORWARD, "IPv6 references in Request-URI, Via and Contact"],
    ["port-ambiguous", "4.3", FORWARD, "5070 is the last group of the address, not a port"],
    ["port-unambiguous", "4.4", FORWARD, "a port after the bracket"],
    [
      "via-received-param-with-delim",
      "4.5",
      FORWARD,
      "received=[...] is against the grammar and must be taken",
    ],
    ["via-received-param-no-delim", "4.5", FORWARD, "received without brackets"],
    ["ipv6-in-sdp-251", "4.6", FORWARD, "IPv6 in SDP has no brackets"],
    ["mult-ip-in-header", "4.7", FORWARD, "IPv4 and IPv6 in one Via list"],
    [
      "mult-ip-in-sdp",
      "4.8",
      FORWARD,
      "the Content-Length printed is less than the body: the rest is thrown away",
    ],
    ["ipv4-mapped-ipv6", "4.9", FORWARD, "::ffff:a.b.c.d; the Content-Length printed is less than the body"],
    ["ipv6-correct-abnf-2-colons", "4.10", FORWARD, "IPv4 in the tail of an IPv6 reference"],
  ]),
  ...requests("rfc5118", false, [
    ["ipv6-bad", "4.2", BAD_REQUEST, "an IPv6 address without brackets"],
    ["ipv6-in-sdp", "4.6", BAD_REQUEST, "the Content-Length printed is beyond the datagram (RFC 3261 §18.3)"],
    ["ipv6-bug-abnf-3-colons", "4.10", FORWARD, "three colons, as RFC 3261's grammar had it", [BAD_REQUEST]],
  ]),
];

export const TORTURE: readonly TortureCase[] = [
  ...VALID_REQUESTS,
  ...INVALID_REQUESTS,
  ...RESPONSES,
  ...IPV6_REQUESTS,
];
