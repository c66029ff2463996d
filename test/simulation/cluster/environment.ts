// What a simulated node sees of its world, and what others see of it.
import type { ClusterNode } from "../../../src/cluster/cluster-node.ts";
import type { Message } from "../../../src/cluster/message.ts";
import type { HistoryRecord, LeaseOperation, LeaseReply } from "../../../src/cluster/node-state.ts";
import type { ClusterSettings } from "../../../src/cluster/settings.ts";
import type { Random } from "../../fuzz/random.ts";
import type { ReplicatedCalls } from "./calls-model.ts";
import type { JournalEntry, RedisModel } from "./redis-model.ts";
import type { Schedule } from "./schedule.ts";

export type Plant = "takeover without the lease" | "journal out of order" | "epoch not checked";

/** `frozen`: processes stopped, the kernel goes on. `suspended`: the whole virtual machine, its clocks too. */
export type HostState = "running" | "frozen" | "suspended" | "down";

/** A life of the engine. */
export interface Engine {
  readonly boot: string;
  /** Milliseconds of the world. */
  readonly startedAt: number;
  readonly node: ClusterNode;
  readonly calls: ReplicatedCalls;
  socketsOpen: boolean;
  /** Under which it writes; 0: it does not. */
  epoch: number;
  waiting: Omit<JournalEntry, "sequence">[];
  /** Redis knows of its epoch. */
  granted: boolean;
  committing: boolean;
  readonly afterCommit: (() => void)[];
  /** Did the last takeover read the journal to its end? */
  journalRead: boolean;
  stopped: boolean;
}

/** A host with its engine, as the world, the invariants and other hosts see it. */
export interface Neighbour {
  readonly name: string;
  readonly state: HostState;
  readonly engine: Engine | null;
  readonly redisLink: boolean;
  readonly answersArp: boolean;
  readonly serves: boolean;
  /** It was paused without a trace in its clocks: what it may do by the right that it had then ends here, in milliseconds of the world. */
  readonly blindUntil: number;
  /** Its newest exchange with Redis arrives there then. */
  lastArrival: number;
  stream(entries: readonly JournalEntry[]): void;
  answersProbe(): "active" | "idle" | "refused" | "sip-silent";
  powerOff(forMs: number): void;
  once<T>(done: (answer: T) => void): (answer: T) => void;
}

export interface Watcher {
  ended(call: number): void;
  acknowledged(entries: readonly JournalEntry[], losses: number): void;
  committed(node: string, boot: string, epoch: number): void;
  tookOver(node: Neighbour, engine: Engine): void;
}

export interface Environment {
  readonly random: Random;
  readonly schedule: Schedule;
  readonly redis: RedisModel;
  readonly plant: Plant | null;
  readonly forgetful: boolean;
  readonly settings: Omit<ClusterSettings, "node">;
  readonly paths: number;
  readonly nodes: readonly Neighbour[];
  readonly invariants: Watcher;
  /** Milliseconds of the world. */
  readonly now: number;
  newBoot(): string;
  newCall(): number;
  tell(what: string): void;
  send(message: Message, copies: number): void;
  /** null: no answer in time. It may be done all the same. */
  exchange<T>(from: Neighbour, execute: () => T, done: (answer: T | null) => void): void;
  lease(from: Neighbour, boot: string, operation: LeaseOperation, done: (reply: LeaseReply) => void): void;
  record(record: HistoryRecord): void;
}
