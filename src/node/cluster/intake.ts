/**
 * What the sockets bring goes on to the engine only while this node may serve, looked at for each message. While the right to serve
 * changes hands messages are held, some thousand of them, and then served here, relayed to the successor, or dropped.
 */
import type { Flow } from "../../transport/flow.ts";

/** A second and more of 500 calls; beyond it the oldest are dropped, and come again as retransmissions. */
const HELD_MESSAGES_MAX = 4_096;

export interface IntakePorts {
  /** Two comparisons of numbers in the usual case. */
  readonly mayServe: () => boolean;
  readonly receive: (raw: string, flow: Flow) => void;
  /** Messages came that must not be served: the machine looks at once whether it is fenced. */
  readonly overdue: () => void;
}

type Mode =
  | { readonly kind: "closed" | "held" | "open" }
  | { readonly kind: "relayed"; readonly to: (raw: string, flow: Flow) => void };

export class Intake {
  readonly #ports: IntakePorts;
  #mode: Mode = { kind: "closed" };
  #held: { readonly raw: string; readonly flow: Flow }[] = [];
  /** Messages dropped because this node might not serve, since the start. */
  dropped = 0;

  constructor(ports: IntakePorts) {
    this.#ports = ports;
  }

  take(raw: string, flow: Flow): void {
    const { kind } = this.#mode;
    if (kind === "open") {
      if (this.#ports.mayServe()) {
        this.#ports.receive(raw, flow);
        return;
      }
      this.dropped++;
      this.#ports.overdue();
    } else if (kind === "held") {
      if (this.#held.length >= HELD_MESSAGES_MAX) {
        this.#held.shift();
        this.dropped++;
      }
      this.#held.push({ raw, flow });
    } else if (kind === "relayed") this.#mode.to(raw, flow);
    else this.dropped++;
  }

  /** Serves what was held, and what comes. */
  open(): void {
    this.#mode = { kind: "open" };
    for (const { raw, flow } of this.#held.splice(0)) this.take(raw, flow);
  }

  hold(): void {
    this.#mode = { kind: "held" };
  }

  relay(to: (raw: string, flow: Flow) => void): void {
    this.#mode = { kind: "relayed", to };
    for (const { raw, flow } of this.#held.splice(0)) to(raw, flow);
  }

  close(): void {
    this.#mode = { kind: "closed" };
    this.dropped += this.#held.length;
    this.#held = [];
  }
}
