/**
 * The floating IP of this node: taken, kept while the node may serve, given up; and the networks that it lives on. The guardian
 * is told before an address is added, and after it has been confirmed gone.
 */
import type { FloatingIpConfig } from "../../config/config.ts";
import type { FloatingIpDriver } from "../../floating-ip/driver.ts";
import {
  type FloatingAddress,
  type PlacedAddress,
  parseFloatingAddress,
} from "../../floating-ip/floating-address.ts";
import { Front } from "../../floating-ip/front.ts";
import type { Holder } from "../../floating-ip/holder.ts";
import { type FloatingIpSettings, openDriver } from "../../floating-ip/settings.ts";

/** A front without an answer of any witness for so long is lost. */
const WITNESS_SILENCE_MS = 300;

export interface AddressEvents {
  /** The address is about to be added (true), or was confirmed gone. */
  onHolds(holds: boolean): void;
  onFront(health: "ok" | "lost", reason: string): void;
  onWitness(askedAt: number): void;
  onFault(reason: string): void;
  onConflict(claim: { readonly address: string; readonly hardware: string }): void;
  /** Serving without it: the node has to give up. */
  onLapsed(): void;
  /** Asked before each renewal and each announcement. */
  mayHold(): boolean;
}

export function floatingIpSettings(config: FloatingIpConfig, node: string): FloatingIpSettings {
  const addresses = config.addresses.flatMap((each): PlacedAddress[] => {
    const parsed = parseFloatingAddress(each.address);
    return "fault" in parsed ? [] : [{ ...parsed, interface: each.interface }];
  });
  switch (config.driver) {
    case "linux":
      return { driver: "linux", addresses, lifetimeS: config.lifetimeMs / 1_000 };
    case "script": {
      const { command, timeoutMs, tries } = config;
      return { driver: "script", addresses, command, node, timeoutMs, triesMax: tries };
    }
    case "none":
      return { driver: "none" };
  }
}

export class AddressKeeper {
  readonly #driver: FloatingIpDriver;
  /** By interface. */
  readonly #fronts: ReadonlyMap<string, Front>;
  readonly #config: FloatingIpConfig;
  readonly #events: AddressEvents;
  readonly #waiting: ((present: boolean) => void)[] = [];
  readonly #lost = new Map<Front, string>();
  #isPresent = false;
  #witnessedAt = Number.NEGATIVE_INFINITY;

  constructor(
    config: FloatingIpConfig,
    options: { node: string; witnesses: readonly string[]; events: AddressEvents },
  ) {
    const { node, witnesses, events } = options;
    this.#config = config;
    this.#events = events;
    const onFault = (reason: string): void => events.onFault(reason);
    this.#driver = openDriver(floatingIpSettings(config, node), { onFault });
    const devices = [...new Set(config.addresses.map((each) => each.interface))].filter(
      (name) => name !== "",
    );
    this.#fronts = new Map(
      devices.map((device, index) => [device, this.#frontOn(device, index === 0 ? witnesses : [])]),
    );
  }

  /** Removes a left-over address, and looks whether all that is needed is there. @throws FloatingIpError */
  async start(): Promise<void> {
    await this.#driver.start();
    const fronts = [...this.#fronts.values()];
    await Promise.all(fronts.map((front) => front.start()));
    for (const front of fronts)
      if (front.state.front === "lost") this.#onFront(front, "lost", front.state.reason);
  }

  /** Never rejects. @returns whether it is there, read back */
  async add(): Promise<boolean> {
    this.#events.onHolds(true);
    try {
      await this.#driver.add();
      this.#settle(true);
      return true;
    } catch (error) {
      this.#events.onFault(error instanceof Error ? error.message : String(error));
      this.#settle(false);
      if ((await this.#driver.remove()).confirmed) this.#events.onHolds(false);
      return false;
    }
  }

  /** Never rejects. @returns whether it may still be there */
  async remove(): Promise<boolean> {
    this.#settle(false);
    for (const front of this.#fronts.values()) front.withdraw();
    const { confirmed, reason } = await this.#driver.remove();
    if (confirmed) this.#events.onHolds(false);
    else this.#events.onFault(`the address may still be here: ${reason}`);
    return !confirmed;
  }

  /** Resolves when it is there (true), or was given up. */
  whenPresent(): Promise<boolean> {
    if (this.#isPresent) return Promise.resolve(true);
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  get isPresent(): boolean {
    return this.#isPresent;
  }

  announce(): void {
    for (const front of this.#fronts.values()) front.announce();
  }

  /** Who has this address on its network? Never rejects. */
  async whoHas(address: string): Promise<Holder> {
    const placed = this.#config.addresses.find((each) => each.address === address);
    const front = this.#fronts.get(placed?.interface ?? "");
    const parsed = parseFloatingAddress(address);
    if (front === undefined || "fault" in parsed)
      return { kind: "unknown", reason: "no interface to ask on" };
    return await front.whoHas(parsed);
  }

  /** Has another machine any of the addresses? */
  async hasOtherOwner(): Promise<boolean> {
    const holders = await Promise.all(this.#config.addresses.map(({ address }) => this.whoHas(address)));
    return holders.some((holder) => holder.kind === "answered");
  }

  async close(): Promise<void> {
    this.#settle(false);
    await Promise.all([...[...this.#fronts.values()].map((front) => front.close()), this.#driver.close()]);
  }

  #settle(present: boolean): void {
    this.#isPresent = present;
    for (const tell of this.#waiting.splice(0)) tell(present);
  }

  /** Called each 100 ms. The driver itself writes a renewal each fifth of a lifetime. */
  turn(): void {
    for (const front of this.#fronts.values()) {
      front.turn();
      const { witnessedAt } = front;
      if (witnessedAt <= this.#witnessedAt) continue;
      this.#witnessedAt = witnessedAt;
      this.#events.onWitness(witnessedAt);
    }
    if (!this.#isPresent || !this.#events.mayHold()) return;
    const renewal = this.#driver.renew();
    if (renewal === "lapsed" || renewal === "absent") this.#events.onLapsed();
  }

  #frontOn(device: string, witnesses: readonly string[]): Front {
    const parsed = (texts: readonly string[]): FloatingAddress[] =>
      texts.flatMap((text) => {
        const address = parseFloatingAddress(text);
        return "fault" in address ? [] : [address];
      });
    const front: Front = new Front({
      interface: device,
      addresses: parsed(
        this.#config.addresses.filter((each) => each.interface === device).map(({ address }) => address),
      ),
      witnesses: parsed(witnesses),
      witnessSilenceMs: WITNESS_SILENCE_MS,
      mayAnnounce: () => this.#events.mayHold(),
      events: {
        onFront: (health, reason) => this.#onFront(front, health, reason),
        onConflict: (claim) => this.#events.onConflict(claim),
        onFault: (reason) => this.#events.onFault(reason),
      },
    });
    return front;
  }

  /** Lost as soon as one of the networks is. */
  #onFront(front: Front, health: "ok" | "lost", reason: string): void {
    if (health === "lost") this.#lost.set(front, reason);
    else this.#lost.delete(front);
    const [why] = this.#lost.values();
    this.#events.onFront(why === undefined ? "ok" : "lost", why ?? reason);
  }
}
