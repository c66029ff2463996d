/**
 * Every way in which our parser and that of sip.js are known to differ, and who is right. A disagreement is
 * explained when both agree once `repair` has taken out of the input what the row is about.
 */
import { isIPv6 } from "node:net";
import { compare, type Disagreement, type Part } from "./compare.ts";

export interface Explanation {
  readonly id: string;
  /** "both": the RFC allows either. */
  readonly right: "tandem" | "sip.js" | "both";
  readonly clause: string;
  readonly why: string;
  /** Where it can happen; everywhere where left out. */
  readonly parts?: readonly Part[];
  readonly pattern: RegExp;
  readonly repair: (input: string) => string;
  readonly example: readonly [Part, string];
}

const URIS: readonly Part[] = ["start line", "Request-URI", "From", "To", "Contact", "Record-Route"];
const ADDRESSES: readonly Part[] = ["From", "To", "Contact", "Record-Route"];

export const EXPLANATIONS: readonly Explanation[] = [
  {
    id: "maddr",
    right: "tandem",
    clause: "RFC 3261 §19.1.1",
    why: "maddr says where to send, it does not replace the host of the URI",
    parts: URIS,
    pattern: /;maddr=/i,
    repair: (input) => input.replace(/;maddr=[^;>\s?]*/gi, ""),
    example: ["Record-Route", "<sip:UserB@example.com;maddr=ss1.example.com>"],
  },
  {
    id: "Via parameter with an IPv6 reference",
    right: "tandem",
    clause: "RFC 3261 §20.42",
    why: "sip.js takes the last host that it meets for the sent-by",
    parts: ["Via"],
    pattern: /=\s*\[/,
    repair: (input) => input.replace(/(=\s*)\[[^\]]*\]/g, "$1x"),
    example: ["Via", "SIP/2.0/UDP a;x=[2001:db8::1]"],
  },
  {
    id: "unspecified IPv6 address",
    right: "tandem",
    clause: "RFC 3261 §25.1 hexpart",
    why: "[::] is of the grammar and sip.js refuses it",
    pattern: /\[::\]/,
    repair: (input) => input.replace(/\[::\]/g, "[::1]"),
    example: ["Request-URI", "sip:[::]"],
  },
  {
    id: "tel URI",
    right: "tandem",
    clause: "RFC 3261 §20.20, §20.39, RFC 3966",
    why: "sip.js reads SIP and SIPS URIs only",
    parts: URIS,
    pattern: /tel:/i,
    repair: (input) => input.replace(/tel:[^;>\s]+/gi, "sip:a@b"),
    example: ["From", "<tel:+15551234>;tag=1"],
  },
  {
    id: "escaped byte that is no UTF-8",
    right: "tandem",
    clause: "RFC 3261 §25.1 escaped",
    why: "any byte may be escaped; sip.js decodes at once and fails",
    parts: URIS,
    pattern: /%[89a-f][0-9a-f]/i,
    repair: (input) => input.replace(/%[89a-f][0-9a-f]/gi, "%41"),
    example: ["Request-URI", "sip:%ff@a"],
  },
  {
    id: "CSeq past 2**31-1",
    right: "tandem",
    clause: "RFC 3261 §8.1.1.5, RFC 4475 §3.1.2.4",
    why: "sip.js sets no bound",
    parts: ["CSeq"],
    pattern: /^\d{10,}/,
    repair: (input) => input.replace(/^\d+/, "1"),
    example: ["CSeq", "36893488147419103232 REGISTER"],
  },
  {
    id: "Max-Forwards past 255",
    right: "tandem",
    clause: "RFC 3261 §20.22",
    why: "sip.js sets no bound",
    parts: ["Max-Forwards"],
    pattern: /^\d{3,}$/,
    repair: () => "70",
    example: ["Max-Forwards", "300"],
  },
  {
    id: "Content-Length past what a message may have",
    right: "both",
    clause: "RFC 3261 §18.3",
    why: "our limit; sip.js never compares it with the body",
    parts: ["Content-Length"],
    pattern: /^\d{5,}$/,
    repair: () => "10",
    example: ["Content-Length", "99999"],
  },
  {
    id: "other protocol in Via or start line",
    right: "both",
    clause: "RFC 3261 §7.1, §21.5.6, §25.1 sent-protocol",
    why: "the grammar leaves Via any protocol and version; this proxy speaks SIP/2.0 only, and answers 505 or 400",
    parts: ["start line", "Via"],
    pattern: /\/\s*[^\s/]+/,
    repair: (input) =>
      input
        .replace(/^\s*[^\s/]+(\s*\/\s*)[^\s/]+(\s*\/)/, "SIP$12.0$2")
        .replace(/SIP\/[0-9]+\.[0-9]+/, "SIP/2.0"),
    example: ["Via", "SIP/7.0/UDP c.example.com;branch=z9hG4bKkdjuw"],
  },
  {
    id: "space inside <>",
    right: "both",
    clause: "RFC 4475 §3.1.2.14",
    why: "may be ignored; we do",
    parts: ADDRESSES,
    pattern: /<\s|\s>/,
    repair: (input) => input.replace(/<\s+/g, "<").replace(/\s+>/g, ">"),
    example: ["To", '"Watson, Thomas" < sip:t.watson@example.org >'],
  },
  {
    id: "CR or LF alone",
    right: "tandem",
    clause: "RFC 3261 §7.3.1, §25.1 LWS",
    why: "a next hop may take it for the end of the line, and then reads other headers than we did: refused",
    pattern: /\r(?!\n)|(?<!\r)\n/,
    repair: (input) => input.replace(/\r(?!\n)|(?<!\r)\n/g, " "),
    example: ["lines", "OPTIONS sip:a SIP/2.0\r\nSubject: a\rb\r\n\r\n"],
  },
  {
    id: "control character or byte that is no UTF-8",
    right: "both",
    clause: "RFC 3261 §25.1 qdtext, reason-phrase",
    why: "nothing that a proxy reads hangs on it, so it is passed on",
    pattern: /[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\xff]/,
    repair: (input) => input.replace(/[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\xff]/g, "x"),
    example: ["To", '"\x00" <sip:a@b>'],
  },
  {
    id: "host of another shape",
    right: "both",
    clause: "RFC 3261 §25.1 hostname, RFC 5118 §4.10",
    why: "we look at its characters only: underscores, digits in the last label and three colons are in use",
    pattern: /./,
    repair: (input) =>
      input
        .replace(/\[([^\]]*)\]/g, (whole, address: string) => (isIPv6(address) ? whole : "[::1]"))
        .replace(/(@|sips?:|\/\s*\w+\s+)([\w.-]+)(?=[\s:;?>,]|$)/gi, "$1h.example"),
    example: ["Request-URI", "sip:user@[2001:db8:::192.0.2.1]"],
  },
  {
    id: "Call-ID of another shape",
    right: "both",
    clause: "RFC 3261 §8.1.1.4, §25.1 callid",
    why: "compared byte by byte, so any text without white space will do",
    parts: ["Call-ID"],
    pattern: /^\S+$/,
    repair: () => "a@b",
    example: ["Call-ID", "a@b@c"],
  },
  {
    id: "known URI parameter with another kind of value",
    right: "both",
    clause: "RFC 3261 §25.1 uri-parameter, other-param",
    why: "the value is read when it is needed; as text it is an other-param",
    parts: URIS,
    pattern: /;(?:transport|user|ttl|method)=/i,
    repair: (input) => input.replace(/;(?:transport|user|ttl|method)=[^;>?\s]*/gi, ""),
    example: ["Request-URI", "sip:a;transport=tcp["],
  },
  {
    id: "headers of a URI",
    right: "both",
    clause: "RFC 3261 §19.1.1, RFC 4475 §3.1.2.13",
    why: "not read in an address; in a Request-URI they are refused later, by the proxy",
    parts: URIS,
    pattern: /\?/,
    repair: (input) => input.replace(/\?[^>@\s]*(?=>|$|\s)/g, ""),
    example: ["Contact", "sip:user@example.com?Route=%3Csip:sip.example.com%3E"],
  },
  {
    id: "transport that begins as a known one",
    right: "tandem",
    clause: "RFC 3261 §25.1 transport",
    why: "sip.js takes the known part and then looks for a space",
    parts: ["Via"],
    pattern: /(?:UDP|TCP|TLS|SCTP|WSS?)[^\s;]/i,
    repair: (input) => input.replace(/(\/\s*)(?:UDP|TCP|TLS|SCTP|WSS?)[^\s;]+/i, "$1XYZ"),
    example: ["Via", "SIP/2.0/TLSX a"],
  },
  {
    id: "colon in a parameter's value",
    right: "both",
    clause: "RFC 3261 §25.1 gen-value, RFC 5118 §4.5",
    why: "received may be an IPv6 address without brackets, and we make no difference between parameters",
    pattern: /=\s*[^\s;,"<>]*:/,
    repair: (input) => input.replace(/(=\s*)[^\s;,"<>]*:[^\s;,"<>]*/g, "$1x"),
    example: ["Via", "SIP/2.0/UDP a;x=b:c"],
  },
  {
    id: "received that is no address",
    right: "both",
    clause: "RFC 3261 §18.2.1, §25.1 via-received",
    why: "sip.js forgets it; we replace what the topmost Via says and pass on the rest",
    parts: ["Via"],
    pattern: /received/i,
    repair: (input) => input.replace(/(received\s*=\s*)[^;,\s]+/gi, "$1192.0.2.1"),
    example: ["Via", "SIP/2.0/UDP a;received=13"],
  },
  {
    id: "port that is none",
    right: "tandem",
    clause: "RFC 3261 §25.1 port, RFC 768",
    why: "1 to 65535; sip.js sets no bound",
    pattern: /:\s*(?:\d{5,}|0+(?!\d)|(?=[;>]|$))/,
    repair: (input) => input.replace(/:\s*(?:\d{5,}|0+(?!\d)|(?=[;>]|$))/g, ":5060"),
    example: ["Via", "SIP/2.0/UDP a:91802"],
  },
  {
    id: "SIP URI that is only an absoluteURI",
    right: "tandem",
    clause: "RFC 3261 §19.1.1, §25.1 absoluteURI",
    why: "a URI with the scheme sip or sips must be a SIP URI; sip.js falls back to the generic grammar",
    parts: ["start line"],
    pattern: /\ssips?:/i,
    repair: (input) => input.replace(/\ssips?:\S*/i, " sip:a@b"),
    example: ["start line", "BYE sips::1 SIP/2.0"],
  },
  {
    id: "URI of another scheme",
    right: "both",
    clause: "RFC 3261 §16.3 item 2",
    why: "416 whatever stands behind the scheme",
    parts: ["start line"],
    pattern: /^\S+ (?!sips?:)[a-z][a-z0-9+.-]*:/i,
    repair: (input) => input.replace(/^(\S+) [^ ]+/, "$1 abc:d"),
    example: ["start line", "BYE sp:[::1] SIP/2.0"],
  },
  {
    id: "reason phrase",
    right: "both",
    clause: "RFC 3261 §7.2",
    why: "for people; passed on unread, and it may be missing with its space (RFC 4475 §3.1.1.13)",
    parts: ["start line"],
    pattern: /^SIP\/2\.0 \d{3}(?: |$)/i,
    repair: (input) => input.replace(/^(\S+ \d{3}).*$/s, "$1 OK"),
    example: ["start line", "SIP/2.0 200 Not F<ound"],
  },
  {
    id: "fold of the start line",
    right: "tandem",
    clause: "RFC 3261 §7.1",
    why: "only header fields may be folded; sip.js takes the fold for a header",
    parts: ["lines"],
    pattern: /^[^\r]*\r\n[ \t]/,
    repair: (input) => input.replace(/^([^\r]*\r\n)(?:[ \t][^\r]*\r\n)+/, "$1"),
    example: ["lines", "OPTIONS sip:a SIP/2.0\r\n Via: x\r\n\r\n"],
  },
  {
    id: "method that begins as a known one",
    right: "tandem",
    clause: "RFC 3261 §25.1 Method",
    why: "sip.js takes the known part and then looks for a space",
    parts: ["start line", "CSeq"],
    pattern: /(?:INVITE|ACK|OPTIONS|BYE|CANCEL|REGISTER|SUBSCRIBE|NOTIFY|REFER|PUBLISH)[^\s]/,
    repair: (input) =>
      input.replace(/(?:INVITE|ACK|OPTIONS|BYE|CANCEL|REGISTER|SUBSCRIBE|NOTIFY|REFER|PUBLISH)[^\s]+/, "XYZ"),
    example: ["start line", "BYE_ sip:a SIP/2.0"],
  },
  {
    id: "URI parameter that begins as lr",
    right: "tandem",
    clause: "RFC 3261 §25.1 other-param",
    why: "sip.js takes the known part and then looks for the end",
    parts: URIS,
    pattern: /;lr[^;>=?\s]/i,
    repair: (input) => input.replace(/;lr(?=[^;>=?\s])/gi, ";x"),
    example: ["Request-URI", "sip:a@b;lrx=1"],
  },
  {
    id: "display name that begins with *",
    right: "tandem",
    clause: "RFC 3261 §25.1 display-name",
    why: "* is of token; sip.js takes it for the Contact that stands for all",
    parts: ["Contact"],
    pattern: /^\*/,
    repair: (input) => (input === "*" ? "sip:a@b" : input.replace(/^\*/, "x")),
    example: ["Contact", "*a <sip:b@c>"],
  },
  {
    id: "rport that is no number",
    right: "both",
    clause: "RFC 3581 §3 response-port",
    why: "we refuse an empty value and take any other, which is replaced where we read it; sip.js the reverse",
    parts: ["Via"],
    pattern: /rport\s*=/i,
    repair: (input) => input.replace(/(rport)\s*=\s*[^;,\s]*/gi, "$1"),
    example: ["Via", "SIP/2.0/UDP a;rport=;branch=x"],
  },
  {
    id: "status that is none",
    right: "tandem",
    clause: "RFC 3261 §7.2, RFC 4475 §3.1.2.19",
    why: "100 to 699",
    parts: ["start line"],
    pattern: /^SIP\/2\.0 (?:0|[7-9])\d\d/,
    repair: (input) => input.replace(/^(SIP\/2\.0 )\d{3}/, "$1200"),
    example: ["start line", "SIP/2.0 012 Not Found"],
  },
  {
    id: "empty password",
    right: "both",
    clause: "RFC 3261 §25.1 userinfo",
    why: "sip.js keeps the colon; we leave it only in the text",
    parts: URIS,
    pattern: /:@/,
    repair: (input) => input.replace(/:@/g, "@"),
    example: ["Request-URI", "sip:a:@d"],
  },
  {
    id: "password with a character of user",
    right: "both",
    clause: "RFC 3261 §25.1 password",
    why: "passwords are not read",
    parts: URIS,
    pattern: /:[^@:]*[;/?][^@:]*@/,
    repair: (input) => input.replace(/(:[^@:]*):[^@:]*[;/?][^@:]*@/g, "$1:x@"),
    example: ["Request-URI", "sip:a:b/c@d"],
  },
  {
    id: "parameter twice",
    right: "both",
    clause: "RFC 3261 §7.3.1",
    why: "forbidden to the sender; we read the first tag, sip.js the last",
    parts: ["Via", "From", "To"],
    pattern: /;\s*(branch|received|tag)\b.*;\s*\1\b/is,
    repair: (input) =>
      ["branch", "received", "tag"].reduce(
        (text, name) =>
          text.replace(
            new RegExp(`(;\\s*${name}\\b.*?)(?:;\\s*${name}\\b\\s*(?:=\\s*[^;,\\s]*)?\\s*)+`, "is"),
            "$1",
          ),
        input,
      ),
    example: ["From", "<sip:a@b>;tag=1;tag=2"],
  },
  {
    id: "line that is no header",
    right: "tandem",
    clause: "RFC 3261 §25.1 header-name",
    why: "sip.js looks for the next colon, on later lines if need be, and takes any name",
    parts: ["lines"],
    pattern: /\r\n(?![ \t])(?![\w.!%*+`'~-]+[ \t]*:)/,
    repair: (input) =>
      input
        .split(/(?<=\r\n)(?![ \t])/)
        .filter((line, index) => index === 0 || line === "\r\n" || /^[\w.!%*+`'~-]+[ \t]*:/.test(line))
        .join(""),
    example: ["lines", "OPTIONS sip:a SIP/2.0\r\nX-O\r\nVia: a\r\n\r\n"],
  },
];

/** White space at the ends is never part of a value. */
function agree(part: Part, input: string): boolean {
  return compare(part, part === "lines" ? input : input.trim()) === null;
}

/** Ids of the rows that account for the disagreement: one that does alone, or all that apply together; none: unexplained. */
export function explain(disagreement: Disagreement): string[] {
  const { part, input } = disagreement;
  const rows = EXPLANATIONS.filter(
    ({ parts, pattern }) => (parts?.includes(part) ?? true) && pattern.test(input),
  );
  for (const row of rows) if (agree(part, row.repair(input))) return [row.id];
  const repaired = rows.reduce((text, row) => row.repair(text), input);
  return rows.length > 1 && agree(part, repaired) ? rows.map(({ id }) => id) : [];
}
