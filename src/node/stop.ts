/** How a node ends: new calls are refused, those being set up may finish, calls that are up need no node to be there. */
import type { pino } from "pino";
import type { SipProxy } from "../proxy/proxy.ts";

/** A node that is told to stop waits this long for calls that are being set up. */
const GRACE_MS = 5_000;
const POLL_MS = 50;

/** Resolves when the node may end: at a second SIGTERM or SIGINT at once, else when nothing is being set up or the grace is over. */
export function untilStopped(log: pino.Logger, proxy: SipProxy): Promise<void> {
  return new Promise((resolve) => {
    let stopping = false;
    const stop = (signal: string): void => {
      if (stopping) {
        resolve();
        return;
      }
      stopping = true;
      log.info({ signal, pending: proxy.status().pending }, "stopping");
      proxy.drain();
      const end = performance.now() + GRACE_MS;
      const poll = setInterval(() => {
        if (proxy.status().pending > 0 && performance.now() < end) return;
        clearInterval(poll);
        resolve();
      }, POLL_MS);
    };
    process.on("SIGTERM", stop).on("SIGINT", stop);
  });
}
