/**
 * Sockets of a standby: known from the configuration, opened when this node takes over, closed unread when it must serve no more.
 * While they are closed nothing is sent, and nothing fails: what is not sent was sent by another node, or is sent again by a timer.
 */
import { openDatagramIo } from "../transport/datagrams/open.ts";
import type { Flow, ListenerAddress, TransportHandlers, Transports } from "../transport/flow.ts";

/** Opens the listeners, all or none; in production `openTransports` with its options. */
export type OpenSockets = (
  listen: readonly ListenerAddress[],
  handlers: TransportHandlers,
) => Promise<Transports>;

export interface GateOptions {
  /** Numeric, without wildcards and with ports: indexes must be the same on every node, and before anything is open. */
  readonly listen: readonly ListenerAddress[];
  readonly handlers: TransportHandlers;
  readonly open: OpenSockets;
  /** Looked at before each message that leaves: a node that was frozen wakes with open sockets. Default: always. */
  readonly maySend?: () => boolean;
}

export class TransportsGate implements Transports {
  readonly listeners: readonly ListenerAddress[];
  private readonly options: GateOptions;
  /** Flows with a socket of their own, for as long as they are wanted, open or not. */
  private readonly watched = new Map<string, Flow>();
  private inner: Transports | null = null;
  /** Of sockets that are closed by now. */
  private readonly past: Record<string, number> = { "send.whileShut": 0 };
  /** Ends an opening that is overtaken by a shut. */
  private turn = 0;

  constructor(options: GateOptions) {
    this.options = options;
    this.listeners = options.listen;
    // What the sockets need of the system is loaded now, and not in the takeover.
    void openDatagramIo();
  }

  get isServing(): boolean {
    return this.inner !== null;
  }

  get warnings(): readonly string[] {
    return this.inner?.warnings ?? [];
  }

  /** Infinity while there are none. */
  get receiveBufferBytes(): number {
    return this.inner?.receiveBufferBytes ?? Number.POSITIVE_INFINITY;
  }

  get counters(): Readonly<Record<string, number>> {
    return added(this.past, this.inner?.counters ?? {});
  }

  /**
   * Opens every socket; the addresses are this machine's already.
   * @returns false where it was shut before it was open
   * @throws ListenError for the first address that can't be served; nothing is open then
   */
  async open(): Promise<boolean> {
    if (this.inner !== null) return true;
    const turn = ++this.turn;
    const inner = await this.options.open(this.listeners, this.options.handlers);
    if (turn !== this.turn) {
      inner.abort();
      return false;
    }
    this.inner = inner;
    for (const flow of this.watched.values()) inner.watch(flow);
    return true;
  }

  /** Closes every socket at once: what lies in them is never read, what waits is never sent. Safe to call twice. */
  shut(): void {
    this.turn++;
    const { inner } = this;
    this.inner = null;
    if (inner === null) return;
    inner.abort();
    Object.assign(this.past, added(this.past, inner.counters));
  }

  send(flow: Flow, message: string): void {
    if (this.inner === null || this.options.maySend?.() === false)
      this.past["send.whileShut"] = (this.past["send.whileShut"] ?? 0) + 1;
    else this.inner.send(flow, message);
  }

  isOpen(flow: Flow): boolean {
    return this.inner?.isOpen(flow) ?? false;
  }

  watch(flow: Flow): boolean {
    this.watched.set(keyOf(flow), flow);
    return this.inner?.watch(flow) ?? true;
  }

  unwatch(flow: Flow): void {
    this.watched.delete(keyOf(flow));
    this.inner?.unwatch(flow);
  }

  alias(connection: number, port: number): boolean {
    return this.inner?.alias(connection, port) ?? false;
  }

  resetConnections(): void {
    this.inner?.resetConnections();
  }

  async close(): Promise<void> {
    this.turn++;
    const { inner } = this;
    this.inner = null;
    await inner?.close();
  }

  abort(): void {
    this.shut();
  }
}

function keyOf({ transport, listener, address, port }: Flow): string {
  return `${transport} ${listener} ${address} ${port}`;
}

function added(
  one: Readonly<Record<string, number>>,
  other: Readonly<Record<string, number>>,
): Record<string, number> {
  const sum = { ...one };
  for (const [name, count] of Object.entries(other)) sum[name] = (sum[name] ?? 0) + count;
  return sum;
}
