/** A new configuration for a running node: by SIGHUP, and by `tandem reload` through the control socket. */
import { realpathSync } from "node:fs";
import { resolve as resolvePath } from "node:path";
import { openControlSocket } from "../admin/control-socket.ts";
import type { CommandAnswer, CommandHandlers, CommandRequest } from "../admin/handlers.ts";
import type { Config } from "../config/config.ts";
import type { Environment } from "../config/environment.ts";
import { type ConfigProblem, formatProblem } from "../config/problem.ts";
import { compareConfigs, unreachableTarget } from "./config-change.ts";
import { type Loaded, loadInThread } from "./config-thread.ts";

interface ReloadLog {
  info(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

export interface ReloadOptions {
  /** The file that the node was started with. */
  readonly file: string;
  readonly env: Environment;
  readonly log: ReloadLog;
  /** What runs now. */
  readonly current: Config;
  /**
   * Builds everything that the configuration needs, and changes nothing yet: it may throw, and then nothing has changed.
   * @returns what puts it into use; it must not throw
   */
  prepare(next: Config): Promise<() => void>;
  /** What else the control socket answers. */
  readonly commands?: CommandHandlers;
  /** Default: in a thread. */
  load?(file: string, env: Environment): Promise<Loaded>;
}

/** Why a reload was refused, or what it did; `problems` where the file has any. */
export interface ReloadAnswer extends CommandAnswer {
  readonly node: string;
  readonly file: string;
  /** Keys in effect from now on. */
  readonly changed: readonly string[];
  /** Keys that differ and wait for a restart. */
  readonly needsRestart: readonly string[];
  readonly problems: readonly ConfigProblem[];
}

/** Reloads one at a time. */
export class Reloader {
  private readonly options: ReloadOptions;
  private readonly file: string;
  private current: Config;
  private running: Promise<unknown> = Promise.resolve();
  /** A reload that has not begun to read: whoever asks meanwhile is served by it, too. */
  private waiting: Promise<ReloadAnswer> | null = null;

  constructor(options: ReloadOptions) {
    this.options = options;
    this.file = resolvePath(options.file);
    this.current = options.current;
  }

  /** Reads the file, checks all of it, and uses it. Never rejects; with anything wrong nothing changes. */
  reload(): Promise<ReloadAnswer> {
    if (this.waiting !== null) return this.waiting;
    const answer = this.running.then(() => {
      this.waiting = null;
      return this.run();
    });
    this.waiting = answer;
    this.running = answer;
    return answer;
  }

  /** As {@link reload}, for one who may name the file that is expected to be read. */
  async onCommand(request: CommandRequest): Promise<ReloadAnswer> {
    const { file } = request;
    if (typeof file === "string" && !isSameFile(file, this.file)) {
      return this.refused(`this node was started with ${this.file}, not with ${file}`);
    }
    return await this.reload();
  }

  private async run(): Promise<ReloadAnswer> {
    const { log, prepare } = this.options;
    try {
      const loaded = await (this.options.load ?? loadInThread)(this.file, this.options.env);
      if ("problems" in loaded) return this.bad(loaded.problems);
      const { changed, needsRestart, effective } = compareConfigs(this.current, loaded.config);
      const lost = unreachableTarget(effective);
      if (lost !== null) return this.refused(lost);
      (await prepare(effective))();
      this.current = effective;
      log.info({ file: this.file, changed, needsRestart }, "reloaded");
      return { ...this.answer(), ok: true, changed, needsRestart };
    } catch (error) {
      return this.refused(error instanceof Error ? error.message : String(error));
    }
  }

  private bad(problems: readonly ConfigProblem[]): ReloadAnswer {
    this.options.log.error(
      { file: this.file, problems: problems.map(formatProblem) },
      "not reloaded: the file has problems, and nothing has changed",
    );
    return { ...this.answer(), error: "the file has problems", problems };
  }

  private refused(error: string): ReloadAnswer {
    this.options.log.error({ file: this.file, error }, "not reloaded: nothing has changed");
    return { ...this.answer(), error };
  }

  private answer(): ReloadAnswer {
    const { node } = this.current;
    return { ok: false, node, file: this.file, changed: [], needsRestart: [], problems: [] };
  }
}

/** What ends with the node. */
export interface Installed {
  close(): Promise<void>;
}

/**
 * Makes a running node listen to SIGHUP and to its control socket.
 * @throws ControlError where the socket can't be opened
 */
export async function installReload(options: ReloadOptions): Promise<Installed> {
  const reloader = new Reloader(options);
  const handlers: CommandHandlers = new Map([
    ...(options.commands ?? []),
    ["reload", (request) => reloader.onCommand(request)],
  ]);
  const socket = await openControlSocket({ path: options.current.control.socket, handlers });
  const onSignal = (): void => void reloader.reload();
  process.on("SIGHUP", onSignal);
  return {
    close: async () => {
      process.off("SIGHUP", onSignal);
      await socket.close();
    },
  };
}

function isSameFile(one: string, other: string): boolean {
  try {
    return realpathSync(one) === realpathSync(other);
  } catch {
    return one === other; // gone meanwhile: reading it says so
  }
}
