/** What a node that does not serve decides: the table of docs/takeover.md as one pure function. */
import type { Evidence, ProbeOutcome } from "./evidence.ts";
import { type ClusterSettings, frozenWaitMs, majority } from "./settings.ts";

/** Rows of the table, in the words of docs/takeover.md. */
export type Row =
  | "maintenance"
  | "woke"
  | "own address"
  | "not ready"
  | "resigned, gone"
  | "resigned, not confirmed"
  | "lost, expired, address free"
  | "lost, expired, frozen"
  | "lost, expired, active answers"
  | "lost, expired, cut off"
  | "lost, renewed, active answers"
  | "lost, renewed, silent"
  | "lost, not yet expired"
  | "alive, its front lost"
  | "alive, active"
  | "nobody, free"
  | "nobody, held"
  | "nobody, no Redis"
  | "not heard"
  | "lost, no Redis, active answers"
  | "lost, no Redis, silent"
  | "lost, no Redis, peer first"
  | "lost, no Redis, cut off"
  | "without Redis: hold"
  | "foreign owner"
  | "own network down"
  | "idle owner"
  | "boot wait"
  | "probe";

export type Action =
  | "hold"
  /** Hold, for a time: look again. */
  | "wait"
  | "probe"
  | "take-over"
  | "fence"
  | "remove-own-address"
  /** By heartbeat. */
  | "ask-to-resign"
  /** In Redis. */
  | "ask-in-redis";

export interface Decision {
  readonly action: Action;
  readonly row: Row;
  readonly reason: string;
  /** An operator should know. */
  readonly alarm: boolean;
  /** All but the turn of this node allows a takeover: the clock of `clearMs` runs. */
  readonly clear: boolean;
}

/** So soon after its resignation no newer life of a node can serve: a process takes longer to start. */
const RESIGNED_JUST_NOW_MS = 200;

/** Longer than a peer with Redis takes: the time to live, a probe, and the frozen wait. */
const PEER_FIRST_MS = 2_000;

type Made = Omit<Decision, "row" | "reason">;

const HOLD: Made = { action: "hold", alarm: false, clear: false };
const ALARM: Made = { action: "hold", alarm: true, clear: false };
const WAIT: Made = { action: "wait", alarm: false, clear: false };
const TURN: Made = { action: "wait", alarm: false, clear: true };
const TAKE: Made = { action: "take-over", alarm: false, clear: true };

function because(made: Made, row: Row, reason: string): Decision {
  return { ...made, row, reason };
}

/** The decision of a standby on what it sees; never of one that serves (`serve-rule.ts`). */
export function decide(e: Evidence, settings: ClusterSettings): Decision {
  if (e.maintenance) return because(HOLD, "maintenance", "this node is in maintenance");
  if (e.active.kind === "alive") return besideActive(e, e.active);
  if (e.awakeMs < settings.deadAfterMs)
    return because(
      probeMeanwhile(e),
      "woke",
      "this node was stopped itself: it listens before it judges others",
    );
  if (e.probe === "own")
    return because(
      { ...WAIT, action: "remove-own-address" },
      "own address",
      "the floating IP is left over on this node: it is removed, and looked for again",
    );
  if (e.active.kind === "resigned") return afterResignation(e, e.active, settings);
  if (e.active.kind === "nobody") return amongIdle(e, settings);
  if (e.active.kind === "never" && !e.leaseIsOurs && e.uptimeMs < settings.bootWaitMs)
    return because(
      WAIT,
      "boot wait",
      `no peer was heard yet: waiting for one until ${settings.bootWaitMs} ms after the start`,
    );
  return e.redis === "ok" ? lostWithRedis(e, settings) : lostWithoutRedis(e, settings);
}

function besideActive(e: Evidence, active: { node: string; frontLost: boolean }): Decision {
  const { node } = active;
  if (active.frontLost && e.front === "ok" && e.notReady === null && e.rank === 0)
    return because(
      { ...HOLD, action: "ask-to-resign" },
      "alive, its front lost",
      `${node} has lost the network of the floating IP, this node has it: asking ${node} to resign`,
    );
  return because(HOLD, "alive, active", `${node} is active and alive`);
}

