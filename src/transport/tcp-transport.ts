// TCP: listeners, dialling, and which connection a message takes.
import { type AddressInfo, connect, createServer, isIP, isIPv6, type Server, type Socket } from "node:net";
import type { Clock } from "../sip/timer/clock.ts";
import { ConnectionTable } from "./connection-table.ts";
import type { Counters } from "./counters.ts";
import { isPort } from "./failure.ts";
import type { DropReason, Flow, ListenerAddress, SendFailure, TransportHandlers } from "./flow.ts";
import { KEEP_ALIVE_DELAY_MS, type TransportLimits } from "./limits.ts";
import { type ConnectionOwner, TcpConnection } from "./tcp-connection.ts";

/** Of the process, for flows outlive the transports that made them: an id given twice would lead an answer to a stranger. */
let lastConnectionId = 0;

const SOCKET_OPTIONS = { noDelay: true, keepAlive: true, keepAliveInitialDelay: KEEP_ALIVE_DELAY_MS };

export interface TcpDependencies {
  readonly handlers: TransportHandlers;
  readonly limits: TransportLimits;
  readonly counters: Counters;
  readonly clock: Clock;
}

export class TcpTransport implements ConnectionOwner {
  private readonly dependencies: TcpDependencies;
  /** By index of the listener. */
  private readonly servers = new Map<number, Server>();
  private readonly locals = new Map<number, ListenerAddress>();
  private readonly table = new ConnectionTable<TcpConnection>();
  /** Each with a socket, whether or not it may still be used. */
  private readonly connections = new Set<TcpConnection>();
  private readonly accepted = new Map<string, number>();
  private readonly acceptedOnes = new WeakSet<TcpConnection>();
  private state: "open" | "closing" | "closed" = "open";
  private whenEmpty: () => void = () => {};

  constructor(dependencies: TcpDependencies) {
    this.dependencies = dependencies;
  }

  /**
   * Listens on one address.
   * @returns with the real port
   * @throws the system's error
   */
  async listen(index: number, { address, port }: ListenerAddress): Promise<ListenerAddress> {
    const server = createServer(SOCKET_OPTIONS, (socket) => this.accept(index, socket));
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen({ port, host: address, ipv6Only: isIPv6(address), exclusive: true }, () => {
        server.removeListener("error", reject);
        resolve();
      });
    });
    server.on("error", () => {
      this.dependencies.counters["tcp.acceptErrors"]++; // no file descriptor left, say
    });
    const bound = server.address() as AddressInfo;
    const local: ListenerAddress = { transport: "tcp", address: bound.address, port: bound.port };
    this.servers.set(index, server);
    this.locals.set(index, local);
    return local;
  }

  /** Sends on the flow's connection, on another to its remote, or on a new one. */
  send(flow: Flow, message: string): void {
    const connection = this.table.find(flow) ?? this.dial(flow);
    connection?.send(message);
  }

  isOpen(flow: Flow): boolean {
    return this.table.find(flow) !== undefined;
  }

  alias(connection: number, port: number): boolean {
    return isPort(port) && this.table.alias(connection, port);
  }

  /** Stops listening, ends every connection, and waits until all are gone (bounded by CLOSE_GRACE_MS). */
  async close(): Promise<void> {
    if (this.state !== "open") return;
    this.state = "closing";
    for (const server of this.servers.values()) server.close();
    for (const connection of [...this.connections]) connection.end();
    if (this.connections.size > 0) {
      await new Promise<void>((resolve) => {
        this.whenEmpty = resolve;
      });
    }
    this.state = "closed";
  }

  /** Resets everything now. No handler is called afterwards. */
  abort(): void {
    this.state = "closed";
    for (const server of this.servers.values()) server.close();
    for (const connection of [...this.connections]) connection.abort();
  }

  received(connection: TcpConnection, raw: string): void {
    if (this.state === "open") this.dependencies.handlers.onMessage(raw, connection.flow);
  }

  dropped(connection: TcpConnection, reason: DropReason): void {
    if (this.state !== "open") return;
    this.dependencies.counters[`dropped.${reason}`]++;
    this.dependencies.handlers.onDropped(reason, connection.flow);
  }

  retired(
    connection: TcpConnection,
    failure: SendFailure | null,
    answers: "may follow" | "impossible",
  ): void {
    const { flow } = connection;
    const ports = this.table.portsOf(connection);
    if (answers === "may follow") this.table.hideRemote(connection);
    else this.table.remove(connection);
    if (failure !== null) for (const port of ports) this.fail({ ...flow, port }, failure);
  }

  closed(connection: TcpConnection): void {
    this.connections.delete(connection);
    if (this.acceptedOnes.has(connection)) this.countAccepted(connection.flow.address, -1);
    if (this.connections.size === 0) this.whenEmpty();
  }

  private accept(index: number, socket: Socket): void {
    const { counters, limits } = this.dependencies;
    const { remoteAddress: address, remotePort: port } = socket;
    socket.on("error", () => {}); // gone again before or while we refuse it
    if (address === undefined || port === undefined) {
      socket.destroy();
      return;
    }
    const aboveTotal = this.connections.size >= limits.connections;
    if (aboveTotal || (this.accepted.get(address) ?? 0) >= limits.connectionsPerAddress) {
      counters[aboveTotal ? "tcp.refusedAboveTotal" : "tcp.refusedAboveAddress"]++;
      socket.resetAndDestroy();
      return;
    }
    counters["tcp.accepted"]++;
    this.countAccepted(address, 1);
    this.acceptedOnes.add(this.adopt({ listener: index, address, port }, socket));
  }

  private countAccepted(address: string, change: 1 | -1): void {
    const count = (this.accepted.get(address) ?? 0) + change;
    if (count === 0) this.accepted.delete(address);
    else this.accepted.set(address, count);
  }

  /** @returns null after a failure, which is told */
  private dial(flow: Flow): TcpConnection | null {
    const { counters, limits } = this.dependencies;
    const local = this.locals.get(flow.listener);
    if (local === undefined) return this.cannotDial(flow, "no-listener");
    const family = isIP(flow.address);
    if (family !== isIP(local.address) || !isPort(flow.port)) return this.cannotDial(flow, "unreachable");
    if (this.connections.size >= limits.connections) return this.cannotDial(flow, "overflow");
    counters["tcp.dialled"]++;
    const { address, port } = flow;
    const options = { host: address, port, localAddress: local.address, family, autoSelectFamily: false };
    return this.adopt({ listener: flow.listener, address, port }, connect({ ...options, ...SOCKET_OPTIONS }));
  }

  private cannotDial(flow: Flow, failure: SendFailure): null {
    this.dependencies.counters["tcp.dialFailures"]++;
    this.fail(flow, failure);
    return null;
  }

  private adopt(remote: Pick<Flow, "listener" | "address" | "port">, socket: Socket): TcpConnection {
    const flow: Flow = { transport: "tcp", ...remote, connection: ++lastConnectionId };
    const { limits, counters, clock } = this.dependencies;
    const connection = new TcpConnection(flow, socket, { owner: this, limits, counters, clock });
    this.connections.add(connection);
    this.table.add(connection);
    return connection;
  }

  private fail(flow: Flow, failure: SendFailure): void {
    queueMicrotask(() => {
      if (this.state === "open") this.dependencies.handlers.onFailure(flow, failure);
    });
  }
}
