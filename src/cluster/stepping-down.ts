/** Ways of not being active any more: fenced at once, or in order with a resignation. Part of the node's machine. */
import { followJournal, keptCalls } from "./keeping-calls.ts";
import type { Turn } from "./node-state.ts";
import { record, send, setRole } from "./reporting.ts";

/** An orderly end takes no longer: what is not flushed or confirmed by then is told as such. */
const STEP_DOWN_MS_MAX = 1_000;
/** An address that would not go is deleted again. */
const RETRY_ADDRESS_MS = 200;
/** A node that gave up takes nothing for so long: a standby needs the time to live of the lease to see it expire. */
const GIVE_WAY_MS = 2_000;
/** Copies of a resignation. */
const RESIGNATION_COPIES = 5;

function forget(t: Turn): void {
  const { s } = t;
  s.serving = false;
  s.takeover = null;
  s.switchover = null;
  s.stepDown = null;
  s.askedBy = null;
  s.leaseTaken = false;
  s.conflicts = 0;
  s.probe = null;
  s.clearSince = Number.POSITIVE_INFINITY;
  s.lease = { ...s.lease, observation: null, renewedAt: Number.NEGATIVE_INFINITY };
}

/**
 * No right to serve: no message is read or sent any more, and the address goes. Of calls that are kept the journal still writes what was
 * pending, in the epoch that is over: Redis refuses it as soon as another node has a higher one.
 */
export function fence(t: Turn, reason: string, calls: "kept" | "given up" = "given up"): void {
  const { s, out } = t;
  forget(t);
  s.kept = calls === "kept" ? keptCalls(t) : null;
  s.retryAddressAt = t.now + RETRY_ADDRESS_MS;
  out.push({ kind: "close-sockets" }, { kind: "remove-address" });
  setRole(t, "fenced", reason);
}

export function stepDown(t: Turn, why: { successor: string | null; reason: string }): void {
  const { s, now, out } = t;
  s.serving = false;
  s.takeover = null;
  s.switchover = null;
  s.stepDown = { ...why, deadline: now + STEP_DOWN_MS_MAX, flushed: false, addressGone: false };
  out.push({ kind: "stop-and-flush" }, { kind: "reset-connections" }, { kind: "remove-address" });
  setRole(t, "stepping-down", why.reason);
}

/** Both are done, or the time is up: the others are told. */
export function stepDownTick(t: Turn): void {
  const { s, now } = t;
  const { stepDown: going } = s;
  if (going === null || (!(going.flushed && going.addressGone) && now < going.deadline)) return;
  const { addressGone, successor, reason } = going;
  for (const { node } of s.peers) {
    const body = { kind: "resignation", epoch: s.epoch, addressGone, successor } as const;
    send(t, node, body, RESIGNATION_COPIES);
  }
  becomeStandby(t, reason);
  // Who gave up for another leaves it to him for a while.
  s.notBefore = Math.max(s.notBefore, now + GIVE_WAY_MS);
}

/** Nothing is owned any more: the node follows again. @param sockets kept: what still comes is relayed from them first */
export function becomeStandby(t: Turn, reason: string, sockets: "closed" | "kept" = "closed"): void {
  const { s, out } = t;
  forget(t);
  if (s.maintenanceNext) s.maintenance = true;
  s.maintenanceNext = false;
  if (sockets === "closed") out.push({ kind: "close-sockets" });
  if (s.kept === null) followJournal(t);
  if (s.addressPresent) s.retryAddressAt = t.now + RETRY_ADDRESS_MS;
  setRole(t, s.maintenance ? "maintenance" : "standby", reason);
}

/** The driver says whether the address is there. */
export function addressChanged(t: Turn, present: boolean): void {
  const { s } = t;
  s.addressPresent = present;
  if (present) {
    // It came after the takeover that asked for it had ended.
    if (s.role === "standby" || s.role === "maintenance") s.retryAddressAt = t.now;
    return;
  }
  s.retryAddressAt = Number.POSITIVE_INFINITY;
  if (s.stepDown !== null) s.stepDown = { ...s.stepDown, addressGone: true };
  if (s.role === "fenced") becomeStandby(t, "fenced, and the address is gone");
}

/** A node that does not serve has no address: where one is left, it goes. */
export function retryAddress(t: Turn): void {
  const { s, now, out } = t;
  if (now < s.retryAddressAt) return;
  s.retryAddressAt = now + RETRY_ADDRESS_MS;
  out.push({ kind: "remove-address" });
  record(t, "alarm", {
    reason: "the floating IP is still on this node, which does not serve: deleting it again",
  });
}
