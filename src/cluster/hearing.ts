/** What a verified message changes. Part of the node's machine. */
import { claimed } from "./claims.ts";
import type { Message } from "./message.ts";
import type { Turn } from "./node-state.ts";
import { type PeerView, proves, receive } from "./peer-view.ts";
import { send } from "./reporting.ts";
import { claimsToServe, peerOf } from "./sight.ts";
import { hearSwitches, offerSwitchover, switchoverMessage } from "./switching-over.ts";

export function count(t: Turn, what: string): void {
  t.s.ignored = { ...t.s.ignored, [what]: (t.s.ignored[what] ?? 0) + 1 };
}

export function hear(t: Turn, message: Message, path: number): void {
  const { s, now } = t;
  const index = s.peers.findIndex(({ node }) => node === message.node);
  const former = s.peers[index];
  if (former === undefined) {
    count(t, "unknown-node");
    return;
  }
  const own = { boot: s.boot, sequence: s.sequence };
  const [view, reception] = receive(former, message, { path, own, now });
  if (view !== former) {
    s.peers = s.peers.with(index, view);
  }
  if (reception === "replayed" || reception === "old-boot" || reception === "unproven") {
    count(t, reception);
    return;
  }
  if (reception === "copy" || (reception === "late" && message.body.kind === "heartbeat")) return;
  act(t, message, former);
}

function act(t: Turn, message: Message, former: PeerView): void {
  const { s, now } = t;
  const { body, node, boot } = message;
  switch (body.kind) {
    case "heartbeat": {
      const { status } = body;
      s.epochSeen = Math.max(s.epochSeen, status.epochSeen, status.epoch);
      hearSwitches(t, status.switchAgesMs);
      if (claimsToServe(status) && !(status.epoch === s.epoch && serves(t)))
        claimed(t, { node, epoch: status.epoch, boot });
      // A new life is greeted at once, so that it is proven to both sides within a round trip.
      if (former.boot !== boot) s.nextHeartbeatAt = now;
      break;
    }
    case "resignation":
      if (proves(message.echo, { boot: s.boot, sequence: s.sequence })) resigned(t, message);
      else count(t, "unproven");
      break;
    case "please-resign":
      pleaseResign(t, node, body);
      break;
    default:
      switchoverMessage(t, message);
  }
}

function serves({ s }: Turn): boolean {
  return s.role === "active" || s.role === "taking-over" || s.role === "stepping-down";
}

/** Of the active node, in the epoch that is believed current; a standby that goes only says goodbye. */
function resigned(t: Turn, { node, boot, body }: Message): void {
  const { s, now } = t;
  if (body.kind !== "resignation") return;
  const { epoch, addressGone, successor } = body;
  const { lastActive } = s;
  const wasActive =
    lastActive?.boot === boot &&
    lastActive.node === node &&
    lastActive.epoch === epoch &&
    epoch === s.epochSeen;
  if (serves(t) && wasActive) return;
  s.peers = s.peers.map((view) => {
    if (view.node !== node) return view;
    // Its last status is that of a node that served: it does no more.
    const status = view.status === null ? null : { ...view.status, role: "standby" as const, active: null };
    if (!wasActive) return { ...view, status, leftCleanly: true };
    return {
      ...view,
      status,
      leftCleanly: true,
      resignation: { boot, epoch, addressGone, successor, at: now },
    };
  });
}

function pleaseResign(
  t: Turn,
  from: string,
  asked: Extract<Message["body"], { kind: "please-resign" }>,
): void {
  const { s } = t;
  if (s.role !== "active" || asked.epoch !== s.epoch) return;
  if (asked.cause === "front-lost") {
    s.askedBy = peerOf(s, from)?.status?.front === "ok" ? from : s.askedBy;
    return;
  }
  const fault = offerSwitchover(t, { to: from, force: asked.force, cause: "operator" });
  if (fault !== null) send(t, from, { kind: "decline", epoch: s.epoch, reason: fault });
}
