/** Finding the servers of a SIP URI (RFC 3263): what is looked for, and what was found. */

/** What is to be found: a URI's host and what the URI says beside it (RFC 3263 §4). */
export interface ServerQuery {
  /** Lower case name without a trailing dot, or a numeric address without brackets. */
  readonly host: string;
  /** 0: none named. */
  readonly port: number;
  /** null: none named. */
  readonly transport: "udp" | "tcp" | null;
  /** A sips: URI, or transport=tls. */
  readonly secure: boolean;
}

/** One place behind a name. */
export interface ServerAddress {
  readonly transport: "udp" | "tcp";
  /** Canonical, IPv6 without brackets. */
  readonly address: string;
  readonly port: number;
  /** Lower is tried first; the order of NAPTR is folded in. */
  readonly priority: number;
  /** 0 or more, higher is likelier: the share of an SRV record, divided among the addresses of its target. */
  readonly weight: number;
  /** The name whose A or AAAA record it is: the target of SRV, or the host itself. */
  readonly host: string;
}

/**
 * - `fresh`: all of it is within its TTL.
 * - `stale`: some of it has expired, and no server gives it anew (RFC 8767).
 * - `failed`: the name leads nowhere, or nobody could say where. No servers.
 * - `not-offered`: the name says that it serves no SIP, or none that is spoken here. No servers.
 */
export type LocationStatus = "fresh" | "stale" | "failed" | "not-offered";

export interface Location {
  /** Ascending by priority, then in an order of no meaning that is the same each time. */
  readonly servers: readonly ServerAddress[];
  readonly status: LocationStatus;
  /** When the first of the records that it stands on expired, by the resolver's clock; null unless stale. */
  readonly staleSinceMs: number | null;
  /** When it is looked at again at the latest, by the resolver's clock; Infinity for numeric hosts. */
  readonly expiresAt: number;
  /** A sentence. */
  readonly reason: string;
}

/** Do the two lead to the same places? Times apart; and why no server answers may change while they are stale. */
export function sameLocation(a: Location, b: Location): boolean {
  if (a.status !== b.status || a.servers.length !== b.servers.length) return false;
  if (a.reason !== b.reason && a.status !== "stale") return false;
  return a.servers.every((server, index) => {
    const other = b.servers[index];
    return other !== undefined && serverKey(server) === serverKey(other);
  });
}

function serverKey({ transport, address, port, priority, weight, host }: ServerAddress): string {
  return `${priority} ${weight} ${transport} ${address} ${port} ${host}`;
}
