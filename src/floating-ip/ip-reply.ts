/** What `ip -json -batch` answers: addresses on standard output, failures on standard error. Pure. */
import { type PlacedAddress, sameAddress } from "./floating-address.ts";

export interface ShownAddress {
  readonly interface: string;
  readonly address: string;
  readonly prefix: number;
  /** Seconds; Infinity: no end. */
  readonly validS: number;
  /** Duplicate address detection is still running or has failed: it can't be bound. */
  readonly tentative: boolean;
}

/** An interface, as it is at this moment. */
export interface ShownLink {
  readonly interface: string;
  readonly index: number;
  /** Six bytes as "02:00:…", or "" where it has none (a tunnel). */
  readonly hardware: string;
  /** It is up and has a carrier: the cable is in, or what stands for it. */
  readonly carrier: boolean;
}

/** One answer: what the machine has. */
export interface Shown {
  readonly links: readonly ShownLink[];
  readonly addresses: readonly ShownAddress[];
}

/** `forever` in the kernel's 32 bits. */
const NO_END = 0xffff_ffff;

type Json = Readonly<Record<string, unknown>>;

function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function listOf(value: unknown): readonly Json[] {
  return Array.isArray(value) ? value.filter(isObject) : [];
}

/** @returns null where the line is no answer of `ip -json address show` */
export function parseShown(line: string): Shown | null {
  let links: unknown;
  try {
    links = JSON.parse(line);
  } catch {
    return null; // half a line of a child that was killed, or another program's words
  }
  if (!Array.isArray(links)) return null;
  // An interface that a selector leaves out is an empty object.
  const named = listOf(links).filter((link) => typeof link["ifname"] === "string");
  return { links: named.map(linkOf), addresses: named.flatMap(addressesOf) };
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function linkOf(link: Json): ShownLink {
  const flags: readonly unknown[] = Array.isArray(link["flags"]) ? link["flags"] : [];
  return {
    interface: text(link["ifname"]),
    index: typeof link["ifindex"] === "number" ? link["ifindex"] : 0,
    hardware: link["link_type"] === "ether" ? text(link["address"]) : "",
    carrier: flags.includes("UP") && flags.includes("LOWER_UP"),
  };
}

function addressesOf(link: Json): ShownAddress[] {
  return listOf(link["addr_info"]).flatMap((info) => {
    const { local, prefixlen, valid_life_time: valid } = info;
    if (typeof local !== "string" || typeof prefixlen !== "number") return [];
    return {
      interface: text(link["ifname"]),
      address: local,
      prefix: prefixlen,
      validS: typeof valid === "number" && valid < NO_END ? valid : Number.POSITIVE_INFINITY,
      tentative: info["tentative"] === true || info["dadfailed"] === true,
    };
  });
}

/** The line of the batch that failed, counted from 1, or null for another text. */
export function failedLine(text: string): number | null {
  const number = /^Command failed .*:(\d+)$/.exec(text)?.[1];
  return number === undefined ? null : Number(number);
}

export type IpFailure = "forbidden" | "no-interface" | "absent" | "other";

/** What kind of failure the words of `ip` or of the kernel mean (LC_ALL=C). */
export function failureKind(words: string): IpFailure {
  if (/Operation not permitted|Permission denied/i.test(words)) return "forbidden";
  if (/Cannot find device|does not exist|No such device/i.test(words)) return "no-interface";
  if (/Cannot assign requested address|Address not found/i.test(words)) return "absent";
  return "other";
}

export interface Findings {
  /** On its interface as we add them, and usable. */
  readonly held: readonly ShownAddress[];
  /** On its interface as we add them, not usable yet. */
  readonly tentative: readonly ShownAddress[];
  /** The same addresses with another prefix or on another interface: somebody else put them there. */
  readonly foreign: readonly ShownAddress[];
  /** Wanted and not on its interface. */
  readonly missing: readonly PlacedAddress[];
}

/** Compares what the machine has with our addresses. */
export function findAddresses(shown: readonly ShownAddress[], ours: readonly PlacedAddress[]): Findings {
  const wholeOf = (family: 4 | 6): number => (family === 4 ? 32 : 128);
  const found = shown.flatMap((each) => {
    const match = ours.find(({ address }) => sameAddress(address, each.address));
    if (match === undefined) return [];
    const own = each.interface === match.interface && each.prefix === wholeOf(match.family);
    return [{ shown: each, match, own }];
  });
  const own = found.filter((each) => each.own);
  return {
    held: own.filter((each) => !each.shown.tentative).map((each) => each.shown),
    tentative: own.filter((each) => each.shown.tentative).map((each) => each.shown),
    foreign: found.filter((each) => !each.own).map((each) => each.shown),
    missing: ours.filter((address) => !own.some(({ match }) => match === address)),
  };
}
