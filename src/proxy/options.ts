/** OPTIONS to the proxy itself (RFC 3261 §11): how others see whether this node serves. */
import { buildResponse } from "../sip/message/build-response.ts";
import type { Arrival } from "./arrival.ts";
import type { AnswerProbe, Core } from "./core.ts";
import { refusal } from "./refusal.ts";
import type { Preprocessed } from "./route-preprocessing.ts";
import { refuse } from "./server-side.ts";

const ABILITIES =
  "Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, PRACK, UPDATE, INFO, REFER, NOTIFY, SUBSCRIBE, MESSAGE, PUBLISH, REGISTER\r\n" +
  "Accept: */*\r\nSupported:\r\n";
const RETRY_AFTER_S = 30;
/** Of a node's question who has the floating IP, and of its answer (docs/takeover.md). */
const PROBE_HEADER = "x-tandem-probe";

/** @returns true where the request was one to us, and is answered */
export function answerOptions(core: Core, arrival: Arrival, route: Preprocessed): boolean {
  const { request, topVia, reply } = arrival;
  if (request.method !== "OPTIONS") return false;
  if (core.answerProbe !== null && answerCluster(core, arrival, core.answerProbe)) return true;
  const toMe = route.routes.length === 0 && route.uri.user === "" && core.identity.isMyUri(route.uri);
  const endsHere = request.maxForwards === 0; // §16.3 item 3
  if (!toMe && !endsHere) return false;
  if (arrival.group === null) refuse(core, request, arrival, refusal(403, "Forbidden", "unknown-source"));
  else if (core.draining) {
    const retry = `Retry-After: ${RETRY_AFTER_S}\r\n`;
    refuse(core, request, arrival, refusal(503, "Service Unavailable", "draining", retry));
  } else {
    core.counters.add("options.answered");
    core.transports.send(reply, buildResponse(request, { status: 200, phrase: "OK" }, topVia, ABILITIES));
  }
  return true;
}

/** Another node of the cluster asks who has the floating IP: answered to whoever proves to be one, and however much is to be done. */
function answerCluster(core: Core, { request, topVia, reply }: Arrival, answerProbe: AnswerProbe): boolean {
  const question = request.valueNamed(PROBE_HEADER);
  const answer = question === null ? null : answerProbe(question);
  if (answer === null) return false;
  core.counters.add("options.cluster");
  const header = `X-Tandem-Probe: ${answer}\r\n`;
  core.transports.send(reply, buildResponse(request, { status: 200, phrase: "OK" }, topVia, header));
  return true;
}
