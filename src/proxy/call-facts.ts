/** What the proxy's ledger is told of a call, read from its messages. */
import { DIGIT, decimal, skipSpace, spanOf } from "../sip/header/character.ts";
import { parseNameAddress } from "../sip/header/name-address.ts";
import { CONTACT, REASON, RECORD_ROUTE, SESSION_EXPIRES } from "../sip/message/header-name.ts";
import { SipParseError } from "../sip/message/parse-error.ts";
import { parseMessage, type SipMessage } from "../sip/message/sip-message.ts";
import type { Flow } from "../transport/flow.ts";
import type { LedgerAnswer, LedgerFacts, LedgerRefresh } from "./call-ledger.ts";
import { placeOf } from "./core.ts";
import type { Endpoint } from "./flow-token.ts";
import type { Identity } from "./identity.ts";
import { remoteOf } from "./own-message.ts";
import type { ResponseContext } from "./response-context.ts";

/** Longest session interval that is believed: a day. */
const SESSION_SECONDS_MAX = 86_400;
/** Shortest one that there is (RFC 4028 §4): a call must not be given up for a peer that writes less. */
const SESSION_SECONDS_MIN = 90;

export function factsOf(request: SipMessage, flow: Endpoint, group: string): LedgerFacts {
  return {
    group,
    from: valueIn(request, request.from),
    to: valueIn(request, request.to),
    contact: contactOf(request),
    routes: valuesOf(request, RECORD_ROUTE),
    requested: request.uri,
    place: placeOf(flow),
    cseq: request.cseqNumber,
  };
}

/**
 * What a final response says of a call whose INVITE was never seen here. What only the INVITE had is "", and the number called is taken
 * from To.
 * @param flow where the caller is
 */
export function factsOfResponse(response: SipMessage, flow: Flow, group: string): LedgerFacts {
  return {
    group,
    from: valueIn(response, response.from),
    to: valueIn(response, response.to),
    contact: "",
    routes: "",
    requested: response.to.uri,
    place: placeOf(flow),
    cseq: response.cseqNumber,
  };
}

export function answerOf(response: SipMessage, identity: Identity): LedgerAnswer {
  return {
    to: readable(() => valueIn(response, response.to)),
    contact: contactOf(response),
    routes: readable(() => routesBehind(response, identity)),
    sessionSeconds: sessionSeconds(response),
  };
}

/** Route values behind us in the caller's order; a single Record-Route value is our own. */
function routesBehind(response: SipMessage, identity: Identity): string {
  const row = response.find(RECORD_ROUTE);
  if (row < 0) return "";
  const isAlone = response.find(RECORD_ROUTE, row + 1) < 0 && !response.valueAt(row).includes(",");
  if (isAlone) return "";
  return remoteOf(response, identity)
    .routes.map((route) => unfolded(route.text))
    .join(",");
}

/** A re-INVITE and an UPDATE refresh the target of either side (RFC 3261 §12.2, RFC 3311 §5.1). */
export function refreshOf(
  { request, scope, callKey }: Pick<ResponseContext, "request" | "scope" | "callKey">,
  response: SipMessage,
): LedgerRefresh {
  const asked = contactOf(parseMessage(request));
  const answered = contactOf(response);
  const byCaller = callKey === `${scope.callId} ${scope.fromTag}`;
  return {
    sessionSeconds: sessionSeconds(response),
    callerContact: byCaller ? asked : answered,
    calleeContact: byCaller ? answered : asked,
  };
}

/** URI of the Contact; "" where there is none, or one that can't be read. */
function contactOf(message: SipMessage): string {
  const row = message.find(CONTACT);
  if (row < 0) return "";
  return readable(() =>
    unfolded(parseNameAddress(message.raw, message.valueStart(row), message.valueEnd(row)).uri),
  );
}

/** What a peer wrote, or "" where it can't be read: a call that was answered is accounted for all the same. */
function readable(read: () => string): string {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof SipParseError)) throw error;
    return "";
  }
}

/** Seconds of Session-Expires (RFC 4028 §4); 0 where there is none, or one that can't be read. */
function sessionSeconds(message: SipMessage): number {
  const row = message.find(SESSION_EXPIRES);
  if (row < 0) return 0;
  const start = message.valueStart(row);
  const end = spanOf(DIGIT, message.raw, start, message.valueEnd(row));
  const seconds = decimal(message.raw, start, end, SESSION_SECONDS_MAX);
  return seconds <= 0 ? 0 : Math.max(SESSION_SECONDS_MIN, seconds);
}

/** Value of the first Reason (RFC 3326), "" where there is none. */
export function reasonOf(message: SipMessage): string {
  const row = message.find(REASON);
  return row < 0 ? "" : unfolded(message.valueAt(row));
}

/** From or To as it stands there. */
function valueIn(message: SipMessage, { start, end }: { start: number; end: number }): string {
  return unfolded(message.raw.slice(start, end));
}

function valuesOf(message: SipMessage, id: number): string {
  let out = "";
  for (let row = message.find(id); row >= 0; row = message.find(id, row + 1)) {
    out += (out === "" ? "" : ",") + unfolded(message.valueAt(row));
  }
  return out;
}

/** A folded line means the same in one (RFC 3261 §7.3.1). */
function unfolded(value: string): string {
  if (value.indexOf("\r") < 0) return value;
  return value
    .split("\r\n")
    .map((line, index) =>
      index === 0 ? line.trimEnd() : line.slice(skipSpace(line, 0, line.length)).trimEnd(),
    )
    .join(" ");
}
