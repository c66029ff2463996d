/** Determining the target set (RFC 3261 §16.5): a dialog's own route, or the rules. */
import type { FailoverPolicy, Target } from "../routing/target.ts";
import { formatUri, type SipUri, uriParam } from "../sip/uri.ts";
import type { Flow } from "../transport/flow.ts";
import type { Arrival } from "./arrival.ts";
import { type Core, type Place, placeOf } from "./core.ts";
import type { Endpoint } from "./flow-token.ts";
import { flowsTo } from "./own-requests.ts";
import { type Refusal, refusal } from "./refusal.ts";
import type { Hop } from "./response-context.ts";
import type { Preprocessed } from "./route-preprocessing.ts";

export interface Destination {
  readonly hops: Hop[];
  readonly group: string;
  readonly routes: string | null;
  /** Key of the call that the request begins or belongs to; "" for others. */
  readonly callKey: string;
  /** Did the caller of the dialog send it, and not the callee? */
  readonly byCaller: boolean;
  /** Never refused by a limit: so the rule says, or the request is inside a dialog. */
  readonly emergency: boolean;
}

/** Seconds that a caller is to wait where no group of the rule has a target that may be tried. */
const RETRY_AFTER_S = 5;

/** Servers behind one name that an in-dialog request may try. */
const IN_DIALOG_PLACES_MAX = 4;

/** An in-dialog request goes on to another server of the same name as RFC 3263 §4.3 has it, and by no time-out of ours. */
const IN_DIALOG: FailoverPolicy = {
  noAnswerAfterMs: Number.POSITIVE_INFINITY,
  noProgressAfterMs: Number.POSITIVE_INFINITY,
  on: new Set([503]),
  afterProgress: false,
  maxAttempts: IN_DIALOG_PLACES_MAX,
};

/** @throws SipParseError where the Request-URI is malformed */
export function destinationOf(core: Core, arrival: Arrival, route: Preprocessed): Destination | Refusal {
  const { request, group } = arrival;
  if (mayUseToken(arrival, route)) return inDialog(core, arrival, route);
  if (group === null) return refusal(403, "Forbidden", "unknown-source");
  // Without our token there is no dialog of ours (§12.2.2), and a route set that we did not write is no rule.
  if (request.toTag !== "") return refusal(481, "Call/Transaction Does Not Exist", "no-dialog");
  if (route.routes.length > 0) return refusal(403, "Forbidden", "route-without-token");
  return byRules(core, arrival, route, group);
}

/**
 * The token opens the way of its own dialog and no other: inside it (§12.2), and to a peer or one of the two addresses that the
 * call was between. Whoever else has seen it, as everybody on the path has, can't send through us with it.
 */
export function mayUseToken(arrival: Arrival, route: Preprocessed): boolean {
  const { token } = route;
  if (token === null || arrival.request.toTag === "") return false;
  const { address } = arrival.flow;
  return arrival.group !== null || token.ingress.address === address || token.egress.address === address;
}

function byRules(core: Core, arrival: Arrival, route: Preprocessed, group: string): Destination | Refusal {
  const { request, flow, scope } = arrival;
  const { uri } = route;
  const callKey = `${scope.callId} ${scope.fromTag}`;
  const plan = core.router.plan({
    from: group,
    method: request.method,
    // A tel URI's parameters are a part of what is called (§19.1.6).
    user: uri.scheme === "tel" ? uri.user + uri.params : uri.user,
    host: uri.host,
    callKey,
    caller: request.from.uri,
  });
  if (plan === null) return refusal(404, "Not Found", "no-route");
  if (core.draining && request.method === "INVITE" && !plan.emergency) {
    return refusal(503, "Service Unavailable", "draining", "Retry-After: 30\r\n");
  }
  if (plan.targets.length === 0) {
    const reason = `Reason: SIP;cause=503;text="${plan.emptyBecause.replace(/["\\]/g, "")}"\r\n`;
    return refusal(503, "Service Unavailable", "no-target", `Retry-After: ${RETRY_AFTER_S}\r\n${reason}`);
  }
  if (plan.panic) core.counters.add("routing.panic");
  const hops = plan.targets.map((target) => {
    const { flow: to, place } = targetPlace(core, target, flow);
    const uriText = targetUri(core, target, uri, plan.user);
    return { flow: to, place, target, policy: plan.failover(target), uriText, mayUseTcp: target.mayUseTcp };
  });
  return {
    hops,
    group,
    routes: route.routesChanged ? "" : null,
    callKey: request.method === "INVITE" ? callKey : "",
    byCaller: true,
    emergency: plan.emergency,
  };
}

