/** The core and what follows it, wired for one process. It does nothing by itself until it serves. */
import { randomBytes } from "node:crypto";
import { setTimeout as delay, setImmediate } from "node:timers/promises";
import type { pino } from "pino";
import type { Call } from "../calls/call.ts";
import { CallTable } from "../calls/call-table.ts";
import type { Cdr } from "../calls/cdr.ts";
import type { Config } from "../config/config.ts";
import { reachOf, systemResolver } from "../dns/system-resolver.ts";
import type { Confirm } from "../proxy/context-journal.ts";
import type { AnswerProbe } from "../proxy/core.ts";
import { Counters } from "../proxy/counters.ts";
import { SipProxy } from "../proxy/proxy.ts";
import type { Journal } from "../replication/journal.ts";
import { SipParseError } from "../sip/message/parse-error.ts";
import { parseMessage } from "../sip/message/sip-message.ts";
import type { Flow, Transports } from "../transport/flow.ts";
import { CdrFile } from "./cdr-file.ts";
import { NodeJournal } from "./node-journal.ts";
import { NodeTargets } from "./node-targets.ts";
import { OverloadWatch } from "./overload.ts";
import { Restoration, type RestoreCounts, type RestoredCopy } from "./restore.ts";
import { type PartsSource, partsOf, type RunningParts } from "./running-config.ts";
import type { SystemClock } from "./system-clock.ts";

export interface Edges {
  readonly transports: Transports;
  readonly clock: SystemClock;
  readonly log: pino.Logger;
  /** Where a successor finds what this node knows. */
  readonly journal: Journal;
  /** Which message waits until the journal has what led to it. Default: none. */
  readonly confirm?: Confirm;
  /** Of a node of a cluster. */
  readonly answerProbe?: AnswerProbe;
}

/** What of the standby's copy a takeover reads. */
export interface Inheritance {
  readonly copy: RestoredCopy;
  /** How long ago a commit was, by the store's clock, in milliseconds. */
  readonly ageOf: (committedAt: number) => number;
  /** It has all that the node before had stored, up to the journal's end. */
  readonly isWhole: boolean;
}

/** What has waited in the sockets for the takeover comes first. */
const RESTORE_AFTER_MS = 30;
/** Restoring goes on for so long at a time: what comes meanwhile waits no longer. */
const RESTORE_TURN_MS = 2;
/** While this node may not serve nothing is restored, and it is asked again after this. */
const RESTORE_AGAIN_MS = 20;

export class Engine {
  readonly proxy: SipProxy;
  readonly calls: CallTable;
  readonly cdrs: CdrFile | null;
  readonly targets: NodeTargets;
  readonly overload: OverloadWatch;
  readonly #counters = new Counters();
  readonly #edges: Edges;
  readonly #config: Config;
  readonly #source: PartsSource;
  readonly #parts: RunningParts;
  readonly #journal: NodeJournal;
  /** What was taken over and is not all restored yet. */
  #restoring: Restoration | null = null;
  #retryAfterS: number;
  #overload: Config["overload"];

  /** @throws CdrFileError, OperatorFileError where files that it needs can't be used */
  constructor(config: Config, edges: Edges) {
    const { transports, clock, log } = edges;
    this.#config = config;
    this.#edges = edges;
    this.#retryAfterS = config.overload.retryAfterS;
    this.#overload = config.overload;
    this.cdrs = cdrFileOf(config, edges);
    this.#journal = new NodeJournal(edges.journal, edges.confirm ?? "off");
    this.calls = new CallTable({
      wheel: clock.wheel,
      wall: () => Date.now(),
      now: () => clock.now(),
      node: config.node,
      maxDurationMs: config.calls.maxDurationMs,
      write: (cdr, call) => this.#account(cdr, call),
      changed: (call) => this.#journal.callChanged(call),
      hangUp: (ends) => this.proxy.hangUp(ends),
    });
    this.targets = this.#targetsOf(config);
    const ownSecret = randomBytes(32).toString("base64url");
    if (config.identity.secret.length === 0) {
      log.warn("no identity.secret: calls that are up will not survive a restart of this node");
    }
    this.#source = { listeners: transports.listeners, knowledge: this.targets.knowledge, ownSecret };
    this.#parts = partsOf(config, this.#source);
    this.proxy = new SipProxy({
      ...this.#parts,
      transports,
      wheel: clock.wheel,
      now: () => clock.now(),
      log,
      counters: this.#counters,
      calls: this.calls,
      journal: this.#journal,
      watch: this.targets.watch,
      locate: this.targets.locate,
      ...(edges.answerProbe === undefined ? {} : { answerProbe: edges.answerProbe }),
    });
    this.overload = new OverloadWatch(config.overload, {
      listeners: transports.listeners,
      // Of a standby's sockets it is known when they are open.
      get receiveBufferBytes(): number {
        return transports.receiveBufferBytes;
      },
      shed: (share) => this.proxy.shed(share, this.#retryAfterS),
      log,
    });
  }

  /** Settles when each name has been asked for once: no call finds its group empty for want of an answer. */
  async begin(): Promise<void> {
    await this.targets.firstAnswers(this.#config);
    this.#parts.router.resolve();
    this.#follow(this.#config, this.#parts);
  }

  /**
   * Takes over what another node wrote. Calls are restored as they are heard of from {@link receive} on, and all others by
   * {@link restoreRest}.
   */
  inherit({ copy, ageOf, isWhole }: Inheritance): void {
    this.proxy.takeOver(isWhole);
    const { router, timers, timerCMs } = this.#parts;
    this.#restoring = new Restoration(copy, {
      proxy: this.proxy,
      calls: this.calls,
      journal: this.#journal,
      now: () => this.#edges.clock.now(),
      ageOf,
      targets: router.targets(),
      transactionMs: timers.transactionMs,
      timerCMs,
      other: (kind, record) => this.targets.restore(kind, record),
      failed: (key, error) => {
        this.#counters.add("restore.failed");
        this.#edges.log.error({ key, err: error }, "a record can't be restored");
      },
    });
  }

