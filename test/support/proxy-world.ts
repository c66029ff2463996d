/** A proxy core in a world of its own: manual time, recorded sends, a configuration as a user writes it. */

import { callLimits } from "../../src/calls/call-limits.ts";
import type { CallTable } from "../../src/calls/call-table.ts";
import type { Cdr } from "../../src/calls/cdr.ts";
import { parseConfig } from "../../src/config/load-config.ts";
import { NodeJournal } from "../../src/node/node-journal.ts";
import { callIdOfRecord } from "../../src/node/record-call-id.ts";
import { Restoration, type RestoreCounts } from "../../src/node/restore.ts";
import type { Confirm } from "../../src/proxy/context-journal.ts";
import { Identity } from "../../src/proxy/identity.ts";
import { SipProxy } from "../../src/proxy/proxy.ts";
import type { TargetWatch } from "../../src/proxy/target-watch.ts";
import type { Journal } from "../../src/replication/journal.ts";
import { MemoryJournal } from "../../src/replication/memory-journal.ts";
import { WarmCopy } from "../../src/replication/warm-copy.ts";
import { Router } from "../../src/routing/router.ts";
import { parseOwn, type SipMessage } from "../../src/sip/message/sip-message.ts";
import { mix32 } from "../../src/sip/signing/mix.ts";
import { TimerWheel } from "../../src/sip/timer/timer-wheel.ts";
import { timersFrom } from "../../src/sip/transaction/timer-settings.ts";
import type { Flow, ListenerAddress, SendFailure } from "../../src/transport/flow.ts";
import { callTable } from "./call-table.ts";
import { ALL_ALIVE } from "./target-knowledge.ts";

/** One message that the proxy sent. */
export interface Sent {
  readonly at: number;
  readonly to: string;
  readonly flow: Flow;
  readonly text: string;
  readonly message: SipMessage;
}

export const WORLD_CONFIG = `
node: test
listen: ["udp://198.51.100.10:5060", "tcp://198.51.100.10:5060", "udp://[2001:db8::10]:5060"]
identity: { aliases: [edge.example], secret: [0123456789abcdef] }
calls: { setupTimeout: 10m }
groups:
  carriers: { sources: [192.0.2.0/24, "2001:db8:1::/64"] }
  pbx:
    sources: [10.1.0.0/24]
    targets:
      - { uri: "sip:10.1.0.11;transport=udp", priority: 1 }
      - { uri: "sip:10.1.0.12;transport=udp", priority: 2 }
      - { uri: "sip:10.1.0.13;transport=udp", priority: 3 }
routes:
  - { from: carriers, to: pbx }
`;

/** What the wall clock of a world shows when its own time is 0: 2026-11-23T09:00:00.000Z. */
export const EPOCH = Date.UTC(2026, 10, 23, 9);

/** Who calls in most tests. */
export const CALLER: Flow = {
  transport: "udp",
  listener: 0,
  address: "192.0.2.1",
  port: 5060,
  connection: 0,
};

export class ProxyWorld {
  now: number;
  readonly sent: Sent[] = [];
  readonly open = new Set<string>();
  /** Connections that the proxy made aliases for, with the port (RFC 5923). */
  readonly aliases: [number, number][] = [];
  readonly logged: string[] = [];
  readonly wheel: TimerWheel;
  /** What a successor would be told. */
  readonly records = new MemoryJournal();
  readonly journal: NodeJournal;
  /** Accounts of the calls that have ended. */
  readonly cdrs: Cdr[] = [];
  readonly calls: CallTable;
  readonly proxy: SipProxy;
  readonly router: Router;
  /** What the proxy said of targets, a line each. */
  readonly watched: string[] = [];
  readonly watch: TargetWatch = {
    heard: (target, status, retryAfterS) =>
      this.watched.push(`${target} ${status} ${retryAfterS ?? ""}`.trim()),
    silent: (target) => this.watched.push(`${target} silent`),
    failed: (target, failure) => this.watched.push(`${target} ${failure}`),
  };
  /** Places behind names. */
  readonly places = new Map<string, Pick<Flow, "transport" | "address" | "port">[]>();
  #restoring: Restoration | null = null;

