/** Numeric addresses and networks in one spelling, so that equal ones are equal strings. */
import { isIP } from "node:net";
import ipaddr from "ipaddr.js";
import { bad, type Checked, good } from "./checked.ts";

/** Kinds of address that no SIP peer and no listener has. */
const UNUSABLE: ReadonlySet<string> = new Set(["multicast", "broadcast"]);

/**
 * One spelling for an IP address: IPv6 as in RFC 5952, an IPv4-mapped one as IPv4. Zones are not accepted.
 * @returns null where the text is no numeric address
 */
export function canonicalAddress(text: string): string | null {
  const version = isIP(text);
  if (version === 4) return text;
  if (version !== 6 || text.includes("%")) return null;
  const address = ipaddr.IPv6.parse(text);
  return address.isIPv4MappedAddress() ? address.toIPv4Address().toString() : address.toRFC5952String();
}

/** Does the canonical address name a single host that can be spoken with? */
export function isUsableAddress(address: string): boolean {
  return !UNUSABLE.has(ipaddr.parse(address).range());
}

/** 0.0.0.0 and ::, each address of the machine. */
export function isWildcard(address: string): boolean {
  return address === "0.0.0.0" || address === "::";
}

/** 4 or 6, for a canonical address. */
export function familyOf(address: string): 4 | 6 {
  return address.includes(":") ? 6 : 4;
}

/** An address as it stands in a URI: IPv6 in brackets. */
export function bracketed(address: string): string {
  return address.includes(":") ? `[${address}]` : address;
}

/** The network of one address only. */
export function hostNetwork(address: string): string {
  return `${address}/${familyOf(address) === 4 ? 32 : 128}`;
}

/**
 * Reads "10.1.0.0/24" or a single address.
 * @returns the network in one spelling with its prefix length; bits beyond the prefix are refused, as they are a slip
 */
export function checkNetwork(text: string): Checked<string> {
  const expected = "an address or a network such as 10.1.0.0/24 or 2001:db8::/32";
  const slash = text.indexOf("/");
  const address = canonicalAddress(slash < 0 ? text : text.slice(0, slash));
  if (address === null) return bad(expected, nameRemedy(text));
  if (slash < 0) return good(hostNetwork(address));
  const bitsMax = familyOf(address) === 4 ? 32 : 128;
  const digits = text.slice(slash + 1);
  const mapped = text.slice(0, slash).includes(":") && bitsMax === 32;
  const bits = /^\d{1,3}$/.test(digits) ? Number(digits) - (mapped ? 96 : 0) : -1;
  if (bits < 0 || bits > bitsMax) return bad(expected, `the prefix length is a number from 0 to ${bitsMax}`);
  const network = networkOf(address, bits);
  if (network !== address) {
    return bad(
      "a network without bits beyond its prefix",
      `write ${network}/${bits}, or ${address} for the one host`,
    );
  }
  return good(`${network}/${bits}`);
}

function networkOf(address: string, bits: number): string {
  return familyOf(address) === 4
    ? ipaddr.IPv4.networkAddressFromCIDR(`${address}/${bits}`).toString()
    : ipaddr.IPv6.networkAddressFromCIDR(`${address}/${bits}`).toRFC5952String();
}

function nameRemedy(text: string): string {
  return /[g-z]/i.test(text) ? "names are not resolved here: write numeric addresses" : "mend the address";
}
