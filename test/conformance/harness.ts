/** A proxy with one listener a transport and family, one target, no rules and no network: what goes in and what comes out. */
import { FlowTokens } from "../../src/proxy/flow-token.ts";
import { Identity } from "../../src/proxy/identity.ts";
import { SipProxy } from "../../src/proxy/proxy.ts";
import { CALL_ID, FROM, TO } from "../../src/sip/message/header-name.ts";
import { parseMessage } from "../../src/sip/message/sip-message.ts";
import { TimerWheel } from "../../src/sip/timer/timer-wheel.ts";
import { DEFAULT_TIMERS } from "../../src/sip/transaction/timer-settings.ts";
import { parseUri } from "../../src/sip/uri.ts";
import type { Flow, ListenerAddress } from "../../src/transport/flow.ts";
import { callTable } from "../support/call-table.ts";

const SECRETS = ["a secret of the conformance tests"];
const LISTENERS: readonly ListenerAddress[] = [
  { transport: "udp", address: "192.0.2.254", port: 5060 },
  { transport: "tcp", address: "192.0.2.254", port: 5060 },
  { transport: "udp", address: "2001:db8::fe", port: 5060 },
];
/** As they stand in Via. */
export const PROXY_HOSTS: ReadonlySet<string> = new Set(["192.0.2.254", "[2001:db8::fe]"]);
/** Names in the torture messages' own Route headers, so that they are ours to take off (RFC 3261 §16.4). */
const ALIASES = ["services.example.com", "127.0.0.1:5080"];

/** Who sends the torture messages. */
const PEER: Flow = { transport: "udp", listener: 0, address: "192.0.2.15", port: 5060, connection: 0 };
export const TARGET: Flow = {
  transport: "udp",
  listener: 0,
  address: "198.51.100.1",
  port: 5060,
  connection: 0,
};

export interface Sent {
  readonly flow: Flow;
  readonly text: string;
}

export class ProxyHarness {
  /** Everything sent since the last {@link take}, in order. */
  private sent: Sent[] = [];
  readonly proxy: SipProxy;

  constructor() {
    const log = { debug() {}, info() {}, warn() {} };
    this.proxy = new SipProxy({
      transports: {
        send: (flow, text) => void this.sent.push({ flow, text }),
        isOpen: () => false,
        alias: () => false,
      },
      wheel: new TimerWheel(0, 10),
      now: () => 0,
      log,
      watch: { heard: () => {}, silent: () => {}, failed: () => {} },
      locate: () => null,
      setupTimeoutMs: 60_000,
      calls: callTable(new TimerWheel(0, 10), []),
      identity: new Identity(LISTENERS, ALIASES),
      router: {
        hasEmergency: false,
        targets: () => [],
        classify: () => "peers",
        isTargetAddress: (address) => address === TARGET.address,
        plan: () => ({
          route: 0,
          targets: [
            {
              id: "udp:198.51.100.1:5060",
              group: "targets",
              name: "sip:198.51.100.1",
              uri: parseUri("sip:198.51.100.1"),
              transport: "udp",
              address: TARGET.address,
              port: TARGET.port,
              priority: 1,
              srvPriority: 0,
              weight: 1,
              mayUseTcp: true,
              maxCalls: null,
              maxCallsPerSecond: null,
            },
          ],
          emptyBecause: "",
          panic: false,
          user: null,
          emergency: false,
          failover: () => ({
            noAnswerAfterMs: 2_000,
            noProgressAfterMs: 20_000,
            on: new Set(),
            afterProgress: false,
            maxAttempts: 1,
          }),
        }),
      },
      secrets: SECRETS,
      timers: DEFAULT_TIMERS,
      timerCMs: 185_000,
    });
  }

  /** Feeds one message and returns what the proxy sent because of it. */
  feed(text: string, flow: Flow = PEER): Sent[] {
    this.sent = [];
    this.proxy.receive(text, flow);
    return this.sent;
  }
}

/** The request with a Route on top that our Record-Route in the request that began the dialog would have made. */
export function withOurRoute(text: string): string {
  const { callId, fromTag } = parseMessage(text);
  const token = new FlowTokens(SECRETS).make(PEER, TARGET, { callId, callerTag: fromTag });
  const lineEnd = text.indexOf("\r\n") + 2;
  return `${text.slice(0, lineEnd)}Route: <sip:${token}@192.0.2.254;lr>\r\n${text.slice(lineEnd)}`;
}

/** An INVITE, or what else `method` says, with the ids of the response, so that the response can answer it. */
export function requestFor(response: string, method: string, cseq: string): string {
  const ids = parseIds(response);
  return (
    `${method} sip:called@example.com SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.15;branch=z9hG4bKabove\r\n` +
    `Max-Forwards: 70\r\nFrom: ${ids.from}\r\nTo: ${ids.to}\r\nCall-ID: ${ids.callId}\r\n` +
    `CSeq: ${cseq} ${method}\r\nContent-Length: 0\r\n\r\n`
  );
}

/** The response in place of one that the target sends to `forwarded`: with the Via header fields of that. */
export function asAnswer(response: string, forwarded: string): string {
  const vias = forwarded.split("\r\n").filter((line) => /^via[ \t]*:/i.test(line));
  const lines = response.split("\r\n");
  const [start = "", ...rest] = lines;
  const headEnd = rest.indexOf("");
  const head = rest.slice(0, headEnd).filter((line) => !/^(?:via|v)[ \t]*:/i.test(line));
  return [start, ...vias, ...head, ...rest.slice(headEnd)].join("\r\n");
}

function parseIds(response: string): { from: string; to: string; callId: string } {
  // The start line may be the very thing that is wrong.
  const head = parseMessage(`SIP/2.0 200 OK${response.slice(response.indexOf("\r\n"))}`);
  const to = (head.value(TO) ?? "").replace(/;tag=.*$/, "");
  return { from: head.value(FROM) ?? "", to, callId: head.value(CALL_ID) ?? "" };
}
