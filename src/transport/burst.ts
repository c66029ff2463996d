// What leaves because of datagrams that were read in one go leaves together, after the last of them: the far end is woken
// once and not for each, and the code that reads and the code that sends each stay in the processor's cache
// (docs/performance.md has the measurement). What is sent at any other time leaves at once.
import type { DatagramIo, DatagramSocket } from "./datagrams/datagram-io.ts";
import type { Flow } from "./flow.ts";

/** Datagrams that wait at most; 32 of a socket are read in one go, and few lead to more than two. */
export const BURST_DATAGRAMS_MAX = 256;

export class Burst {
  private readonly io: Pick<DatagramIo, "flush">;
  private readonly later: (run: () => void) => void;
  private waiting = 0;
  private isReading = false;
  private isAsked = false;

  /** @param later runs a function when everything that has come was read: setImmediate, which follows the poll */
  constructor(io: Pick<DatagramIo, "flush">, later: (run: () => void) => void) {
    this.io = io;
    this.later = later;
  }

  /** A datagram is being handled from here to {@link readingEnds}. */
  readingBegins(): void {
    this.isReading = true;
  }

  /** What waits leaves later; and ticks and microtasks, which a poll alone does not run, have their turn then at last. */
  readingEnds(): void {
    this.isReading = false;
    if (this.isAsked) return;
    this.isAsked = true;
    this.later(this.pollEnds);
  }

  /** Sends in the order of the calls. */
  send(socket: DatagramSocket, flow: Flow, message: string): void {
    socket.post(flow, message);
    this.waiting++;
    if ((!this.isReading && !this.isAsked) || this.waiting >= BURST_DATAGRAMS_MAX) this.flush();
  }

  /** Sends what waits. */
  flush(): void {
    if (this.waiting === 0) return;
    this.waiting = 0;
    this.io.flush();
  }

  private readonly pollEnds = (): void => {
    this.isAsked = false;
    this.flush();
  };
}
