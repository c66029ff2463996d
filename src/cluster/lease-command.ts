/** A lease operation as a script with its arguments, and the script's answer as a reply. Pure: the edge only sends. */
import type { LeaseRecord } from "./lease.ts";
import {
  ACQUIRE_LEASE,
  ASK_FOR_LEASE,
  HAND_OVER_LEASE,
  leaseKeys,
  READ_LEASE,
  RENEW_LEASE,
} from "./lease-scripts.ts";
import type { LeaseOperation, LeaseReply } from "./node-state.ts";

export interface LeaseCommand {
  readonly script: string;
  readonly keys: readonly string[];
  readonly arguments: readonly string[];
  /** It writes: where there are replicas, `WAIT 1` follows before it counts. */
  readonly replicated: boolean;
}

export interface LeaseOwner {
  readonly cluster: string;
  readonly node: string;
  readonly boot: string;
}

export function leaseCommand(operation: LeaseOperation, owner: LeaseOwner): LeaseCommand {
  const keys = leaseKeys(owner.cluster);
  const { node, boot } = owner;
  switch (operation.kind) {
    case "read":
      return { script: READ_LEASE, keys, arguments: [], replicated: false };
    case "acquire": {
      const { record, compareCounter } = operation.expected;
      const expected =
        record === null
          ? ["", "", "", ""]
          : [record.holder, record.boot, String(record.epoch), compareCounter ? String(record.counter) : ""];
      const args = [node, boot, String(operation.epoch), ...expected];
      return { script: ACQUIRE_LEASE, keys, arguments: args, replicated: true };
    }
    case "renew":
      return {
        script: RENEW_LEASE,
        keys,
        arguments: [node, boot, String(operation.epoch)],
        replicated: false,
      };
    case "hand-over": {
      const args = [node, boot, String(operation.epoch), operation.to.node, operation.to.boot];
      return { script: HAND_OVER_LEASE, keys, arguments: args, replicated: true };
    }
    case "please-resign":
      return { script: ASK_FOR_LEASE, keys, arguments: [String(operation.epoch), node], replicated: false };
  }
}

/** @param source run_id and address of the master that answered */
export function readLeaseAnswer(answer: unknown, source: string): LeaseReply {
  if (!Array.isArray(answer)) return { outcome: "error", message: "an answer that is no list" };
  const [done, holder, boot, epoch, counter, ask] = answer.map(String);
  const outcome = done === "1" ? "granted" : "refused";
  if (holder === undefined || boot === undefined || holder === "")
    return { outcome, reading: { source, record: null } };
  const numbers = [Number(epoch), Number(counter)];
  const [epochNumber = Number.NaN, counterNumber = Number.NaN] = numbers;
  if (!numbers.every(Number.isSafeInteger))
    return { outcome: "error", message: "the lease record in Redis is not of this program" };
  const record: LeaseRecord = {
    holder,
    boot,
    epoch: epochNumber,
    counter: counterNumber,
    ask: ask === undefined || ask === "" ? null : ask,
  };
  return { outcome, reading: { source, record } };
}
