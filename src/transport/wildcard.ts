// A wildcard is replaced by the machine's addresses: node:dgram does not say which local address a datagram came
// to, so that a socket on 0.0.0.0 might answer from another one (RFC 3581 section 4 wants the same).
import { isIPv6 } from "node:net";
import type { NetworkInterfaceInfo } from "node:os";
import type { ListenerAddress } from "./flow.ts";

export type Interfaces = Readonly<Record<string, readonly NetworkInterfaceInfo[] | undefined>>;

/** Is it 0.0.0.0 or :: ? */
export function isWildcard(address: string): boolean {
  return address === "0.0.0.0" || /^[0:]*:[0:]*$/.test(address);
}

/**
 * @param interfaces as os.networkInterfaces() gives them
 * @returns the listener itself, or one for each local address of its family; empty where there is none.
 *   Link-local IPv6 addresses are left out: they need a zone, which no SIP message can carry.
 */
export function expandWildcard(listener: ListenerAddress, interfaces: Interfaces): ListenerAddress[] {
  if (!isWildcard(listener.address)) return [listener];
  const family = isIPv6(listener.address) ? "IPv6" : "IPv4";
  const addresses = Object.values(interfaces)
    .flatMap((infos) => infos ?? [])
    .filter((info) => info.family === family && !/^fe[89ab]/i.test(info.address))
    .map((info) => info.address);
  return [...new Set(addresses)].map((address) => ({ ...listener, address }));
}
