/** Somebody holds an epoch, by his own word or by the lease: what else was believed of it is past. Part of the node's machine. */
import type { LifeClaim } from "./message.ts";
import type { NodeState, Turn } from "./node-state.ts";
import type { PeerView } from "./peer-view.ts";

/** The highest epoch's claim is remembered; the newest where Redis, back old, has granted an epoch twice. */
export function claimed({ s }: Turn, claim: LifeClaim): void {
  if (claim.epoch >= (s.lastActive?.epoch ?? 0)) s.lastActive = claim;
  s.peers = s.peers.map((view) => seenBeside(view, claim, s));
}

function seenBeside(view: PeerView, claim: LifeClaim, s: NodeState): PeerView {
  const { resignation } = view;
  const past = resignation !== null && isPast({ ...resignation, node: view.node }, claim, s.boot);
  const reborn = claim.epoch >= s.epochSeen && isNewLife(view, claim);
  if (!past && !reborn) return view;
  // What a former life said of its leaving holds for that life.
  return {
    ...view,
    resignation: past ? null : resignation,
    leftCleanly: view.leftCleanly && !reborn,
  };
}

/**
 * A resignation counts for the life and the epoch that it names, and only until somebody else is seen to hold that epoch or a
 * later one: another node, or the same in a newer life. This node itself holds it where it is the named successor.
 */
function isPast(resigned: LifeClaim, claim: LifeClaim, own: string): boolean {
  if (claim.epoch < resigned.epoch || claim.boot === own) return false;
  return claim.node !== resigned.node || claim.boot !== resigned.boot;
}

function isNewLife({ node, boot, retired }: PeerView, claim: LifeClaim): boolean {
  return claim.node === node && boot !== null && claim.boot !== boot && !retired.includes(claim.boot);
}
