/** What a floating IP is configured as, checked by the configuration's schema, and the driver for it. Plain data: it goes to the guardian. */
import type { DriverEvents, FloatingIpDriver } from "./driver.ts";
import type { PlacedAddress } from "./floating-address.ts";
import { LinuxDriver } from "./linux-driver.ts";
import { NoneDriver } from "./none-driver.ts";
import { ScriptDriver } from "./script-driver.ts";

export type FloatingIpSettings =
  | {
      readonly driver: "linux";
      readonly addresses: readonly PlacedAddress[];
      /** Whole seconds: the kernel counts in seconds. */
      readonly lifetimeS: number;
    }
  | {
      readonly driver: "script";
      readonly addresses: readonly PlacedAddress[];
      readonly command: readonly string[];
      /** This node's name, for the script. */
      readonly node: string;
      readonly timeoutMs: number;
      readonly triesMax: number;
    }
  | { readonly driver: "none" };

/** The bounds of each number, and its default. */
export const FLOATING_IP_BOUNDS = {
  addresses: { min: 1, max: 16 },
  lifetimeS: { min: 1, max: 60, default: 1 },
  timeoutMs: { min: 100, max: 60_000, default: 10_000 },
  triesMax: { min: 1, max: 10, default: 3 },
} as const;

export function openDriver(settings: FloatingIpSettings, events: DriverEvents): FloatingIpDriver {
  switch (settings.driver) {
    case "linux":
      return new LinuxDriver({ addresses: settings.addresses, lifetimeS: settings.lifetimeS, events });
    case "script": {
      const { command, node, timeoutMs, triesMax } = settings;
      const addresses = settings.addresses.map(({ address }) => address);
      const device = settings.addresses[0]?.interface ?? "";
      return new ScriptDriver({
        ...{ command, node, timeoutMs, triesMax, events },
        ...{ addresses, interface: device },
      });
    }
    case "none":
      return new NoneDriver();
  }
}
