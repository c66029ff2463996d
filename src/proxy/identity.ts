/** Who is *me*: one table that Via, Route, Record-Route, Request-URI and probes are compared with. */
import { hostOf, type SipUri } from "../sip/uri.ts";
import type { ListenerAddress } from "../transport/flow.ts";

export class Identity {
  private readonly listeners: readonly ListenerAddress[];
  /** "host:port" of every listener. */
  private readonly hostPorts = new Set<string>();
  private readonly ports = new Set<number>();
  /** Domains and addresses that are us on any port that we serve. */
  private readonly names = new Set<string>();

  /** @param aliases domains or addresses, with or without a port: load balancers, floating IPs of the other nodes */
  constructor(listeners: readonly ListenerAddress[], aliases: readonly string[]) {
    this.listeners = listeners;
    for (const { address, port } of listeners) {
      this.hostPorts.add(`${hostOf(address).toLowerCase()}:${port}`);
      this.ports.add(port);
    }
    for (const alias of aliases) {
      const lower = alias.toLowerCase();
      if (/\]:\d+$|^[^:]+:\d+$/.test(lower)) this.hostPorts.add(lower);
      else this.names.add(lower.includes(":") && !lower.startsWith("[") ? `[${lower}]` : lower);
    }
  }

  /** Is this host (lower case, IPv6 in brackets) and port (0: none written) one of ours? */
  isMe(host: string, port: number): boolean {
    if (this.hostPorts.has(`${host}:${port === 0 ? 5060 : port}`)) return true;
    return this.names.has(host) && (port === 0 || this.ports.has(port));
  }

  isMyUri(uri: SipUri): boolean {
    return uri.scheme !== "tel" && this.isMe(uri.host, uri.port);
  }

  /** sent-by of the listener, as written into Via and Record-Route. */
  sentBy(listener: number): string {
    const { address, port } = this.listener(listener);
    return `${hostOf(address)}:${port}`;
  }

  private listener(index: number): ListenerAddress {
    const found = this.listeners[index];
    if (found === undefined) throw new RangeError(`no listener ${index}`);
    return found;
  }

  /**
   * The listener that a request is to leave from: of the target's transport and address family, the one that it came to
   * where that fits, so that the path back is the path here.
   * @returns -1 where there is none
   */
  egress(transport: string, address: string, ingress: number): number {
    const v6 = address.includes(":");
    const fits = (at: ListenerAddress | undefined): boolean =>
      at !== undefined && at.transport === transport && at.address.includes(":") === v6;
    return fits(this.listeners[ingress]) ? ingress : this.listeners.findIndex(fits);
  }
}
