// Waiting for something outside our process that tells nobody: asked again until it is so.
import { setTimeout as delay } from "node:timers/promises";

const POLL_MS = 20;

/**
 * Asks `poll` each 20 ms until it gives something else than null.
 * @param describe what to add to the error when time is up
 * @throws after `timeoutMs`, and whatever `poll` throws, with `describe()` in the message
 */
export async function until<T>(
  what: string,
  timeoutMs: number,
  poll: () => T | null,
  describe: () => string = () => "",
): Promise<T> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    let found: T | null;
    try {
      found = poll();
    } catch (error) {
      throw new Error(`${(error as Error).message}\n${describe()}`, { cause: error });
    }
    if (found !== null) return found;
    if (performance.now() > deadline) {
      throw new Error(`waited ${timeoutMs} ms for ${what} in vain\n${describe()}`);
    }
    await delay(POLL_MS);
  }
}
