/**
 * The procedure of RFC 3263 §4.1 and §4.2 over the answers that are known. Pure: run again with each new answer, it
 * asks for what is missing until it can say where the servers are.
 */
import { Chase, type Found, type Look } from "./chase.ts";
import type { Location, LocationStatus, ServerAddress, ServerQuery } from "./location.ts";
import { isServerAddress, numericAddress } from "./numeric.ts";
import { isAskable, type NaptrRecord, type SrvRecord } from "./question.ts";

type Transport = ServerAddress["transport"];

/** What of the network this node can use. */
export interface Reach {
  readonly transports: readonly Transport[];
  readonly families: readonly (4 | 6)[];
}

/** RFC 3261 §19.1.2 */
const SIP_PORT = 5060;
/** Servers behind one name, and SRV records that are followed: more than any carrier has. */
export const SERVERS_MAX = 256;
export const SRV_RECORDS_MAX = 64;
/** One more than the greatest priority of SRV: what lies between two steps of NAPTR. */
const TIER = 65_536;

const SERVICES: Readonly<Record<string, Transport>> = { "SIP+D2U": "udp", "SIP+D2T": "tcp" };
const SECURE = "sips: asks for TLS, which is not spoken here";

/** One step of NAPTR: an SRV name and the transport that it stands for. */
interface Service {
  readonly transport: Transport;
  readonly name: string;
}

/** The outcome of one branch of the procedure. */
type Outcome = Readonly<
  | { kind: "servers"; servers: readonly ServerAddress[]; by: string }
  | { kind: "none" | "failed" | "not-offered"; reason: string }
>;

/** @returns the location of a numeric host, which needs no question; null for a name */
export function locateNumeric(query: ServerQuery, reach: Reach): Location | null {
  const address = numericAddress(query.host);
  if (address === null) return null;
  if (query.secure) return ended("not-offered", SECURE);
  if (!isServerAddress(address)) return ended("failed", `${address} is the address of no single machine`);
  const transport = query.transport ?? "udp"; // §4.1: UDP for a sip: URI with a numeric host
  if (!reach.transports.includes(transport)) return ended("not-offered", `${transport} is not spoken here`);
  const port = query.port === 0 ? SIP_PORT : query.port; // §4.2
  const server = { transport, address, port, priority: 0, weight: 1, host: query.host };
  return {
    servers: [server],
    status: "fresh",
    staleSinceMs: null,
    expiresAt: Number.POSITIVE_INFINITY,
    reason: "a numeric host: nothing to look up",
  };
}

/**
 * Looks the servers of a name up.
 * @param inHosts does the name stand in the hosts file? Then it is asked for addresses alone: NAPTR and SRV are not for it
 * @returns null while an answer that was asked for by `look` has not come
 */
export function locateName(
  query: ServerQuery,
  { look, reach, inHosts }: { look: Look; reach: Reach; inHosts: (name: string) => boolean },
): Location | null {
  const { host, secure, transport } = query;
  if (secure) return ended("not-offered", SECURE);
  if (!isAskable(host)) return ended("failed", `${host} is no name that DNS could know`);
  if (transport !== null && !reach.transports.includes(transport)) {
    return ended("not-offered", `${transport} is not spoken here`);
  }
  const chase = new Chase(look);
  const outcome = new Procedure(query, reach, chase).run(inHosts(host));
  if (chase.pending) return null;
  const { expiresAt, staleSinceMs, staleReason } = chase;
  if (outcome.kind !== "servers") {
    const status = outcome.kind === "not-offered" ? "not-offered" : "failed";
    return { servers: [], status, staleSinceMs: null, expiresAt, reason: outcome.reason };
  }
  const servers = sorted(outcome.servers);
  if (staleSinceMs === null) return { servers, status: "fresh", staleSinceMs, expiresAt, reason: outcome.by };
  const reason = `expired, and not to be had anew (${staleReason ?? "no answer yet"}): ${outcome.by}`;
  return { servers, status: "stale", staleSinceMs, expiresAt, reason };
}

class Procedure {
  readonly #query: ServerQuery;
  readonly #reach: Reach;
  readonly #chase: Chase;

  constructor(query: ServerQuery, reach: Reach, chase: Chase) {
    this.#query = query;
    this.#reach = reach;
    this.#chase = chase;
  }

