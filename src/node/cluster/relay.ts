/** Datagrams that came to the node that handed over go on to its successor: both ends. Bounded in time and number, and counted. */
import type { Relayed } from "../../cluster/relay-codec.ts";
import type { Flow } from "../../transport/flow.ts";

/** Of one hand-over. As many as may be held, and as many again. */
const RELAYED_MESSAGES_MAX = 8_192;
/** A successor takes them for so long after it began to take over: for as long as they are relayed, and while they are on their way. */
const RELAYS_TAKEN_MS = 2_000;
/** Relayed before this node knew that the lease is its own: they wait for it. */
const EARLY_MESSAGES_MAX = 1_024;

/** Who relays, and for whom. */
export type RelayRoute = Pick<Relayed, "node" | "boot" | "to" | "toBoot" | "epoch">;

export class RelaySender {
  readonly #route: RelayRoute;
  readonly #send: (relayed: Relayed) => boolean;
  relayed = 0;
  /** Too many, too large, or by a connection: those have been reset. */
  dropped = 0;

  /** @param send false: it does not fit into a datagram */
  constructor(route: RelayRoute, send: (relayed: Relayed) => boolean) {
    this.#route = route;
    this.#send = send;
  }

  take(raw: string, { transport, listener, address, port }: Flow): void {
    const message = { ...this.#route, sequence: this.relayed, from: { listener, address, port }, raw };
    if (transport !== "udp" || this.relayed >= RELAYED_MESSAGES_MAX || !this.#send(message)) this.dropped++;
    else this.relayed++;
  }
}

/** What the receiver is at this moment. */
export interface RelaySight {
  readonly now: number;
  readonly boot: string;
  /** Is a switchover to this node under way, or may what is relayed be served? */
  readonly kind: "getting" | "serving";
}

type Word = "taken" | "early" | "copy" | "relay-refused";

export class RelayReceiver {
  readonly #take: (raw: string, flow: Flow) => void;
  readonly #early: { readonly relayed: Relayed; readonly at: number }[] = [];
  #epoch = 0;
  #boot = "";
  #seen = new Set<number>();
  #openUntil = Number.NEGATIVE_INFINITY;
  /** Given to the engine, since the start. */
  taken = 0;

  constructor(take: (raw: string, flow: Flow) => void) {
    this.#take = take;
  }

  /** This node begins to serve in this epoch: what was relayed to it before is its own now. */
  open(epoch: number, now: number): void {
    this.#epoch = epoch;
    this.#boot = "";
    this.#seen = new Set();
    this.#openUntil = now + RELAYS_TAKEN_MS;
    for (const { relayed, at } of this.#early.splice(0)) if (now - at < RELAYS_TAKEN_MS) this.#serve(relayed);
  }

  /** @param relayed of a node of this cluster, by its signature */
  heard(relayed: Relayed, sight: RelaySight): Word {
    if (relayed.toBoot !== sight.boot) return "relay-refused";
    if (sight.kind === "getting") {
      while (sight.now - (this.#early[0]?.at ?? sight.now) >= RELAYS_TAKEN_MS) this.#early.shift();
      if (this.#early.length >= EARLY_MESSAGES_MAX) return "relay-refused";
      this.#early.push({ relayed, at: sight.now });
      return "early";
    }
    if (sight.now >= this.#openUntil) return "relay-refused";
    return this.#serve(relayed);
  }

  #serve({ boot, epoch, sequence, from, raw }: Relayed): Word {
    if (epoch !== this.#epoch) return "relay-refused";
    // One life of one node handed over in this epoch.
    if (this.#boot === "") this.#boot = boot;
    if (boot !== this.#boot) return "relay-refused";
    if (this.#seen.has(sequence)) return "copy";
    if (this.#seen.size >= RELAYED_MESSAGES_MAX) return "relay-refused";
    this.#seen.add(sequence);
    this.taken++;
    this.#take(raw, { transport: "udp", ...from, connection: 0 });
    return "taken";
  }
}
