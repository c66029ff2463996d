/** What a node of a cluster needs of the world. The edges implement it, and so does the simulator. */
import type { ProbeOutcome } from "./evidence.ts";
import type { Message, Role } from "./message.ts";
import type { HistoryRecord, LeaseOperation, LeaseReply } from "./node-state.ts";

/** Callbacks come later, never within the call; at most once, and always, with a time-out of the edge's own. */
export interface ClusterPorts {
  /** Over every path, each copy. */
  send(message: Message, copies: number): void;
  /** Time-out 250 ms. Replies to one node come in the order of its operations. */
  lease(operation: LeaseOperation, done: (reply: LeaseReply) => void): void;
  /** On disk and synced. */
  storeEpoch(epoch: number, done: (ok: boolean) => void): void;
  /** From the node's own address, with a fresh nonce; time-out 100 ms. */
  probe(done: (outcome: ProbeOutcome) => void): void;
  /** Read back: what is told is what the kernel says. `add` renews the lifetime only while `mayServe` allows it. */
  addAddress(done: (present: boolean) => void): void;
  removeAddress(done: (present: boolean) => void): void;
  announce(): void;
  /** Has somebody else the address on this network? */
  checkConflict(done: (found: boolean) => void): void;
  openSockets(done: (ok: boolean) => void): void;
  /** Unread. */
  closeSockets(): void;
  resetConnections(): void;
  /** What was held and what still comes; then the sockets are closed. */
  relay(to: string, forMs: number): void;
  /** To the journal's end; time-out 250 ms. */
  applyJournal(done: (ok: boolean) => void): void;
  followJournal(): void;
  armCalls(epoch: number): void;
  stopAndFlush(done: (ok: boolean, lastEntry: number) => void): void;
  resumeCalls(): void;
  journalAgain(epoch: number): void;
  /** An OPTIONS through the floating IP, and to the targets. */
  verify(done: (ok: boolean) => void): void;
  fencePeer(node: string | null, done: (ok: boolean) => void): void;
  hook(role: Role): void;
  record(record: HistoryRecord): void;
  /** To the operator whose command it was. */
  answer(ok: boolean, reason: string): void;
}

/** Monotonic time, and one wake-up. */
export interface ClusterClock {
  now(): number;
  /** Runs `wake` once at or after `at`; the returned cancel is safe to call twice. */
  wakeAt(at: number, wake: () => void): () => void;
}
