/** Requests that the proxy makes on behalf of a branch: CANCEL, ACK of a non-2xx, and what ends an answer nobody wants. */

import { parseNameAddress } from "../sip/header/name-address.ts";
import { lineEnd } from "../sip/message/build-response.ts";
import { CALL_ID, CONTACT, FROM, RECORD_ROUTE, ROUTE, TO } from "../sip/message/header-name.ts";
import { SipParseError } from "../sip/message/parse-error.ts";
import type { SipMessage } from "../sip/message/sip-message.ts";
import { parseUri, uriParam } from "../sip/uri.ts";
import type { Identity } from "./identity.ts";
import { addressValues, type RouteValue } from "./route-preprocessing.ts";

/** Value of a header as it came. @throws SipParseError never: the message was forwarded, so that these are there */
function line(message: SipMessage, id: number): string {
  const row = message.find(id);
  return row < 0 ? "" : message.raw.slice(message.lineStart(row), lineEnd(message, row));
}

function routeLines(message: SipMessage): string {
  let out = "";
  for (let row = message.find(ROUTE); row >= 0; row = message.find(ROUTE, row + 1)) {
    out += message.raw.slice(message.lineStart(row), lineEnd(message, row));
  }
  return out;
}

/**
 * CANCEL of a forwarded INVITE (§9.1): its Request-URI, topmost Via, From, To, Call-ID, CSeq number and Route.
 * @param reason a whole Reason line or "" (RFC 3326)
 */
export function cancelOf(invite: SipMessage, reason: string): string {
  return (
    `CANCEL ${invite.uri} SIP/2.0\r\nVia: ${viaOf(invite)}\r\n${routeLines(invite)}Max-Forwards: 70\r\n` +
    `${line(invite, FROM)}${line(invite, TO)}${line(invite, CALL_ID)}CSeq: ${invite.cseqNumber} CANCEL\r\n` +
    `${reason}Content-Length: 0\r\n\r\n`
  );
}

/** ACK of a non-2xx final to a forwarded INVITE (§17.1.1.3): as CANCEL, with the To of the response. */
export function ackOf(invite: SipMessage, response: SipMessage): string {
  return (
    `ACK ${invite.uri} SIP/2.0\r\nVia: ${viaOf(invite)}\r\n${routeLines(invite)}Max-Forwards: 70\r\n` +
    `${line(invite, FROM)}${line(response, TO)}${line(invite, CALL_ID)}CSeq: ${invite.cseqNumber} ACK\r\n` +
    "Content-Length: 0\r\n\r\n"
  );
}

/**
 * CANCEL or ACK for a response whose INVITE is not known here: all that is needed stands in the response, but for the
 * Request-URI, which no server matches by when the branch has the cookie (§17.2.3); the To URI stands in.
 */
export function fromStray(method: "CANCEL" | "ACK", response: SipMessage, reason: string): string {
  const { topVia } = response;
  const to = method === "ACK" ? line(response, TO) : `To: ${withoutTag(response)}\r\n`;
  return (
    `${method} ${calledUri(response)} SIP/2.0\r\nVia: ${response.raw.slice(topVia.start, topVia.end)}\r\nMax-Forwards: 70\r\n` +
    `${line(response, FROM)}${to}${line(response, CALL_ID)}CSeq: ${response.cseqNumber} ${method}\r\n` +
    `${reason}Content-Length: 0\r\n\r\n`
  );
}

/** What a request inside the dialog of a 2xx needs: remote target and route set behind us (§12.1.2, §12.2.1.1). */
export interface Remote {
  readonly uriText: string;
  readonly routes: readonly RouteValue[];
}

/**
 * @param response a 2xx to an INVITE that went through us
 * @returns the caller's view of the dialog from this node on. A Contact or Record-Route that is missing or can't be read leaves
 *          the To URI and no route: the call has to end all the same.
 */
export function remoteOf(response: SipMessage, identity: Identity): Remote {
  try {
    const row = response.find(CONTACT);
    const contact = parseNameAddress(response.raw, response.valueStart(row), response.valueEnd(row)).uri;
    parseUri(contact);
    let routes: RouteValue[] = [];
    for (let at = response.find(RECORD_ROUTE); at >= 0; at = response.find(RECORD_ROUTE, at + 1)) {
      routes.push(...addressValues(response, at));
    }
    routes = routes.reverse();
    // The caller's end of the route set leads up to us; what is left lies behind us.
    const ours = routes.findLastIndex((route) => identity.isMyUri(route.uri));
    return { uriText: contact, routes: routes.slice(ours + 1) };
  } catch (error) {
    if (!(error instanceof SipParseError)) throw error;
    return { uriText: calledUri(response), routes: [] };
  }
}

/** The To URI where it can stand in a start line. */
function calledUri(response: SipMessage): string {
  const { uri } = response.to;
  try {
    parseUri(uri);
    return uri;
  } catch (error) {
    if (!(error instanceof SipParseError)) throw error;
    return "sip:unknown.invalid";
  }
}

/** Lines that say which dialog a request of ours belongs to, each with its CRLF, CSeq number apart. */
export interface DialogLines {
  readonly from: string;
  readonly to: string;
  readonly callId: string;
  readonly cseq: number;
}

/** Those of the caller, as a 2xx to its INVITE shows them. */
export function linesOf(response: SipMessage): DialogLines {
  return {
    from: line(response, FROM),
    to: line(response, TO),
    callId: line(response, CALL_ID),
    cseq: response.cseqNumber,
  };
}

/** ACK or BYE that we send inside a dialog (§12.2.1.1, §13.2.2.4, §15.1.1). */
export function dialogRequest(
  method: "ACK" | "BYE",
  dialog: DialogLines,
  remote: Remote,
  parts: { via: string; reason: string },
): string {
  const first = remote.routes[0];
  const strict = first !== undefined && uriParam(first.uri, "lr") === null;
  const uriText = strict ? first.uriText : remote.uriText;
  const routes = strict
    ? [...remote.routes.slice(1).map((route) => route.text), `<${remote.uriText}>`]
    : remote.routes.map((r) => r.text);
  return (
    `${method} ${uriText} SIP/2.0\r\nVia: ${parts.via}\r\n` +
    `${routes.map((route) => `Route: ${route}\r\n`).join("")}Max-Forwards: 70\r\n` +
    `${dialog.from}${dialog.to}${dialog.callId}CSeq: ${dialog.cseq} ${method}\r\n` +
    `${parts.reason}Content-Length: 0\r\n\r\n`
  );
}

/** URI that the request is to be sent to: the first Route, else the remote target (§8.1.2). */
export function nextHopOf(remote: Remote): ReturnType<typeof parseUri> {
  return remote.routes[0]?.uri ?? parseUri(remote.uriText);
}

function viaOf(request: SipMessage): string {
  return request.raw.slice(request.topVia.start, request.topVia.end);
}

function withoutTag(response: SipMessage): string {
  const { raw, to } = response;
  return `${raw.slice(to.start, to.paramsStart)}${raw.slice(to.paramsStart, to.end).replace(/;\s*tag\s*=[^;\s]*/i, "")}`;
}
