/** What the active node decides on its own right to serve. Pure; asked at every receive, send and renewal. */
import { serveUntilOf } from "./lease.ts";
import type { Health } from "./message.ts";
import { type ClusterSettings, majority } from "./settings.ts";

/** What one configured standby last acknowledged. */
export interface StandbyWord {
  /** When the newest message of ours that it echoed was sent, own monotonic milliseconds; -Infinity: none. */
  readonly echoedAt: number;
  readonly alive: boolean;
  /** What its last heartbeat said of Redis. */
  readonly redis: Health;
  readonly leftCleanly: boolean;
}

export interface ServeEvidence {
  readonly now: number;
  /** When the last acknowledged renewal was sent; -Infinity: none. */
  readonly renewedAt: number;
  readonly redis: Health;
  readonly standbys: readonly StandbyWord[];
  /** When a witness that answered was asked; -Infinity: never. */
  readonly witnessAt: number;
  /** The same, of the last one that came while this node might serve alone. */
  readonly aloneAt: number;
  readonly front: Health;
  /** This epoch was taken without Redis, when the floating IP and the peer were silent. */
  readonly tookAlone: boolean;
  /** An epoch above our own that was heard; 0: none. */
  readonly higherEpoch: number;
  /** Somebody else holds the lease, by Redis's own word. */
  readonly leaseTaken: boolean;
  /** Exchanges sent before this do not count: the clocks jumped. */
  readonly exchangesFrom: number;
  /** When it was last known that nobody else serves: by a right that was fresh then, or by a look for another owner. */
  readonly soleAt: number;
  readonly guardianLost: boolean;
  /** A ready node that asked us to resign because our front is lost. */
  readonly askedBy: string | null;
  readonly conflict: boolean;
}

export type ServeVerdict =
  | { readonly action: "serve"; readonly until: number; readonly basis: Basis; readonly reason: string }
  /** Serves nothing until a fresh exchange; keeps the address. */
  | { readonly action: "pause"; readonly until: number; readonly reason: string }
  /** `lapsed`: no other node has shown a better right; the time of this one's own is over. */
  | { readonly action: "fence"; readonly lapsed: boolean; readonly reason: string }
  | { readonly action: "step-down"; readonly successor: string | null; readonly reason: string };

export type Basis = "lease" | "acknowledgements" | "majority" | "alone";

interface Right {
  readonly sentAt: number;
  readonly basis: Basis;
}

/**
 * The right to serve comes from the newest exchange: a renewal acknowledged by Redis; acknowledgements of every configured
 * standby, each of which then leaves us alone for the time to live; with three or more nodes and no Redis, of a majority
 * whose members have no Redis either; alone, of a witness, and only where the peer can't have taken over.
 */
function serveRight(e: ServeEvidence, settings: ClusterSettings): Right {
  const rights: Right[] = [{ sentAt: e.renewedAt, basis: "lease" }];
  const needed = e.standbys.filter(({ leftCleanly }) => !leftCleanly);
  if (needed.length > 0)
    rights.push({ sentAt: Math.min(...needed.map(({ echoedAt }) => echoedAt)), basis: "acknowledgements" });
  if ((e.redis === "lost" || e.tookAlone) && settings.nodes.length > 2) rights.push(byMajority(e, settings));
  if (e.front === "ok") rights.push({ sentAt: aloneFrom(e, settings), basis: "alone" });
  return rights.reduce((best, right) => (right.sentAt > best.sentAt ? right : best));
}

/**
 * A witness can't say who serves. While this node does, its peer sees the floating IP answer, and holds; after a pause it may have
 * seen it silent and have taken over, so that a witness counts again only when this node has looked for another owner.
 */
function aloneFrom(e: ServeEvidence, settings: ClusterSettings): number {
  // What was earned lasts: a peer that is back must have time to hear that this node serves.
  const sentAt = mayServeAlone(e, settings) ? e.witnessAt : e.aloneAt;
  return e.soleAt < e.exchangesFrom ? Math.min(sentAt, e.exchangesFrom - 1) : sentAt;
}

function byMajority(e: ServeEvidence, settings: ClusterSettings): Right {
  const echoes = e.standbys
    .filter(({ redis }) => redis === "lost" || e.tookAlone)
    .map(({ echoedAt }) => echoedAt)
    .sort((a, b) => b - a);
  return { sentAt: echoes[majority(settings) - 2] ?? Number.NEGATIVE_INFINITY, basis: "majority" };
}

export function mayServeAlone(e: ServeEvidence, settings: ClusterSettings): boolean {
  if (settings.nodes.length > 2 || e.front === "lost") return false;
  const withoutRedis = e.redis === "lost" || e.tookAlone;
  // Of a peer that has left nothing is expected, whether Redis answers or not: its loss is known later than the right ends.
  return e.standbys.every(
    ({ alive, redis, leftCleanly }) =>
      leftCleanly || (withoutRedis && !alive && (redis === "lost" || e.tookAlone)),
  );
}

/** Until when this node may serve, whatever else it has to do. */
export function serveUntil(e: ServeEvidence, settings: ClusterSettings): number {
  return serveUntilOf(serveRight(e, settings).sentAt, settings);
}

export function serveRule(e: ServeEvidence, settings: ClusterSettings): ServeVerdict {
  if (e.higherEpoch > 0)
    return fenced({ reason: `epoch ${e.higherEpoch} was heard, which is above our own` });
  if (e.leaseTaken) return fenced({ reason: "Redis says that another node holds the lease" });
  const right = serveRight(e, settings);
  const until = serveUntilOf(right.sentAt, settings);
  if (e.now >= until)
    return fenced({
      reason: "neither Redis nor the standbys confirmed in time that this node may serve",
      lapsed: !e.conflict,
    });
  if (e.conflict) return fenced({ reason: "another node has the floating IP on this network" });
  if (e.guardianLost)
    return { action: "step-down", successor: null, reason: "the guardian of this node is gone" };
  if (e.front === "lost" && e.askedBy !== null)
    return {
      action: "step-down",
      successor: e.askedBy,
      reason: `the network of the floating IP is lost here, and ${e.askedBy} has it`,
    };
  if (right.sentAt < e.exchangesFrom)
    return { action: "pause", until, reason: "the clocks jumped: waiting for a fresh exchange" };
  return { action: "serve", until, basis: right.basis, reason: `may serve by ${BASIS[right.basis]}` };
}

function fenced({ reason, lapsed = false }: { reason: string; lapsed?: boolean }): ServeVerdict {
  return { action: "fence", lapsed, reason };
}

const BASIS: Readonly<Record<Basis, string>> = {
  lease: "its lease",
  acknowledgements: "the acknowledgements of every standby",
  majority: "the acknowledgements of a majority, none of which has Redis",
  alone: "a witness, the peer having no Redis or having left",
};
