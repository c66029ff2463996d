/** Request forwarding, the editing part (RFC 3261 §16.6 items 1 to 8, RFC 5393 §5.3.3): the copy that goes to one target. */
import { skipSpace } from "../sip/header/character.ts";
import { lineEnd } from "../sip/message/build-response.ts";
import { CONTENT_LENGTH, MAX_BREADTH, MAX_FORWARDS, ROUTE, VIA } from "../sip/message/header-name.ts";
import type { SipMessage } from "../sip/message/sip-message.ts";
import { type Edit, spliceFrom } from "../sip/message/splice.ts";
import type { Flow } from "../transport/flow.ts";

/** Max-Forwards of a request that came without (§16.6 item 3). */
const MAX_FORWARDS_DEFAULT = 70;

export interface Forwarding {
  readonly uriText: string;
  /** The sender's Via, stamped (§18.2.1). */
  readonly topVia: string;
  /** Our own Via value. */
  readonly via: string;
  /** Record-Route lines with their CRLF, or "". */
  readonly recordRoutes: string;
  /** Route lines with their CRLF in place of those that came; null: unchanged. */
  readonly routes: string | null;
  readonly maxBreadth: number;
  /** Does it leave over a stream, where a message without Content-Length has no end (item 9)? */
  readonly overStream: boolean;
}

export function forwardedRequest(request: SipMessage, parts: Forwarding): string {
  const { raw, headersStart, topVia } = request;
  const forwardsRow = request.find(MAX_FORWARDS);
  const breadthRow = request.find(MAX_BREADTH);
  let out = `${request.method} ${parts.uriText} SIP/2.0\r\nVia: ${parts.via}\r\n${parts.recordRoutes}${parts.routes ?? ""}`; // 2, 8, 4, 6
  if (forwardsRow < 0) out += `Max-Forwards: ${MAX_FORWARDS_DEFAULT}\r\n`; // 3
  if (breadthRow < 0) out += `Max-Breadth: ${parts.maxBreadth}\r\n`;
  if (parts.overStream) out += missingLength(request); // 9
  const viaRow = request.find(VIA);
  const edits: Edit[] = [];
  for (let row = 0; row < request.rows; row++) {
    if (row === viaRow) edits.push({ at: topVia.start, end: topVia.end, text: parts.topVia });
    else if (row === forwardsRow)
      edits.push(valueEdit(request, row, (request.maxForwards ?? 0) - 1)); // 3
    else if (row === breadthRow) edits.push(valueEdit(request, row, parts.maxBreadth));
    else if (parts.routes !== null && request.idAt(row) === ROUTE)
      edits.push({ at: request.lineStart(row), end: lineEnd(request, row), text: "" });
  }
  return out + spliceFrom(raw, headersStart, edits);
}

/** Content-Length line of a message that came by UDP without one; "" where it is there. */
function missingLength(message: SipMessage): string {
  return message.find(CONTENT_LENGTH) >= 0 ? "" : `Content-Length: ${message.body.length}\r\n`;
}

function valueEdit(request: SipMessage, row: number, value: number): Edit {
  return { at: request.valueStart(row), end: request.valueEnd(row), text: String(value) };
}

/** The response without the topmost Via, which was ours (§16.7 item 3), fit for the way that it goes (§18.3). */
export function withoutTopVia(response: SipMessage, to: Pick<Flow, "transport">): string {
  const { raw, topVia } = response;
  const row = response.find(VIA);
  const length = to.transport === "udp" ? "" : missingLength(response);
  const head = raw.slice(0, response.lineStart(row)) + length;
  const valueEnd = response.valueEnd(row);
  const comma = skipSpace(raw, topVia.end, valueEnd); // a Via value ends at a comma or with its line
  if (comma < valueEnd) return `${head}Via: ${raw.slice(comma + 1).trimStart()}`;
  return head + raw.slice(lineEnd(response, row));
}
