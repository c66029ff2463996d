/** What is asked of a DNS server, and the records that RFC 3263 needs of the answer. */

export type RecordType = "NAPTR" | "SRV" | "A" | "AAAA";

export interface Question {
  /** Lower case, no trailing dot. */
  readonly name: string;
  readonly type: RecordType;
}

export interface AddressRecord {
  readonly type: "A" | "AAAA";
  /** Canonical spelling. */
  readonly address: string;
}

/** RFC 2782 */
export interface SrvRecord {
  readonly type: "SRV";
  /** 0..65535, lower is tried first. */
  readonly priority: number;
  /** 0..65535, higher is likelier. */
  readonly weight: number;
  readonly port: number;
  /** Lower case; ".": the service is not offered. */
  readonly target: string;
}

/** RFC 3403 §4.1 */
export interface NaptrRecord {
  readonly type: "NAPTR";
  readonly order: number;
  readonly preference: number;
  /** Lower case. */
  readonly flags: string;
  /** Upper case, such as SIP+D2U. */
  readonly service: string;
  readonly replacement: string;
}

export type DnsRecord = AddressRecord | SrvRecord | NaptrRecord;

/** Bytes of a name and of one of its labels (RFC 1035 §2.3.4), without the dot at the end. */
const NAME_CHARACTERS_MAX = 253;
const LABEL_CHARACTERS_MAX = 63;

/** One string for each question: equal questions are asked once. */
export function keyOf({ name, type }: Question): string {
  return `${type} ${name}`;
}

/** The name in lower case, without a dot at its end; the root stays ".". */
export function normalName(name: string): string {
  const lower = name.toLowerCase();
  return lower.length > 1 && lower.endsWith(".") ? lower.slice(0, -1) : lower;
}

/** Can the name be asked for? Letters, digits, '-' and '_' (RFC 1123 §2.1, RFC 2782), within the bounds of RFC 1035. */
export function isAskable(name: string): boolean {
  if (name.length > NAME_CHARACTERS_MAX) return false;
  return name
    .split(".")
    .every((label) => label.length <= LABEL_CHARACTERS_MAX && /^[a-z0-9_-]+$/.test(label));
}
