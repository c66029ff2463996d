/** Why a node must not be promoted: shown, told to the peers, and forced past only by an operator. Pure. */
import type { NodeState } from "./node-state.ts";

/** A warm copy that is further behind is caught up first. */
const LAG_MS_MAX = 1_000;
/** A datagram with another secret is held against the node for so long. */
const FOREIGN_SECRET_MS = 5_000;

/** @returns a reason; null: ready */
export function notReady(s: NodeState, now: number): string | null {
  if (s.maintenance) return "it is in maintenance";
  if (s.own.guardianLost) return "its guardian is gone";
  if (now < s.forcedUntil) return null;
  if (s.own.fault !== null) return s.own.fault;
  if (now < s.notBefore) return "it gave up, or failed to take over, a moment ago";
  if (now - s.own.foreignSecretAt < FOREIGN_SECRET_MS) return "a peer signs with another secret";
  return unlike(s) ?? behind(s, now);
}

/** Compared with the node whose calls it would take over. */
function unlike(s: NodeState): string | null {
  const status = s.peers.find(({ node }) => node === s.lastActive?.node)?.status;
  if (!status) return null;
  if (Math.abs(status.schema - s.schema) > 1)
    return `its version writes records of schema ${s.schema}, the active node's of ${status.schema}`;
  return status.fingerprint === s.fingerprint
    ? null
    : `its configuration (${s.fingerprint}) differs from the active node's (${status.fingerprint})`;
}

/** Without Redis nothing more can be had: then what is there must do. */
function behind(s: NodeState, now: number): string | null {
  if (now - s.lease.okAt >= s.settings.leaseTtlMs) return null;
  if (!s.own.inSync) return "its copy of the calls is not complete yet";
  return s.own.lagMs > LAG_MS_MAX ? `its copy of the calls is ${s.own.lagMs} ms behind` : null;
}
