/** Who has an address on the link, as a question on the wire tells. Pure. */

/** The evidence of ARP or neighbour discovery for the table of decisions. */
export type Holder =
  | { readonly kind: "answered"; readonly hardware: string; readonly tookMs: number }
  | { readonly kind: "unanswered"; readonly tookMs: number }
  /** The interface has no carrier. */
  | { readonly kind: "cut-off"; readonly reason: string }
  /** It could not be asked for another reason, such as no helper process. Never to be taken for silence. */
  | { readonly kind: "unknown"; readonly reason: string };

/**
 * - `free`: nobody answered.
 * - `peer`: a node of the cluster has it, by its known hardware address: no conflict, but a takeover.
 * - `foreign`: somebody else has it: an address given out twice.
 */
export type HolderVerdict = "free" | "peer" | "foreign" | "unknown";

/** @param peers hardware addresses of the cluster's nodes, in whatever case */
export function judgeHolder(holder: Holder, peers: readonly string[]): HolderVerdict {
  if (holder.kind !== "answered") return holder.kind === "unanswered" ? "free" : "unknown";
  const known = peers.some((peer) => peer.toLowerCase() === holder.hardware);
  return known ? "peer" : "foreign";
}
