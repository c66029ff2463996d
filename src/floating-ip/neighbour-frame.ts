/** IPv6 neighbour discovery (RFC 4861), as much as a floating IP needs: unsolicited advertisements and solicitations. Pure. */
import ipaddr from "ipaddr.js";
import { hardwareBytes, hardwareText } from "./arp-frame.ts";
import { addressBytes } from "./floating-address.ts";

/** Every frame that we send has this length: Ethernet 14, IPv6 40, ICMPv6 32; shorter ones are padded. */
export const NEIGHBOUR_FRAME_LENGTH = 86;

const SOLICITATION = 135;
const ADVERTISEMENT = 136;
const OPTION_SOURCE = 1;
const OPTION_TARGET = 2;
/** Flag of an advertisement (section 4.4): replaces what a cache has. */
const OVERRIDE = 0x20;
const ALL_NODES = "ff02::1";
const ICMPV6 = 58;

/** An advertisement: `address` is at `hardware`. */
export interface NeighbourClaim {
  readonly address: string;
  /** Null where it has no target link-layer option. */
  readonly hardware: string | null;
}

/** The Internet checksum over the pseudo-header of RFC 8200 section 8.1 and the message. */
function checksum(source: Uint8Array, destination: Uint8Array, message: Uint8Array): number {
  const pseudo = [...source, ...destination, 0, 0, 0, message.length, 0, 0, 0, ICMPV6, ...message];
  let sum = 0;
  for (let at = 0; at < pseudo.length; at += 2) sum += ((pseudo[at] ?? 0) << 8) | (pseudo[at + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

interface Packet {
  readonly hardware: string;
  readonly source: Uint8Array;
  /** Multicast. */
  readonly destination: Uint8Array;
  readonly message: Uint8Array;
}

function frame({ hardware, source, destination, message }: Packet): Uint8Array {
  const sum = checksum(source, destination, message);
  const bytes = new Uint8Array(NEIGHBOUR_FRAME_LENGTH);
  bytes.set([0x33, 0x33, ...destination.subarray(12)], 0); // RFC 2464 section 7
  bytes.set(hardwareBytes(hardware), 6);
  bytes.set([0x86, 0xdd, 0x60], 12);
  // Hop limit 255: a neighbour discards what a router may have forwarded (section 7.1).
  bytes.set([message.length, ICMPV6, 255], 19);
  bytes.set(source, 22);
  bytes.set(destination, 38);
  bytes.set(message, 54);
  bytes.set([sum >>> 8, sum & 0xff], 56);
  return bytes;
}

/**
 * Unsolicited advertisement to all nodes, with override (section 7.2.6): caches that have the address at another
 * node's hardware take ours. Its source is the address itself, which we hold.
 */
export function neighbourAnnouncement(address: string, hardware: string): Uint8Array {
  const target = addressBytes(address);
  const option = [OPTION_TARGET, 1, ...hardwareBytes(hardware)];
  return frame({
    hardware,
    source: target,
    destination: addressBytes(ALL_NODES),
    message: Uint8Array.from([ADVERTISEMENT, 0, 0, 0, OVERRIDE, 0, 0, 0, ...target, ...option]),
  });
}

/**
 * "Who has this address?", to its solicited-node group (section 7.2.2).
 * @param from an address of ours on that link; null: unspecified, as in duplicate address detection (RFC 4862 section 5.4.2)
 */
export function neighbourSolicitation(address: string, hardware: string, from: string | null): Uint8Array {
  const target = addressBytes(address);
  // From the unspecified address the option is forbidden (section 4.3).
  const option = from === null ? [] : [OPTION_SOURCE, 1, ...hardwareBytes(hardware)];
  return frame({
    hardware,
    source: from === null ? new Uint8Array(16) : addressBytes(from),
    destination: Uint8Array.from([...addressBytes("ff02::1:ff00:0").subarray(0, 13), ...target.subarray(13)]),
    message: Uint8Array.from([SOLICITATION, 0, 0, 0, 0, 0, 0, 0, ...target, ...option]),
  });
}

/**
 * Reads an advertisement from its first ICMPv6 byte.
 * @returns null for what is none, or is cut short (section 7.1.2)
 */
export function parseAdvertisement(message: Uint8Array): NeighbourClaim | null {
  if (message.length < 24 || message[0] !== ADVERTISEMENT || message[1] !== 0) return null;
  let hardware: string | null = null;
  for (let at = 24; at < message.length; ) {
    const length = (message[at + 1] ?? 0) * 8;
    if (length === 0 || at + length > message.length) return null;
    if (message[at] === OPTION_TARGET && length === 8)
      hardware = hardwareText(message.subarray(at + 2, at + 8));
    at += length;
  }
  return { address: ipaddr.fromByteArray([...message.subarray(8, 24)]).toString(), hardware };
}
