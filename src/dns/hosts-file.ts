/** The hosts file (hosts(5)): an address and its names a line. */
import type { HostsFile } from "./exchange.ts";
import { numericAddress } from "./numeric.ts";
import { normalName } from "./question.ts";
import { WatchedFile } from "./watched-file.ts";

/** Names from each address, lower case; lines that are none are passed over, as the system's own resolver does. */
export function parseHosts(text: string): ReadonlyMap<string, readonly string[]> {
  const hosts = new Map<string, string[]>();
  for (const line of text.split("\n")) {
    const [first = "", ...names] = line.replace(/#.*$/, "").trim().split(/\s+/);
    const address = numericAddress(first);
    if (address === null) continue;
    for (const name of names.map(normalName)) {
      const addresses = hosts.get(name) ?? [];
      if (!addresses.includes(address)) hosts.set(name, [...addresses, address]);
    }
  }
  return hosts;
}

/** The file at `path`, as it is now. */
export function openHosts(path: string, now: () => number): HostsFile {
  const file = new WatchedFile(path, { parse: parseHosts, now });
  return { path, addresses: (name) => file.value.get(name) ?? null };
}