/** Where a target is reached from the listener that the call came to; made once for each pair. */
function targetPlace(core: Core, target: Target, from: Flow): Place {
  const known = core.places.get(target);
  if (known !== undefined && known.from === from.listener) return known;
  const { transport, address, port } = target;
  const listener = core.identity.egress(transport, address, from.listener);
  const flow: Flow = { transport, listener, address, port, connection: 0 };
  const place = { flow, place: placeOf(flow), from: from.listener };
  core.places.set(target, place);
  return place;
}

/** A Request-URI in our own name gets the target's; another's stays as it is, and the target is only the next hop (§16.5). */
function targetUri(core: Core, target: Target, uri: SipUri, user: string | null): string {
  const called = user ?? (uri.scheme === "tel" ? uri.user + uri.params : uri.user);
  if (uri.scheme !== "tel" && !core.identity.isMe(uri.host, uri.port))
    return formatUri({ ...uri, user: called });
  if (uri.scheme !== "tel") return formatUri({ ...target.uri, user: called });
  // What a number or its parameters may have and a user part may not (RFC 3261 §19.1.6, §25.1, RFC 3966 §3).
  const params = `${target.uri.params};user=phone`;
  return formatUri({ ...target.uri, user: called.replace(/[#:[\]]/g, encodeURIComponent), params });
}

/** Along the route set that the dialog recorded (§16.12); the token says where both ends were when it began. */
export function inDialog(core: Core, arrival: Arrival, route: Preprocessed): Destination | Refusal {
  const first = route.routes[0];
  const strict = first !== undefined && uriParam(first.uri, "lr") === null;
  const flows = dialogFlows(core, route);
  if (flows.length === 0) return refusal(404, "Not Found", "in-dialog-target");
  // 6. A strict router next: it gets its own URI, and the Request-URI goes behind the routes (§16.6 item 6).
  const uriText = strict ? first.uriText : route.uriText;
  let routes: string | null = null;
  if (strict)
    routes = routeLines([...route.routes.slice(1).map((value) => value.text), `<${route.uriText}>`]);
  else if (route.routesChanged) routes = routeLines(route.routes.map((value) => value.text));
  const noTransport = uriParam(first?.uri ?? route.uri, "transport") === null;
  const { scope, request } = arrival;
  const callerTag = route.token?.direction === "to-caller" ? request.toTag : scope.fromTag;
  const callKey = `${scope.callId} ${callerTag}`;
  return {
    hops: flows.map((flow) => {
      const mayUseTcp = noTransport && flow.transport === "udp";
      return { flow, place: placeOf(flow), target: null, policy: IN_DIALOG, uriText, mayUseTcp };
    }),
    group: "",
    routes,
    callKey,
    byCaller: route.token?.direction === "to-callee",
    emergency: true,
  };
}

/**
 * Places to try for a request inside a dialog, whatever the probes say. Behind a name the one that the dialog was begun with comes
 * first: a server that shares its name with others may be the only one that knows the dialog.
 */
function dialogFlows(core: Core, route: Preprocessed): Flow[] {
  const { token } = route;
  if (token === null) return [];
  const side = token.direction === "to-callee" ? token.egress : token.ingress;
  const first = route.routes[0];
  // The connection that the far end opened reaches it where its address may not (RFC 5626 §5.3, RFC 5923).
  if (first === undefined && side.transport !== "udp") {
    const recorded = recordedFlow(core, side);
    if (recorded !== null && core.transports.isOpen(recorded)) return [recorded];
  }
  const found = flowsTo(core, first?.uri ?? route.uri, side.listener);
  if (found.length === 1) return found;
  const recorded = recordedFlow(core, side);
  if (recorded === null) return found;
  const at = found.findIndex((flow) => placeOf(flow) === placeOf(recorded));
  if (at < 0) return found.length === 0 ? [recorded] : found.slice(0, IN_DIALOG_PLACES_MAX);
  return [recorded, ...found.toSpliced(at, 1)].slice(0, IN_DIALOG_PLACES_MAX);
}

/** Where a side of the dialog was when it began; null: no listener of ours reaches it. */
function recordedFlow(core: Core, side: Endpoint): Flow | null {
  // The node that made the token may have other listeners than this one.
  const listener = core.identity.egress(side.transport, side.address, side.listener);
  return listener < 0 ? null : { ...side, listener, connection: 0 };
}

function routeLines(values: readonly string[]): string {
  return values.map((value) => `Route: ${value}\r\n`).join("");
}
