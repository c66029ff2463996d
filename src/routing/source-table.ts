/** From a source address to the group that speaks from there: the longest prefix wins. */
import ipaddr from "ipaddr.js";

/** Addresses remembered with their answer. Beyond it the oldest is forgotten, so that a flood of forged sources costs time, never memory. */
export const CLASSIFIED_ADDRESSES_MAX = 16_384;
/** Longer text is no address: it is not worth a place in the cache. */
const ADDRESS_CHARACTERS_MAX = 64;

interface Source {
  readonly network: string;
  readonly group: string;
}

/** Networks of one prefix length: from the bytes of the network to its group. */
interface Level {
  readonly family: 4 | 6;
  readonly bits: number;
  readonly groups: Map<string, string>;
}

export class SourceTable {
  /** Longest prefix first. */
  readonly #levels: readonly Level[];
  readonly #known = new Map<string, string | null>();

  /** @param sources networks with a prefix length, as the configuration has them */
  constructor(sources: readonly Source[]) {
    const levels = new Map<string, Level>();
    for (const { network, group } of sources) {
      const [address = "", length = ""] = network.split("/");
      const bytes = bytesOf(address);
      if (bytes === null) throw new TypeError(`${network} is no network`);
      const family = bytes.length === 4 ? 4 : 6;
      const bits = Number(length);
      const key = `${family}/${bits}`;
      const level = levels.get(key) ?? { family, bits, groups: new Map<string, string>() };
      levels.set(key, level);
      level.groups.set(prefixKey(bytes, bits), group);
    }
    this.#levels = [...levels.values()].sort((a, b) => b.bits - a.bits);
  }

  /** @returns the group of an address as node:net prints it; null: nobody's. IPv4-mapped IPv6 counts as IPv4. */
  classify(address: string): string | null {
    const known = this.#known.get(address);
    if (known !== undefined) return known;
    const group = this.#search(address);
    if (address.length > ADDRESS_CHARACTERS_MAX) return group;
    if (this.#known.size >= CLASSIFIED_ADDRESSES_MAX) {
      const [oldest] = this.#known.keys();
      if (oldest !== undefined) this.#known.delete(oldest);
    }
    this.#known.set(address, group);
    return group;
  }

  /** How many addresses are remembered, for the test of the bound. */
  get remembered(): number {
    return this.#known.size;
  }

  #search(address: string): string | null {
    const bytes = bytesOf(address);
    if (bytes === null) return null;
    const family = bytes.length === 4 ? 4 : 6;
    for (const level of this.#levels) {
      if (level.family !== family) continue;
      const group = level.groups.get(prefixKey(bytes, level.bits));
      if (group !== undefined) return group;
    }
    return null;
  }
}

/** Four bytes or sixteen; four for IPv4-mapped IPv6. The zone of fe80::1%eth0 is ours, not the sender's. */
function bytesOf(text: string): number[] | null {
  const zone = text.indexOf("%");
  const address = zone < 0 ? text : text.slice(0, zone);
  if (ipaddr.IPv4.isValidFourPartDecimal(address)) return ipaddr.IPv4.parse(address).toByteArray();
  if (!ipaddr.IPv6.isValid(address)) return null;
  const parsed = ipaddr.IPv6.parse(address);
  return parsed.isIPv4MappedAddress() ? parsed.toIPv4Address().toByteArray() : parsed.toByteArray();
}

/** The first bits of an address, as a string that is equal for equal networks. */
function prefixKey(bytes: readonly number[], bits: number): string {
  let key = "";
  for (let index = 0; index * 8 < bits; index++) {
    const kept = Math.min(8, bits - index * 8);
    key += String.fromCharCode((bytes[index] ?? 0) & (0xff << (8 - kept)));
  }
  return key;
}