  run(inHosts: boolean): Outcome {
    const { host, port, transport } = this.#query;
    if (port !== 0 || inHosts) return this.#plain(transport ?? "udp"); // §4.1, §4.2: a port means no SRV
    if (transport !== null) return this.#bySrv([{ transport, name: `_sip._${transport}.${host}` }]);
    const naptr = this.#chase.find(host, "NAPTR");
    switch (naptr.kind) {
      case "pending":
        return pending();
      case "records":
        return this.#byNaptr(naptr.records);
      // A server that fails on NAPTR alone is an old one: SRV has the same records, but for the choice of transport.
      case "failed":
      case "none":
        return this.#bySrv(
          this.#reach.transports.map((each) => ({ transport: each, name: `_sip._${each}.${host}` })),
        );
    }
  }

  /** §4.1: by order, then preference; the services that we speak, all of them. */
  #byNaptr(records: readonly NaptrRecord[]): Outcome {
    const services = [...records]
      .sort((a, b) => a.order - b.order || a.preference - b.preference)
      .flatMap(({ flags, service, replacement }): Service[] => {
        const transport = SERVICES[service];
        if (flags !== "s" || transport === undefined || !isAskable(replacement)) return [];
        return this.#reach.transports.includes(transport) ? [{ transport, name: replacement }] : [];
      });
    if (services.length > 0) return this.#walk(services);
    const offered = [...new Set(records.map(({ service }) => service))].sort().join(", ");
    return {
      kind: "not-offered",
      reason: `${this.#query.host} offers ${offered}, none of which is spoken here`,
    };
  }

  /** §4.2: where there is no SRV record, the host's own addresses at the default port. */
  #bySrv(services: readonly Service[]): Outcome {
    const outcome = this.#walk(services);
    return outcome.kind === "none" ? this.#plain(this.#query.transport ?? "udp") : outcome;
  }

  /** All SRV names, in order; the first that fails to be asked hides nothing of the others. */
  #walk(services: readonly Service[]): Outcome {
    const outcomes = services.map((service, step) => this.#srv(service, step * TIER));
    const servers = outcomes.flatMap((outcome) => (outcome.kind === "servers" ? outcome.servers : []));
    if (servers.length > 0) {
      const by = outcomes.flatMap((outcome) => (outcome.kind === "servers" ? [outcome.by] : []));
      return { kind: "servers", servers, by: by.join(", ") };
    }
    // None may stand for "ask the host itself" only where every name said so.
    const rank = ["failed", "not-offered", "none"] as const;
    for (const kind of rank) {
      const outcome = outcomes.find((each) => each.kind === kind);
      if (outcome !== undefined) return outcome;
    }
    return { kind: "none", reason: "no transport is spoken here" };
  }

  #srv({ transport, name }: Service, tier: number): Outcome {
    const found = this.#chase.find(name, "SRV");
    if (found.kind === "pending") return pending();
    if (found.kind !== "records") return found;
    if (found.records.every(({ target }) => target === ".")) {
      return { kind: "not-offered", reason: `${name} says that the service is not offered` }; // RFC 2782, "Target"
    }
    const records = found.records
      .filter(({ target, port }) => target !== "." && port > 0)
      .sort((a, b) => a.priority - b.priority || b.weight - a.weight || (a.target < b.target ? -1 : 1))
      .slice(0, SRV_RECORDS_MAX);
    const outcomes = records.map((record) => this.#srvTarget(record, { transport, tier }));
    const servers = outcomes.flatMap((each) => (each.kind === "servers" ? each.servers : []));
    if (servers.length > 0) return { kind: "servers", servers, by: `by SRV of ${name}` };
    const failed = outcomes.find((each) => each.kind !== "servers");
    return { kind: "failed", reason: failed === undefined ? `${name} names no port` : failed.reason };
  }

  #srvTarget(record: SrvRecord, { transport, tier }: { transport: Transport; tier: number }) {
    const addresses = this.#addresses(record.target);
    if (addresses.kind !== "addresses") return addresses;
    const weight = record.weight / addresses.addresses.length;
    const { port, target: host } = record;
    const servers = addresses.addresses.map((address): ServerAddress => {
      return { transport, address, port, priority: tier + record.priority, weight, host };
    });
    return { kind: "servers" as const, servers };
  }

  #plain(transport: Transport): Outcome {
    const { host, port } = this.#query;
    if (!this.#reach.transports.includes(transport)) {
      return { kind: "not-offered", reason: `${transport} is not spoken here` };
    }
    const addresses = this.#addresses(host);
    if (addresses.kind !== "addresses") return addresses;
    const servers = addresses.addresses.map((address): ServerAddress => {
      return { transport, address, port: port === 0 ? SIP_PORT : port, priority: 0, weight: 1, host };
    });
    return { kind: "servers", servers, by: `by the addresses of ${host}` };
  }

  /** Either family is enough: one that fails hides nothing of the other. */
  #addresses(
    name: string,
  ): { kind: "addresses"; addresses: readonly string[] } | { kind: "failed"; reason: string } {
    const found: Found<"A" | "AAAA">[] = this.#reach.families.map((family) =>
      this.#chase.find(name, family === 4 ? "A" : "AAAA"),
    );
    const addresses = found.flatMap((each) =>
      each.kind === "records" ? each.records.map(({ address }) => address) : [],
    );
    if (addresses.length > 0) return { kind: "addresses", addresses: [...new Set(addresses)].sort() };
    const failed = found.find(({ kind }) => kind === "failed") ?? found.find(({ kind }) => kind === "none");
    return {
      kind: "failed",
      reason: failed !== undefined && "reason" in failed ? failed.reason : `${name} has no address`,
    };
  }
}

/** Its reason is never read: the whole walk is thrown away. */
function pending(): Outcome {
  return { kind: "failed", reason: "an answer is still to come" };
}

/** One entry a place: the first by priority has it, and equal ones add their weights. */
function sorted(servers: readonly ServerAddress[]): ServerAddress[] {
  const places = new Map<string, ServerAddress>();
  const ascending = [...servers].sort(
    (a, b) => a.priority - b.priority || compare(a.host, b.host) || compare(a.address, b.address),
  );
  for (const server of ascending) {
    const place = `${server.transport} ${server.address} ${server.port}`;
    const before = places.get(place);
    if (before === undefined) places.set(place, server);
    else if (before.priority === server.priority) {
      places.set(place, { ...before, weight: before.weight + server.weight });
    }
  }
  return [...places.values()].slice(0, SERVERS_MAX);
}

function compare(a: string, b: string): number {
  return a === b ? 0 : a < b ? -1 : 1;
}

/** What needs no look-up, and so never expires. */
function ended(status: LocationStatus, reason: string): Location {
  return { servers: [], status, staleSinceMs: null, expiresAt: Number.POSITIVE_INFINITY, reason };
}
