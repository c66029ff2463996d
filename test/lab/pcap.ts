// Reads captures in the classic pcap format (libpcap "savefile", pcap-savefile(5)), in pieces as they come, down to the
// payload of UDP and TCP. IP fragments after the first and packets cut short are skipped: the lab makes neither.

/** One packet with a UDP or TCP payload; addresses as node:net prints them. */
export interface Packet {
  /** Milliseconds since the epoch, with the fraction that the capture has. */
  timeMs: number;
  protocol: "udp" | "tcp" | "icmp";
  from: string;
  fromPort: number;
  to: string;
  toPort: number;
  /** Empty for a bare ACK or SYN. For icmp: the message from its type octet on. */
  payload: Buffer;
}

const FILE_HEADER_BYTES = 24;
const RECORD_HEADER_BYTES = 16;
const MAGIC_MICROSECONDS = 0xa1b2c3d4;
const MAGIC_NANOSECONDS = 0xa1b23c4d;
const LINK_ETHERNET = 1;
/** tcpdump's own limit is 262,144; more means that we have lost the boundaries. */
const RECORD_BYTES_MAX = 1 << 20;
const ETHERTYPE_IP4 = 0x0800;
const ETHERTYPE_IP6 = 0x86dd;
const ETHERNET_HEADER_BYTES = 14;
const IP6_HEADER_BYTES = 40;
const PROTOCOLS: Readonly<Record<number, Packet["protocol"]>> = {
  1: "icmp",
  6: "tcp",
  17: "udp",
  58: "icmp",
};

function ip6Text(bytes: Buffer): string {
  const groups = Array.from({ length: 8 }, (_, index) => bytes.readUInt16BE(2 * index).toString(16));
  // RFC 5952 section 4.2: the longest run of two or more zero groups, the first of equals, becomes "::".
  let best = { start: 0, length: 1 };
  for (let start = 0; start < 8; start++) {
    let length = 0;
    while (groups[start + length] === "0") length++;
    if (length > best.length) best = { start, length };
  }
  if (best.length < 2) return groups.join(":");
  return `${groups.slice(0, best.start).join(":")}::${groups.slice(best.start + best.length).join(":")}`;
}

/** Ports and payload of what an IP packet carries; null when it is none of UDP, TCP, ICMP. */
function decodeTransport(
  base: { timeMs: number; from: string; to: string },
  protocolNumber: number,
  body: Buffer,
): Packet | null {
  const protocol = PROTOCOLS[protocolNumber];
  if (protocol === undefined || body.length < 8) return null;
  if (protocol === "icmp") return { ...base, protocol, fromPort: 0, toPort: 0, payload: body };
  const headerBytes = protocol === "udp" ? 8 : ((body[12] ?? 0) >> 4) * 4;
  return {
    ...base,
    protocol,
    fromPort: body.readUInt16BE(0),
    toPort: body.readUInt16BE(2),
    payload: body.subarray(headerBytes),
  };
}

/** An Ethernet frame's UDP, TCP or ICMP; null for anything else. */
function decodeFrame(frame: Buffer, timeMs: number): Packet | null {
  if (frame.length < ETHERNET_HEADER_BYTES) return null;
  const etherType = frame.readUInt16BE(12);
  const ip = frame.subarray(ETHERNET_HEADER_BYTES);
  if (etherType === ETHERTYPE_IP4 && ip.length >= 20) {
    const fragmentOffset = ip.readUInt16BE(6) & 0x1fff;
    if (fragmentOffset !== 0) return null;
    const base = { timeMs, from: ip.subarray(12, 16).join("."), to: ip.subarray(16, 20).join(".") };
    // The total length, as Ethernet pads short frames.
    return decodeTransport(base, ip[9] ?? 0, ip.subarray(((ip[0] ?? 0) & 0x0f) * 4, ip.readUInt16BE(2)));
  }
  if (etherType === ETHERTYPE_IP6 && ip.length >= IP6_HEADER_BYTES) {
    const base = { timeMs, from: ip6Text(ip.subarray(8, 24)), to: ip6Text(ip.subarray(24, 40)) };
    const end = IP6_HEADER_BYTES + ip.readUInt16BE(4);
    return decodeTransport(base, ip[6] ?? 0, ip.subarray(IP6_HEADER_BYTES, end));
  }
  return null;
}

/** Takes a capture in pieces of any size and gives the packets that each completes. */
export class PcapReader {
  #rest: Buffer = Buffer.alloc(0);
  #header: { bigEndian: boolean; fractionsPerMs: number } | null = null;

  /** @throws when this is no pcap file of Ethernet frames */
  push(chunk: Buffer): Packet[] {
    this.#rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    let offset = 0;
    if (this.#header === null) {
      if (this.#rest.length < FILE_HEADER_BYTES) return [];
      this.#header = this.#readFileHeader();
      offset = FILE_HEADER_BYTES;
    }
    const { bigEndian, fractionsPerMs } = this.#header;
    const bytes = this.#rest;
    const read = (at: number): number => (bigEndian ? bytes.readUInt32BE(at) : bytes.readUInt32LE(at));
    const packets: Packet[] = [];
    while (bytes.length - offset >= RECORD_HEADER_BYTES) {
      const captured = read(offset + 8);
      if (captured > RECORD_BYTES_MAX) throw new Error(`pcap record of ${captured} bytes: not a capture`);
      const start = offset + RECORD_HEADER_BYTES;
      if (bytes.length < start + captured) break;
      const timeMs = read(offset) * 1000 + read(offset + 4) / fractionsPerMs;
      const isWhole = read(offset + 12) === captured;
      const packet = isWhole ? decodeFrame(bytes.subarray(start, start + captured), timeMs) : null;
      if (packet !== null) packets.push(packet);
      offset = start + captured;
    }
    this.#rest = bytes.subarray(offset);
    return packets;
  }

  #readFileHeader(): { bigEndian: boolean; fractionsPerMs: number } {
    const bytes = this.#rest;
    const bigEndian = [MAGIC_MICROSECONDS, MAGIC_NANOSECONDS].includes(bytes.readUInt32BE(0));
    const magic = bigEndian ? bytes.readUInt32BE(0) : bytes.readUInt32LE(0);
    if (magic !== MAGIC_MICROSECONDS && magic !== MAGIC_NANOSECONDS) throw new Error("not a pcap file");
    const link = (bigEndian ? bytes.readUInt32BE(20) : bytes.readUInt32LE(20)) & 0xffff;
    if (link !== LINK_ETHERNET) throw new Error(`link type ${link} is not Ethernet`);
    return { bigEndian, fractionsPerMs: magic === MAGIC_NANOSECONDS ? 1e6 : 1e3 };
  }
}
