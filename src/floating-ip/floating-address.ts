/** A floating IP as the driver handles it: one host address, in the kernel's spelling. Pure. */
import ipaddr from "ipaddr.js";

export interface FloatingAddress {
  /** As the kernel prints it: lower case, zeros compressed, no zone. */
  readonly address: string;
  readonly family: 4 | 6;
}

/** Where it is put. */
export interface PlacedAddress extends FloatingAddress {
  readonly interface: string;
}

/** Why a text is no floating IP, for a person. */
export interface AddressFault {
  readonly fault: string;
}

/**
 * Reads "198.51.100.10/32", "2001:db8::10/128", or the address alone.
 *
 * Other prefixes are refused: an address that is added first in its subnet takes the later ones of that subnet with it
 * when it goes, and the node's own address may be one of them.
 */
export function parseFloatingAddress(text: string): FloatingAddress | AddressFault {
  const [written = "", prefix, ...rest] = text.split("/");
  if (rest.length > 0 || !ipaddr.isValid(written)) return { fault: `"${text}" is no IP address` };
  const parsed = ipaddr.parse(written);
  const family = parsed.kind() === "ipv4" ? 4 : 6;
  const whole = family === 4 ? 32 : 128;
  if (family === 4 && !ipaddr.IPv4.isValidFourPartDecimal(written))
    return { fault: `"${written}" needs four numbers` };
  if (prefix !== undefined && prefix !== String(whole))
    return { fault: `"${text}": a floating IP is a single address, /${whole}` };
  if (written.includes("%")) return { fault: `"${written}" has a zone: a link-local address can't float` };
  const range = parsed.range();
  if (["unspecified", "broadcast", "multicast", "loopback", "linkLocal", "ipv4Mapped"].includes(range))
    return { fault: `"${written}" is ${range}: no address that can float` };
  return { address: parsed.toString(), family };
}

/** The bytes of an address, 4 or 16. @throws when it is none */
export function addressBytes(address: string): Uint8Array {
  return Uint8Array.from(ipaddr.parse(address).toByteArray());
}

/** Are two spellings one address? A text that is no address equals nothing. */
export function sameAddress(one: string, other: string): boolean {
  if (one === other) return true;
  if (!ipaddr.isValid(one) || !ipaddr.isValid(other)) return false;
  return ipaddr.parse(one).toNormalizedString() === ipaddr.parse(other).toNormalizedString();
}