function afterResignation(
  e: Evidence,
  active: { node: string; addressGone: boolean; successor: string | null; forMs: number },
  settings: ClusterSettings,
): Decision {
  // Without Redis nothing else tells of a newer life of it, or of somebody who was faster.
  const owner = e.redis === "lost" && active.forMs >= RESIGNED_JUST_NOW_MS ? ownerOf(e) : null;
  if (owner !== null) return owner;
  if (active.addressGone) {
    const turn = active.successor === e.node ? 0 : e.rank + (active.successor === null ? 0 : 1);
    return takeInTurn(
      { e, settings, turn },
      "resigned, gone",
      `${active.node} resigned and its address is gone`,
    );
  }
  return afterFrozenWait(
    { e, settings, waitedMs: active.forMs },
    "resigned, not confirmed",
    `${active.node} resigned, its address is not confirmed gone`,
  );
}

/** Peers are heard and none is active. */
function amongIdle(e: Evidence, settings: ClusterSettings): Decision {
  if (e.redis === "ok") {
    if (e.lease === "free" || e.lease === "expired" || e.leaseIsOurs)
      return takeInTurn(
        { e, settings, turn: e.rank },
        "nobody, free",
        "nobody is active and the lease is free",
      );
    return because(WAIT, "nobody, held", "nobody is active, the lease has not expired yet");
  }
  const owner = ownerOf(e);
  if (owner !== null) return owner;
  if (!e.witness)
    return because(
      ALARM,
      "lost, no Redis, cut off",
      "nobody is active, no Redis, and no witness answers here",
    );
  if (e.unheard)
    return because(
      ALARM,
      "not heard",
      "nobody is active, no Redis, and a peer that is heard does not hear this node",
    );
  if (e.probe === "sip-silent")
    return afterFrozenWait(
      { e, settings, waitedMs: e.clearMs },
      "nobody, no Redis",
      "nobody is active, no Redis, the floating IP is silent and a witness answers",
    );
  return takeInTurn(
    { e, settings, turn: e.rank },
    "nobody, no Redis",
    "nobody is active, no Redis, the floating IP is free and a witness answers",
  );
}

function lostWithRedis(e: Evidence, settings: ClusterSettings): Decision {
  const who = e.active.kind === "lost" && e.active.node !== null ? e.active.node : "the active node";
  const expired = e.lease === "expired" || e.lease === "free" || e.leaseIsOurs;
  if (e.lease === "unknown" && !expired)
    return because(
      probeMeanwhile(e),
      "lost, not yet expired",
      `${who} is silent, its lease is being observed`,
    );
  if (!expired) return whileRenewed(e, who);
  if (e.lastSignMs < settings.leaseTtlMs)
    return because(
      probeMeanwhile(e),
      "lost, not yet expired",
      `${who} may serve on what we last acknowledged`,
    );
  if (e.probe === "active")
    return because(
      ALARM,
      "lost, expired, active answers",
      `${who} serves but is cut off from Redis and from us: it steps down by its own rule`,
    );
  const owner = ownerOf(e);
  if (owner !== null) return owner;
  if (settings.nodes.length > 2 && e.nodesAlive === 1 && !e.witness)
    return because(
      ALARM,
      "lost, expired, cut off",
      "no other node is heard and no witness answers: it is this node that is cut off",
    );
  if (e.probe === "sip-silent")
    return afterFrozenWait(
      { e, settings, waitedMs: e.lastSignMs },
      "lost, expired, frozen",
      `${who} is silent, its lease expired, its address answers ARP only`,
    );
  return takeInTurn(
    { e, settings, turn: e.rank },
    "lost, expired, address free",
    `${who} is silent, its lease expired, the floating IP is free (${e.probe})`,
  );
}

function whileRenewed(e: Evidence, who: string): Decision {
  if (e.probe === null)
    return because(
      { ...HOLD, action: "probe" },
      "probe",
      `${who} is silent but renews: asking the floating IP`,
    );
  if (e.probe === "active" || e.probe === "foreign" || e.probe === "idle")
    return because(
      ALARM,
      "lost, renewed, active answers",
      `${who} renews its lease and its address answers: the path is broken, not the node`,
    );
  if (e.front === "ok" && e.notReady === null && e.rank === 0)
    return because(
      { ...ALARM, action: "ask-in-redis" },
      "lost, renewed, silent",
      `${who} renews its lease but does not answer callers: asking it in Redis to resign`,
    );
  return because(ALARM, "lost, renewed, silent", `${who} renews its lease; this node could not do better`);
}

