/** For a node whose address is moved by something else, or not at all: BGP, a load balancer, DNS. Nothing is touched. */
import type { Added, FloatingIpDriver, HeldAddress, Removed, Renewal } from "./driver.ts";

export class NoneDriver implements FloatingIpDriver {
  #held = false;

  async start(): Promise<void> {}

  async add(): Promise<Added> {
    this.#held = true;
    return { tookMs: 0 };
  }

  renew(): Renewal {
    return this.#held ? "early" : "absent";
  }

  /** Confirmed: there is nothing of ours that could be left. */
  async remove(): Promise<Removed> {
    this.#held = false;
    return { confirmed: true, reason: "driver none: there is no address to remove", tookMs: 0 };
  }

  async status(): Promise<readonly HeldAddress[]> {
    return [];
  }

  async close(): Promise<void> {}
}
