/** Reads and checks a configuration beside the running node: a large file takes longer than a call may wait. */
import { setPriority } from "node:os";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import type { Config } from "../config/config.ts";
import { deepFreeze } from "../config/deep-freeze.ts";
import type { Environment } from "../config/environment.ts";
import type { ConfigProblem } from "../config/problem.ts";

/** A file that takes longer stands on a disk that does not answer. */
const READ_TIMEOUT_MS = 30_000;
/** On Linux the priority is the thread's own: the calls come first, and a busy machine still reloads within seconds. */
const NICENESS = 10;

interface Order {
  readonly file: string;
  readonly env: Environment;
}

/** The configuration, or every problem of the file. */
export type Loaded = { readonly config: Config } | { readonly problems: readonly ConfigProblem[] };

/**
 * Does what `loadConfig` does, in a thread of its own.
 * @throws Error where the thread fails or does not end in time
 */
export async function loadInThread(file: string, env: Environment): Promise<Loaded> {
  const order: Order = { file, env: { ...env } };
  // This very module; without the options of the process, as a loader of the node has no business there.
  const thread = new Worker(new URL(import.meta.url), { workerData: order, execArgv: [] });
  let alarm: NodeJS.Timeout | undefined;
  try {
    const loaded = await new Promise<Loaded>((resolve, reject) => {
      thread.once("message", resolve).once("error", reject);
      thread.once("exit", () => reject(new Error("the file could not be checked")));
      alarm = setTimeout(() => reject(new Error(`${file} can't be read: no answer`)), READ_TIMEOUT_MS);
    });
    return deepFreeze(loaded);
  } finally {
    clearTimeout(alarm);
    void thread.terminate();
  }
}

async function load({ file, env }: Order): Promise<Loaded> {
  setPriority(NICENESS);
  // Loaded late: most of the work is to load the code, and it is done at the lower priority, too.
  const { loadConfig } = await import("../config/load-config.ts");
  const { ConfigError } = await import("../config/problem.ts");
  try {
    return { config: loadConfig(file, env) };
  } catch (error) {
    if (error instanceof ConfigError) return { problems: error.problems };
    throw error;
  }
}

if (!isMainThread) parentPort?.postMessage(await load(workerData as Order));
