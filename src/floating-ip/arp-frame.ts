/** ARP over Ethernet (RFC 826), as much as an IPv4 floating IP needs: announcements, probes and what is answered. Pure. */
import { addressBytes } from "./floating-address.ts";

/** Every frame that we send has this length: what is shorter than Ethernet's least would be padded by the card anyway. */
export const ARP_FRAME_LENGTH = 60;

const ARP_LENGTH = 42;
const BROADCAST = Uint8Array.from([0xff, 0xff, 0xff, 0xff, 0xff, 0xff]);
const NO_HARDWARE = new Uint8Array(6);
const NO_ADDRESS = new Uint8Array(4);
/** Ethernet's type of ARP, hardware type 1, protocol type IPv4, lengths 6 and 4. */
const HEADER = Uint8Array.from([0x08, 0x06, 0x00, 0x01, 0x08, 0x00, 0x06, 0x04]);

const REQUEST = 1;
const REPLY = 2;

/** What an ARP frame says, whichever its operation: `address` is at `hardware`. */
export interface ArpClaim {
  /** Dotted; null in a probe (RFC 5227 section 1.1), which claims nothing. */
  readonly address: string | null;
  /** "02:00:5e:…", lower case. */
  readonly hardware: string;
  /** The address that the frame asks for or answers to. */
  readonly target: string;
  readonly operation: "request" | "reply";
}

/** @throws when it is no hardware address */
export function hardwareBytes(text: string): Uint8Array {
  const parts = text.split(":");
  if (parts.length !== 6 || !parts.every((part) => /^[0-9a-f]{2}$/i.test(part)))
    throw new Error(`"${text}" is no hardware address`);
  return Uint8Array.from(parts.map((part) => Number.parseInt(part, 16)));
}

export function hardwareText(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join(":");
}

interface Fields {
  readonly operation: number;
  readonly to: Uint8Array;
  readonly senderHardware: Uint8Array;
  readonly senderAddress: Uint8Array;
  readonly targetHardware: Uint8Array;
  readonly targetAddress: Uint8Array;
}

function frame(fields: Fields): Uint8Array {
  const bytes = new Uint8Array(ARP_FRAME_LENGTH);
  bytes.set(fields.to, 0);
  bytes.set(fields.senderHardware, 6);
  bytes.set(HEADER, 12);
  bytes[21] = fields.operation;
  bytes.set(fields.senderHardware, 22);
  bytes.set(fields.senderAddress, 28);
  bytes.set(fields.targetHardware, 32);
  bytes.set(fields.targetAddress, 38);
  return bytes;
}

/**
 * Gratuitous ARP in both forms, as neighbours differ in which they take: a request with sender and target address equal
 * (RFC 5227 section 3, RFC 5944 section 4.6), then a reply.
 */
export function arpAnnouncements(address: string, hardware: string): Uint8Array[] {
  const own = hardwareBytes(hardware);
  const bytes = addressBytes(address);
  const both = { to: BROADCAST, senderHardware: own, senderAddress: bytes, targetAddress: bytes };
  return [
    frame({ ...both, operation: REQUEST, targetHardware: NO_HARDWARE }),
    frame({ ...both, operation: REPLY, targetHardware: BROADCAST }),
  ];
}

/**
 * "Who has this address?"
 * @param from an address of ours on that network; null: a probe (RFC 5227 section 2.1.1), which enters nobody's cache
 */
export function arpRequest(address: string, hardware: string, from: string | null): Uint8Array {
  return frame({
    operation: REQUEST,
    to: BROADCAST,
    senderHardware: hardwareBytes(hardware),
    senderAddress: from === null ? NO_ADDRESS : addressBytes(from),
    targetHardware: NO_HARDWARE,
    targetAddress: addressBytes(address),
  });
}

/** @returns null for what is no ARP of IPv4 over Ethernet, cut short, or of another operation */
export function parseArp(bytes: Uint8Array): ArpClaim | null {
  if (bytes.length < ARP_LENGTH || !HEADER.every((byte, index) => bytes[12 + index] === byte)) return null;
  if (bytes[20] !== 0 || (bytes[21] !== REQUEST && bytes[21] !== REPLY)) return null;
  const sender = bytes.subarray(28, 32);
  return {
    address: sender.every((byte) => byte === 0) ? null : sender.join("."),
    hardware: hardwareText(bytes.subarray(22, 28)),
    target: bytes.subarray(38, 42).join("."),
    operation: bytes[21] === REQUEST ? "request" : "reply",
  };
}
