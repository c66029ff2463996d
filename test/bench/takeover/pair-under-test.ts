// Two nodes that share an address, whatever they are made of: what the measurement of a takeover asks of them.
import type { Host } from "../../lab/host.ts";
import type { Lab } from "../../lab/lab.ts";

export const FAULT_TITLES = {
  kill: "proxy killed (kill -9)",
  "kill-both": "proxy and its watcher killed",
  link: "link down",
  "sip-link": "SIP link down",
  freeze: "proxy frozen (SIGSTOP)",
  "freeze-both": "proxy and its watcher frozen",
  cut: "cut from each other, both alive",
  switchover: "planned switchover",
} as const;

export type FaultKind = keyof typeof FAULT_TITLES;

export const PAIR_TITLES = {
  kamailio: "Kamailio + keepalived",
  tandem: "Tandem",
  "tandem-confirm": "Tandem, redis.confirm: invite",
} as const;

export type PairName = keyof typeof PAIR_TITLES;

export const SIP_PORT = 5060;

/** What the callee at this port does; calls go there by the number called. */
export const CALLEES = {
  answers: { number: "1000", port: 5060 },
  "rings, then answers": { number: "1001", port: 5061 },
  "rings, then declines": { number: "1002", port: 5062 },
  "rings on": { number: "1003", port: 5063 },
  /** Nobody answers there: two seconds later the call goes on to `answers`. */
  "is silent": { number: "1004", port: 5064 },
} as const;

/** Who calls, and who is called, through the pair. */
export interface Parties {
  readonly caller: Host;
  readonly pbx: Host;
}

/** A pair that serves calls of `caller` to `pbx` through the floating IP. Each round has one of its own. */
export interface PairUnderTest extends Parties, Disposable {
  /** The first node has the floating IP: the fault will hit the active one. */
  stands(): boolean;
  /**
   * Does this to the first node.
   * @returns wall time in milliseconds: when it had been done, the SIP network's cable first; of a switchover when it was asked for
   */
  fault(kind: FaultKind): Promise<number>;
  readonly lab: Lab;
  /** Call records by now, of both nodes: how many by Call-ID. */
  callRecords(): ReadonlyMap<string, number>;
  /** What its programs have written, for a person who looks for a cause. */
  output(): string;
}

/** How often each stands there. */
export function countEach(names: Iterable<string>): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return counts;
}

/**
 * Starts both nodes; resolves when the first one serves and the second one stands by.
 * @param prepare called before the nodes are started: targets that are not there yet would be marked down
 */
export type StartPair = (prepare: (parties: Parties) => Promise<void>) => Promise<PairUnderTest>;
