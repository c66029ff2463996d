/** Targets with a UDP socket of their own: those of the configuration, and for a while those that it had before. */
import type { Identity } from "../proxy/identity.ts";
import type { Target } from "../routing/target.ts";
import type { Clock } from "../sip/timer/clock.ts";
import type { Flow, Transports } from "../transport/flow.ts";

/**
 * How long a target that has left the configuration keeps its socket: 64*T1 with the default T1, after which the
 * transactions that it was tried in are over. What a socket has not read is lost when it closes.
 */
export const KEPT_MS = 32_000;

interface Watched {
  readonly flow: Flow;
  /** Set while the target is in no configuration: ends the wait for its end. */
  cancelEnd: (() => void) | null;
}

export class WatchedTargets {
  private readonly transports: Pick<Transports, "watch" | "unwatch">;
  private readonly clock: Pick<Clock, "now" | "wakeAt">;
  private readonly watched = new Map<string, Watched>();

  constructor(transports: Pick<Transports, "watch" | "unwatch">, clock: Pick<Clock, "now" | "wakeAt">) {
    this.transports = transports;
    this.clock = clock;
  }

  /** These are the targets from now on. A target that is watched already keeps its socket. */
  follow(targets: readonly Target[], identity: Pick<Identity, "egress">): void {
    const gone = new Set(this.watched.keys());
    for (const target of targets) {
      gone.delete(target.id);
      const known = this.watched.get(target.id);
      known?.cancelEnd?.();
      if (known === undefined) this.watch(target, identity);
      else known.cancelEnd = null;
    }
    for (const id of gone) this.endLater(id);
  }

  private watch(target: Target, identity: Pick<Identity, "egress">): void {
    const { id, transport, address, port } = target;
    const listener = identity.egress(transport, address, 0);
    if (transport !== "udp" || listener < 0) return;
    const flow: Flow = { transport, listener, address, port, connection: 0 };
    if (this.transports.watch(flow)) this.watched.set(id, { flow, cancelEnd: null });
  }

  private endLater(id: string): void {
    const entry = this.watched.get(id);
    if (entry === undefined || entry.cancelEnd !== null) return;
    entry.cancelEnd = this.clock.wakeAt(this.clock.now() + KEPT_MS, () => {
      this.watched.delete(id);
      this.transports.unwatch(entry.flow);
    });
  }
}
