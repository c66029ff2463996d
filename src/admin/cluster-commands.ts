/** The commands about a node's place in its cluster, whichever door they come through. */
import type { CommandAnswer, CommandHandler, CommandHandlers, CommandRequest } from "./handlers.ts";

/** What one node sees of another. Milliseconds; null: never, or not known. */
export interface PeerRow {
  readonly node: string;
  readonly alive: boolean;
  readonly role: string | null;
  readonly notReady: string | null;
  /** Of each heartbeat path: since it brought something. */
  readonly silentMs: readonly (number | null)[];
  readonly front: string | null;
  readonly redis: string | null;
  readonly lagMs: number | null;
}

/** A node as an operator sees it. */
export interface ClusterStatus {
  readonly cluster: string;
  readonly node: string;
  readonly role: string;
  readonly epoch: number;
  /** Who serves, by heartbeat or by the lease; null: nobody, as far as is known. */
  readonly active: string | null;
  readonly mayServe: boolean;
  readonly hasAddress: boolean;
  /** Why it must not be promoted; null: ready. */
  readonly notReady: string | null;
  /** What was decided last, and why. */
  readonly decision: string | null;
  readonly front: string;
  readonly redis: string;
  /** Why the epoch can't be stored on the disk; null: it is there. */
  readonly disk: string | null;
  /** What a takeover by this node would have: records, their age, and what is said of them. */
  readonly journal: {
    readonly records: number;
    readonly lagMs: number;
    readonly inSync: boolean;
    readonly reason: string;
    /** Of an active node: records that no commit has yet. */
    readonly uncommitted: number;
    /** `redis.confirm`: messages that have left without their commit, since the start. */
    readonly unconfirmed: number;
  };
  readonly peers: readonly PeerRow[];
  /** Heartbeats that were ignored, by reason. */
  readonly ignored: Readonly<Record<string, number>>;
}

/** What was decided, as it is stored: the newest last. */
export interface HistoryView {
  readonly source: string;
  readonly entries: readonly object[];
}

export type ClusterCommand =
  | { readonly kind: "switchover"; readonly to: string | null; readonly force: boolean }
  | { readonly kind: "maintenance"; readonly on: boolean };

/** What the commands need of a node. */
export interface ClusterPort {
  status(): ClusterStatus;
  /** `ok`: it was begun. */
  operate(command: ClusterCommand): { readonly ok: boolean; readonly reason: string };
  history(): Promise<HistoryView>;
}

/** `status`, `switchover`, `maintenance` and `history`. */
export function clusterCommands(port: ClusterPort): CommandHandlers {
  const operate = (command: ClusterCommand): CommandAnswer => {
    const { ok, reason } = port.operate(command);
    return ok ? { ok, reason } : { ok, reason, error: reason };
  };
  return new Map<string, CommandHandler>([
    ["status", (): CommandAnswer => ({ ok: true, ...port.status() })],
    [
      "switchover",
      ({ to, force }: CommandRequest): CommandAnswer =>
        operate({ kind: "switchover", to: typeof to === "string" ? to : null, force: force === true }),
    ],
    [
      "maintenance",
      ({ on }: CommandRequest): CommandAnswer =>
        typeof on === "boolean"
          ? operate({ kind: "maintenance", on })
          : { ok: false, error: "maintenance is on or off" },
    ],
    ["history", async (): Promise<CommandAnswer> => ({ ok: true, ...(await port.history()) })],
  ]);
}
