// One socket whose datagrams go by the many: it is polled, and what the system has no room for waits here.
import type { Flow } from "../flow.ts";
import { type DatagramHandlers, type DatagramSocket, systemError } from "./datagram-io.ts";
import { codeOf, type Poll, type SystemCalls } from "./system-calls.ts";

/** Datagrams that wait for a socket whose send buffer is full; beyond, they count as not sent. */
export const WAITING_MAX = 1_024;

/** Of them, when there is room again: fewer than are posted at most, so that all leave together. */
const RELEASED_AT_ONCE = 128;

/** What sends for it. */
interface Io {
  receive(fd: number, handlers: DatagramHandlers): number;
  post(outlet: Outlet, flow: Flow, message: string): void;
  forget(outlet: Outlet): void;
  flush(): void;
}

/** A socket as it is sent by. */
export interface Outlet {
  readonly fd: number;
  readonly isConnected: boolean;
  /** It can close whenever `unsent` is called. */
  readonly isOpen: boolean;
  /** Some wait: what comes now waits behind them. */
  readonly isWaiting: boolean;
  /** @param again it was the second attempt @returns to make a second one now */
  unsent(flow: Flow, message: string, code: string, again: boolean): boolean;
  /** The system has no room: this and what follows leave later. */
  wait(flow: Flow, message: string): void;
}

export class PolledSocket implements DatagramSocket, Outlet {
  readonly fd: number;
  readonly isConnected: boolean;
  private readonly io: Io;
  private readonly calls: SystemCalls;
  private readonly poll: Poll;
  private readonly handlers: DatagramHandlers;
  private waiting: { flow: Flow; message: string }[] = [];
  isOpen = true;

  /** @param fd its own, closed with it */
  constructor(io: Io, calls: SystemCalls, fd: number, isConnected: boolean, handlers: DatagramHandlers) {
    this.io = io;
    this.calls = calls;
    this.fd = fd;
    this.isConnected = isConnected;
    this.handlers = handlers;
    this.poll = calls.poll(fd, this.ready);
  }

  get isWaiting(): boolean {
    return this.waiting.length > 0;
  }

  post(flow: Flow, message: string): void {
    if (!this.isOpen) return;
    if (this.isWaiting) this.wait(flow, message);
    else this.io.post(this, flow, message);
  }

  unsent(flow: Flow, message: string, code: string, again: boolean): boolean {
    return this.isOpen && this.handlers.unsent(flow, message, systemError("sendmmsg", code), again);
  }

  wait(flow: Flow, message: string): void {
    if (!this.isOpen) return;
    if (this.waiting.length >= WAITING_MAX) {
      this.unsent(flow, message, "ENOBUFS", true);
      return;
    }
    if (!this.isWaiting) this.poll.watch(true);
    this.waiting.push({ flow, message });
  }

  close(): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    this.cancel();
    this.io.forget(this); // the number of its descriptor may be another's soon
    this.poll.close();
    this.calls.close(this.fd);
  }

  /** What waits is told as not sent. */
  private cancel(): void {
    const waited = this.waiting;
    this.waiting = [];
    for (const { flow, message } of waited)
      this.handlers.unsent(flow, message, systemError("sendmmsg", "ECANCELED"), true);
  }

  private readonly ready = (status: number, { writable }: { readonly writable: boolean }): void => {
    if (!this.isOpen) return;
    try {
      if (status < 0) this.poll.watch(this.isWaiting);
      if (writable) this.release();
      if (this.isOpen) this.read();
    } catch (error) {
      // Outside of Node's own callbacks nobody would hear of it.
      setImmediate(() => {
        throw error;
      });
    }
  };

  private read(): void {
    const result = this.io.receive(this.fd, this.handlers);
    if (result >= 0 || !this.isOpen) return;
    const code = codeOf(result);
    if (code !== "EAGAIN" && code !== "EINTR") this.handlers.failed(systemError("recvmmsg", code));
  }

  private release(): void {
    const rest = this.waiting;
    this.waiting = [];
    for (const { flow, message } of rest.splice(0, RELEASED_AT_ONCE)) this.post(flow, message);
    this.io.flush();
    // What found no room again waits in front of the rest.
    this.waiting.push(...rest);
    if (!this.isOpen)
      this.cancel(); // by who was told of one that did not leave
    else if (!this.isWaiting) this.poll.watch(false);
  }
}
