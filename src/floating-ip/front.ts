/**
 * The link on which the floating IP lives: announcing it, asking who has it, watching carrier and witnesses. It needs two
 * resident helpers, `ip` for what the interface is, and socat for frames; neither decides anything.
 */
import { setTimeout as delay } from "node:timers/promises";
import { type Announcing, announceDeadline, announceFrom, announceStep, defend } from "./announcing.ts";
import { arpAnnouncements, arpRequest, parseArp } from "./arp-frame.ts";
import { type FloatingAddress, sameAddress } from "./floating-address.ts";
import { FloatingIpError } from "./floating-ip-error.ts";
import { type FrontEvent, type FrontWatch, watchFrom, watchStep, witnessAnswers } from "./front-watch.ts";
import type { Holder } from "./holder.ts";
import { IpBatch } from "./ip-batch.ts";
import { showLine } from "./ip-lines.ts";
import type { Shown, ShownLink } from "./ip-reply.ts";
import { neighbourAnnouncement, neighbourSolicitation, parseAdvertisement } from "./neighbour-frame.ts";
import { Wire } from "./wire.ts";
import type { WireKind } from "./wire-command.ts";

/** How often {@link Front.turn} is called. */
const TURN_MS = 100;

/** A question about an address is sent at these times after it was asked: one lost frame is no answer of "nobody". */
const ASK_AFTER_MS = [0, 30, 60] as const;

/** An address that nobody has claimed by then is unanswered. A neighbour on a switch answers within a millisecond. */
const HOLDER_WAIT_MS = 100;

/** A helper that ended is started again no sooner. */
const RESTART_MS = 1_000;

/** Longest wait for socat at the start. It takes 10 ms. */
const READY_WAIT_MS = 5_000;

export interface FrontEvents {
  onFront(front: "ok" | "lost", reason: string): void;
  /** Somebody else claims an address that we hold; it has been answered by an announcement, once a second at most. */
  onConflict(claim: { readonly address: string; readonly hardware: string }): void;
  onFault(reason: string): void;
}

export interface FrontOptions {
  readonly interface: string;
  readonly addresses: readonly FloatingAddress[];
  /** On the floating IP's network. */
  readonly witnesses: readonly FloatingAddress[];
  /** The front is lost when no witness has answered for so long. 100..10,000 ms. */
  readonly witnessSilenceMs: number;
  /** Asked before each announcement: a node that was frozen must not announce what another one has by now. */
  readonly mayAnnounce: () => boolean;
  readonly events: FrontEvents;
  /** Default: "ip" and "socat". */
  readonly programs?: { readonly ip?: string; readonly socat?: string };
}

interface Asked {
  readonly address: string;
  readonly found: (hardware: string) => void;
}

export class Front {
  readonly #options: FrontOptions;
  readonly #kinds: readonly WireKind[];
  readonly #wires = new Map<WireKind, Wire>();
  readonly #asked = new Set<Asked>();
  #batch: IpBatch | null = null;
  #link: ShownLink | null = null;
  /** Our own addresses on the interface, floating ones excepted: whom a question comes from. */
  #own: { readonly ip4: string | null; readonly ip6: string | null } = { ip4: null, ip6: null };
  #watch: FrontWatch;
  #announcing: Announcing | null = null;
  #burst: NodeJS.Timeout | null = null;
  #isStarted = false;
  #restartAt = 0;
  #closed = false;

  constructor(options: FrontOptions) {
    this.#options = options;
    const all = [...options.addresses, ...options.witnesses];
    const has = (family: 4 | 6): boolean => all.some((each) => each.family === family);
    this.#kinds = [...(has(4) ? (["arp"] as const) : []), ...(has(6) ? (["neighbour"] as const) : [])];
    this.#watch = watchFrom(performance.now(), { witnesses: false, carrier: false });
  }

