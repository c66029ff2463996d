/**
 * Sockets that are opened when the node takes over, and closed unread when it gives up. Before that nothing leaves; and nothing
 * leaves later than this node may serve, looked at for each message.
 */
import type { TransportConfig } from "../../config/config.ts";
import type { Clock } from "../../sip/timer/clock.ts";
import { zeroCounters } from "../../transport/counters.ts";
import type { Flow, ListenerAddress, TransportHandlers, Transports } from "../../transport/flow.ts";
import { RECEIVE_BUFFER_BYTES, type TransportLimits } from "../../transport/limits.ts";
import { openTransports } from "../../transport/transports.ts";

export interface LatePorts {
  readonly listen: readonly (ListenerAddress & { readonly transport: TransportConfig })[];
  readonly handlers: TransportHandlers;
  readonly limits: Partial<TransportLimits>;
  readonly clock: Clock;
  readonly mayServe: () => boolean;
}

export class LateTransports implements Transports {
  /** As configured: a cluster's configuration has no wildcards and no port 0. */
  readonly listeners: readonly ListenerAddress[];
  readonly receiveBufferBytes = RECEIVE_BUFFER_BYTES;
  readonly #ports: LatePorts;
  #open: Transports | null = null;
  #isShut = false;

  constructor(ports: LatePorts) {
    this.#ports = ports;
    this.listeners = ports.listen;
  }

  /** @throws ListenError */
  async open(): Promise<void> {
    const { listen, handlers, limits, clock } = this.#ports;
    const transports = await openTransports(listen, handlers, limits, clock);
    // Given up meanwhile.
    if (this.#isShut) transports.abort();
    else this.#open = transports;
  }

  /** Closes every socket unread, for good. */
  shut(): void {
    this.#isShut = true;
    this.#open?.abort();
    this.#open = null;
  }

  get warnings(): readonly string[] {
    return this.#open?.warnings ?? [];
  }

  get counters(): Readonly<Record<string, number>> {
    return this.#open?.counters ?? zeroCounters();
  }

  send(flow: Flow, message: string): void {
    if (this.#open !== null && this.#ports.mayServe()) this.#open.send(flow, message);
  }

  isOpen(flow: Flow): boolean {
    return this.#open?.isOpen(flow) ?? false;
  }

  watch(flow: Flow): boolean {
    return this.#open?.watch(flow) ?? false;
  }

  unwatch(flow: Flow): void {
    this.#open?.unwatch(flow);
  }

  alias(connection: number, port: number): boolean {
    return this.#open?.alias(connection, port) ?? false;
  }

  resetConnections(): void {
    this.#open?.resetConnections();
  }

  async close(): Promise<void> {
    await this.#open?.close();
  }

  abort(): void {
    this.shut();
  }
}
