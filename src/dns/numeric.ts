/** Numeric addresses in one spelling. */
import ipaddr from "ipaddr.js";

/** Ranges of addresses that no single machine has. */
const NO_MACHINE: ReadonlySet<string> = new Set(["multicast", "broadcast", "unspecified"]);

/** @returns the canonical spelling (RFC 5952, without brackets), or null where the text is no numeric address */
export function numericAddress(text: string): string | null {
  if (ipaddr.IPv4.isValidFourPartDecimal(text)) return ipaddr.IPv4.parse(text).toString();
  if (!text.includes(":") || text.includes("%") || !ipaddr.IPv6.isValid(text)) return null;
  const address = ipaddr.IPv6.parse(text);
  return address.isIPv4MappedAddress() ? address.toIPv4Address().toString() : address.toRFC5952String();
}

/** Can the canonical address be the place of one server? A record with 0.0.0.0 or a multicast address can't. */
export function isServerAddress(address: string): boolean {
  return !NO_MACHINE.has(ipaddr.parse(address).range());
}
