/** ACK without a transaction here: of a 2xx, end to end (RFC 3261 §13.2.2.4, §16.11), or of nothing that we know. */

import type { Arrival } from "./arrival.ts";
import { onAckSeen } from "./concluded-elsewhere.ts";
import { type Core, isReliable } from "./core.ts";
import { inDialog, mayUseToken } from "./destination.ts";
import { forwardedRequest } from "./request-edits.ts";
import { preprocessRoutes } from "./route-preprocessing.ts";
import { checkBreadth, validate } from "./validation.ts";

/** Forwards it statelessly along its route set; one without our token is dropped and counted, never answered. */
export function forwardAck(core: Core, arrival: Arrival): void {
  const { request, scope, topVia } = arrival;
  const refused = validate(arrival, core.identity, core.signer);
  if (refused !== null) {
    core.counters.add(`dropped.ack-${refused.reason}`);
    return;
  }
  const route = preprocessRoutes(request, core.identity, core.tokens);
  const destination = mayUseToken(arrival, route) ? inDialog(core, arrival, route) : null;
  const hop = destination !== null && "hops" in destination ? destination.hops[0] : undefined;
  if (destination === null || hop === undefined || !("hops" in destination)) {
    core.counters.add("dropped.ack-without-dialog");
    return;
  }
  const { flow } = hop;
  const id = core.signer.unsigned(scope, hop.place, core.signer.loopValue(request, arrival.group ?? ""));
  const text = forwardedRequest(request, {
    uriText: hop.uriText,
    topVia,
    via: core.identity.via(flow.listener, id),
    recordRoutes: "",
    routes: destination.routes,
    maxBreadth: checkBreadth(request),
    overStream: isReliable(flow),
  });
  if (core.restored.pending.size > 0) onAckSeen(core, request, route.routes.map(({ text }) => text).join());
  if (core.now < core.restored.unknownUntil + core.timers.transactionMs)
    core.calls.acknowledged(destination.callKey);
  core.counters.add("ack.forwarded");
  core.transports.send(flow, text);
}
