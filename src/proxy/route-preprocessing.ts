/** Route information preprocessing (RFC 3261 §16.4). */

import { skipSpace } from "../sip/header/character.ts";
import { parseNameAddress } from "../sip/header/name-address.ts";
import { ROUTE } from "../sip/message/header-name.ts";
import type { SipMessage } from "../sip/message/sip-message.ts";
import { formatUri, hostOf, parseUri, type SipUri, uriParam } from "../sip/uri.ts";
import type { FlowToken, FlowTokens } from "./flow-token.ts";
import type { Identity } from "./identity.ts";

/** One value of a Route header and where it stands. */
export interface RouteValue {
  /** As written, with its brackets and parameters. */
  readonly text: string;
  readonly uri: SipUri;
  readonly uriText: string;
}

export interface Preprocessed {
  /** Request-URI after strict routing and maddr were undone. */
  readonly uriText: string;
  readonly uri: SipUri;
  /** Route values that are left for the next element. */
  readonly routes: readonly RouteValue[];
  /** Did the Route headers change? */
  readonly routesChanged: boolean;
  /** Token of our own Route; null where none stood there or it is not this dialog's. */
  readonly token: FlowToken | null;
  /** Our own Route stood on top, with or without a token. */
  readonly routedToMe: boolean;
}

/** @throws SipParseError, to be answered 400, where a Route or the Request-URI is malformed */
export function preprocessRoutes(request: SipMessage, identity: Identity, tokens: FlowTokens): Preprocessed {
  let routes = routeValues(request);
  let uriText = request.uri;
  let uri = request.requestUri;
  let routesChanged = false;
  let token: FlowToken | null = null;
  let routedToMe = false;

  // A strict router before us moved our Record-Route into the Request-URI: the last Route is the real one (§16.4).
  if (identity.isMyUri(uri) && uriParam(uri, "lr") !== null && uri.user !== "" && routes.length > 0) {
    token = tokens.read(uri.user, request);
    const last = routes[routes.length - 1];
    if (token !== null && last !== undefined) {
      ({ uri, uriText } = last);
      routes = routes.slice(0, -1);
      routesChanged = true;
      routedToMe = true;
    }
  }
  // maddr that names us: strip it, with the port and transport that it was written for.
  const maddr = uriParam(uri, "maddr");
  if (maddr !== null && isMyMaddr(uri, maddr, identity)) {
    uri = { ...uri, port: 0, params: without(without(uri.params, "maddr"), "transport") };
    uriText = formatUri(uri);
  }
  // The topmost values that are ours: one, or two where the transport or interface changed (RFC 5658 §3).
  while (routes[0] !== undefined && identity.isMyUri(routes[0].uri)) {
    if (routedToMe && token === null) break;
    const read = tokens.read(routes[0].uri.user, request);
    if (routedToMe && read === null) break;
    token ??= read;
    routes = routes.slice(1);
    routesChanged = true;
    routedToMe = true;
  }
  return { uriText, uri, routes, routesChanged, token, routedToMe };
}

/** All Route values of the request in order. @throws SipParseError where one is malformed */
export function routeValues(request: SipMessage): RouteValue[] {
  const values: RouteValue[] = [];
  for (let row = request.find(ROUTE); row >= 0; row = request.find(ROUTE, row + 1)) {
    values.push(...addressValues(request, row));
  }
  return values;
}

/** The comma-separated addresses of one Route or Record-Route line. */
export function addressValues(message: SipMessage, row: number): RouteValue[] {
  const values: RouteValue[] = [];
  const end = message.valueEnd(row);
  let at = message.valueStart(row);
  while (at < end) {
    const address = parseNameAddress(message.raw, at, end);
    const text = message.raw.slice(address.start, address.end);
    values.push({ text, uri: parseUri(address.uri), uriText: address.uri });
    at = skipSpace(message.raw, address.end, end) + 1; // past the comma
  }
  return values;
}

function isMyMaddr(uri: SipUri, maddr: string, identity: Identity): boolean {
  const host = maddr.startsWith("[") ? maddr.toLowerCase() : hostOf(maddr.toLowerCase());
  return identity.isMe(host, uri.port);
}

function without(params: string, name: string): string {
  return params
    .split(";")
    .filter((param) => param.split("=")[0]?.toLowerCase() !== name)
    .join(";");
}
