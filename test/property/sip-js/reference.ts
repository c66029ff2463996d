/** What the parser of the `sip.js` package reads, in our terms. */
import { Parser } from "sip.js/lib/core/messages/parser.js";
import { Grammar } from "sip.js/lib/grammar/grammar.js";

/** What was read, by name; null: the text is refused. */
export type Reading = Readonly<Record<string, string | number | null>> | null;

export interface ReferenceLine {
  /** In lower case, compact forms written out. */
  readonly name: string;
  readonly value: string;
}

interface ReferenceUri {
  readonly raw: {
    readonly scheme: string;
    readonly user?: string;
    readonly host: string;
    readonly port?: number;
  };
}

const COMPACT: Readonly<Record<string, string>> = {
  c: "content-type",
  f: "from",
  i: "call-id",
  k: "supported",
  l: "content-length",
  m: "contact",
  r: "refer-to",
  s: "subject",
  t: "to",
  v: "via",
};

/** The long name of a header, in lower case (RFC 3261 §7.3.3). */
export function longName(name: string): string {
  const lower = name.toLowerCase();
  return COMPACT[lower] ?? lower;
}

/** User and password with their escapes resolved, as sip.js keeps them: in one. */
export function resolved(user: string, password: string): string {
  const text = password === "" ? user : `${user}:${password}`;
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

export function referenceStartLine(line: string): Reading {
  const data: unknown = Grammar.parse(line, "Request_Response");
  if (data === -1 || typeof data !== "object" || data === null) return null;
  const parsed = data as { method?: string; status_code?: number };
  return parsed.status_code === undefined ? { method: parsed.method ?? "" } : { status: parsed.status_code };
}

/** The header lines; null where the message has no end of headers. */
export function referenceLines(text: string): ReferenceLine[] | null {
  const lines: ReferenceLine[] = [];
  let at = text.indexOf("\r\n");
  if (at < 0) return null;
  at += 2;
  for (;;) {
    const end: number = Parser.getHeader(text, at);
    if (end === -2) return lines;
    if (end === -1) return null;
    const line = text.slice(at, end);
    const colon = line.indexOf(":");
    // The same cut as Parser.parseHeader makes, which keeps the result to itself.
    lines.push({ name: longName(line.slice(0, colon).trim()), value: line.slice(colon + 1).trim() });
    at = end + 2;
  }
}

function uriReading({ raw }: ReferenceUri): Reading {
  const { scheme, user = "", host, port = 0 } = raw;
  return { scheme: scheme.toLowerCase(), user, host: host.toLowerCase(), port };
}

export function referenceUri(text: string): Reading {
  const uri: unknown = Grammar.URIParse(text);
  return uri === undefined ? null : uriReading(uri as ReferenceUri);
}

/** One Via value. */
export function referenceVia(value: string): Reading {
  const data: unknown = Grammar.parse(value, "Via");
  if (data === -1) return null;
  const via = data as Readonly<Record<string, string | number | undefined>>;
  return {
    transport: String(via["transport"]).toUpperCase(),
    host: String(via["host"]).toLowerCase(),
    port: via["port"] ?? 0,
    branch: via["branch"] ?? "",
    received: via["received"] ?? "",
  };
}

/** The value of From or To. */
export function referenceAddress(value: string, rule: "From" | "To"): Reading {
  const data: unknown = Grammar.parse(value, rule);
  if (data === -1) return null;
  const address = data as { uri: ReferenceUri; getParam(name: string): string | null | undefined };
  return { ...uriReading(address.uri), tag: address.getParam("tag") ?? "" };
}

/** Hosts of the URIs in a list of Contact or Record-Route values, joined. */
export function referenceAddresses(value: string, rule: "Contact" | "Record_Route"): Reading {
  const data: unknown = Grammar.parse(value, rule);
  if (!Array.isArray(data)) return null;
  const list = data as readonly { readonly parsed: { readonly uri: ReferenceUri } }[];
  return { hosts: list.map(({ parsed }) => parsed.uri.raw.host.toLowerCase()).join(" ") };
}

export function referenceCseq(value: string): Reading {
  const data: unknown = Grammar.parse(value, "CSeq");
  if (data === -1) return null;
  const cseq = data as { value: number; method: string };
  return { number: cseq.value, method: cseq.method };
}

export function referenceNumber(value: string, rule: "Content_Length" | "Max_Forwards"): Reading {
  const data: unknown = Grammar.parse(value, rule);
  return typeof data === "number" && data !== -1 ? { number: data } : null;
}

export function referenceCallId(value: string): Reading {
  return Grammar.parse(value, "Call_ID") === -1 ? null : { callId: value };
}
