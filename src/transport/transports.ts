// Opens the listeners and hands each message to the transport of its flow.
import { networkInterfaces } from "node:os";
import type { Clock } from "../sip/timer/clock.ts";
import { Burst } from "./burst.ts";
import { type Counters, zeroCounters } from "./counters.ts";
import type { DatagramIo } from "./datagrams/datagram-io.ts";
import { openDatagramIo } from "./datagrams/open.ts";
import { isPort } from "./failure.ts";
import type { Flow, ListenerAddress, SendFailure, TransportHandlers, Transports } from "./flow.ts";
import { DEFAULT_LIMITS, RECEIVE_BUFFER_BYTES, type TransportLimits } from "./limits.ts";
import { formatListener, ListenError } from "./listen-error.ts";
import { TcpTransport } from "./tcp-transport.ts";
import { UdpListener } from "./udp-listener.ts";
import { bindListener } from "./udp-socket.ts";
import { expandWildcard, isWildcard } from "./wildcard.ts";

/** Only what differs from {@link DEFAULT_LIMITS}; `limits` of the configuration fits. */
export type TransportOptions = Partial<TransportLimits>;

/**
 * Opens a socket on each address, in order; all or none.
 * @param listen numeric addresses; a wildcard becomes one listener for each local address, so that the indexes
 *   of `Transports.listeners` count, not those of this list
 * @throws ListenError for the first address that can't be served
 */
export async function openTransports(
  listen: readonly ListenerAddress[],
  handlers: TransportHandlers,
  options: TransportOptions,
  clock: Clock,
): Promise<Transports> {
  const { io, why } = await openDatagramIo();
  const transports = new OpenTransports(handlers, { ...DEFAULT_LIMITS, ...options }, clock, io);
  if (why !== null)
    transports.warnings.push(`datagrams go one by one, which costs an eighth more a call: ${why}`);
  try {
    for (const address of listen) await transports.listen(address);
  } catch (error) {
    transports.abort();
    throw error;
  }
  return transports;
}

class OpenTransports implements Transports {
  readonly listeners: ListenerAddress[] = [];
  readonly warnings: string[] = [];
  readonly counters: Counters = zeroCounters();
  private readonly handlers: TransportHandlers;
  private readonly limits: TransportLimits;
  /** By index of the listener; undefined where it is TCP. */
  private readonly udp: (UdpListener | undefined)[] = [];
  private readonly tcp: TcpTransport;
  receiveBufferBytes = Number.POSITIVE_INFINITY;
  private readonly io: DatagramIo;
  private readonly burst: Burst;
  private watchedCount = 0;
  private isClosed = false;

  constructor(handlers: TransportHandlers, limits: TransportLimits, clock: Clock, io: DatagramIo) {
    this.io = io;
    this.burst = new Burst(io, setImmediate);
    this.handlers = handlers;
    this.limits = limits;
    this.tcp = new TcpTransport({ handlers, limits, counters: this.counters, clock });
  }

  async listen(wanted: ListenerAddress): Promise<void> {
    const addresses = expandWildcard(wanted, networkInterfaces());
    if (addresses.length === 0) throw new ListenError(wanted, new Error("no local address of that family"));
    let { port } = wanted; // 0: the same one on all of them
    for (const address of addresses) port = (await this.listenOn({ ...address, port })).port;
    if (!isWildcard(wanted.address)) return;
    const count = addresses.length;
    this.warnings.push(
      `${formatListener({ ...wanted, port })} stands for the ${count} local address(es) of this moment: name them in "listen" to serve others`,
    );
  }

  send(flow: Flow, message: string): void {
    if (this.isClosed) this.counters["send.afterClose"]++;
    else if (flow.transport === "tcp") this.tcp.send(flow, message);
    else {
      const listener = this.udp[flow.listener];
      if (listener === undefined) this.fail(flow, "no-listener");
      else if (!isPort(flow.port)) this.fail(flow, "unreachable");
      else listener.send(flow, message);
    }
  }

  isOpen(flow: Flow): boolean {
    if (this.isClosed) return false;
    return flow.transport === "tcp" ? this.tcp.isOpen(flow) : this.udp[flow.listener] !== undefined;
  }

  watch(flow: Flow): boolean {
    const listener = flow.transport === "udp" ? this.udp[flow.listener] : undefined;
    if (this.isClosed || listener === undefined || !isPort(flow.port)) return false;
    if (listener.isWatched(flow)) return true;
    if (this.watchedCount >= this.limits.watchedTargets || !listener.watch(flow)) {
      this.counters["udp.watchRefused"]++;
      return false;
    }
    this.watchedCount++;
    return true;
  }

  unwatch(flow: Flow): void {
    if (flow.transport === "udp" && this.udp[flow.listener]?.unwatch(flow)) this.watchedCount--;
  }

  alias(connection: number, port: number): boolean {
    return !this.isClosed && this.tcp.alias(connection, port);
  }

  resetConnections(): void {
    this.tcp.abort();
  }

  async close(): Promise<void> {
    this.isClosed = true;
    this.burst.flush();
    for (const listener of this.udp) listener?.close();
    await this.tcp.close();
  }

  abort(): void {
    this.isClosed = true;
    for (const listener of this.udp) listener?.close();
    this.tcp.abort();
  }

  private async listenOn(address: ListenerAddress): Promise<ListenerAddress> {
    try {
      const local = await (address.transport === "tcp"
        ? this.tcp.listen(this.listeners.length, address)
        : this.listenUdp(address));
      this.listeners.push(local);
      return local;
    } catch (error) {
      throw new ListenError(address, error instanceof Error ? error : new Error(String(error)));
    }
  }

  private async listenUdp(address: ListenerAddress): Promise<ListenerAddress> {
    const { handlers, limits, counters, io, burst } = this;
    const socket = await bindListener(address.address, address.port);
    const index = this.listeners.length;
    const listener = new UdpListener(index, socket, { handlers, limits, counters, io, burst });
    this.udp[index] = listener;
    this.receiveBufferBytes = Math.min(this.receiveBufferBytes, listener.receiveBufferBytes);
    if (listener.receiveBufferBytes < RECEIVE_BUFFER_BYTES) {
      const [given, wanted] = [listener.receiveBufferBytes, RECEIVE_BUFFER_BYTES].map(kilobytes);
      this.warnings.push(
        `${formatListener(listener.local)} has a receive buffer of ${given} instead of ${wanted}: bursts may be lost; raise net.core.rmem_max`,
      );
    }
    return listener.local;
  }

  private fail(flow: Flow, failure: SendFailure): void {
    this.counters["send.noListener"]++;
    queueMicrotask(() => {
      if (!this.isClosed) this.handlers.onFailure(flow, failure);
    });
  }
}

function kilobytes(bytes: number): string {
  return `${Math.floor(bytes / 1024)} KB`;
}
