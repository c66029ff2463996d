/** What the hosts file says to a question. Pure. */
import type { Answer } from "./answer.ts";
import type { HostsFile } from "./exchange.ts";
import type { AddressRecord, Question } from "./question.ts";

/** The file is read again when it has changed; so long may an address of it be used that stands there no more. */
const HOSTS_TTL_S = 5;

/** @returns null where the question is for DNS: the name is not in the file, or no address is asked for */
export function hostsAnswer({ name, type }: Question, hosts: HostsFile): Answer | null {
  if (type !== "A" && type !== "AAAA") return null;
  const known = hosts.addresses(name);
  if (known === null) return null;
  const records = known
    .filter((address) => address.includes(":") === (type === "AAAA"))
    .map((address): AddressRecord => ({ type, address }));
  if (records.length > 0) return { kind: "records", records, ttlS: HOSTS_TTL_S };
  return { kind: "none", exists: true, ttlS: HOSTS_TTL_S };
}
