/** Composition root: builds the edges, hands them to the core, and runs until it is told to stop. */
import { randomBytes } from "node:crypto";
import { pino } from "pino";
import { targetCommands } from "../admin/target-commands.ts";
import { CallTable } from "../calls/call-table.ts";
import type { Config } from "../config/config.ts";
import { reachOf, systemResolver } from "../dns/system-resolver.ts";
import { SipProxy } from "../proxy/proxy.ts";
import type { TransportHandlers, Transports } from "../transport/flow.ts";
import { openTransports } from "../transport/transports.ts";
import { CdrFile } from "./cdr-file.ts";
import { NodeTargets } from "./node-targets.ts";
import { OverloadWatch } from "./overload.ts";
import { installReload } from "./reload.ts";
import { partsOf } from "./running-config.ts";
import { untilStopped } from "./stop.ts";
import { SystemClock } from "./system-clock.ts";

/** How often the counters are logged. */
const COUNTERS_LOG_MS = 60_000;

/**
 * Runs a node in this process until SIGTERM or SIGINT.
 * @param options.file the configuration's path, for the log and for reloads
 * @throws ListenError, CdrFileError, ControlError where what it needs can't be opened; nothing is left open then
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
  const undo: (() => void)[] = [() => clock.stop()];
  try {
    const transports = await openTransports(config.listen, handlers, config.limits, clock);
    undo.push(() => transports.abort());
    const node = build(config, { transports, clock, log });
    undo.push(() => node.targets.close());
    await node.begin();
    proxy = node.proxy;
    undo.push(() => node.overload.stop());
    const reload = await installReload({
      file: options.file,
      env: process.env,
      log,
      current: config,
      prepare: (next) => node.prepare(next),
      commands: targetCommands(node.targets),
    });
    for (const warning of transports.warnings) log.warn(warning);
    log.info({ file: options.file, listen: transports.listeners, pid: process.pid }, "ready");
    const rotate = (): void => node.cdrs?.reopen();
    process.on("SIGHUP", rotate);
    const counters = setInterval(() => log.info(node.counters(), "counters"), COUNTERS_LOG_MS);
    await untilStopped(log, proxy);
    clearInterval(counters);
    await reload.close();
    node.targets.close();
    await transports.close();
    node.closeCalls();
    await node.cdrs?.close();
    node.overload.stop();
    clock.stop();
    process.off("SIGHUP", rotate); // as the last: without a listener the signal would end the process, CDRs unwritten
    log.info(node.counters(), "stopped");
  } catch (error) {
    for (const step of undo.reverse()) step();
    throw error;
  }
}

interface Edges {
  readonly transports: Transports;
  readonly clock: SystemClock;
  readonly log: pino.Logger;
}

/** The core and what follows it, wired. */
function build(config: Config, { transports, clock, log }: Edges) {
  const cdrs = cdrFileOf(config, { clock, log });
  const calls = new CallTable({
    wheel: clock.wheel,
    wall: () => Date.now(),
    now: () => clock.now(),
    node: config.node,
    maxDurationMs: config.calls.maxDurationMs,
    write: (cdr) => cdrs?.write(cdr),
    hangUp: (ends) => proxy.hangUp(ends),
  });
  const { resolver } = systemResolver(config.dns, {
    clock,
    reach: reachOf(transports.listeners),
    onChange: (query, location) => targets.onLocation(query, location),
  });
  const targets = new NodeTargets({
    clock,
    log,
    transports,
    calls,
    resolver,
    random: Math.random,
    probe: (probe, done) => proxy.probe(probe, done),
    stateDirectory: config.state.directory,
  });
  const ownSecret = randomBytes(32).toString("base64url");
  const source = { listeners: transports.listeners, knowledge: targets.knowledge, ownSecret };
  if (config.identity.secret.length === 0) {
    log.warn("no identity.secret: calls that are up will not survive a restart of this node");
  }
  const parts = partsOf(config, source);
  const proxy = new SipProxy({
    ...parts,
    transports,
    wheel: clock.wheel,
    now: () => clock.now(),
    log,
    calls,
    watch: targets.watch,
    locate: targets.locate,
  });
  let retryAfterS = config.overload.retryAfterS;
  const overload = new OverloadWatch(config.overload, {
    listeners: transports.listeners,
    receiveBufferBytes: transports.receiveBufferBytes,
    shed: (share) => proxy.shed(share, retryAfterS),
    log,
  });
  const follow = (to: Config, { router, identity }: typeof parts): void => {
    targets.follow({ config: to, router, identity });
    overload.configure(to.overload);
    retryAfterS = to.overload.retryAfterS;
  };
  // Calls are served when each name has been asked for once: none of them finds its group empty for want of an answer.
  const begin = async (): Promise<void> => {
    await targets.firstAnswers(config);
    parts.router.resolve();
    follow(config, parts);
  };
  const prepare = async (next: Config): Promise<() => void> => {
    await targets.firstAnswers(next);
    const prepared = partsOf(next, source);
    return () => {
      proxy.reconfigure(prepared);
      follow(next, prepared);
      log.level = next.log.level;
    };
  };
  const counters = (): object => ({
    counters: { ...proxy.status().counters, ...transports.counters },
    calls: calls.size,
    cdr: cdrs?.stats,
  });
  return { proxy, cdrs, overload, targets, begin, prepare, counters, closeCalls: () => calls.close() };
}

function cdrFileOf({ cdr }: Config, parts: { clock: SystemClock; log: pino.Logger }): CdrFile | null {
  if (cdr.file === null) return null;
  return new CdrFile({ file: cdr.file, bufferBytes: cdr.bufferBytes, ...parts });
}
