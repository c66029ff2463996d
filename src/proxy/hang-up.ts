/** BYE to both sides of a call that has reached its longest duration (RFC 3261 §15.1.1). */
import { SipParseError } from "../sip/message/parse-error.ts";
import { parseOwn } from "../sip/message/sip-message.ts";
import { addressOf } from "../sip/uri.ts";
import type { Flow } from "../transport/flow.ts";
import { attemptMark } from "./branch.ts";
import { type Core, isReliable, placeOf } from "./core.ts";
import { dialogRequest, nextHopOf, type Remote } from "./own-message.ts";
import { flowTo, sendOwn } from "./own-requests.ts";
import { routeValues } from "./route-preprocessing.ts";

/** A call as its ledger remembers it; header values without their names, URIs of Contacts, routes from us on. */
export interface DialogEnds {
  readonly callId: string;
  readonly caller: string;
  readonly callee: string;
  readonly callerContact: string;
  readonly calleeContact: string;
  readonly callerRoutes: string;
  readonly calleeRoutes: string;
  /** "transport:address:port" that the INVITE came from, and that it went to. */
  readonly callerPlace: string;
  readonly calleePlace: string;
  readonly callerCseq: number;
  readonly calleeCseq: number;
}

const REASON = 'Reason: SIP;cause=408;text="Maximum duration reached"\r\n';

/** Each side gets the BYE that the other would have sent: its CSeq goes on from the last that was seen. */
export function hangUp(core: Core, ends: DialogEnds): void {
  const { caller, callee, callerCseq, calleeCseq } = ends;
  bye(core, ends, {
    from: caller,
    to: callee,
    cseq: callerCseq + 1,
    contact: ends.calleeContact,
    routes: ends.calleeRoutes,
    place: ends.calleePlace,
  });
  bye(core, ends, {
    from: callee,
    to: caller,
    cseq: calleeCseq + 1,
    contact: ends.callerContact,
    routes: ends.callerRoutes,
    place: ends.callerPlace,
  });
  core.log.info({ callId: ends.callId }, "longest duration reached: call ended");
}

function bye(
  core: Core,
  { callId }: DialogEnds,
  side: { from: string; to: string; cseq: number; contact: string; routes: string; place: string },
): void {
  try {
    const remote = remoteAt(side.contact, side.routes);
    const flow = wayTo(core, remote, side.place);
    if (flow === null) {
      core.counters.add("hang-up.no-way");
      return;
    }
    const scope = { nextVia: "", callId, fromTag: side.from, cseq: side.cseq, method: "BYE" };
    const branch = core.signer.branch(scope, placeOf(flow), attemptMark(1, false), "AAAAAAAAAA");
    const dialog = {
      from: `From: ${side.from}\r\n`,
      to: `To: ${side.to}\r\n`,
      callId: `Call-ID: ${callId}\r\n`,
      cseq: side.cseq,
    };
    const request = dialogRequest("BYE", dialog, remote, {
      via: core.identity.via(flow.listener, branch),
      reason: REASON,
    });
    sendOwn(core, { branch, method: "BYE", request, flow });
  } catch (error) {
    if (!(error instanceof SipParseError)) throw error;
    core.counters.add("hang-up.no-way");
  }
}

/** As a request that is forwarded inside the dialog goes: a stream that is open, else by route or Contact, else where the INVITE was. */
function wayTo(core: Core, remote: Remote, place: string): Flow | null {
  const recorded = flowAt(core, place);
  const byConnection = remote.routes.length === 0 && recorded !== null && isReliable(recorded);
  if (byConnection && core.transports.isOpen(recorded)) return recorded;
  return flowTo(core, nextHopOf(remote), NO_FLOW) ?? recorded;
}

/** The flow of a {@link placeOf}; null where no listener of ours reaches it. */
function flowAt(core: Core, place: string): Flow | null {
  const [transport] = place.split(":", 1);
  if (transport !== "udp" && transport !== "tcp") return null;
  const address = addressOf(place.slice(transport.length + 1, place.lastIndexOf(":")));
  const listener = core.identity.egress(transport, address, -1);
  if (listener < 0) return null;
  return {
    transport,
    listener,
    address,
    port: Number(place.slice(place.lastIndexOf(":") + 1)),
    connection: 0,
  };
}

const NO_FLOW: Flow = { transport: "udp", listener: -1, address: "", port: 0, connection: 0 };

/** @throws SipParseError where Contact or Route can't be read */
function remoteAt(contact: string, routes: string): Remote {
  const lines = routes === "" ? "" : `Route: ${routes}\r\n`;
  return { uriText: contact, routes: routeValues(parseOwn(`BYE ${contact} SIP/2.0\r\n${lines}\r\n`)) };
}