  /** @throws FloatingIpError where a helper can't be run, may not do it, or there is no such interface */
  async start(): Promise<void> {
    await this.#look();
    if (this.#link === null)
      throw new FloatingIpError("FLOATING_IP_INTERFACE", `there is no interface ${this.#options.interface}`);
    if (this.#link.hardware === "")
      throw new FloatingIpError(
        "FLOATING_IP_INTERFACE",
        `${this.#options.interface} has no hardware address: nothing can be announced on it`,
      );
    this.#openWires();
    const limit = delay(READY_WAIT_MS, null, { ref: false }).then(() => {
      throw new FloatingIpError("FLOATING_IP_FAILED", "socat does not start");
    });
    await Promise.race([Promise.all([...this.#wires.values()].map((wire) => wire.ready)), limit]);
    const witnesses = this.#options.witnesses.length > 0;
    this.#watch = watchFrom(performance.now(), { witnesses, carrier: this.#link.carrier });
    this.#isStarted = true;
  }

  /** As of the last look; `witness` null: there is none configured. */
  get state(): { front: "ok" | "lost"; reason: string; carrier: boolean; witness: boolean | null } {
    const { front, reason, carrier } = this.#watch;
    const witness = witnessAnswers(this.#watch, this.#options.witnessSilenceMs, performance.now());
    return { front, reason, carrier, witness };
  }

  /** When the witnesses were asked the question that one of them answered last, monotonic milliseconds; -Infinity: never. */
  get witnessedAt(): number {
    return this.#watch.answeredAskAt;
  }

  /** Of the interface, "02:00:…"; for the peers, so that they know a holder as one of us. */
  get hardware(): string {
    return this.#link?.hardware ?? "";
  }

  /** The address is ours from now on: the first announcement leaves at once. */
  announce(): void {
    this.#announcing = announceFrom(performance.now());
    this.#announceDue();
  }

  /** The address is ours no more. Call it before the address is removed. */
  withdraw(): void {
    this.#announcing = null;
    if (this.#burst !== null) clearTimeout(this.#burst);
    this.#burst = null;
  }

  /** Who has an address on this link? Answers within {@link HOLDER_WAIT_MS}. Never rejects. */
  async whoHas(address: FloatingAddress): Promise<Holder> {
    const begun = performance.now();
    const wire = this.#wires.get(address.family === 4 ? "arp" : "neighbour");
    if (wire?.running !== true) return { kind: "unknown", reason: "socat is not running" };
    if (!this.#watch.carrier) return { kind: "cut-off", reason: "the interface has no carrier" };
    return await new Promise((resolve) => {
      const timers = ASK_AFTER_MS.map((after) => setTimeout(() => this.#ask(address), after));
      const end = (holder: Holder): void => {
        for (const timer of [...timers, limit]) clearTimeout(timer);
        this.#asked.delete(asked);
        resolve(holder);
      };
      const tookMs = (): number => performance.now() - begun;
      const limit = setTimeout(() => {
        // What came while this process was held up is read first: the answer may be in the pipe.
        setImmediate(() => end({ kind: "unanswered", tookMs: tookMs() }));
      }, HOLDER_WAIT_MS);
      const asked: Asked = {
        address: address.address,
        found: (hardware) => end({ kind: "answered", hardware, tookMs: tookMs() }),
      };
      this.#asked.add(asked);
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.withdraw();
    this.#isStarted = false;
    await Promise.all([...this.#wires.values()].map((wire) => wire.close()));
    await this.#batch?.kill();
  }

  /** Called each 100 ms by whoever has it: looks at the interface, asks the witnesses, and announces what is due. */
  turn(): void {
    if (!this.#isStarted) return;
    void this.#look();
    this.#feed({ kind: "tick" });
    this.#announceDue();
  }

  /** Looks at the interface, unless the last look is still under way. */
  async #look(): Promise<void> {
    const now = performance.now();
    if (this.#batch?.running !== true) {
      if (now < this.#restartAt) return;
      this.#restartAt = now + RESTART_MS;
      this.#batch = new IpBatch(this.#options.programs?.ip);
    }
    if (this.#batch.waitingSince !== null) {
      if (now - this.#batch.waitingSince > RESTART_MS) void this.#batch.kill();
      return;
    }
    try {
      const { shown } = await this.#batch.ask([showLine(this.#options.interface)], now);
      if (!this.#closed) this.#seen(shown);
    } catch (error) {
      if (!this.#isStarted && !this.#closed) throw error; // at the start
      if (!this.#closed) this.#options.events.onFault(error instanceof Error ? error.message : String(error));
    }
  }

  #seen(shown: Shown | null): void {
    const link = shown?.links.find((each) => each.interface === this.#options.interface) ?? null;
    const own = (shown?.addresses ?? []).filter(
      ({ address }) => !this.#options.addresses.some((floating) => sameAddress(floating.address, address)),
    );
    this.#own = {
      ip4: own.find(({ address }) => !address.includes(":"))?.address ?? null,
      // From the link-local one: the answer to it can't have come through a router.
      ip6: own.find(({ address, tentative }) => address.startsWith("fe80:") && !tentative)?.address ?? null,
    };
    this.#link = link;
    if (!this.#isStarted) return; // the start looks at it itself
    this.#openWires();
    this.#feed({ kind: "carrier", up: link?.carrier === true });
  }

  /** Opens what is not running, or was opened on an interface that has been made anew since. */
  #openWires(): void {
    const link = this.#link;
    if (link === null || this.#closed) return;
    const now = performance.now();
    for (const kind of this.#kinds) {
      const wire = this.#wires.get(kind);
      if (wire?.running === true && wire.index === link.index) continue;
      if (wire !== undefined && now < this.#restartAt) continue;
      if (wire !== undefined) {
        this.#restartAt = now + RESTART_MS;
        void wire.close();
      }
      this.#wires.set(kind, this.#openWire(kind, link.index));
    }
  }

  #openWire(kind: WireKind, index: number): Wire {
    const wire = new Wire({
      kind,
      interface: this.#options.interface,
      index,
      program: this.#options.programs?.socat,
      onDatagram: (bytes) => this.#heard(kind, bytes),
    });
    void wire.ended.then((why) => {
      if (!this.#closed && this.#wires.get(kind) === wire) this.#options.events.onFault(why);
    });
    return wire;
  }

  #heard(kind: WireKind, bytes: Uint8Array): void {
    const claim = kind === "arp" ? parseArp(bytes) : parseAdvertisement(bytes);
    const { address = null, hardware = null } = claim ?? {};
    if (address === null || hardware === null || hardware === this.hardware) return;
    if (this.#options.witnesses.some((witness) => sameAddress(witness.address, address)))
      this.#feed({ kind: "answer" });
    for (const asked of this.#asked) if (sameAddress(asked.address, address)) asked.found(hardware);
    if (this.#announcing === null) return;
    if (!this.#options.addresses.some((floating) => sameAddress(floating.address, address))) return;
    const [state, now] = defend(this.#announcing, performance.now());
    this.#announcing = state;
    if (!now) return;
    this.#options.events.onConflict({ address, hardware });
    this.#announceNow();
  }

  #feed(event: FrontEvent): void {
    const now = performance.now();
    const [watch, effects] = watchStep(this.#watch, event, {
      now,
      silenceMs: this.#options.witnessSilenceMs,
    });
    this.#watch = watch;
    for (const effect of effects) {
      if (effect.kind === "ask") for (const witness of this.#options.witnesses) this.#ask(witness);
      else if (effect.kind === "changed") this.#options.events.onFront(effect.front, effect.reason);
      else if (this.#announcing !== null) this.announce();
    }
  }

  #ask({ address, family }: FloatingAddress): void {
    const { hardware } = this;
    if (hardware === "") return;
    const frame =
      family === 4
        ? arpRequest(address, hardware, this.#own.ip4)
        : neighbourSolicitation(address, hardware, this.#own.ip6);
    this.#wires.get(family === 4 ? "arp" : "neighbour")?.send(frame);
  }

  #announceDue(): void {
    if (this.#announcing === null) return;
    const now = performance.now();
    const [state, due] = announceStep(this.#announcing, now);
    this.#announcing = state;
    if (due) this.#announceNow();
    if (this.#burst !== null) clearTimeout(this.#burst);
    const left = announceDeadline(state) - now;
    // Within a burst the frames are closer together than the ticks.
    this.#burst = left < TURN_MS ? setTimeout(() => this.#announceDue(), left) : null;
  }

  #announceNow(): void {
    const { hardware } = this;
    if (hardware === "" || !this.#options.mayAnnounce()) return;
    for (const { address, family } of this.#options.addresses) {
      const frames =
        family === 4 ? arpAnnouncements(address, hardware) : [neighbourAnnouncement(address, hardware)];
      for (const frame of frames) this.#wires.get(family === 4 ? "arp" : "neighbour")?.send(frame);
    }
  }
}
