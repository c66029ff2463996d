/** The port by which a node takes the floating IP, keeps it, and gives it up. */

/** An address is on this machine, read back. */
export interface Added {
  /** From the call to the read-back. */
  readonly tookMs: number;
}

export interface Removed {
  /** Read back: none of the addresses is on this machine any more. Only then may a resignation say so. */
  readonly confirmed: boolean;
  /** For the history and the log, whichever it is. */
  readonly reason: string;
  readonly tookMs: number;
}

/**
 * - `renewed`: the kernel has been told to keep the address for another lifetime.
 * - `early`: the last renewal is fresh; nothing was written.
 * - `lapsed`: the last renewal that was confirmed is older than the lifetime, as after a freeze. The address is taken away by
 *   the driver itself; the node holds nothing until it has added it anew.
 * - `absent`: not added, or given up.
 */
export type Renewal = "renewed" | "early" | "lapsed" | "absent";

export interface HeldAddress {
  readonly address: string;
  readonly held: boolean;
  /** Seconds until the kernel removes it by itself; null where it is not held or has no lifetime. */
  readonly validS: number | null;
}

export interface FloatingIpDriver {
  /**
   * Looks whether all that it needs is there, and removes a left-over address.
   * @throws FloatingIpError
   */
  start(): Promise<void>;
  /** Resolves when the addresses are there, read back. @throws FloatingIpError; then none is kept by us. */
  add(): Promise<Added>;
  /** Called at each turn of the serving rule, each 100 to 300 ms, and only while the node may serve. Never waits. */
  renew(): Renewal;
  /** Never rejects: what went wrong is in the answer. May be called at any time, also twice. */
  remove(): Promise<Removed>;
  /** @throws FloatingIpError where it can't be told */
  status(): Promise<readonly HeldAddress[]>;
  /** Ends its helper processes. The addresses stay as they are: `remove` comes before it. */
  close(): Promise<void>;
}

/** What a driver tells without being asked, each as a sentence for the log. */
export interface DriverEvents {
  /** The address could not be renewed, or its helper ended: it will lapse unless that heals. */
  onFault(reason: string): void;
}
