/**
 * How socat is told to open the sockets that Node has not: AF_PACKET to send frames that we build, and one that receives only
 * what we ask for (all ARP; of IPv6 only neighbour advertisements). A socket for everything would copy each SIP packet. Pure.
 */
import { ARP_FRAME_LENGTH } from "./arp-frame.ts";
import { NEIGHBOUR_FRAME_LENGTH } from "./neighbour-frame.ts";

export type WireKind = "arp" | "neighbour";

export interface WireTarget {
  readonly kind: WireKind;
  readonly interface: string;
  readonly index: number;
  readonly littleEndian: boolean;
}

const AF_PACKET = 17;
const SOCK_RAW = 3;
const ETH_P_ARP = 0x0806;
const ICMPV6 = 58;
const ICMP6_FILTER = 1;
const ADVERTISEMENT = 136;

function hex(bytes: readonly number[]): string {
  return `x${bytes.map((byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}

/** struct sockaddr_ll (packet(7)) behind its family: protocol in network order, interface in the machine's, 12 bytes unused. */
function linkAddress({ index, littleEndian }: WireTarget, protocol: number): string {
  const big = [index >>> 24, (index >>> 16) & 0xff, (index >>> 8) & 0xff, index & 0xff];
  const order = littleEndian ? big.reverse() : big;
  return hex([protocol >>> 8, protocol & 0xff, ...order, 0, 0, 0, 6, 255, 255, 255, 255, 255, 255, 0, 0]);
}

/** struct icmp6_filter: 256 bits in words of 32, a set bit blocks its type. */
function onlyAdvertisements(littleEndian: boolean): string {
  const bits = new Array<number>(32).fill(0xff);
  const byteInWord = (ADVERTISEMENT % 32) >> 3;
  bits[(ADVERTISEMENT >> 5) * 4 + (littleEndian ? byteInWord : 3 - byteInWord)] =
    0xff ^ (1 << (ADVERTISEMENT & 7));
  return hex(bits);
}

/**
 * Arguments of socat. -x: what it transfers is written to standard error, each datagram by itself. -b: it reads that many bytes
 * at most, so that two frames written at once stay two. -dd: it says when it is ready.
 */
export function wireArguments(target: WireTarget): string[] {
  const arp = target.kind === "arp";
  const protocol = arp ? ETH_P_ARP : 0; // 0: a socket that receives nothing
  const inOrder = target.littleEndian ? ((protocol & 0xff) << 8) | (protocol >>> 8) : protocol;
  const address = linkAddress(target, protocol);
  const packets = `SOCKET-DATAGRAM:${AF_PACKET}:${SOCK_RAW}:${inOrder}:${address},bind=${address}`;
  const filter = `setsockopt-listen=${ICMPV6}:${ICMP6_FILTER}:${onlyAdvertisements(target.littleEndian)}`;
  const receive = `IP6-RECV:${ICMPV6},${filter},so-bindtodevice=${target.interface}`;
  const bytes = arp ? ARP_FRAME_LENGTH : NEIGHBOUR_FRAME_LENGTH;
  return ["-dd", "-x", "-b", String(bytes), "STDIO", arp ? packets : `${receive}!!${packets}`];
}
