/**
 * Calls that exist only in this process, carried before the first real one: V8 compiles what is used often, and until it
 * has, a call costs several times as much (docs/performance.md). A proxy of its own carries them, with its own time: it
 * sends nothing, logs nothing, counts nothing and accounts for nothing that anybody sees.
 */
import { Buffer } from "node:buffer";
import { setImmediate } from "node:timers/promises";
import { CallTable } from "../calls/call-table.ts";
import { cdrLine } from "../calls/cdr-line.ts";
import { parseConfig } from "../config/load-config.ts";
import { SipProxy } from "../proxy/proxy.ts";
import type { Journal, JournalEntry } from "../replication/journal.ts";
import { TimerWheel } from "../sip/timer/timer-wheel.ts";
import type { Flow } from "../transport/flow.ts";
import { NodeJournal } from "./node-journal.ts";
import { RehearsedPeers } from "./rehearsed-peers.ts";
import { partsOf } from "./running-config.ts";

/**
 * A call each so many milliseconds of its own time: transactions of thousands of calls are there at once, as under load. No
 * whole number, as those of the real clock are none: code that was compiled for whole ones would have to be thrown away.
 */
const CALL_EVERY_MS = 8.13;
/** Any time that is as long as today's in milliseconds since the epoch. */
const EPOCH = Date.UTC(2026, 0, 1);
/** How often the clock and the budget are looked at. */
const CALLS_BETWEEN_LOOKS = 50;
const TICK_MS = 10;

const CONFIG = `
node: rehearsal
listen: ["udp://192.0.2.1:5060"]
identity: { secret: [nobody-else-sees-what-it-signs] }
groups:
  callers: { sources: [192.0.2.2] }
  callees:
    sources: [192.0.2.3, 192.0.2.4]
    targets: [{ uri: "sip:192.0.2.3", priority: 1 }, { uri: "sip:192.0.2.4", priority: 2 }]
routes:
  - { from: callers, to: callees }
`;

export interface RehearsalPlan {
  /** Milliseconds that it may take, as `usedMs` counts them. */
  readonly budgetMs: number;
  /** Milliseconds that this process has used, from any origin. */
  readonly usedMs: () => number;
}

export interface Rehearsal {
  readonly calls: number;
  /** Calls that have ended, by what ended them. */
  readonly ends: Readonly<Record<string, number>>;
  readonly usedMs: number;
}

/** Carries calls until the budget is used up; the event loop turns meanwhile. */
export async function rehearse({ budgetMs, usedMs }: RehearsalPlan): Promise<Rehearsal> {
  const stage = new Stage();
  const begun = usedMs();
  let calls = 0;
  while (usedMs() - begun < budgetMs) {
    for (let call = 0; call < CALLS_BETWEEN_LOOKS; call++) stage.carry(calls++);
    await setImmediate();
  }
  return { calls, ends: stage.ends, usedMs: usedMs() - begun };
}

/** A journal whose records are written, call by call, and read by nobody. */
class RehearsedJournal implements Journal {
  private readonly marked = new Set<JournalEntry>();

  mark(entry: JournalEntry): void {
    this.marked.add(entry);
  }

  adopt(entry: JournalEntry): void {
    this.mark(entry);
  }

  end(entry: JournalEntry): void {
    entry.source = null;
  }

  confirmed(then: () => void): void {
    then();
  }

  commit(now: number): void {
    for (const entry of this.marked) entry.source?.encode(now);
    this.marked.clear();
  }
}

class Stage {
  readonly ends: Record<string, number> = {};
  private now = CALL_EVERY_MS;
  private readonly wheel = new TimerWheel(0, TICK_MS);
  private readonly journal = new RehearsedJournal();
  private readonly peers = new RehearsedPeers();
  private sent: { readonly flow: Flow; readonly bytes: Buffer }[] = [];
  private readonly proxy: SipProxy;

  constructor() {
    const config = parseConfig(CONFIG, { file: "rehearsal", env: {} });
    const silent = (): void => {};
    const journal = new NodeJournal(this.journal, "off");
    const calls = new CallTable({
      wheel: this.wheel,
      wall: () => EPOCH + Math.floor(this.now),
      now: () => this.now,
      node: config.node,
      maxDurationMs: config.calls.maxDurationMs,
      write: (cdr, call) => {
        if (cdrLine(cdr).length > 0) this.ends[cdr.endedBy] = (this.ends[cdr.endedBy] ?? 0) + 1;
        journal.callSettled(call);
      },
      changed: (call) => journal.callChanged(call),
      hangUp: silent,
    });
    this.proxy = new SipProxy({
      ...partsOf(config, {
        listeners: config.listen,
        knowledge: {
          placesOf: () => null,
          standing: () => "usable",
          share: () => 1,
          callsOn: (target) => calls.callsOn(target),
        },
        ownSecret: "",
      }),
      transports: {
        send: (flow, text) => this.sent.push({ flow, bytes: Buffer.from(text, "latin1") }),
        isOpen: () => true,
        alias: () => false,
      },
      wheel: this.wheel,
      now: () => this.now,
      log: { debug: silent, info: silent, warn: silent },
      calls,
      journal,
      watch: { heard: silent, silent, failed: silent },
      locate: () => null,
    });
  }

  /** One call from its INVITE to its end, with all that its peers say. */
  carry(number: number): void {
    this.now += CALL_EVERY_MS;
    this.wheel.advance(this.now);
    this.receive(this.peers.begin(number));
    while (this.sent.length > 0) {
      const { sent } = this;
      this.sent = [];
      for (const { flow, bytes } of sent) {
        for (const said of this.peers.hear(bytes.toString("latin1"), flow)) this.receive(said);
      }
    }
    this.journal.commit(this.now);
  }

  /** As a socket hands it over: a text of its own. */
  private receive({ text, from }: { readonly text: string; readonly from: string }): void {
    const bytes = Buffer.from(text, "latin1");
    const flow: Flow = { transport: "udp", listener: 0, address: from, port: 5060, connection: 0 };
    this.proxy.receive(bytes.toString("latin1"), flow);
  }
}
