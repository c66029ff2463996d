/** The engine as the cluster sees it: warm from the start, with sockets that open late. */
import type { pino } from "pino";
import type { Config } from "../../config/config.ts";
import type { AnswerProbe } from "../../proxy/core.ts";
import type { Journal } from "../../replication/journal.ts";
import type { Flow } from "../../transport/flow.ts";
import { openTransports } from "../../transport/transports.ts";
import { Engine } from "../engine.ts";
import type { SystemClock } from "../system-clock.ts";
import { TransportsGate } from "../transports-gate.ts";

export interface CallEnginePorts {
  readonly clock: SystemClock;
  readonly log: pino.Logger;
  readonly journal: Journal;
  readonly answerProbe: AnswerProbe;
  /** Looked at before each message that leaves. */
  readonly mayServe: () => boolean;
  /** Whatever the sockets bring. */
  readonly take: (raw: string, flow: Flow) => void;
}

export interface CallEngine {
  readonly engine: Engine;
  readonly transports: TransportsGate;
}

/** @throws CdrFileError, OperatorFileError where files that it needs can't be used */
export function callEngine(config: Config, ports: CallEnginePorts): CallEngine {
  const { clock, log, journal, answerProbe, mayServe, take } = ports;
  const transports = new TransportsGate({
    listen: config.listen,
    open: (listen, handlers) => openTransports(listen, handlers, config.limits, clock),
    maySend: mayServe,
    handlers: {
      onMessage: take,
      onFailure: (flow, failure) => {
        if (mayServe()) engine.proxy.transportFailure(flow, failure);
      },
      onDropped: (reason, flow) => log.debug({ from: flow.address, reason }, "dropped"),
    },
  });
  const engine: Engine = new Engine(config, {
    transports,
    clock,
    log,
    journal,
    confirm: config.redis?.confirm ?? "off",
    answerProbe,
  });
  return { engine, transports };
}
