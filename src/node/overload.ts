/** How much of the new calls is to be refused: from the delay of the event loop and from what waits in the kernel. */
import { Buffer } from "node:buffer";
import { readFileSync } from "node:fs";
import { endianness } from "node:os";
import { performance } from "node:perf_hooks";
import ipaddr from "ipaddr.js";
import type { ListenerAddress, Transports } from "../transport/flow.ts";

export interface OverloadOptions {
  /** A beat that comes later than this is too late. */
  readonly loopDelayMs: number;
  /** Bytes that may wait unread in the kernel. */
  readonly queueBytes: number;
}

/** Of the configuration; `queueBytes` null: half of the receive buffer, at most {@link QUEUE_BYTES_MAX}. */
export interface OverloadBounds {
  readonly loopDelayMs: number;
  readonly queueBytes: number | null;
}

/** What one look sees. */
export interface OverloadSeen extends OverloadOptions {
  /** Share of the time since the look before in which the loop was busy, 0 to 1. */
  readonly busy: number;
}

export interface OverloadState {
  /** Share of the new calls that is refused, 0 to {@link HIGHEST_LEVEL}. */
  readonly level: number;
  /** How far it was behind at the last look, in units of the bound that is nearer. */
  readonly behind: number;
}

export const AT_EASE: OverloadState = { level: 0, behind: 0 };

/** What comes in 40 ms at 14,000 datagrams a second: what a garbage collection leaves behind is less, most times (docs/performance.md). */
const QUEUE_BYTES_MAX = 1_048_576;
/** How often it looks. */
const LOOK_MS = 100;
/** Below this share of a busy loop nothing waits, and the kernel is not asked. */
const BUSY = 0.75;
/** Some calls are let in always: that is how the end of an overload is seen. */
const HIGHEST_LEVEL = 0.99;
/** As much of the loop's time as is to be used while calls are refused. */
const BUSY_WANTED = 0.97;
/** What is let in is cut to this share at each look while the node falls behind, and to the smaller one when it is far behind. */
const CUT = 0.9;
const DEEP_CUT = 0.5;
const FAR_BEHIND = 2;
/** What waits is on its way out when it is less by this factor than at the look before: a cut has worked. */
const CATCHING_UP = 0.95;
/** What is let in grows by no more than this at each look: the later messages of the new calls are not seen yet. */
const MOST_RISE = 1.5;
/** And by this at least while little waits, however busy the loop looks: what waits tells when it is too much. */
const LEAST_RISE = 1.02;
/** With less refused, nothing is. */
const LOWEST_LEVEL = 0.01;
/** An overload is over, as far as the log is concerned, when nothing was refused for so long. */
const OVER_MS = 5_000;

/**
 * The next state, one look later. Pure. Behind at one look is a pause and no overload: it takes two, and the second one not better than the
 * first: what came in a pause is made up for. While the node falls behind, what is let in is cut; while it catches up, nothing is
 * changed; when little waits, so much more is let in that the loop is just busy. As its work grows in proportion to what is let in, that
 * settles within a few looks and does not swing.
 */
export function nextState(
  { level, behind: before }: OverloadState,
  seen: OverloadSeen,
  bounds: OverloadOptions,
): OverloadState {
  const behind = Math.max(seen.loopDelayMs / bounds.loopDelayMs, seen.queueBytes / bounds.queueBytes);
  const isCatchingUp = behind <= before * CATCHING_UP;
  if (level === 0 && (Math.min(behind, before) <= 1 || isCatchingUp)) return { level, behind };
  let letIn = 1 - level;
  if (behind > 1) {
    if (!isCatchingUp) letIn *= behind > FAR_BEHIND ? DEEP_CUT : CUT;
  } else if (behind <= 0.5) {
    // Half-way to the bound there is enough that waits.
    letIn *= Math.max(LEAST_RISE, Math.min(MOST_RISE, BUSY_WANTED / Math.max(seen.busy, LOWEST_LEVEL)));
  }
  const next = Math.min(HIGHEST_LEVEL, 1 - letIn);
  return { level: next < LOWEST_LEVEL ? 0 : next, behind };
}

export interface OverloadPorts {
  readonly listeners: readonly ListenerAddress[];
  /** {@link Transports.receiveBufferBytes}. */
  readonly receiveBufferBytes: number;
  /** Takes each new level. */
  readonly shed: (level: number) => void;
  readonly log: { readonly warn: (fields: object, text: string) => void };
}

