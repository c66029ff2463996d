/** Both parsers on one text: every place where they differ. */
import { parseNameAddress } from "../../../src/sip/header/name-address.ts";
import { parseVia } from "../../../src/sip/header/via.ts";
import {
  CALL_ID,
  CONTACT,
  CSEQ,
  FROM,
  MAX_FORWARDS,
  RECORD_ROUTE,
  TO,
  VIA,
} from "../../../src/sip/message/header-name.ts";
import { SipParseError } from "../../../src/sip/message/parse-error.ts";
import { parseMessage, type SipMessage } from "../../../src/sip/message/sip-message.ts";
import { parseUri } from "../../../src/sip/uri.ts";
import { valuesOf } from "../../support/decode.ts";
import {
  longName,
  type Reading,
  referenceAddress,
  referenceAddresses,
  referenceCallId,
  referenceCseq,
  referenceLines,
  referenceNumber,
  referenceStartLine,
  referenceUri,
  referenceVia,
  resolved,
} from "./reference.ts";

interface PartReaders {
  readonly ours: (input: string) => Reading;
  readonly theirs: (input: string) => Reading;
}

/** A message with one header line, so that each is judged alone. */
function alone(line: string): SipMessage {
  return parseMessage(`OPTIONS sip:a SIP/2.0\r\n${line}\r\n\r\n`);
}

function uriReading(text: string): Reading {
  const { scheme, user, password, host, port } = parseUri(text);
  return { scheme, user: resolved(user, password), host, port };
}

function hostsReading(line: string, id: number): Reading {
  const addresses = valuesOf(alone(line), id, parseNameAddress);
  return { hosts: addresses.map((address) => parseUri(address.uri).host).join(" ") };
}

function linesReading(text: string): Reading {
  const message = parseMessage(text);
  const lines = Array.from({ length: message.rows }, (_, row) => {
    const name = message.raw.slice(message.lineStart(row), message.raw.indexOf(":", message.lineStart(row)));
    return `${longName(name.trim())}: ${message.valueAt(row)}`;
  });
  return { lines: lines.join("\n") };
}

/** Length of the body that our parser cuts by this Content-Length. */
function lengthReading(value: string): Reading {
  const message = parseMessage(`OPTIONS sip:a SIP/2.0\r\nl:${value}\r\n\r\n${"x".repeat(65_000)}`);
  return { number: message.body.length };
}

/** Each part of a message, and how the parsers read it. */
export const PARTS = {
  "start line": {
    ours: (line) => {
      const { method, status, uri } = parseMessage(`${line}\r\n\r\n`);
      if (status !== 0) return { status };
      if (/^(?:sips?|tel):/i.test(uri)) parseUri(uri);
      // Another scheme is well formed, and refused by 416 and not by 400 (RFC 3261 §16.3 item 2).
      return /^[a-z][a-z0-9+.-]*:/i.test(uri) ? { method } : null;
    },
    theirs: referenceStartLine,
  },
  lines: {
    ours: linesReading,
    theirs: (text) => {
      const lines = referenceLines(text);
      return lines === null
        ? null
        : { lines: lines.map(({ name, value }) => `${name}: ${value}`).join("\n") };
    },
  },
  "Request-URI": { ours: uriReading, theirs: referenceUri },
  Via: {
    ours: (value) => {
      const [via, ...others] = valuesOf(alone(`Via: ${value}`), VIA, parseVia);
      if (via === undefined || others.length > 0) return null;
      const { transport, host, port, branch, received } = via;
      return { transport, host, port, branch, received };
    },
    theirs: referenceVia,
  },
  From: {
    ours: (value) => {
      const message = alone(`From: ${value}`);
      return { ...uriReading(message.from.uri), tag: message.fromTag };
    },
    theirs: (value) => referenceAddress(value, "From"),
  },
  To: {
    ours: (value) => {
      const message = alone(`To: ${value}`);
      return { ...uriReading(message.to.uri), tag: message.toTag };
    },
    theirs: (value) => referenceAddress(value, "To"),
  },
  "Call-ID": { ours: (value) => ({ callId: alone(`Call-ID: ${value}`).callId }), theirs: referenceCallId },
  CSeq: {
    ours: (value) => {
      const message = alone(`CSeq: ${value}`);
      return { number: message.cseqNumber, method: message.cseqMethod };
    },
    theirs: referenceCseq,
  },
  "Max-Forwards": {
    ours: (value) => ({ number: alone(`Max-Forwards: ${value}`).maxForwards }),
    theirs: (value) => referenceNumber(value, "Max_Forwards"),
  },
  "Content-Length": { ours: lengthReading, theirs: (value) => referenceNumber(value, "Content_Length") },
  Contact: {
    ours: (value) => hostsReading(`Contact: ${value}`, CONTACT),
    theirs: (value) => referenceAddresses(value, "Contact"),
  },
  "Record-Route": {
    ours: (value) => hostsReading(`Record-Route: ${value}`, RECORD_ROUTE),
    theirs: (value) => referenceAddresses(value, "Record_Route"),
  },
} satisfies Readonly<Record<string, PartReaders>>;

