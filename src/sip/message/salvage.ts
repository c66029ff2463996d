/** The answer to a request that can't be read, made of what can (RFC 3261 §16.3 item 1, §8.2.6). */
import { parseVia } from "../header/via.ts";
import { stampedVia } from "../header/via-stamp.ts";
import { madeUp } from "../signing/made-up.ts";
import { letters, mix32 } from "../signing/mix.ts";
import { SipParseError } from "./parse-error.ts";

/** Header lines that are looked at: an answer needs five kinds. */
const LINES_MAX = 64;
const METHOD = /^[A-Z]{3,16}(?= )/;
const NEEDED = /^(via|v|from|f|to|t|call-id|i|cseq)[ \t]*:/i;

/**
 * @param raw    what could not be read
 * @param source where it came from, for the topmost Via
 * @returns the whole response: Via, From, To, Call-ID and CSeq copied as they came; null where the text is no request, is an
 *          ACK, or has no Via
 */
export function answerUnreadable(
  raw: string,
  line: { status: number; phrase: string },
  source: { address: string; port: number },
): string | null {
  const method = METHOD.exec(raw.slice(0, 17))?.[0];
  if (method === undefined || method === "ACK") return null;
  let vias = "";
  let rest = "";
  for (const header of headerLines(raw)) {
    const name = NEEDED.exec(header)?.[1]?.toLowerCase();
    if (name === undefined) continue;
    if (name === "via" || name === "v") vias += vias === "" ? stamped(header, source) : header;
    else if ((name === "to" || name === "t") && !/;[ \t]*tag[ \t]*=/i.test(header)) rest += tagged(header);
    else rest += header;
  }
  if (vias === "") return null;
  return `SIP/2.0 ${line.status} ${line.phrase}\r\n${vias}${rest}Content-Length: 0\r\n\r\n`;
}

/** Header lines with their CRLF, folds unfolded; a lone CR or LF is left out of them. */
function headerLines(raw: string): string[] {
  const lines: string[] = [];
  let at = raw.indexOf("\r\n") + 2;
  while (at > 1 && at < raw.length && lines.length < LINES_MAX) {
    const found = raw.indexOf("\r\n", at);
    const end = found < 0 ? raw.length : found;
    if (end === at) break;
    const text = raw.slice(at, end).replace(/[\r\n]/g, " ");
    const last = lines.pop();
    if (last !== undefined && (text.startsWith(" ") || text.startsWith("\t")))
      lines.push(`${last.trimEnd()} ${text.trimStart()}\r\n`);
    else {
      if (last !== undefined) lines.push(last);
      lines.push(`${text}\r\n`);
    }
    at = end + 2;
  }
  return lines;
}

/** The topmost Via with received and rport where it can be read, else as it came. */
function stamped(header: string, source: { address: string; port: number }): string {
  try {
    const via = parseVia(header, header.indexOf(":") + 1, header.length - 2);
    return header.slice(0, via.start) + stampedVia(header, via, source) + header.slice(via.end);
  } catch (error) {
    if (error instanceof SipParseError) return header;
    throw error;
  }
}

/** Always the same tag for the same line, so that a retransmission gets the same answer (§8.2.7). */
function tagged(header: string): string {
  return `${header.slice(0, -2)};tag=${madeUp(letters(mix32(header, 3)))}\r\n`;
}
