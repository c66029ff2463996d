/** A request on arrival: its Via stamped, the way back known (RFC 3261 §18.2). */
import { stampedVia } from "../sip/header/via-stamp.ts";
import type { SipMessage } from "../sip/message/sip-message.ts";
import { addressOf, isNumericHost } from "../sip/uri.ts";
import type { Flow } from "../transport/flow.ts";
import { type BranchScope, branchMethod, viaText } from "./branch.ts";
import { isReliable } from "./core.ts";

/** What the first lines of work on a request find out. */
export interface Arrival {
  readonly request: SipMessage;
  readonly flow: Flow;
  /** Peer group of the sender; null: nobody we know. */
  readonly group: string | null;
  /** Topmost Via as stamped. */
  readonly topVia: string;
  /** Where responses go (§18.2.2, RFC 3581 §4). */
  readonly reply: Flow;
  readonly scope: BranchScope;
}

/** @throws SipParseError where a header that every request has is malformed */
export function arrivalOf(request: SipMessage, flow: Flow, group: string | null): Arrival {
  const via = request.topVia;
  const topVia = stampedVia(request.raw, via, flow);
  // As stampedVia writes it.
  const received = via.rport !== null || addressOf(via.host) !== flow.address ? flow.address : "";
  const rport = via.rport === null ? "" : String(flow.port);
  return {
    request,
    flow,
    group,
    topVia,
    reply: replyFlow(request, flow, group),
    scope: {
      nextVia: viaText(via, received, rport),
      callId: request.callId,
      fromTag: request.fromTag,
      cseq: request.cseqNumber,
      method: branchMethod(request.method),
    },
  };
}

/** §18.2.2: a stream's connection, else its address again; UDP: maddr, rport, or the port of sent-by. */
function replyFlow(request: SipMessage, flow: Flow, group: string | null): Flow {
  const via = request.topVia;
  const sentByPort = via.port === 0 ? 5060 : via.port;
  if (isReliable(flow)) return { ...flow, port: sentByPort };
  // A name would need a resolver on the way back, and a stranger's would aim our answers at others: both get theirs where they are.
  if (group !== null && via.maddr !== null && isNumericHost(via.maddr))
    return { ...flow, address: addressOf(via.maddr), port: sentByPort };
  return via.rport !== null || sentByPort === flow.port ? flow : { ...flow, port: sentByPort };
}
