// What leaves because of datagrams that were read in one go leaves together, after the last of them: the far end is woken
// once and not for each, and the code that reads and the code that sends each stay in the processor's cache
// (docs/performance.md has the measurement). What is sent at any other time leaves at once.
import type { Flow } from "./flow.ts";

/** Datagrams that wait at most; libuv reads 32 of a socket in one go, and few lead to more than two. */
export const BURST_DATAGRAMS_MAX = 256;

/** A listener that sends one datagram now. */
export interface DatagramSender {
  sendNow(flow: Flow, message: string): void;
}

interface Waiting {
  readonly sender: DatagramSender;
  readonly flow: Flow;
  readonly message: string;
}

export class Burst {
  private readonly later: (run: () => void) => void;
  private waiting: Waiting[] = [];
  private isReading = false;

  /** @param later runs a function when everything that has come was read: setImmediate, which follows the poll */
  constructor(later: (run: () => void) => void) {
    this.later = later;
  }

  /** A datagram is being handled from here to {@link readingEnds}. */
  readingBegins(): void {
    this.isReading = true;
  }

  readingEnds(): void {
    this.isReading = false;
  }

  /** Sends in the order of the calls. */
  send(sender: DatagramSender, flow: Flow, message: string): void {
    const { waiting } = this;
    if (waiting.length === 0) {
      if (!this.isReading) {
        sender.sendNow(flow, message);
        return;
      }
      this.later(this.flush);
    }
    waiting.push({ sender, flow, message });
    if (waiting.length >= BURST_DATAGRAMS_MAX) this.flush();
  }

  /** Sends what waits. */
  readonly flush = (): void => {
    const { waiting } = this;
    if (waiting.length === 0) return;
    this.waiting = [];
    for (const { sender, flow, message } of waiting) sender.sendNow(flow, message);
  };

  /** Forgets what waits. */
  drop(): void {
    this.waiting = [];
  }
}
