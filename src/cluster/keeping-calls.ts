/**
 * A node whose time was over, as it was held up or Redis was, and that has no peer who could take over: it closes its sockets and gives up
 * the address as any other that is fenced, but keeps its calls in memory for a moment. Where the table then gives it the lease anew, by
 * compare-and-swap on the record that it left, nobody has served in between, and the calls go on as they are. Else they are
 * given up, and the journal is followed from its beginning. Part of the node's machine.
 */
import type { LeaseRecord } from "./lease.ts";
import type { KeptCalls, NodeState, Turn } from "./node-state.ts";
import { isCandidate } from "./sight.ts";

/** The table's way back takes half a second: it listens for `deadAfter`, and asks the floating IP. */
const KEPT_MS = 2_000;

/** Does nobody else stand by to take over from this node, which serves? */
export function isNeeded({ s, now }: Turn): boolean {
  return s.role === "active" && s.byRedis && !s.peers.some((view) => isCandidate(s, view, now));
}

/** Of the epoch in which this node served. */
export function keptCalls({ s, now }: Turn): KeptCalls {
  return { epoch: s.epoch, until: now + KEPT_MS };
}

/** Did nobody hold the lease since? Asked of what an acquisition compares with. */
export function areCurrent(kept: KeptCalls, found: LeaseRecord | null, s: NodeState): boolean {
  return found?.boot === s.boot && found.epoch === kept.epoch;
}

/** Another one serves, or it takes too long. */
export function keptCallsTick(t: Turn): void {
  const { s, now } = t;
  if (s.kept === null || s.takeover !== null) return;
  if (now >= s.kept.until || s.epochSeen > s.kept.epoch || s.maintenance) giveUpKept(t);
}

/** When the tick next has something to do; Infinity: only on an event. */
export function keptDeadline({ kept, takeover }: NodeState): number {
  return kept === null || takeover !== null ? Number.POSITIVE_INFINITY : kept.until;
}

export function giveUpKept(t: Turn): void {
  const { s } = t;
  s.kept = null;
  // One whose address is not gone yet follows when it is.
  if (s.role !== "fenced") followJournal(t);
}

/** What this node knows of calls is over: it begins anew. */
export function followJournal({ s, out }: Turn): void {
  s.own = { ...s.own, inSync: false };
  out.push({ kind: "follow-journal" });
}
