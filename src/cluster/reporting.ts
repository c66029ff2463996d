/** What a node says: to its peers, to its history, to its hooks. Part of the node's machine. */
import type { MessageBody, Role } from "./message.ts";
import type { HistoryRecord, NodeState, Phases, Turn } from "./node-state.ts";
import { notReady } from "./readiness.ts";
import { freshProbe, peerOf, redisHealth } from "./sight.ts";

/** Queues a message; the copies share its sequence number. */
export function send({ s, now, out }: Turn, to: string, body: MessageBody, copies = 1): void {
  s.sequence += 1;
  const view = peerOf(s, to);
  const message = {
    node: s.settings.node,
    boot: s.boot,
    to,
    sequence: s.sequence,
    at: now,
    echo: view?.echo ?? null,
    greeting: view?.greeting ?? null,
    body,
  };
  out.push({ kind: "send", to, message, copies });
}

export function sendToAll(t: Turn, body: MessageBody, copies = 1): void {
  for (const { node } of t.s.peers) send(t, node, body, copies);
}

function age(now: number, at: number): number | null {
  return Number.isFinite(at) ? now - at : null;
}

/** What is seen on each path, of lease, probe and witness. */
function seenBy(s: NodeState, now: number): HistoryRecord["seen"] {
  const { observation } = s.lease;
  const record = observation?.reading.record ?? null;
  const lease =
    observation === null
      ? "not observed"
      : record === null
        ? `no record in ${observation.reads} reads`
        : `${record.holder} in epoch ${record.epoch}, ${observation.reads} reads over ${now - observation.since} ms`;
  return {
    paths: s.peers.flatMap((view) =>
      view.paths.map((path, index) => ({
        peer: view.node,
        path: index,
        silentMs: age(now, path.heardAt),
        hearsUsMs: age(now, view.echoedAt),
        role: view.status?.role ?? null,
      })),
    ),
    lease,
    redis: redisHealth(s, now),
    probe: freshProbe(s, now),
    witnessMs: age(now, s.own.witnessAt),
    front: s.own.front,
    notReady: notReady(s, now),
  };
}

export function record(
  { s, now, out }: Turn,
  what: HistoryRecord["what"],
  told: { reason: string; row?: string; phases?: Phases },
): void {
  out.push({
    kind: "record",
    record: {
      node: s.settings.node,
      boot: s.boot,
      role: s.role,
      epoch: s.epoch,
      what,
      row: told.row ?? null,
      reason: told.reason,
      seen: seenBy(s, now),
      phases: told.phases ?? null,
    },
  });
}

export function setRole(t: Turn, role: Role, reason: string): void {
  if (t.s.role === role) return;
  t.s.role = role;
  // The peers are told at once, not with the next heartbeat.
  t.s.nextHeartbeatAt = t.now;
  t.out.push({ kind: "hook", role });
  record(t, "role", { reason });
}
