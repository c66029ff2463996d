// What the proxy says to the sockets and hears from them. Types only: no I/O here.

/** TLS, WS and WSS will join this union. */
export type TransportName = "udp" | "tcp";

/** Where a message came from, and so where its answers go; or where one is to go. Plain data, never mutated. */
export interface Flow {
  readonly transport: TransportName;
  /** Index into `Transports.listeners`: the local address it came to, or is to leave from. */
  readonly listener: number;
  /** Remote IP as node:net prints it; IPv6 without brackets. */
  readonly address: string;
  readonly port: number;
  /** Id of the TCP connection that it came by, never used twice in a process; 0: none. */
  readonly connection: number;
}

/** A local address. In `listen` the port 0 means any, and 0.0.0.0 or :: each address of the machine. */
export interface ListenerAddress {
  readonly transport: TransportName;
  readonly address: string;
  readonly port: number;
}

export type SendFailure =
  | "refused" // ICMP port unreachable, or a TCP reset in answer to our SYN
  | "unreachable" // no route, host down, or forbidden by a local firewall rule
  | "timeout" // TCP did not connect in time
  | "closed" // the connection ended with something of ours possibly unsent
  | "overflow" // the far end does not read, or too much waits for a connection
  | "too-large" // no datagram can carry it
  | "no-listener"; // no local address of that index, transport and family

/** Why bytes that came in were thrown away. Each is a counter `dropped.<reason>` as well. */
export type DropReason =
  | "empty-datagram"
  | "datagram-too-large"
  | "stream-head-too-large"
  | "stream-body-too-large"
  | "stream-no-content-length"
  | "stream-bad-content-length"
  | "stream-slow-sender"
  | "stream-not-sip"
  | "stream-cut-off";

export interface TransportHandlers {
  /** One whole SIP message, latin1. `raw` does not alias a reused buffer. */
  onMessage(raw: string, flow: Flow): void;
  /**
   * The far end can't be reached, and everything sent there lately may be lost. Called asynchronously, never
   * inside `send()`. `flow` is the flow given to `send()` or an equal one; for a connection that was lost its
   * `connection` is that of the lost one.
   */
  onFailure(flow: Flow, failure: SendFailure): void;
  /** Bytes that are no SIP were dropped. */
  onDropped(reason: DropReason, flow: Flow): void;
}

/** Open sockets on every listener. */
export interface Transports {
  /** After bind: real ports, and a wildcard replaced by the machine's addresses. Flow.listener indexes this. */
  readonly listeners: readonly ListenerAddress[];
  /** What an operator should know of the sockets as they were opened, a sentence each, to be logged once. */
  readonly warnings: readonly string[];
  /**
   * Bytes of messages that the kernel is sure to keep for the UDP socket with the least room; Infinity without one. With its
   * own bookkeeping counted in, as /proc/net/udp has it, it keeps twice as many.
   */
  readonly receiveBufferBytes: number;
  /** Running totals since the start, by stable dotted names. */
  readonly counters: Readonly<Record<string, number>>;
  /**
   * Queues a message (latin1) to a flow. Never throws, never waits. TCP: the connection of the flow while it
   * lives, else a live connection to its address and port, else a new one. So the flow of an answer carries the
   * connection of its request, and as port the one to dial when that is gone: of sent-by (RFC 3261 section 18.2.2).
   */
  send(flow: Flow, message: string): void;
  /** Can `send` go without dialling? Always so for UDP with a listener of that index. */
  isOpen(flow: Flow): boolean;
  /**
   * UDP: gives this remote a connected socket of its own, so that ICMP errors are reported at once.
   * @returns false when the limit of such sockets is reached, or when the flow is not UDP: sends still work
   */
  watch(flow: Flow): boolean;
  /** Ends `watch`. Unknown flows are ignored. */
  unwatch(flow: Flow): void;
  /**
   * RFC 5923: requests to (address of the connection's far end, `port`) may use this connection from now on.
   * Only for a request whose topmost Via asked for it by `alias` (section 5), and whose sender may be trusted.
   * @returns false when the connection is gone
   */
  alias(connection: number, port: number): boolean;
  /** Resets every TCP connection, and takes no new ones; UDP goes on. */
  resetConnections(): void;
  /** Stops listening, lets what is queued on TCP out (bounded in time), then closes everything. */
  close(): Promise<void>;
  /** Closes every socket now: nothing queued is read or sent, TCP connections are reset. No handler is called after it. */
  abort(): void;
}
