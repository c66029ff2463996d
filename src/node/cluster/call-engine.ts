/** The engine as the cluster sees it: sockets that open late, calls that are made again, and a start of its own. */
import type { pino } from "pino";
import type { Config } from "../../config/config.ts";
import type { AnswerProbe } from "../../proxy/core.ts";
import type { WarmCopy } from "../../replication/warm-copy.ts";
import type { Flow, TransportHandlers, Transports } from "../../transport/flow.ts";
import { openTransports } from "../../transport/transports.ts";
import { Engine } from "../engine.ts";
import type { SystemClock } from "../system-clock.ts";

export interface CallEnginePorts {
  readonly clock: SystemClock;
  readonly log: pino.Logger;
  readonly answerProbe: AnswerProbe;
  /** Looked at before each message that leaves. */
  readonly mayServe: () => boolean;
  /** Whatever the sockets bring. */
  readonly take: (raw: string, flow: Flow) => void;
}

export class CallEngine {
  readonly #config: Config;
  readonly #ports: CallEnginePorts;
  #transports: Transports | null = null;
  #engine: Engine | null = null;

  constructor(config: Config, ports: CallEnginePorts) {
    this.#config = config;
    this.#ports = ports;
  }

  get engine(): Engine | null {
    return this.#engine;
  }

  /** Opens every listener. @throws ListenError */
  async open(): Promise<void> {
    const { clock, log, answerProbe, mayServe } = this.#ports;
    const handlers: TransportHandlers = {
      onMessage: (raw, flow) => this.#ports.take(raw, flow),
      onFailure: (flow, failure) => {
        if (mayServe()) this.#engine?.proxy.transportFailure(flow, failure);
      },
      onDropped: (reason, flow) => log.debug({ from: flow.address, reason }, "dropped"),
    };
    const { listen, limits } = this.#config;
    const transports = await openTransports(listen, handlers, limits, clock);
    this.#transports = transports;
    const gated: Transports = {
      ...gateOf(transports),
      send: (flow, message) => {
        if (mayServe()) transports.send(flow, message);
      },
    };
    this.#engine = new Engine(this.#config, { transports: gated, clock, log, answerProbe });
    await this.#engine.begin();
  }

  receive(raw: string, flow: Flow): void {
    this.#engine?.proxy.receive(raw, flow);
  }

  /** @returns what was made again, by kind */
  restore(_copy: WarmCopy): Readonly<Record<string, number>> {
    return {};
  }

  serve(): void {}

  resetConnections(): void {
    this.#transports?.resetConnections();
  }

  /** Closes every socket unread. */
  shut(): void {
    this.#transports?.abort();
    this.#transports = null;
  }
}

function gateOf(transports: Transports): Transports {
  return {
    listeners: transports.listeners,
    warnings: transports.warnings,
    receiveBufferBytes: transports.receiveBufferBytes,
    counters: transports.counters,
    send: (flow, message) => transports.send(flow, message),
    isOpen: (flow) => transports.isOpen(flow),
    watch: (flow) => transports.watch(flow),
    unwatch: (flow) => transports.unwatch(flow),
    alias: (connection, port) => transports.alias(connection, port),
    resetConnections: () => transports.resetConnections(),
    close: () => transports.close(),
    abort: () => transports.abort(),
  };
}
