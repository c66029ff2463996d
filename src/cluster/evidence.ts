/** Everything that a decision is made from, as plain data: times are how long something has lasted, in milliseconds. */
import type { LeaseSight } from "./lease.ts";
import type { Health } from "./message.ts";

/** What the probe of the floating IP showed (an OPTIONS sent from the node's own address, signed over its nonce). */
export type ProbeOutcome =
  /** Signed, another life, role active (or on its way there). */
  | "active"
  /** Signed, another life, and it does not serve: it holds an address that it is about to delete. */
  | "idle"
  /** Signed by ourselves: a left-over address. */
  | "own"
  /** ICMP port unreachable: the host lives, the process is dead. */
  | "refused"
  /** Nobody has the address on this segment. */
  | "arp-silent"
  /** The address is there and says nothing: frozen. */
  | "sip-silent"
  /** This node's own network is down: nobody was asked, and silence means nothing. */
  | "unasked"
  /** Answered without our signature. */
  | "foreign";

/** What is known of the active node. */
export type ActiveSight =
  /** A peer is heard (by us, or by a peer that we hear) and says that it is active. */
  | { readonly kind: "alive"; readonly node: string; readonly frontLost: boolean }
  | {
      readonly kind: "resigned";
      readonly node: string;
      readonly addressGone: boolean;
      readonly successor: string | null;
      readonly forMs: number;
    }
  /** Silent on all paths. */
  | { readonly kind: "lost"; readonly node: string | null }
  /** Peers are heard, and none is active. */
  | { readonly kind: "nobody" }
  /** No peer was heard since this node's start. */
  | { readonly kind: "never" };

export interface Evidence {
  readonly node: string;
  readonly active: ActiveSight;
  /** Since the active node's last sign of life that a takeover may not cut short; Infinity: none ever. */
  readonly lastSignMs: number;
  readonly lease: LeaseSight;
  /** The lease names this node, in this life or a former one that its guardian saw dead. */
  readonly leaseIsOurs: boolean;
  readonly redis: Health;
  /** null: not asked, or too long ago. */
  readonly probe: ProbeOutcome | null;
  readonly front: Health;
  /** Does a witness answer on the floating IP's interface? */
  readonly witness: boolean;
  /** Why this node must not be promoted; null: ready. */
  readonly notReady: string | null;
  readonly maintenance: boolean;
  /** Candidates that are heard and come before this node. */
  readonly rank: number;
  /** The same among all configured nodes that have not left, heard or not: the order of those who can't hear each other. */
  readonly order: number;
  /** A peer that is heard does not hear us: it would acknowledge nothing. */
  readonly unheard: boolean;
  /** The last word of a peer that is not heard any more was that it has Redis: it may be about to take over by it. */
  readonly peerHadRedis: boolean;
  /** Configured nodes that are heard, this one too. */
  readonly nodesAlive: number;
  readonly uptimeMs: number;
  /** Since this node was itself stopped or starved for longer than `deadAfter`. */
  readonly awakeMs: number;
  /** For how long everything but this node's turn has allowed a takeover. */
  readonly clearMs: number;
  readonly fence: "none" | "running" | "done" | "failed";
}