function lostWithoutRedis(e: Evidence, settings: ClusterSettings): Decision {
  const held = leaselessHold(e, settings);
  if (held !== null) return held;
  const reason =
    settings.nodes.length > 2
      ? "the active node and Redis are silent, and a majority of the nodes is here"
      : "the peer and Redis are silent, and a witness answers on the network of the floating IP";
  if (e.peerHadRedis && e.lastSignMs < PEER_FIRST_MS)
    return because(
      WAIT,
      "lost, no Redis, peer first",
      "the active node and Redis are silent here; the peer had Redis when it was last heard: it goes first",
    );
  if (e.probe === "sip-silent")
    return afterFrozenWait({ e, settings, waitedMs: e.lastSignMs }, "lost, no Redis, silent", reason);
  return takeInTurn({ e, settings, turn: Math.max(e.rank, e.order) }, "lost, no Redis, silent", reason);
}

/** Why nobody takes over without Redis, where nobody does. */
function leaselessHold(e: Evidence, settings: ClusterSettings): Decision | null {
  if (e.probe === "active")
    return because(
      ALARM,
      "lost, no Redis, active answers",
      "the heartbeat and Redis are silent, the active node serves",
    );
  const owner = ownerOf(e);
  if (owner !== null) return owner;
  if (settings.withoutRedis === "hold")
    return because(ALARM, "without Redis: hold", "withoutRedis: hold, and Redis does not answer");
  if (e.lastSignMs < settings.leaseTtlMs)
    return because(WAIT, "lost, not yet expired", "the active node may serve on what we last acknowledged");
  const alone = settings.nodes.length > 2 ? e.nodesAlive < majority(settings) : !e.witness;
  if (!alone) return null;
  const why = settings.nodes.length > 2 ? "no majority of the nodes is here" : "no witness answers";
  return because(
    ALARM,
    "lost, no Redis, cut off",
    `the active node, Redis and the floating IP are silent, and ${why}: it is this node that is cut off`,
  );
}

/** The probe, where its outcome settles the matter or is missing. */
function ownerOf(e: Evidence): Decision | null {
  switch (e.probe) {
    case null:
      return because({ ...HOLD, action: "probe" }, "probe", "asking who has the floating IP");
    case "active":
      return because(ALARM, "lost, no Redis, active answers", "an active node answers on the floating IP");
    case "idle":
      return because(WAIT, "idle owner", "a node that does not serve still has the floating IP");
    case "foreign":
      return because(ALARM, "foreign owner", "somebody who is none of this cluster has the floating IP");
    case "unasked":
      return because(
        ALARM,
        "own network down",
        "the network of the floating IP is down on this node: it can't know who serves, and could not serve",
      );
    default:
      return null;
  }
}

/** So that the answer is there when the lease expires. */
function probeMeanwhile(e: Evidence): Made {
  return e.probe === null ? { ...WAIT, action: "probe" } : WAIT;
}

interface Turn {
  readonly e: Evidence;
  readonly settings: ClusterSettings;
  readonly turn: number;
}

function takeInTurn({ e, settings, turn }: Turn, row: Row, reason: string): Decision {
  if (e.notReady !== null)
    return because(ALARM, "not ready", `${reason}, but this node is not ready: ${e.notReady}`);
  if (e.clearMs < turn * settings.deadAfterMs)
    return because(TURN, row, `${reason}; ${turn} better node(s) come first`);
  return because(TAKE, row, `${reason}: taking over`);
}

function afterFrozenWait(
  { e, settings, waitedMs }: { e: Evidence; settings: ClusterSettings; waitedMs: number },
  row: Row,
  reason: string,
): Decision {
  const left = frozenWaitMs(settings) - waitedMs;
  if (left <= 0 || e.fence === "done") return takeInTurn({ e, settings, turn: e.rank }, row, reason);
  if (e.notReady === null && settings.canFence && e.fence === "none" && e.rank === 0)
    return because({ ...TURN, action: "fence" }, row, `${reason}: fencing it instead of waiting`);
  const failed = e.fence === "failed" ? "fencing failed, so " : "";
  return because(TURN, row, `${reason}: ${failed}waiting until its kernel has removed the address`);
}

/** Outcomes after which the address is safe at once. */
export function addressIsFree(probe: ProbeOutcome | null): boolean {
  return probe === "refused" || probe === "arp-silent";
}
