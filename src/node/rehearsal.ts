/**
 * Calls that exist only in this process, carried before the first real one: V8 compiles what is used often, and until it
 * has, a call costs several times as much (docs/performance.md). A proxy of its own carries them, with its own time: it
 * sends nothing, logs nothing, counts nothing and accounts for nothing that anybody sees.
 */
import { Buffer } from "node:buffer";
import { setImmediate } from "node:timers/promises";
import { CallTable } from "../calls/call-table.ts";
import { cdrLine } from "../calls/cdr-line.ts";
import type { Config } from "../config/config.ts";
import { parseConfig } from "../config/load-config.ts";
import { Counters } from "../proxy/counters.ts";
import { SipProxy } from "../proxy/proxy.ts";
import type { Journal, JournalEntry } from "../replication/journal.ts";
import { writeRecord } from "../replication/record-text.ts";
import { WarmCopy } from "../replication/warm-copy.ts";
import { TimerWheel } from "../sip/timer/timer-wheel.ts";
import type { Flow } from "../transport/flow.ts";
import { NodeJournal } from "./node-journal.ts";
import { callIdOfRecord } from "./record-call-id.ts";
import { callIdOf, RehearsedPeers, type Said } from "./rehearsed-peers.ts";
import { Restoration } from "./restore.ts";
import { partsOf } from "./running-config.ts";
import { TICK_MS } from "./system-clock.ts";
import { readHealthRecord, readOperatorsRecord } from "./target-journal.ts";

/**
 * A call each so many milliseconds of their own time: transactions of thousands of calls are there at once, as under load. No
 * whole number, as those of the real clock are none: code that was compiled for whole ones would have to be thrown away.
 */
const PACE = 8.13;
/** Any time that is as long as today's in milliseconds since the epoch. */
const EPOCH = Date.UTC(2026, 0, 1);
/** How often the clock and the budget are looked at. */
const CALLS_BETWEEN_LOOKS = 50;
/** What is of no call, and restored first; there is nothing in it, but whoever reads it is ready then. */
const TARGETS_RECORDS = [
  ["health sip:192.0.2.3", writeRecord(1, ["{}"])],
  ["operators all", writeRecord(1, ["[]"])],
] as const;
/** Each so many calls one is taken over by another node, from its records, while it is set up. */
const TAKEN_OVER_EVERY = 25;

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

/** A journal whose records are written, call by call, and read by who takes a call over. */
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

  /** What has changed since the last commit, as key and text. */
  commit(now: number): [key: string, text: string][] {
    const records = [...this.marked].flatMap(({ key, source }): [string, string][] =>
      source === null ? [] : [[key, source.encode(now)]],
    );
    this.marked.clear();
    return records;
  }
}

interface Surroundings {
  readonly now: () => number;
  readonly sent: (flow: Flow, text: string) => void;
  readonly ended: (by: string) => void;
}

/** A proxy with its calls, as a node has it. */
class RehearsedNode {
  readonly journal = new RehearsedJournal();
  readonly proxy: SipProxy;
  private readonly nodeJournal = new NodeJournal(this.journal, "off");
  private readonly wheel = new TimerWheel(0, TICK_MS);
  private readonly calls: CallTable;
  private readonly parts: ReturnType<typeof partsOf>;
  private readonly around: Surroundings;

  constructor(config: Config, around: Surroundings) {
    this.around = around;
    const { now, sent } = around;
    const { wheel, nodeJournal: journal } = this;
    const silent = (): void => {};
    const calls = new CallTable({
      wheel,
      wall: () => EPOCH + Math.floor(now()),
      now,
      node: config.node,
      maxDurationMs: config.calls.maxDurationMs,
      write: (cdr, call) => {
        if (cdrLine(cdr).length > 0) around.ended(cdr.endedBy);
        journal.callSettled(call);
      },
      changed: (call) => journal.callChanged(call),
      hangUp: silent,
    });
    this.calls = calls;
    this.parts = partsOf(config, {
      listeners: config.listen,
      knowledge: {
        placesOf: () => null,
        standing: () => "usable",
        share: () => 1,
        callsOn: (target) => calls.callsOn(target),
      },
      ownSecret: "",
    });
    this.proxy = new SipProxy({
      ...this.parts,
      transports: { send: sent, isOpen: () => true, alias: () => false },
      ...{ wheel, now, calls, journal },
      log: { debug: silent, info: silent, warn: silent },
      counters: new Counters(),
      watch: { heard: silent, silent, failed: silent },
      locate: () => null,
    });
  }

  pass(): void {
    this.wheel.advance(this.around.now());
  }

  /** Goes on with what another node wrote. */
  takeOver(records: readonly (readonly [key: string, text: string])[]): Restoration {
    const copy = new WarmCopy(callIdOfRecord);
    for (const [key, text] of records) copy.put(key, { text, at: 0 });
    const { router, timers, timerCMs } = this.parts;
    return new Restoration(copy, {
      proxy: this.proxy,
      calls: this.calls,
      journal: this.nodeJournal,
      now: this.around.now,
      ageOf: () => 0,
      targets: router.targets(),
      transactionMs: timers.transactionMs,
      timerCMs,
      other: (kind, { text }) =>
        (kind === "health" ? readHealthRecord(text, 0) : readOperatorsRecord(text)) !== null,
      failed: () => {},
    });
  }
}

class Stage {
  readonly ends: Record<string, number> = {};
  private now = PACE;
  private readonly peers = new RehearsedPeers();
  private sent: { readonly flow: Flow; readonly bytes: Buffer }[] = [];
  private readonly node: RehearsedNode;
  /** It begins calls and is gone: its time stands still. */
  private readonly former: RehearsedNode;
  private readonly successor: RehearsedNode;

  constructor() {
    const config = parseConfig(CONFIG, { file: "rehearsal", env: {} });
    const around: Surroundings = {
      now: () => this.now,
      sent: (flow, text) => this.sent.push({ flow, bytes: Buffer.from(text, "latin1") }),
      ended: (by) => {
        this.ends[by] = (this.ends[by] ?? 0) + 1;
      },
    };
    this.node = new RehearsedNode(config, around);
    this.former = new RehearsedNode(config, around);
    this.successor = new RehearsedNode(config, around);
  }

  /** One call from its INVITE to its end, with all that its peers say. */
  carry(number: number): void {
    this.now += PACE;
    this.node.pass();
    this.successor.pass();
    const isTakenOver = number % TAKEN_OVER_EVERY === TAKEN_OVER_EVERY - 1;
    receive((isTakenOver ? this.former : this.node).proxy, this.peers.begin(number));
    // As after a takeover: what is heard of a call restores it.
    if (isTakenOver)
      this.successor
        .takeOver([...TARGETS_RECORDS, ...this.former.journal.commit(this.now)])
        .touch(callIdOf(number));
    const node = isTakenOver ? this.successor : this.node;
    while (this.sent.length > 0) {
      const { sent } = this;
      this.sent = [];
      for (const { flow, bytes } of sent) {
        for (const said of this.peers.hear(bytes.toString("latin1"), flow)) receive(node.proxy, said);
      }
    }
    node.journal.commit(this.now);
  }
}

/** As a socket hands it over: a text of its own. */
function receive(proxy: SipProxy, { text, from }: Said): void {
  const bytes = Buffer.from(text, "latin1");
  const flow: Flow = { transport: "udp", listener: 0, address: from, port: 5060, connection: 0 };
  proxy.receive(bytes.toString("latin1"), flow);
}
