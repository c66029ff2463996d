/** What nodes of a cluster say to each other, over every heartbeat path. Plain data. */

export type Role = "standby" | "taking-over" | "active" | "stepping-down" | "maintenance" | "fenced";

export type Health = "ok" | "lost";

/**
 * The last message heard of the receiver: boot id and sequence together are a nonce that was never used before, so that
 * whoever echoes it proves that it speaks now. `at` comes back as it was sent, for its sender's own clock.
 */
export interface Echo {
  readonly boot: string;
  readonly sequence: number;
  /** Monotonic milliseconds of the node that is echoed, meaningless to any other. */
  readonly at: number;
}

/** Who is believed to be active, and in which epoch. */
export interface ActiveClaim {
  readonly node: string;
  readonly epoch: number;
}

/** The same of one life of that node. */
export interface LifeClaim extends ActiveClaim {
  readonly boot: string;
}

/** What a heartbeat says of its sender. */
export interface NodeStatus {
  readonly role: Role;
  /** The epoch that it holds or held last; 0: none. */
  readonly epoch: number;
  /** Was that epoch granted by Redis? */
  readonly byRedis: boolean;
  /** Highest epoch that it knows of. */
  readonly epochSeen: number;
  readonly front: Health;
  readonly redis: Health;
  /** Number of the last journal entry applied (standby) or written (active). */
  readonly applied: number;
  readonly lagMs: number;
  /** Why it must not be promoted; null: ready. */
  readonly notReady: string | null;
  /** Of the configuration, without the keys that are a node's own. */
  readonly fingerprint: string;
  /** Version of the records in the journal. */
  readonly schema: number;
  /** How long ago the voluntary switches were that it knows of: a takeover in between must not forget them. */
  readonly switchAgesMs: readonly number[];
  /** Who it hears being active, itself included. */
  readonly active: ActiveClaim | null;
}

export type MessageBody =
  | { readonly kind: "heartbeat"; readonly status: NodeStatus }
  /** It gives up `epoch` (a standby that leaves does so, too). `addressGone`: its kernel confirmed that. */
  | {
      readonly kind: "resignation";
      readonly epoch: number;
      readonly addressGone: boolean;
      readonly successor: string | null;
    }
  | {
      readonly kind: "please-resign";
      readonly epoch: number;
      readonly cause: "front-lost" | "operator";
      readonly force: boolean;
    }
  | { readonly kind: "offer"; readonly epoch: number; readonly force: boolean }
  | { readonly kind: "accept"; readonly epoch: number }
  | { readonly kind: "decline"; readonly epoch: number; readonly reason: string }
  /** After the lease was handed over and the address deleted; `epoch` is the successor's. */
  | { readonly kind: "released"; readonly epoch: number; readonly addressGone: boolean };

/** One message, before it is signed. */
export interface Message {
  readonly node: string;
  /** Random, a process's life. */
  readonly boot: string;
  readonly to: string;
  /** Grows with every message to this receiver; copies over several paths share it. */
  readonly sequence: number;
  /** Monotonic milliseconds of the sender; comes back in the echo. */
  readonly at: number;
  /** Last message of the receiver's that counted. */
  readonly echo: Echo | null;
  /** Last message of a life of the receiver's that is not proven yet. */
  readonly greeting: Echo | null;
  readonly body: MessageBody;
}
