/** The core and what follows it, wired for one process. */
import { randomBytes } from "node:crypto";
import type { pino } from "pino";
import { CallTable } from "../calls/call-table.ts";
import type { Config } from "../config/config.ts";
import { reachOf, systemResolver } from "../dns/system-resolver.ts";
import type { AnswerProbe } from "../proxy/core.ts";
import { SipProxy } from "../proxy/proxy.ts";
import type { Transports } from "../transport/flow.ts";
import { CdrFile } from "./cdr-file.ts";
import { NodeTargets } from "./node-targets.ts";
import { OverloadWatch } from "./overload.ts";
import { type PartsSource, partsOf, type RunningParts } from "./running-config.ts";
import type { SystemClock } from "./system-clock.ts";

export interface Edges {
  readonly transports: Transports;
  readonly clock: SystemClock;
  readonly log: pino.Logger;
  /** Of a node of a cluster. */
  readonly answerProbe?: AnswerProbe;
}

export class Engine {
  readonly proxy: SipProxy;
  readonly calls: CallTable;
  readonly cdrs: CdrFile | null;
  readonly targets: NodeTargets;
  readonly overload: OverloadWatch;
  readonly #edges: Edges;
  readonly #config: Config;
  readonly #source: PartsSource;
  readonly #parts: RunningParts;
  #retryAfterS: number;

  /** @throws CdrFileError, OperatorFileError where files that it needs can't be used */
  constructor(config: Config, edges: Edges) {
    const { transports, clock, log } = edges;
    this.#config = config;
    this.#edges = edges;
    this.#retryAfterS = config.overload.retryAfterS;
    this.cdrs = cdrFileOf(config, edges);
    this.calls = new CallTable({
      wheel: clock.wheel,
      wall: () => Date.now(),
      now: () => clock.now(),
      node: config.node,
      maxDurationMs: config.calls.maxDurationMs,
      write: (cdr) => this.cdrs?.write(cdr),
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
      calls: this.calls,
      watch: this.targets.watch,
      locate: this.targets.locate,
      ...(edges.answerProbe === undefined ? {} : { answerProbe: edges.answerProbe }),
    });
    this.overload = new OverloadWatch(config.overload, {
      listeners: transports.listeners,
      receiveBufferBytes: transports.receiveBufferBytes,
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

  #follow(to: Config, { router, identity }: RunningParts): void {
    this.targets.follow({ config: to, router, identity });
    this.overload.configure(to.overload);
    this.#retryAfterS = to.overload.retryAfterS;
  }

  #targetsOf(config: Config): NodeTargets {
    const { transports, clock, log } = this.#edges;
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
      stateDirectory: config.state.directory,
    });
  }
}

function cdrFileOf({ cdr }: Config, { clock, log }: Edges): CdrFile | null {
  if (cdr.file === null) return null;
  return new CdrFile({ file: cdr.file, bufferBytes: cdr.bufferBytes, clock, log });
}
