/** Request validation (RFC 3261 §16.3), item by item. */

import { decimal } from "../sip/header/character.ts";
import { endOfValue, parseVia } from "../sip/header/via.ts";
import {
  CALL_ID,
  CONTENT_LENGTH,
  CSEQ,
  FROM,
  MAX_BREADTH,
  MAX_FORWARDS,
  PROXY_REQUIRE,
  TO,
  VIA,
} from "../sip/message/header-name.ts";
import { badHeader } from "../sip/message/parse-error.ts";
import type { SipMessage } from "../sip/message/sip-message.ts";
import { schemeOf } from "../sip/uri.ts";
import type { Arrival } from "./arrival.ts";
import { BRANCH_PREFIX, type BranchSigner } from "./branch.ts";
import type { Identity } from "./identity.ts";
import { type Refusal, refusal } from "./refusal.ts";

/** Used where a request has no Max-Breadth of its own (RFC 5393 §5.3.3). */
export const MAX_BREADTH_DEFAULT = 60;
/** Option tags that we understand in Proxy-Require: none needs anything of a proxy that we do not do anyway. */
const UNDERSTOOD: ReadonlySet<string> = new Set();
/** Headers that may stand once, a bit each. */
const SINGLE = [CALL_ID, CSEQ, FROM, TO, MAX_FORWARDS, MAX_BREADTH].reduce((bits, id) => bits | (1 << id), 0);

/**
 * Reasonable syntax, item 1: what a proxy reads must be readable and there once. Other headers are not looked at.
 * @throws SipParseError, to be answered 400
 */
export function checkSyntax(request: SipMessage): void {
  if (request.isAnyRepeated(SINGLE)) throw badHeader("a header twice that may stand once", 0);
  if (request.cseqMethod !== request.method) throw badHeader("a CSeq of another method", 0);
  if (request.cseqNumber < 0 || request.callId === "" || request.from.uri === "" || request.to.uri === "") {
    throw badHeader("an empty header", 0);
  }
  checkBreadth(request);
  if (request.find(CONTENT_LENGTH) < 0 && request.topVia.transport !== "UDP" && request.body !== "") {
    throw badHeader("a body without Content-Length on a stream", 0); // §18.3
  }
}

/** Max-Breadth of the request, or the default (RFC 5393 §5.3.3). @throws SipParseError where it is no number */
export function checkBreadth(request: SipMessage): number {
  const row = request.find(MAX_BREADTH);
  if (row < 0) return MAX_BREADTH_DEFAULT;
  const breadth = decimal(request.raw, request.valueStart(row), request.valueEnd(row), 65_535);
  if (breadth < 0) throw badHeader("a bad Max-Breadth", request.valueStart(row));
  return breadth;
}

/**
 * Items 2 to 5; item 6 (Proxy-Authorization) is not ours, as trunks are known by their address.
 * @returns null where the request may go on
 * @throws SipParseError, to be answered 400
 */
export function validate(
  { request, group }: Arrival,
  identity: Identity,
  branches: BranchSigner,
): Refusal | null {
  // 2. URI scheme
  const scheme = schemeOf(request.uri);
  if (scheme === "") throw badHeader("a Request-URI without a scheme", 0);
  if (scheme !== "sip" && scheme !== "tel") {
    return refusal(416, "Unsupported URI Scheme", scheme === "sips" ? "sips-without-tls" : "scheme");
  }
  const uri = request.requestUri;
  if (uri.headers !== "") throw badHeader("headers in a Request-URI", 0); // §19.1.1, table 1
  // 3. Max-Forwards; an OPTIONS at its end is answered by us (§16.3 item 3, §11), which the caller sees to.
  if (request.maxForwards === 0 && request.method !== "OPTIONS")
    return refusal(483, "Too Many Hops", "max-forwards");
  if (checkBreadth(request) < 1) return refusal(440, "Max-Breadth Exceeded", "max-breadth");
  // 4. Loop detection, as RFC 5393 §4.2 has it: same Via, same loop value.
  if (hasLoop(request, identity, (branch) => branches.isLoop(branch, request, group ?? "")))
    return refusal(482, "Loop Detected", "loop");
  // 5. Proxy-Require
  const unsupported = unsupportedOptions(request);
  if (unsupported !== "")
    return refusal(420, "Bad Extension", "proxy-require", `Unsupported: ${unsupported}\r\n`);
  return null;
}

function hasLoop(request: SipMessage, identity: Identity, isLoop: (branch: string) => boolean): boolean {
  const { raw } = request;
  if (!raw.includes(BRANCH_PREFIX)) return false; // no Via of ours: it was not here before
  for (let row = request.find(VIA); row >= 0; row = request.find(VIA, row + 1)) {
    const end = request.valueEnd(row);
    for (let at = request.valueStart(row); at < end; ) {
      const comma = endOfValue(raw, at, end);
      const via = parseVia(raw, at, comma);
      if (identity.isMe(via.host, via.port) && isLoop(via.branch)) return true;
      at = comma + 1;
    }
  }
  return false;
}

function unsupportedOptions(request: SipMessage): string {
  const unsupported: string[] = [];
  for (let row = request.find(PROXY_REQUIRE); row >= 0; row = request.find(PROXY_REQUIRE, row + 1)) {
    for (const option of request.valueAt(row).split(",")) {
      const tag = option.trim();
      if (tag !== "" && !UNDERSTOOD.has(tag.toLowerCase())) unsupported.push(tag);
    }
  }
  return unsupported.join(", ");
}