  /** This node serves from now on: its timers run, its targets are probed. */
  serve(): void {
    this.overload.configure(this.#overload);
    this.targets.serve();
  }

  /**
   * Restores what was taken over and not heard of yet, some milliseconds at a time.
   * @param mayServe asked before each
   * @returns what was taken over in all, for the log and the history
   */
  async restoreRest(mayServe: () => boolean): Promise<RestoreCounts | null> {
    const restoring = this.#restoring;
    if (restoring === null) return null;
    await delay(RESTORE_AFTER_MS);
    for (;;) {
      if (!mayServe()) await delay(RESTORE_AGAIN_MS, undefined, { ref: false });
      else if (restoring.advance(RESTORE_TURN_MS)) await setImmediate();
      else break;
    }
    this.#restoring = null;
    return restoring.counts;
  }

  /** A message from the sockets: first of all what is known of its call is restored. */
  receive(raw: string, flow: Flow): void {
    if (this.#restoring !== null) this.#restoreCallOf(raw, this.#restoring);
    this.proxy.receive(raw, flow);
  }

  #restoreCallOf(raw: string, restoring: Restoration): void {
    let callId: string;
    try {
      ({ callId } = parseMessage(raw));
    } catch (error) {
      if (error instanceof SipParseError) return; // it is of no call: the proxy answers it
      throw error;
    }
    restoring.touch(callId);
  }

  /** Builds what a new configuration needs, and changes nothing yet. @returns what puts it into use */
  async prepare(next: Config): Promise<() => void> {
    await this.targets.firstAnswers(next);
    const parts = partsOf(next, this.#source);
    return () => {
      this.proxy.reconfigure(parts);
      this.#follow(next, parts);
      this.#edges.log.level = next.log.level;
    };
  }

  counters(): object {
    return {
      counters: { ...this.proxy.status().counters, ...this.#edges.transports.counters },
      calls: this.calls.size,
      cdr: this.cdrs?.stats,
    };
  }

  /** A call has ended; its record stays until its account is in the file. */
  #account(cdr: Cdr, call: Call): void {
    if (this.cdrs === null) {
      this.#journal.callSettled(call);
      return;
    }
    this.#journal.callChanged(call);
    this.cdrs.write(cdr, () => this.#journal.callSettled(call));
  }

  #follow(to: Config, { router, identity }: RunningParts): void {
    this.targets.follow({ config: to, router, identity });
    this.#overload = to.overload;
    this.overload.configure(to.overload);
    this.#retryAfterS = to.overload.retryAfterS;
  }

  #targetsOf(config: Config): NodeTargets {
    const { transports, clock, log, journal } = this.#edges;
    const { resolver } = systemResolver(config.dns, {
      clock,
      reach: reachOf(transports.listeners),
      onChange: (query, location) => this.targets.onLocation(query, location),
    });
    return new NodeTargets({
      clock,
      log,
      transports,
      calls: this.calls,
      resolver,
      random: Math.random,
      probe: (probe, done) => this.proxy.probe(probe, done),
      counters: this.#counters,
      stateDirectory: config.state.directory,
      journal,
    });
  }
}

function cdrFileOf({ cdr }: Config, { clock, log }: Edges): CdrFile | null {
  if (cdr.file === null) return null;
  return new CdrFile({ file: cdr.file, bufferBytes: cdr.bufferBytes, clock, log });
}