/** Looks by itself until it is stopped. */
export class OverloadWatch {
  private readonly ports: OverloadPorts;
  private readonly sockets: { readonly names: ReadonlySet<string>; readonly files: readonly string[] };
  private bounds: OverloadOptions;
  private state = AT_EASE;
  private lastUse = performance.eventLoopUtilization();
  private lastLook = performance.now();
  private episode: { readonly since: number; highest: number; lastAt: number } | null = null;
  private readonly beat: NodeJS.Timeout;

  constructor(bounds: OverloadBounds, ports: OverloadPorts) {
    this.ports = ports;
    this.bounds = this.boundsOf(bounds);
    const udp = ports.listeners.filter(({ transport }) => transport === "udp");
    const families = new Set(udp.map(({ address }) => (address.includes(":") ? "udp6" : "udp")));
    this.sockets = {
      // By address, too: other programs may have our port on theirs.
      names: new Set(udp.map(kernelName)),
      files: [...families].map((family) => `/proc/self/net/${family}`),
    };
    this.beat = setInterval(() => this.look(), LOOK_MS);
    this.beat.unref();
  }

  configure(bounds: OverloadBounds): void {
    this.bounds = this.boundsOf(bounds);
  }

  stop(): void {
    clearInterval(this.beat);
  }

  private boundsOf({ loopDelayMs, queueBytes }: OverloadBounds): OverloadOptions {
    // With its bookkeeping the kernel keeps twice these bytes. A queue that overflows below its bound would never be seen.
    return {
      loopDelayMs,
      queueBytes: queueBytes ?? Math.min(QUEUE_BYTES_MAX, this.ports.receiveBufferBytes),
    };
  }

  private look(): void {
    const now = performance.now();
    const loopDelayMs = Math.max(0, now - this.lastLook - LOOK_MS);
    this.lastLook = now;
    const busy = performance.eventLoopUtilization(this.lastUse).utilization;
    this.lastUse = performance.eventLoopUtilization();
    const asks = busy > BUSY || this.state.level > 0;
    const queueBytes = asks ? bytesWaiting(this.sockets.files, this.sockets.names) : 0;
    const { level } = this.state;
    this.state = nextState(this.state, { loopDelayMs, queueBytes, busy }, this.bounds);
    if (this.state.level !== level) this.ports.shed(this.state.level);
    this.say(now);
  }

  /** Once when it begins and once when it is over: between them the level moves all the time. */
  private say(now: number): void {
    const { log } = this.ports;
    const { level } = this.state;
    if (level > 0) {
      if (this.episode === null) {
        this.episode = { since: now, highest: level, lastAt: now };
        log.warn({ share: level }, "overload: new calls are refused");
      }
      this.episode.highest = Math.max(this.episode.highest, level);
      this.episode.lastAt = now;
    } else if (this.episode !== null && now - this.episode.lastAt >= OVER_MS) {
      const { since, highest, lastAt } = this.episode;
      this.episode = null;
      log.warn({ seconds: Math.round((lastAt - since) / 1_000), highestShare: highest }, "overload is over");
    }
  }
}

/**
 * Unread bytes of the UDP sockets with these names, the largest of them; 0 where the system does not tell. The file is memory,
 * and read at once: a detour over the thread pool costs several times what it saves.
 */
function bytesWaiting(files: readonly string[], names: ReadonlySet<string>): number {
  let most = 0;
  for (const file of files) {
    for (const line of textOf(file).split("\n").slice(1)) most = Math.max(most, waitingIn(line, names));
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
 * An address and port as /proc/net/udp has them: "0100007F:13C4". The kernel writes words of 32 bits as this machine's numbers.
 * @param address numeric, IPv6 without brackets
 */
export function kernelName({ address, port }: Pick<ListenerAddress, "address" | "port">): string {
  const bytes = Buffer.from(ipaddr.parse(address).toByteArray());
  if (endianness() === "LE") bytes.swap32();
  return `${bytes.toString("hex")}:${port.toString(16).padStart(4, "0")}`.toUpperCase();
}

/**
 * Bytes that wait in the socket of one line of /proc/net/udp; 0 for another's socket. Pure.
 *   sl  local_address rem_address   st tx_queue:rx_queue …
 * @param names of {@link kernelName}
 */
export function waitingIn(line: string, names: ReadonlySet<string>): number {
  const [, local = "", , , queues] = line.trim().split(/\s+/);
  if (!names.has(local)) return 0;
  const bytes = Number.parseInt(queues?.split(":")[1] ?? "", 16);
  return Number.isNaN(bytes) ? 0 : bytes;
}