  /**
   * @param own the listeners that there are, where they are not those of the configuration
   * @param confirm what waits for its commit, and the journal that says when; default: nothing does
   */
  constructor(
    config = WORLD_CONFIG,
    own?: readonly ListenerAddress[],
    now = 1_000,
    confirm?: { readonly mode: Confirm; readonly journal: Journal },
  ) {
    this.now = now;
    this.journal = new NodeJournal(confirm?.journal ?? this.records, confirm?.mode ?? "off");
    this.wheel = new TimerWheel(now, 1);
    this.calls = callTable(this.wheel, this.cdrs, {
      wall: () => EPOCH + this.now,
      now: () => this.now,
      hangUp: (dialog) => this.proxy.hangUp(dialog),
      changed: (call) => this.journal.callChanged(call),
      settled: (call) => this.journal.callSettled(call),
    });
    const parsed = parseConfig(config, { file: "world.yaml", env: {} });
    const { identity, timers, listen } = { ...parsed, ...(own === undefined ? {} : { listen: own }) };
    this.router = new Router(parsed, {
      ...ALL_ALIVE,
      draw: (key) => {
        let draws = 0;
        return () => mix32(key, draws++) / 2 ** 32;
      },
      callsOn: (target) => this.calls.callsOn(target),
    });
    const limits = callLimits(parsed, this.router.targets());
    this.calls.configure({ limits, maxDurationMs: parsed.calls.maxDurationMs });
    const line = (_: object, message: string): void => {
      this.logged.push(message);
    };
    this.proxy = new SipProxy({
      transports: {
        send: (flow, text) => this.record(flow, text),
        isOpen: (flow) => flow.transport === "udp" || this.open.has(`${flow.address}:${flow.port}`),
        alias: (connection, port) => this.aliases.push([connection, port]) > 0,
      },
      wheel: this.wheel,
      now: () => this.now,
      log: { debug: line, info: line, warn: line },
      calls: this.calls,
      journal: this.journal,
      identity: new Identity(listen, identity.aliases),
      router: this.router,
      secrets: identity.secret,
      timers: timersFrom(timers),
      timerCMs: timers.cMs,
      setupTimeoutMs: parsed.calls.setupTimeoutMs,
      watch: this.watch,
      locate: ({ host }) => this.places.get(host) ?? null,
    });
  }

  protected record(flow: Flow, text: string): void {
    const to = `${flow.transport}:${flow.address}:${flow.port}`;
    this.sent.push({ at: this.now, to, flow, text, message: parseOwn(text) });
  }

  /** Hands a message to the proxy, and returns what it sends because of it. */
  receive(text: string, flow: Flow = CALLER): Sent[] {
    const before = this.sent.length;
    this.#restoring?.touch(parseOwn(text).callId);
    this.proxy.receive(text, flow);
    return this.sent.slice(before);
  }

  /** An INVITE comes from the caller; what of it is forwarded first. */
  invite(parts: Partial<RequestParts> = {}, flow: Flow = CALLER): Sent {
    return only(this.receive(request("INVITE", parts), flow), "INVITE");
  }

  /** A request of the caller inside a dialog whose INVITE went to the target as `invite`. */
  inDialog(method: string, invite: Sent, parts: Partial<RequestParts> = {}): Sent[] {
    return this.receive(request(method, { ...dialogOf(invite, method), ...parts }));
  }

  /** Nothing is running any more; each call that is up keeps one timer. */
  get idle(): boolean {
    const { contexts, branches, ownRequests, pending } = this.proxy.status();
    const isOver = contexts + branches + ownRequests + pending === 0;
    return isOver && this.wheel.size === this.calls.size && this.records.size === this.calls.size;
  }

  /** All that is stored at this moment. */
  stored(): StoredRecords {
    return { at: this.now, records: this.records.records(this.now) };
  }

  /** Goes on where another one stopped. @param stored of it; commits are as old as the time that passed since */
  restore(stored: StoredRecords): RestoreCounts {
    const restoration = this.inherit(stored);
    this.#restoreRest();
    return restoration.counts;
  }

  /**
   * The same as a node does it that serves meanwhile: each call when it is heard of, the rest as soon as time passes.
   * @param isWhole all that the other one had stored is there
   */
  inherit(stored: StoredRecords, isWhole = true): Restoration {
    this.proxy.takeOver(isWhole);
    const copy = new WarmCopy(callIdOfRecord);
    for (const [key, text] of stored.records) copy.put(key, { text, at: stored.at });
    const restoration = new Restoration(copy, {
      proxy: this.proxy,
      calls: this.calls,
      journal: this.journal,
      now: () => this.now,
      ageOf: (at) => this.now - at,
      targets: this.router.targets(),
      transactionMs: 32_000,
      timerCMs: 185_000,
      other: () => false,
      failed: (key, error) => {
        throw new Error(key, { cause: error });
      },
    });
    this.#restoring = restoration;
    return restoration;
  }

  #restoreRest(): void {
    this.#restoring?.advance(Number.POSITIVE_INFINITY);
    this.#restoring = null;
  }

  fail(flow: Flow, failure: SendFailure = "refused"): Sent[] {
    const before = this.sent.length;
    this.proxy.transportFailure(flow, failure);
    return this.sent.slice(before);
  }

  /** Lets time pass, and returns what was sent meanwhile. */
  pass(ms: number): Sent[] {
    const before = this.sent.length;
    const end = this.now + ms;
    this.#restoreRest();
    while (this.now < end) {
      this.now = this.wheel.size === 0 ? end : this.now + 1; // nothing can fire in between
      this.wheel.advance(this.now);
    }
    return this.sent.slice(before);
  }

  count(name: string): number {
    return this.proxy.status().counters[name] ?? 0;
  }
}

