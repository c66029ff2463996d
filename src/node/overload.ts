/** How much of the new calls is to be refused: from the delay of the event loop and from what waits in the kernel. */
import { readFileSync } from "node:fs";
import { performance } from "node:perf_hooks";
import type { ListenerAddress } from "../transport/flow.ts";

export interface OverloadOptions {
  /** A beat that comes later than this is too late. */
  readonly loopDelayMs: number;
  /** Bytes that may wait unread in the kernel. */
  readonly queueBytes: number;
}

/** How often it looks. */
const LOOK_MS = 100;
/** Below this share of a busy loop nothing waits, and the kernel is not asked. */
const BUSY = 0.75;
/** More is refused in steps that reach all in a second, and less in steps that take three: no swinging. */
const STEP_UP = 0.1;
const STEP_DOWN = 0.03;
/** Some calls are let in always: that is how the end of an overload is seen. */
const HIGHEST_LEVEL = 0.95;

/**
 * The next level, one look later. Pure.
 * @param seen `loopDelayMs`: how late the look came; `queueBytes`: what waits in the kernel
 * @returns share of the new calls to refuse, 0 to {@link HIGHEST_LEVEL}
 */
export function nextLevel(level: number, seen: OverloadOptions, bounds: OverloadOptions): number {
  const excess = Math.max(seen.loopDelayMs / bounds.loopDelayMs, seen.queueBytes / bounds.queueBytes);
  if (excess > 1) return Math.min(HIGHEST_LEVEL, level + STEP_UP);
  // Half-way down to the bound the level stays: the overload goes on, and is held.
  return excess > 0.5 ? level : Math.max(0, level - STEP_DOWN);
}

/** Looks by itself until it is stopped, and tells when the level changes. */
export class OverloadWatch {
  private bounds: OverloadOptions;
  private level = 0;
  private lastUse = performance.eventLoopUtilization();
  private expected = performance.now() + LOOK_MS;
  private readonly beat: NodeJS.Timeout;

  constructor(bounds: OverloadOptions, listeners: readonly ListenerAddress[], tell: (level: number) => void) {
    this.bounds = bounds;
    const udp = listeners.filter(({ transport }) => transport === "udp");
    const families = new Set(udp.map(({ address }) => (address.includes(":") ? "udp6" : "udp")));
    const files = [...families].map((family) => `/proc/self/net/${family}`);
    const ports = new Set(udp.map(({ port }) => port));
    this.beat = setInterval(() => this.look({ ports, files }, tell), LOOK_MS);
    this.beat.unref();
  }

  configure(bounds: OverloadOptions): void {
    this.bounds = bounds;
  }

  stop(): void {
    clearInterval(this.beat);
  }

  private look(
    sockets: { ports: ReadonlySet<number>; files: readonly string[] },
    tell: (level: number) => void,
  ): void {
    const now = performance.now();
    const loopDelayMs = Math.max(0, now - this.expected);
    this.expected = now + LOOK_MS;
    const use = performance.eventLoopUtilization(this.lastUse);
    this.lastUse = performance.eventLoopUtilization();
    const asks = use.utilization > BUSY || this.level > 0;
    const queueBytes = asks ? bytesWaiting(sockets.files, sockets.ports) : 0;
    const level = nextLevel(this.level, { loopDelayMs, queueBytes }, this.bounds);
    if (level !== this.level) tell(level);
    this.level = level;
  }
}

/**
 * Unread bytes of the UDP sockets on these ports, the largest of them; 0 where the system does not tell. The file is memory,
 * and read at once: a detour over the thread pool costs several times what it saves.
 */
function bytesWaiting(files: readonly string[], ports: ReadonlySet<number>): number {
  let most = 0;
  for (const file of files) {
    for (const line of textOf(file).split("\n").slice(1)) most = Math.max(most, waitingIn(line, ports));
  }
  return most;
}

function textOf(file: string): string {
  try {
    return readFileSync(file, "latin1");
  } catch {
    return ""; // not Linux, or no /proc here: the delay of the loop alone decides
  }
}

/**
 * Bytes that wait in the socket of one line of /proc/net/udp; 0 for another's port. Pure.
 *   sl  local_address rem_address   st tx_queue:rx_queue …
 */
export function waitingIn(line: string, ports: ReadonlySet<number>): number {
  const [, local, , , queues] = line.trim().split(/\s+/);
  const port = Number.parseInt(local?.split(":")[1] ?? "", 16);
  if (!ports.has(port)) return 0;
  const bytes = Number.parseInt(queues?.split(":")[1] ?? "", 16);
  return Number.isNaN(bytes) ? 0 : bytes;
}