export type Part = keyof typeof PARTS;

export interface Disagreement {
  readonly part: Part;
  /** What both were given. */
  readonly input: string;
  /** null: refused. */
  readonly ours: Reading;
  readonly theirs: Reading;
}

/** Do both read the same from `input`, or both refuse it? null where they do. */
export function compare(part: Part, input: string): Disagreement | null {
  const readers: PartReaders = PARTS[part];
  let ours: Reading = null;
  try {
    ours = readers.ours(input);
  } catch (error) {
    if (!(error instanceof SipParseError)) throw error;
  }
  const theirs = readers.theirs(input);
  return JSON.stringify(ours) === JSON.stringify(theirs) ? null : { part, input, ours, theirs };
}

const HEADERS: Readonly<Record<number, Part>> = {
  [FROM]: "From",
  [TO]: "To",
  [CALL_ID]: "Call-ID",
  [CSEQ]: "CSeq",
  [MAX_FORWARDS]: "Max-Forwards",
  [CONTACT]: "Contact",
  [RECORD_ROUTE]: "Record-Route",
};

/** Values of one Via line. sip.js mixes those of a line into one, so it is given each alone. */
function viaValues(value: string): string[] {
  try {
    const line = alone(`Via: ${value}`);
    return valuesOf(line, VIA, parseVia).map((via) => line.raw.slice(via.start, via.end));
  } catch (error) {
    if (!(error instanceof SipParseError)) throw error;
    return (value.match(/(?:"(?:\\.|[^"\\])*"|[^",])+/gs) ?? [value]).map((via) => via.trim());
  }
}

function partsOfRow(message: SipMessage, row: number): readonly (readonly [Part, string])[] {
  const id = message.idAt(row);
  const value = message.valueAt(row);
  if (id === VIA) return viaValues(value).map((via) => ["Via", via] as const);
  const part = HEADERS[id];
  return part === undefined ? [] : [[part, value]];
}

const LENGTH_LINE = /\r\n(?:content-length|l)[ \t]*:[ \t]*([^\r\n]*)/i;

/** Start line, and the head behind one that is sure to be right, with its empty line where there is one. */
function cut(text: string): { startLine: string; head: string } {
  const lineEnd = text.indexOf("\r\n");
  if (lineEnd < 0) return { startLine: text, head: "OPTIONS sip:a SIP/2.0" };
  const headEnd = text.indexOf("\r\n\r\n", lineEnd);
  const head = text.slice(lineEnd, headEnd < 0 ? text.length : headEnd + 4);
  return { startLine: text.slice(0, lineEnd), head: `OPTIONS sip:a SIP/2.0${head}` };
}

/** A wrong Content-Length, which is compared by itself, must not hide the rest. */
function withoutLength(head: string): string {
  return head.replace(/\r\n(?:content-length|l)(?=[ \t]*:)/gi, "\r\nX-Length");
}

/** Every part of the message with its text; what stands behind a head that can't be read is missing. */
function partsOf(text: string): (readonly [Part, string])[] {
  const { startLine, head } = cut(text);
  const parts: (readonly [Part, string])[] = [["start line", startLine]];
  const length = LENGTH_LINE.exec(head)?.[1];
  if (length !== undefined) parts.push(["Content-Length", length]);
  const neutral = withoutLength(head);
  parts.push(["lines", neutral]);
  const uri = startLine.split(" ")[1];
  if (uri !== undefined && !startLine.startsWith("SIP/")) parts.push(["Request-URI", uri]);
  try {
    const message = parseMessage(neutral);
    for (let row = 0; row < message.rows; row++) parts.push(...partsOfRow(message, row));
  } catch (error) {
    if (!(error instanceof SipParseError)) throw error;
  }
  return parts;
}

/**
 * Framing, start line and headers. Whether the body is as long as promised is left out: sip.js does not look.
 * @param known a message that was compared before: only the parts that it does not have are compared
 */
export function disagreements(text: string, known = ""): Disagreement[] {
  const before = new Set(known === "" ? [] : partsOf(known).map((part) => part.join("\n")));
  return partsOf(text).flatMap(([part, input]) => {
    const disagreement = before.has(`${part}\n${input}`) ? null : compare(part, input);
    return disagreement === null ? [] : [disagreement];
  });
}