/** What one node wrote, and when by the clock of all. */
export interface StoredRecords {
  readonly at: number;
  readonly records: readonly (readonly [string, string])[];
}

/** Where a target of {@link WORLD_CONFIG} speaks from. */
export function pbx(number: number, connection = 0): Flow {
  return { transport: "udp", listener: 0, address: `10.1.0.1${number}`, port: 5060, connection };
}

/** A request as a peer sends it; every part can be replaced. */
export function request(method: string, parts: Partial<RequestParts> = {}): string {
  const p = { ...REQUEST, ...parts };
  const lines = [
    `${method} ${p.uri} SIP/2.0`,
    `Via: ${p.via}`,
    ...p.more,
    ...(p.maxForwards === "" ? [] : [`Max-Forwards: ${p.maxForwards}`]),
    `From: <sip:alice@192.0.2.1>;tag=${p.fromTag}`,
    `To: <sip:bob@edge.example>${p.toTag === "" ? "" : `;tag=${p.toTag}`}`,
    `Call-ID: ${p.callId}`,
    `CSeq: ${p.cseq} ${p.cseqMethod === "" ? method : p.cseqMethod}`,
    "Contact: <sip:alice@192.0.2.1:5060>",
    `Content-Length: ${p.body.length}`,
  ];
  return `${lines.join("\r\n")}\r\n\r\n${p.body}`;
}

/** Header fields and Request-URI of the caller's requests in the dialog that the target's 2xx began. */
export function dialogOf(invite: Sent, method: string): Partial<RequestParts> {
  const routes = linesOf(invite.message, "record-route").reverse();
  return {
    uri: "sip:bob@10.1.0.11:5060",
    via: `SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK${method};rport`,
    toTag: "b1",
    more: routes.map((value) => `Route: ${value}`),
    cseq: 2,
  };
}

/** Values of each line with this header name, top to bottom. */
export function linesOf(message: SipMessage, name: string): string[] {
  const lines = message.raw.slice(0, message.headersEnd).split("\r\n");
  const start = `${name.toLowerCase()}:`;
  return lines
    .filter((line) => line.toLowerCase().startsWith(start))
    .map((line) => line.slice(start.length).trim());
}

/** What a message is, in a word: "INVITE", "180". */
export function kindOf(message: SipMessage): string {
  return message.isRequest ? message.method : String(message.status);
}

/** What was sent, a word or two each: "INVITE pbx1", "180 caller", "BYE tcp:10.1.0.11:5060". */
export function outline(sent: readonly Sent[]): string[] {
  return sent.map(({ to, message }) => {
    const target = /^udp:10\.1\.0\.1(\d):5060$/.exec(to)?.[1];
    const place = to === "udp:192.0.2.1:5060" ? "caller" : target === undefined ? to : `pbx${target}`;
    return `${kindOf(message)} ${place}`;
  });
}

/** The one message of its kind in what was sent. @throws where there is none or several */
export function only(sent: readonly Sent[], kind: string): Sent {
  const found = sent.filter(({ message }) => kindOf(message) === kind);
  const [one] = found;
  if (one === undefined || found.length > 1)
    throw new Error(`${found.length} times ${kind} in: ${outline(sent).join(", ")}`);
  return one;
}

export interface RequestParts {
  uri: string;
  via: string;
  more: readonly string[];
  maxForwards: string;
  fromTag: string;
  toTag: string;
  callId: string;
  cseq: number;
  cseqMethod: string;
  body: string;
}

const REQUEST: RequestParts = {
  uri: "sip:+15551234567@198.51.100.10",
  via: "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKalice1;rport",
  more: [],
  maxForwards: "70",
  fromTag: "a1",
  toTag: "",
  callId: "call-1@192.0.2.1",
  cseq: 1,
  cseqMethod: "",
  body: "",
};

/** The answer of a server to a request that reached it. */
export function answer(
  to: SipMessage,
  status: number,
  parts: { tag?: string; headers?: string; contact?: string; phrase?: string } = {},
): string {
  const keep = /^(?:via|v|record-route|from|f|call-id|i|cseq)[ \t]*:/i;
  const head = to.raw.slice(to.headersStart, to.headersEnd);
  const lines = head.split("\r\n").filter((line) => keep.test(line));
  const toLine = head.split("\r\n").find((line) => /^(?:to|t)[ \t]*:/i.test(line)) ?? "";
  const tag = status > 100 && !/;tag=/i.test(toLine) ? `;tag=${parts.tag ?? "b1"}` : "";
  const contact = parts.contact ?? "<sip:bob@10.1.0.11:5060>";
  return (
    `SIP/2.0 ${status} ${parts.phrase ?? "Phrase"}\r\n${lines.map((line) => `${line}\r\n`).join("")}` +
    `${toLine}${tag}\r\nContact: ${contact}\r\n${parts.headers ?? ""}Content-Length: 0\r\n\r\n`
  );
}
