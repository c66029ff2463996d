/** Responses that we make ourselves (RFC 3261 §8.2.6). */
import { madeUp } from "../signing/made-up.ts";
import { letters, mix32 } from "../signing/mix.ts";
import { CALL_ID, CSEQ, FROM, TIMESTAMP, TO, VIA } from "./header-name.ts";
import type { SipMessage } from "./sip-message.ts";

/**
 * @param topVia   the topmost Via as stamped on arrival
 * @param headers  further whole header lines, each with its CRLF, or ""
 * @returns the whole response. Its To tag is a function of the request, so that a stateless answer to a retransmission
 *          is the same answer (§8.2.7); a 100 gets none.
 */
export function buildResponse(
  request: SipMessage,
  line: { status: number; phrase: string },
  topVia: string,
  headers = "",
): string {
  const { raw } = request;
  let out = `SIP/2.0 ${line.status} ${line.phrase}\r\n`;
  let first = true;
  for (let row = 0; row < request.rows; row++) {
    switch (request.idAt(row)) {
      case VIA:
        if (first) {
          out += `Via: ${topVia}${raw.slice(request.topVia.end, lineEnd(request, row))}`;
          first = false;
        } else out += raw.slice(request.lineStart(row), lineEnd(request, row));
        break;
      case FROM:
      case CALL_ID:
      case CSEQ:
        out += raw.slice(request.lineStart(row), lineEnd(request, row));
        break;
      case TIMESTAMP: // §8.2.6.1
        if (line.status === 100) out += raw.slice(request.lineStart(row), lineEnd(request, row));
        break;
      case TO:
        out += raw.slice(request.lineStart(row), request.valueEnd(row));
        out += line.status > 100 && request.toTag === "" ? `;tag=${toTag(request)}\r\n` : "\r\n";
        break;
    }
  }
  return `${out}${headers}Content-Length: 0\r\n\r\n`;
}

/** Index after the CRLF of a row's (folded) line. */
export function lineEnd(message: SipMessage, row: number): number {
  return row + 1 < message.rows ? message.lineStart(row + 1) : message.headersEnd;
}

function toTag(request: SipMessage): string {
  // Values as they came: what is answered 400 may have them malformed.
  const key = `${request.topVia.branch} ${request.value(CALL_ID)} ${request.value(FROM)} ${request.value(CSEQ)}`;
  return madeUp(letters(mix32(key, 1)) + letters(mix32(key, 2)));
}
