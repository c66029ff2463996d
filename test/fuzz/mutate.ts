// Damage to SIP messages: bytes, values, lines and sizes. One to four kinds are laid over each other.
import type { Random } from "./random.ts";

const SHARP = [
  ..."\r\n \t:;,<>\"\\@[]/?%=&+.-_~!*()'`{}|^$#\x00\x01\x7f\x80\xff0a9Z",
  "\r\n",
  "\r\n\r\n",
  "\r\n ",
  "%00",
];
const NUMBERS = [
  ...["", "0", "-1", "1", "00", "255", "256", "65535", "65536", "2147483647", "2147483648", "4294967296"],
  ...["9007199254740993", "99999999999999999999", "1e9", "0x10", " 5", "+5", "5,5", "NaN"],
];
const TOKENS = [
  ...["INVITE", "ACK", "BYE", "CANCEL", "OPTIONS", "REGISTER", "PRACK", "UPDATE", "invite", "*", "__proto__"],
  ...[
    "constructor",
    "SIP/2.0",
    "sip/2.0",
    "SIP/3.0",
    "UDP",
    "TCP",
    "TLS",
    "WSS",
    "z9hG4bK",
    "sip:",
    "sips:",
    "tel:",
  ],
  ...[
    "100",
    "180",
    "183",
    "199",
    "200",
    "202",
    "299",
    "300",
    "401",
    "407",
    "408",
    "481",
    "486",
    "487",
    "491",
    "500",
  ],
  ...[
    "503",
    "600",
    "699",
    "700",
    "99",
    "127.0.0.1",
    "255.255.255.255",
    "0.0.0.0",
    "[::1]",
    "[::]",
    "[",
    "]",
    "a..b",
  ],
];
const LINES = [
  "Via: SIP/2.0/UDP 192.0.2.77:5060;branch=z9hG4bKmore;rport",
  "Via: SIP/2.0/TCP [2001:db8::77]:5060;branch=z9hG4bKmore;maddr=224.0.0.1;ttl=255",
  "Route: <sip:198.51.100.7;lr>",
  "Route: <sip:127.0.61.1:5060;lr>",
  "Route: <sips:a@[2001:db8::7]:0;lr>, <sip:b;lr>",
  "Record-Route: <sip:a@192.0.2.1;lr>",
  "Content-Length: 10",
  "Content-Length: 99999",
  "l: 0",
  "Max-Forwards: 0",
  "Max-Forwards: 1",
  "Max-Breadth: 0",
  "Proxy-Require: nothing-that-exists",
  "Require: 100rel",
  "Contact: *",
  "Contact: <sip:a@192.0.2.9:0>, <sip:b@[::1]:99999>",
  "Session-Expires: 1;refresher=uas",
  "Retry-After: 18000000000",
  'Reason: SIP;cause=200;text="x\\"',
  "Call-ID: another@192.0.2.9",
  "CSeq: 2147483647 BYE",
  "To: <sip:x@y>;tag=another",
  "From: <sip:x@y>",
  "Content-Encoding: gzip",
  "X-Folded: a\r\n b\r\n\tc",
];

/** Several times the largest datagram would only be cut by every transport. */
const BYTES_MAX = 65_507;

type Damage = (text: string, random: Random, corpus: readonly string[]) => string;

const bytes: Damage = (text, random) => {
  for (let times = 1 + random.below(4); times > 0; times--) {
    const at = random.below(text.length + 1);
    const piece = random.once(3) ? String.fromCharCode(random.below(256)) : random.pick(SHARP);
    const end = at + random.pick([0, 0, 1, 1, 2]);
    text = text.slice(0, at) + (random.once(3) ? "" : piece) + text.slice(end);
  }
  return text;
};

/** One number of the message becomes another: ports, CSeq, lengths, status, times. */
const number: Damage = (text, random) => replaceNear(text, random, /\d+/g, random.pick(NUMBERS));

/** One word becomes one that means something elsewhere. */
const token: Damage = (text, random) => replaceNear(text, random, /[\w.-]+/g, random.pick(TOKENS));

/** A value grows: long, or with many parameters, quotes, commas. */
const grow: Damage = (text, random) => {
  const at = random.below(text.length + 1);
  const piece = random.pick([
    "A",
    ";x=y",
    ",<sip:a@b>",
    "\\",
    '"',
    "<",
    "%41",
    " ",
    "\r\n ",
    "(",
    ".",
    ":",
    "[",
    "\t",
  ]);
  return text.slice(0, at) + piece.repeat(1 + random.below(random.once(20) ? 8_000 : 300)) + text.slice(at);
};

const lines: Damage = (text, random, corpus) => {
  const all = text.split("\r\n");
  const at = random.below(all.length);
  const line = all[at] ?? "";
  switch (random.below(9)) {
    case 0:
      all.splice(at, 1);
      break;
    case 1:
      all.splice(at, 0, line);
      break;
    case 2: // moved
      all.splice(at, 1);
      all.splice(random.below(all.length), 0, line);
      break;
    case 3: // of another message
      all.splice(at, random.below(2), random.pick(random.pick(corpus).split("\r\n")));
      break;
    case 4:
      all.splice(Math.max(1, at), random.below(2), random.pick(LINES));
      break;
    case 5: // without the end of the line
      all.splice(at, 2, line + (all[at + 1] ?? ""));
      break;
    case 6: // very many
      all.splice(at, 0, ...new Array<string>(random.below(random.once(10) ? 2_000 : 300)).fill(line));
      break;
    case 7: // the value alone goes
      all[at] = line.slice(0, line.indexOf(":") + 1);
      break;
    case 8: // the name changes its spelling
      all[at] = line.slice(0, 1).toLowerCase() + line.slice(line.indexOf(":"));
  }
  return all.join("\r\n");
};

const cut: Damage = (text, random) =>
  random.once(2) ? text.slice(0, random.below(text.length + 1)) : text.slice(random.below(text.length + 1));

/** The head of one and the rest of another. */
const cross: Damage = (text, random, corpus) => {
  const other = random.pick(corpus);
  return text.slice(0, random.below(text.length + 1)) + other.slice(random.below(other.length + 1));
};

const KINDS: readonly Damage[] = [
  bytes,
  bytes,
  bytes,
  number,
  number,
  token,
  token,
  lines,
  lines,
  lines,
  grow,
  cut,
  cross,
];

function replaceNear(text: string, random: Random, pattern: RegExp, replacement: string): string {
  pattern.lastIndex = random.below(text.length + 1);
  const match = pattern.exec(text);
  if (match === null) return text;
  return text.slice(0, match.index) + replacement + text.slice(match.index + match[0].length);
}

/**
 * A damaged copy of a message.
 * @param corpus messages to take pieces of; not empty
 * @returns latin1, at most what a datagram can carry
 */
export function mutate(text: string, random: Random, corpus: readonly string[]): string {
  for (let times = random.pick([1, 1, 1, 2, 2, 3, 4]); times > 0; times--) {
    text = random.pick(KINDS)(text, random, corpus);
  }
  return text.length > BYTES_MAX ? text.slice(0, BYTES_MAX) : text;
}
