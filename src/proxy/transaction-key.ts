/** Matching requests to server transactions (RFC 3261 §17.2.3). */
import type { Via } from "../sip/header/via.ts";
import type { SipMessage } from "../sip/message/sip-message.ts";
import { branchMethod } from "./branch.ts";

const COOKIE = "z9hG4bK";

/**
 * Key of the server transaction that the request belongs to; CANCEL and ACK have their INVITE's.
 * @param source address the request came from, for senders of RFC 2543, whose branch is not unique
 */
export function serverKey(request: SipMessage, source: string): string {
  const via = request.topVia;
  const method = branchMethod(request.method);
  // Just the cookie is not unique either (RFC 4475 §3.3.1 badbranch).
  if (via.branch.startsWith(COOKIE) && via.branch.length > COOKIE.length) return keyOf(via, method);
  const { callId, fromTag, cseqNumber } = request;
  return `${request.uri} ${callId} ${fromTag} ${cseqNumber} ${method} ${via.host}:${via.port} ${via.branch} ${source}`;
}

/** The same key from the Via alone, as a response shows it. */
export function keyOf(via: Via, method: string): string {
  return `${via.branch} ${via.host}:${via.port} ${method}`;
}
