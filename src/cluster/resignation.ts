/**
 * What the guardian says for an engine that died. The engine gives it the kit with each heartbeat; the guardian sends after
 * `waitpid`, and says whether the kernel confirmed that the address is gone.
 */
import type { Echo, Message } from "./message.ts";
import type { NodeState } from "./node-state.ts";
import { comesBefore, isCandidate, peerOf } from "./sight.ts";

/** Above every number that the engine may have sent after it gave the kit away. */
const SEQUENCE_AHEAD = 1_000;
/** Messages after which it makes a new one: a third of those that an echo may be old (`PROOF_MESSAGES_MAX`). */
const RENEWED_AFTER_MESSAGES = 20;

export interface ResignationKit {
  readonly node: string;
  readonly boot: string;
  /** Held by the engine; of a standby the highest that it knows: it only says goodbye. */
  readonly epoch: number;
  readonly sequence: number;
  readonly at: number;
  readonly successor: string | null;
  readonly peers: readonly { readonly node: string; readonly echo: Echo | null }[];
}

export function resignationKit(s: NodeState, now: number): ResignationKit {
  const serves = s.role === "active" || s.role === "taking-over" || s.role === "stepping-down";
  const place = (node: string) => ({ node, front: peerOf(s, node)?.status?.front ?? ("lost" as const) });
  const candidates = s.peers
    .filter((view) => isCandidate(s, view, now))
    .map(({ node }) => place(node))
    .sort((a, b) => (comesBefore(a, b, s) ? -1 : 1));
  return {
    node: s.settings.node,
    boot: s.boot,
    epoch: serves ? s.epoch : s.epochSeen,
    sequence: s.sequence,
    at: now,
    successor: candidates[0]?.node ?? null,
    peers: s.peers.map(({ node, echo }) => ({ node, echo })),
  };
}

/** Does the guardian need a new kit? Signing one costs more than a heartbeat. @param former that it has; null: none */
export function isOutdated(former: ResignationKit | null, kit: ResignationKit): boolean {
  if (former === null) return true;
  if (former.epoch !== kit.epoch || former.successor !== kit.successor) return true;
  if (kit.sequence - former.sequence >= RENEWED_AFTER_MESSAGES) return true;
  return kit.peers.some(({ echo }, index) => {
    const known = former.peers[index]?.echo ?? null;
    if (known === null || echo === null) return known !== echo;
    return known.boot !== echo.boot || echo.sequence - known.sequence >= RENEWED_AFTER_MESSAGES;
  });
}

/** One message to each peer; five copies of each go over all paths. */
export function resignations(kit: ResignationKit, addressGone: boolean): Message[] {
  const { node, boot, epoch, at, successor } = kit;
  return kit.peers.map((peer, index) => ({
    node,
    boot,
    to: peer.node,
    sequence: kit.sequence + SEQUENCE_AHEAD + index,
    at,
    echo: peer.echo,
    greeting: null,
    body: { kind: "resignation", epoch, addressGone, successor },
  }));
}
