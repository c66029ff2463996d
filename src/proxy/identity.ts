/** Who is *me*: one table that Via, Route, Record-Route, Request-URI and probes are compared with. */
import ipaddr from "ipaddr.js";
import { hostOf, type SipUri } from "../sip/uri.ts";
import type { ListenerAddress, TransportName } from "../transport/flow.ts";

/**
 * Leading bits that two addresses of one network share at least. Fewer are chance: 10.1.0.1 shares two with every address from
 * 0 to 63.
 */
const NETWORK_BITS = { v4: 8, v6: 32 } as const;
/** Answers of `egress` kept; beyond it all are worked out anew. */
const EGRESSES_MAX = 10_000;

export class Identity {
  private readonly listeners: readonly ListenerAddress[];
  /** Hosts of the listeners as a URI writes them, in their order. */
  private readonly hosts: readonly string[];
  /** What the Via of a request begins with that leaves from the listener, up to the branch. */
  private readonly viaHeads: readonly string[];
  /** "host:port" of aliases that name a port. */
  private readonly hostPorts = new Set<string>();
  private readonly ports = new Set<number>();
  /** Answers of {@link egress}, by ingress, then by address: no key is made for a question. */
  private readonly egresses = { udp: [] as Map<string, number>[], tcp: [] as Map<string, number>[] };
  private egressCount = 0;
  /** Domains and addresses that are us on any port that we serve. */
  private readonly names = new Set<string>();

  /** @param aliases domains or addresses, with or without a port: load balancers, floating IPs of the other nodes */
  constructor(listeners: readonly ListenerAddress[], aliases: readonly string[]) {
    this.listeners = listeners;
    this.hosts = listeners.map(({ address }) => hostOf(address).toLowerCase());
    this.viaHeads = listeners.map(
      ({ transport }, index) => `SIP/2.0/${transport.toUpperCase()} ${this.sentBy(index)};branch=`,
    );
    for (const { port } of listeners) this.ports.add(port);
    for (const alias of aliases) {
      const lower = alias.toLowerCase();
      if (/\]:\d+$|^[^:]+:\d+$/.test(lower)) this.hostPorts.add(lower);
      else this.names.add(lower.includes(":") && !lower.startsWith("[") ? `[${lower}]` : lower);
    }
  }

  /** Is this host (lower case, IPv6 in brackets) and port (0: none written) one of ours? */
  isMe(host: string, port: number): boolean {
    return this.isKnown(host, port) || (host.charCodeAt(0) === 91 && this.isKnown(canonicalIpv6(host), port));
  }

  private isKnown(host: string, port: number): boolean {
    const known = port === 0 ? 5060 : port;
    // Compared without making a string: this is asked several times a message, and there are few listeners.
    for (let i = 0; i < this.hosts.length; i++) {
      if (this.listeners[i]?.port === known && this.hosts[i] === host) return true;
    }
    if (this.names.size > 0 && this.names.has(host) && (port === 0 || this.ports.has(port))) return true;
    return this.hostPorts.size > 0 && this.hostPorts.has(`${host}:${known}`);
  }

  isMyUri(uri: SipUri): boolean {
    return uri.scheme !== "tel" && this.isMe(uri.host, uri.port);
  }

  /** sent-by of the listener, as written into Via and Record-Route. */
  sentBy(listener: number): string {
    const { address, port } = this.listener(listener);
    return `${hostOf(address)}:${port}`;
  }

  /** Our Via value for a request that leaves from the listener (RFC 3261 §16.6 item 8, RFC 3581 §3). */
  via(listener: number, branch: string): string {
    const head = this.viaHeads[listener];
    if (head === undefined) throw new RangeError(`no listener ${listener}`);
    return `${head}${branch};rport`;
  }

  private listener(index: number): ListenerAddress {
    const found = this.listeners[index];
    if (found === undefined) throw new RangeError(`no listener ${index}`);
    return found;
  }

  /**
   * The listener that a request is to leave from: of the target's transport and address family, the one in the target's own
   * network (up to /24 or /64), else the one that it came to, so that the path back is the path here, or one at its address.
   * @returns -1 where there is none
   */
  egress(transport: TransportName, address: string, ingress: number): number {
    const known = this.egresses[transport][ingress + 1]?.get(address);
    if (known !== undefined) return known;
    const best = this.bestListener(transport, address, ingress);
    // A token of another node may name a listener that is none here.
    if (ingress < this.listeners.length) this.rememberEgress(transport, ingress, { address, best });
    return best;
  }

  private rememberEgress(
    transport: TransportName,
    ingress: number,
    found: { address: string; best: number },
  ): void {
    if (this.egressCount >= EGRESSES_MAX) {
      this.egresses.udp.length = this.egresses.tcp.length = 0;
      this.egressCount = 0;
    }
    const byIngress = this.egresses[transport]; // the first: from no listener, -1
    while (byIngress.length <= ingress + 1) byIngress.push(new Map());
    byIngress[ingress + 1]?.set(found.address, found.best);
    this.egressCount++;
  }

  private bestListener(transport: TransportName, address: string, ingress: number): number {
    const v6 = address.includes(":");
    const came = this.listeners[ingress]?.address;
    let best = -1;
    let bestScore = -1;
    for (const [index, at] of this.listeners.entries()) {
      if (at.transport !== transport || at.address.includes(":") !== v6) continue;
      const bits = sharedPrefix(at.address, address);
      const network = bits < (v6 ? NETWORK_BITS.v6 : NETWORK_BITS.v4) ? 0 : bits;
      const score = network * 4 + (index === ingress ? 2 : at.address === came ? 1 : 0);
      if (score > bestScore) [best, bestScore] = [index, score];
    }
    return best;
  }
}

/** RFC 5952 spelling of an IPv6 reference; the same text where it is none. */
function canonicalIpv6(host: string): string {
  const text = host.slice(1, -1);
  return ipaddr.IPv6.isValid(text) ? `[${ipaddr.IPv6.parse(text).toRFC5952String()}]` : host;
}

/** Leading bits that two addresses of one family share, as far as networks are told apart: 24 of IPv4, 64 of IPv6. */
function sharedPrefix(a: string, b: string): number {
  if (!ipaddr.isValid(a) || !ipaddr.isValid(b)) return 0; // a peer wrote it
  const [one, other] = [ipaddr.parse(a).toByteArray(), ipaddr.parse(b).toByteArray()];
  const max = one.length === 4 ? 24 : 64;
  let bits = 0;
  while (bits < max && (((one[bits >> 3] ?? 0) ^ (other[bits >> 3] ?? 0)) & (128 >> (bits & 7))) === 0)
    bits++;
  return bits;
}
