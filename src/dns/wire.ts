/** Queries and answers as bytes (RFC 1035 §4; EDNS, RFC 6891), by dns-packet. */
import { type DecodedPacket, decode, encode, RECURSION_DESIRED } from "dns-packet";
import { isServerAddress, numericAddress } from "./numeric.ts";
import { type DnsRecord, isAskable, normalName, type Question } from "./question.ts";

/** What we say an answer over UDP may have: it passes every path unfragmented (the DNS flag day of 2020). */
const UDP_ANSWER_BYTES_MAX = 1_232;

export interface OwnedRecord {
  readonly owner: string;
  readonly ttlS: number;
  readonly record: DnsRecord | { readonly type: "CNAME"; readonly target: string };
}

/** An answer, as much of it as is used here. */
export interface DnsMessage {
  readonly id: number;
  readonly response: boolean;
  readonly truncated: boolean;
  readonly authoritative: boolean;
  /** As IANA spells it: NOERROR, NXDOMAIN, SERVFAIL. */
  readonly rcode: string;
  /** The one question; null where there is not exactly one of class IN. */
  readonly question: { readonly name: string; readonly type: string } | null;
  readonly answers: readonly OwnedRecord[];
  /** Seconds that a negative answer holds (RFC 2308 §5); null: no SOA. */
  readonly negativeTtlS: number | null;
  /** The authority section names servers: a referral, where there is no answer. */
  readonly refers: boolean;
}

/** @param id 0..65535 */
export function encodeQuery(id: number, { name, type }: Question, { edns }: { edns: boolean }): Buffer {
  return encode({
    type: "query",
    id,
    flags: RECURSION_DESIRED,
    questions: [{ name, type, class: "IN" }],
    additionals: edns
      ? [
          {
            type: "OPT",
            name: ".",
            udpPayloadSize: UDP_ANSWER_BYTES_MAX,
            extendedRcode: 0,
            ednsVersion: 0,
            flags: 0,
            flag_do: false,
            options: [],
          },
        ]
      : [],
  });
}

/** @returns null where the bytes are no DNS message */
export function decodeMessage(bytes: Buffer): DnsMessage | null {
  try {
    return read(decode(bytes));
  } catch {
    return null; // the library throws on bytes that RFC 1035 does not allow; the caller counts them
  }
}

type Decoded = DecodedPacket & { readonly rcode?: string };
type AnyRecord = NonNullable<Decoded["answers"]>[number];

function read(packet: Decoded): DnsMessage {
  const { questions = [], answers = [], authorities = [] } = packet;
  const [question, second] = questions;
  const asked = question !== undefined && second === undefined && question.class === "IN" ? question : null;
  return {
    id: packet.id ?? -1,
    response: packet.type === "response",
    truncated: packet.flag_tc,
    authoritative: packet.flag_aa,
    rcode: packet.rcode ?? "NOERROR",
    question: asked === null ? null : { name: normalName(asked.name), type: asked.type },
    answers: answers.flatMap(readRecord),
    negativeTtlS: negativeTtl(authorities),
    refers: authorities.some(({ type }) => type === "NS"),
  };
}

function readRecord(answer: AnyRecord): OwnedRecord[] {
  if (answer.type === "OPT" || answer.class !== "IN") return [];
  const owned = { owner: normalName(answer.name), ttlS: secondsOf(answer.ttl) };
  switch (answer.type) {
    case "A":
    case "AAAA": {
      const address = numericAddress(answer.data);
      if (address === null || address.includes(":") !== (answer.type === "AAAA")) return [];
      return isServerAddress(address) ? [{ ...owned, record: { type: answer.type, address } }] : [];
    }
    case "CNAME":
      return [{ ...owned, record: { type: "CNAME", target: normalName(answer.data) } }];
    case "SRV": {
      const { priority = 0, weight = 0, port } = answer.data;
      const target = normalName(answer.data.target);
      if (target !== "." && !isAskable(target)) return [];
      return [{ ...owned, record: { type: "SRV", priority, weight, port, target } }];
    }
    case "NAPTR": {
      const { order, preference, flags, services } = answer.data;
      const replacement = normalName(answer.data.replacement);
      const [flag, service] = [flags.toLowerCase(), services.toUpperCase()];
      return [{ ...owned, record: { type: "NAPTR", order, preference, flags: flag, service, replacement } }];
    }
    default:
      return [];
  }
}

/** The lesser of the SOA's own TTL and its minimum (RFC 2308 §5). */
function negativeTtl(authorities: readonly AnyRecord[]): number | null {
  const soa = authorities.find((record) => record.type === "SOA");
  if (soa === undefined) return null;
  return Math.min(secondsOf(soa.ttl), secondsOf(soa.data.minimum));
}

/** A TTL with its highest bit set counts as none (RFC 2181 §8). */
function secondsOf(ttl: number | undefined): number {
  return ttl === undefined || ttl > 0x7fff_ffff ? 0 : ttl;
}
