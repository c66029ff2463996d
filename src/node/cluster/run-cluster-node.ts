/** The engine of a cluster as a process: commands, signals, and its end. */
import { pino } from "pino";
import { clusterCommands } from "../../admin/cluster-commands.ts";
import { targetCommands } from "../../admin/target-commands.ts";
import type { Config } from "../../config/config.ts";
import { installReload } from "../reload.ts";
import { ClusterProcess } from "./cluster-process.ts";

/** Runs the engine of a cluster until it is told to stop, or has served. @throws ClusterError, FloatingIpError */
export async function runClusterNode(config: Config, options: { file: string }): Promise<void> {
  const { cluster, redis } = config;
  if (cluster === null || redis === null) throw new Error("no cluster is configured");
  const log = pino({ level: config.log.level, base: { node: config.node } });
  const running = new ClusterProcess(config, cluster, { redis, log });
  const { engine } = running.engine;
  const reload = await installReload({
    file: options.file,
    env: process.env,
    log,
    current: config,
    prepare: (next) => engine.prepare(next),
    commands: new Map([...targetCommands(engine.targets), ...clusterCommands(running.port)]),
  });
  process.on("SIGHUP", () => engine.cdrs?.reopen());
  try {
    await running.start();
  } catch (error) {
    await reload.close();
    throw error;
  }
  const stop = (signal: string): void => {
    log.info({ signal }, "stopping");
    void running.leave();
  };
  process.on("SIGTERM", stop).on("SIGINT", stop);
  log.info({ file: options.file, role: running.edges.node.state.role, pid: process.pid }, "ready");
  await running.untilEnded();
  await reload.close();
}
