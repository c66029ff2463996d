/** Composition root: builds the edges, hands them to the core, and runs until it is told to stop. */
import { pino } from "pino";
import { targetCommands } from "../admin/target-commands.ts";
import type { Config } from "../config/config.ts";
import { GUARDIAN_VARIABLE } from "../guardian/engine-link.ts";
import { guardianLog } from "../guardian/guardian-log.ts";
import { runGuardian } from "../guardian/run-guardian.ts";
import type { SipProxy } from "../proxy/proxy.ts";
import { MemoryJournal } from "../replication/memory-journal.ts";
import type { TransportHandlers } from "../transport/flow.ts";
import { openTransports } from "../transport/transports.ts";
import { runClusterNode } from "./cluster/run-cluster-node.ts";
import { Engine } from "./engine.ts";
import { rehearse } from "./rehearsal.ts";
import { installReload } from "./reload.ts";
import { untilStopped } from "./stop.ts";
import { SystemClock } from "./system-clock.ts";

/** How often the counters are logged. */
const COUNTERS_LOG_MS = 60_000;
/** Milliseconds of processor time for the rehearsal. By its end most of what carries a call is compiled (docs/performance.md). */
const REHEARSAL_MS = 800;
/** Set to "off" by tests that start many nodes. */
const REHEARSAL_VARIABLE = "TANDEM_REHEARSAL";

/**
 * Runs a node until SIGTERM or SIGINT: alone in this process, or as the engine of a cluster under a guardian, which this process then is.
 * @param options.file the configuration's path, for the log and for reloads
 * @throws ListenError, CdrFileError, ControlError where what it needs can't be opened; nothing is left open then
 */
export async function runNode(config: Config, options: { file: string }): Promise<void> {
  if (config.cluster === null) await runAlone(config, options);
  else if (process.env[GUARDIAN_VARIABLE] === "1") await runClusterNode(config, options);
  else await guard(config);
}

/** This process stays small: it starts itself once more as the engine, and watches it. */
async function guard({ node }: Config): Promise<void> {
  const [, program = ""] = process.argv;
  process.exitCode = await runGuardian({
    command: [process.execPath, ...process.execArgv, program, ...process.argv.slice(2)],
    env: process.env,
    log: guardianLog(node),
  });
}

async function runAlone(config: Config, options: { file: string }): Promise<void> {
  const log = pino({ level: config.log.level, base: { node: config.node } });
  if (process.env[REHEARSAL_VARIABLE] !== "off") {
    log.debug(await rehearse({ budgetMs: REHEARSAL_MS, usedMs: timeUsed() }), "rehearsed");
  }
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
    const node = new Engine(config, { transports, clock, log, journal: new MemoryJournal() });
    undo.push(() => node.targets.close());
    await node.begin();
    node.serve();
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
    node.calls.close();
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

/** Milliseconds of processor time from now on, that of V8's threads included; on a busy machine half of the time that has passed. */
function timeUsed(): () => number {
  const begun = process.cpuUsage();
  const since = performance.now();
  return () => {
    const { user, system } = process.cpuUsage(begun);
    return Math.max((user + system) / 1_000, (performance.now() - since) / 2);
  };
}
