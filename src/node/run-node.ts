/** Composition root: builds the edges, hands them to the core, and runs until it is told to stop. */
import { randomBytes } from "node:crypto";
import { pino } from "pino";
import { CallTable } from "../calls/call-table.ts";
import type { Config } from "../config/config.ts";
import { Identity } from "../proxy/identity.ts";
import { SipProxy } from "../proxy/proxy.ts";
import { Router } from "../routing/router.ts";
import { mix32 } from "../sip/signing/mix.ts";
import { timersFrom } from "../sip/transaction/timer-settings.ts";
import type { TransportHandlers } from "../transport/flow.ts";
import { openTransports } from "../transport/transports.ts";
import { untilStopped } from "./stop.ts";
import { SystemClock } from "./system-clock.ts";

/** How often the counters are logged. */
const COUNTERS_LOG_MS = 60_000;

/**
 * Runs a node in this process until SIGTERM or SIGINT.
 * @param options.file the configuration's path, for the log
 * @throws ListenError where a listener can't be bound
 */
export async function runNode(config: Config, options: { file: string }): Promise<void> {
  const log = pino({ level: config.log.level, base: { node: config.node } });
  const clock = new SystemClock();
  let proxy: SipProxy | null = null;
  const handlers: TransportHandlers = {
    onMessage: (raw, flow) => proxy?.receive(raw, flow),
    onFailure: (flow, failure) => {
      log.debug({ to: `${flow.transport}:${flow.address}:${flow.port}`, failure }, "transport failure");
      proxy?.transportFailure(flow, failure);
    },
    onDropped: (reason, flow) => log.debug({ from: flow.address, reason }, "dropped"),
  };
  const transports = await openTransports(config.listen, handlers, config.limits, clock);
  const calls = new CallTable(clock.wheel);
  const secrets = secretsOf(config, log);
  const router = new Router(config, { draw: drawFor(secrets), callsOn: (target) => calls.callsOn(target) });
  const identity = new Identity(transports.listeners, config.identity.aliases);
  proxy = new SipProxy({
    transports,
    wheel: clock.wheel,
    now: () => clock.now(),
    log,
    identity,
    calls,
    router,
    secrets,
    timers: timersFrom(config.timers),
    timerCMs: config.timers.cMs,
  });
  for (const target of router.targets()) {
    const listener = identity.egress(target.transport, target.address, 0);
    if (listener >= 0) transports.watch({ ...target, listener, connection: 0 });
  }
  for (const warning of transports.warnings) log.warn(warning);
  log.info({ file: options.file, listen: transports.listeners, pid: process.pid }, "ready");
  const counters = setInterval(
    () => log.info({ counters: proxy.status().counters }, "counters"),
    COUNTERS_LOG_MS,
  );
  await untilStopped(log, proxy);
  clearInterval(counters);
  await transports.close();
  clock.stop();
  log.info({ counters: { ...proxy.status().counters, ...transports.counters } }, "stopped");
}

/** Uniform numbers that are the same for the same call on every node with the same secret. */
function drawFor(secrets: readonly string[]): (callKey: string) => () => number {
  const seed = mix32(secrets[0] ?? "", 0x2782);
  return (callKey) => {
    let draws = seed;
    return () => mix32(callKey, draws++) / 2 ** 32;
  };
}

function secretsOf(config: Config, log: pino.Logger): readonly string[] {
  if (config.identity.secret.length > 0) return config.identity.secret;
  log.warn("no identity.secret: calls that are up will not survive a restart of this node");
  return [randomBytes(32).toString("base64url")];
}
