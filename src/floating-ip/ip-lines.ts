/** The lines that `ip -batch` is given. Pure. */
import type { FloatingAddress, PlacedAddress } from "./floating-address.ts";

export interface IpTarget {
  readonly addresses: readonly PlacedAddress[];
  /** Whole seconds: the kernel counts in seconds. */
  readonly lifetimeS: number;
}

function host({ address, family }: FloatingAddress): string {
  return `${address}/${family === 4 ? 32 : 128}`;
}

/**
 * The kernel's lifetime. An IPv6 address is made `deprecated` (preferred for 0 s): else source address selection (RFC 6724
 * section 5) may pick it for the node's own connections, which would break when it moves. IPv4 has no such rule: there
 * the route names the source.
 */
function lifetime({ family }: FloatingAddress, seconds: number): string {
  return `valid_lft ${seconds} preferred_lft ${family === 4 ? seconds : 0}`;
}

/**
 * Adds, or prolongs. `change` makes an address that is absent, as `replace` does: it is the driver that must know whether it
 * still may. nodad: duplicate address detection would keep an IPv6 address from being bound for a second.
 */
export function keepLines(target: IpTarget): string[] {
  return target.addresses.map((each) => {
    const nodad = each.family === 6 ? " nodad" : "";
    return `address replace ${host(each)} dev ${each.interface}${nodad} ${lifetime(each, target.lifetimeS)}`;
  });
}

export function removeLines(target: IpTarget): string[] {
  return target.addresses.map((each) => `address delete ${host(each)} dev ${each.interface}`);
}

/** One interface's addresses; null: those of all. */
export function showLine(device: string | null): string {
  return device === null ? "address show" : `address show dev ${device}`;
}
