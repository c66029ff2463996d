/** OPTIONS to a target, to know whether it is there before a call needs it (RFC 3261 §11). */
import { DIGIT, decimal, spanOf } from "../sip/header/character.ts";
import { RETRY_AFTER } from "../sip/message/header-name.ts";
import type { SipMessage } from "../sip/message/sip-message.ts";
import { TRANSPORT_ERROR } from "../sip/transaction/transaction.ts";
import { hostOf } from "../sip/uri.ts";
import type { Flow, TransportName } from "../transport/flow.ts";
import { type Core, placeOf } from "./core.ts";
import { ownKey, sendOwn, stepOwn } from "./own-requests.ts";

/** A wait of more than a day is a mistake, and is not believed. */
const RETRY_AFTER_SECONDS_MAX = 86_400;
/** What is kept of a header that a target sends with its answer. */
const LEARNT_CHARACTERS_MAX = 256;

export interface Probe {
  readonly transport: TransportName;
  /** IPv6 without brackets. */
  readonly address: string;
  readonly port: number;
  /** Host of the Request-URI as the configuration names it, IPv6 in brackets. */
  readonly host: string;
  /** The request is repeated by Timer E until then (§17.1.2.2). */
  readonly timeoutMs: number;
  /** Never used before, letters and digits: Call-ID, tag and branch are made of it. */
  readonly nonce: string;
}

export type ProbeResult = Readonly<
  | { kind: "answered"; status: number; retryAfterS: number | null; allow: string; server: string }
  | { kind: "silent" }
  | { kind: "failed"; failure: string }
>;

/**
 * One probe; a target has one at a time.
 * @param done told how it ended, and once more where an answer comes after the time-out
 */
export function sendProbe(core: Core, probe: Probe, done: (result: ProbeResult) => void): void {
  const { transport, address, port, timeoutMs } = probe;
  const listener = core.identity.egress(transport, address, 0);
  if (listener < 0) {
    done({ kind: "failed", failure: "no-listener" });
    return;
  }
  const flow: Flow = { transport, listener, address, port, connection: 0 };
  const place = placeOf(flow);
  const branch = `z9hG4bKp${probe.nonce}`;
  const key = ownKey(branch, "OPTIONS");
  core.probes.set(place, key);
  sendOwn(
    core,
    { branch, method: "OPTIONS", request: optionsRequest(core, probe, { branch, listener }), flow },
    {
      timeoutMs,
      ended: (end) => {
        if (core.probes.get(place) === key) core.probes.delete(place);
        done(end.kind === "answered" ? learntFrom(end.response) : end);
      },
    },
  );
}

/** The network says that what was sent there is lost. */
export function onProbeFailure(core: Core, place: string, failure: string): void {
  const key = core.probes.get(place);
  if (key !== undefined) stepOwn(core, key, TRANSPORT_ERROR, { response: null, failure });
}

function optionsRequest(core: Core, probe: Probe, own: { branch: string; listener: number }): string {
  const { transport, port, host, address, nonce } = probe;
  const numeric = hostOf(address);
  // The name as configured, and the port where the URI has to say it: what some servers compare with their own domains.
  const parameter = transport === "udp" ? "" : `;transport=${transport}`;
  const uri = host === numeric ? `sip:${host}:${port}${parameter}` : `sip:${host}${parameter}`;
  const self = core.identity.sentBy(own.listener);
  return (
    `OPTIONS ${uri} SIP/2.0\r\nVia: ${core.identity.via(own.listener, own.branch)}\r\nMax-Forwards: 70\r\n` +
    `From: <sip:probe@${self}>;tag=${nonce}\r\nTo: <${uri}>\r\nCall-ID: ${nonce}@${self}\r\nCSeq: 1 OPTIONS\r\n` +
    "Accept: application/sdp\r\nContent-Length: 0\r\n\r\n"
  );
}

function learntFrom(response: SipMessage): ProbeResult {
  return {
    kind: "answered",
    status: response.status,
    retryAfterS: retryAfterS(response),
    allow: learnt(response, "allow"),
    server: learnt(response, "server"),
  };
}

/** A copy: a slice would keep the whole response alive. */
function learnt(response: SipMessage, name: string): string {
  return [...(response.valueNamed(name) ?? "").slice(0, LEARNT_CHARACTERS_MAX)].join("");
}

/** Seconds of Retry-After (§20.33); null where there is none, or one that can't be read. */
export function retryAfterS(response: SipMessage): number | null {
  if (response.status < 300) return null;
  const row = response.find(RETRY_AFTER);
  if (row < 0) return null;
  const start = response.valueStart(row);
  const seconds = decimal(
    response.raw,
    start,
    spanOf(DIGIT, response.raw, start, response.valueEnd(row)),
    RETRY_AFTER_SECONDS_MAX,
  );
  return seconds < 0 ? null : seconds;
}
