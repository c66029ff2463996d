// Which connection serves which remote (RFC 3261 section 18.2.2; aliases of RFC 5923). Pure bookkeeping.
import type { Flow } from "./flow.ts";
import { ALIASES_MAX } from "./limits.ts";

export class ConnectionTable<C extends { readonly flow: Flow }> {
  private readonly byId = new Map<number, C>();
  private readonly byRemote = new Map<string, C>();
  /** Remote ports of a connection, its own first. */
  private readonly ports = new Map<C, number[]>();

  /** A new connection: found from now on by its id, and by its remote unless an older one serves that. */
  add(connection: C): void {
    const { flow } = connection;
    this.byId.set(flow.connection, connection);
    this.ports.set(connection, [flow.port]);
    const key = remoteKey(flow, flow.port);
    if (!this.byRemote.has(key)) this.byRemote.set(key, connection);
  }

  /**
   * The connection that a message to `flow` takes: the one that it names, else any to that remote from that
   * listener. An id counts only together with its remote address: a flow may be older than this process.
   */
  find(flow: Flow): C | undefined {
    const named = flow.connection === 0 ? undefined : this.byId.get(flow.connection);
    if (named !== undefined && named.flow.address === flow.address) return named;
    return this.byRemote.get(remoteKey(flow, flow.port));
  }

  /**
   * The newest to ask gets the alias: after a restart of the far end the older connection is a dead one.
   * @returns false where the connection is unknown or has too many
   */
  alias(id: number, port: number): boolean {
    const connection = this.byId.get(id);
    const ports = connection === undefined ? undefined : this.ports.get(connection);
    if (connection === undefined || ports === undefined) return false;
    if (!ports.includes(port)) {
      if (ports.length > ALIASES_MAX) return false;
      ports.push(port);
    }
    this.byRemote.set(remoteKey(connection.flow, port), connection);
    return true;
  }

  /** From now on only answers that name its id find it. */
  hideRemote(connection: C): void {
    for (const port of this.portsOf(connection)) {
      const key = remoteKey(connection.flow, port);
      if (this.byRemote.get(key) === connection) this.byRemote.delete(key);
    }
  }

  /** Forgets it. @returns the remote ports it was known by; none where it was unknown */
  remove(connection: C): readonly number[] {
    this.hideRemote(connection);
    const ports = this.portsOf(connection);
    this.byId.delete(connection.flow.connection);
    this.ports.delete(connection);
    return ports;
  }

  portsOf(connection: C): readonly number[] {
    return this.ports.get(connection) ?? [];
  }
}

function remoteKey(flow: Flow, port: number): string {
  return `${flow.listener} ${port} ${flow.address}`;
}
