/** The state of a node's cluster machine, what happens to it, and what it wants done. Plain data. */
import type { Action, Row } from "./decide.ts";
import type { Evidence, ProbeOutcome } from "./evidence.ts";
import type { LeaseReading, LeaseRecord, Observation } from "./lease.ts";
import type { Health, LifeClaim, Message, Role } from "./message.ts";
import type { PeerView } from "./peer-view.ts";
import type { ClusterSettings } from "./settings.ts";

/** What a takeover waits for, in any order; then calls and timers are armed. */
export type TakeoverStep = "address" | "sockets" | "journal" | "epoch";

/** Milliseconds from the decision to the end of each phase. */
export type Phases = Readonly<Record<string, number>>;

export interface Takeover {
  /** `acquiring`: the lease is asked for. `releasing`: it was handed over, the address is not yet deleted at the other end. */
  readonly phase: "acquiring" | "releasing" | "starting";
  readonly epoch: number;
  readonly byRedis: boolean;
  readonly since: number;
  readonly deadline: number;
  readonly waitingFor: readonly TakeoverStep[];
  readonly phases: Phases;
  /** The calls are this life's own, still in memory: nothing is to be restored. */
  readonly resumes: boolean;
  readonly reason: string;
}

/** Calls of a node that was fenced when nobody was there to take them over: see keeping-calls.ts. */
export interface KeptCalls {
  /** They are those of the active node as long as nobody has had a higher one. */
  readonly epoch: number;
  readonly until: number;
}

/** The switchover that this node gives (active) or gets (standby). */
export interface Switchover {
  readonly side: "giving" | "getting";
  readonly peer: string;
  /** `unknown`: Redis did not say whether it handed the lease over. */
  readonly phase: "offered" | "flushing" | "handing-over" | "unknown" | "handed-over" | "accepted";
  readonly deadline: number;
  readonly nextOfferAt: number;
  readonly cause: "operator" | "failback" | "maintenance";
  readonly force: boolean;
  /** Last entry of the flushed journal, which the peer must have applied; Infinity: not flushed yet. */
  readonly lastEntry: number;
  /** Getting: the other end has told that it is gone, and whether its address is. */
  readonly released: boolean;
  readonly addressGone: boolean;
  /** Getting: when the last read was sent that still named the other end. Nobody can have observed us for longer. */
  readonly namedOtherAt: number;
  readonly reason: string;
}

/** Giving up without a hand-over by compare-and-swap. */
export interface StepDown {
  readonly successor: string | null;
  readonly deadline: number;
  readonly flushed: boolean;
  readonly addressGone: boolean;
  readonly reason: string;
}

export interface ProbeState {
  readonly askedAt: number;
  /** null: no answer yet. */
  readonly outcome: ProbeOutcome | null;
  readonly at: number;
}

/** What the edge tells of the node itself. */
export interface OwnHealth {
  readonly front: Health;
  readonly frontSince: number;
  /** When the witness that answered last was asked; -Infinity: never. */
  readonly witnessAt: number;
  /** The same, of the last one that came while this node might serve alone. */
  readonly aloneAt: number;
  readonly applied: number;
  readonly lagMs: number;
  readonly inSync: boolean;
  /** What keeps it from serving, in the edge's own words (an address that can't be bound); null: nothing. */
  readonly fault: string | null;
  /** Why its disk does not take the highest epoch; null: it has it. */
  readonly disk: string | null;
  /** A peer's datagrams bear our cluster's name and do not verify. */
  readonly foreignSecretAt: number;
  readonly guardianLost: boolean;
}

export interface LeaseView {
  readonly observation: Observation | null;
  /** When its counter was last seen to move; -Infinity: never. */
  readonly movedAt: number;
  /** When Redis last answered; -Infinity: never. */
  readonly okAt: number;
  /** When the last acknowledged renewal (or acquisition) of ours was sent. */
  readonly renewedAt: number;
  /** When a read or a renewal is due. */
  readonly nextAt: number;
  /** An acquisition is under way since then; -Infinity: none. */
  readonly acquiringSince: number;
}

/** Written by the machine alone; everybody else sees {@link NodeState}. */
export interface NodeFields {
  readonly settings: ClusterSettings;
  readonly boot: string;
  readonly fingerprint: string;
  readonly schema: number;
  readonly startedAt: number;
  role: Role;
  /** Epoch that this node holds, or held last; 0: none. */
  epoch: number;
  byRedis: boolean;
  /** Highest epoch known: disk, Redis, heartbeats. */
  epochSeen: number;
  /** Highest epoch that this life asked Redis for: who tells of it may tell of us. */
  epochAsked: number;
  /** Sequence of the last message to any peer. */
  sequence: number;
  peers: readonly PeerView[];
  lease: LeaseView;
  own: OwnHealth;
  probe: ProbeState | null;
  /** The highest epoch's claim to be active, by heartbeat or by lease. */
  lastActive: LifeClaim | null;
  takeover: Takeover | null;
  switchover: Switchover | null;
  stepDown: StepDown | null;
  kept: KeptCalls | null;
  /** Serves nothing until a fresh exchange (clock jump, hand-over). */
  serving: boolean;
  exchangesFrom: number;
  /** When it was last known that nobody else serves; -Infinity: never. */
  soleAt: number;
  /** Another owner of the address was found so many times in a row. */
  conflicts: number;
  nextConflictAt: number;
  leaseTaken: boolean;
  askedBy: string | null;
  addressPresent: boolean;
  /** Times of voluntary switches that are known, own monotonic milliseconds. */
  switches: readonly number[];
  /** Since when a preferred peer has been ready; Infinity: none is. */
  preferredSince: number;
  maintenance: boolean;
  /** After this switchover or step-down the node goes to maintenance. */
  maintenanceNext: boolean;
  /** The process is to end: as soon as it serves it hands over, and steps down where that failed. */
  leaving: "no" | "asked" | "offered";
  /** Readiness is not asked for until then. */
  forcedUntil: number;
  /** A takeover that failed is not tried again before. */
  notBefore: number;
  fence: Evidence["fence"];
  lastDecision: { readonly row: Row; readonly action: Action; readonly reason: string } | null;
  clearSince: number;
  lastStepAt: number;
  wokeAt: number;
  nextHeartbeatAt: number;
  nextAskAt: number;
  /** An address that would not go is deleted again then. */
  retryAddressAt: number;
  ignored: Readonly<Record<string, number>>;
}

export type NodeState = Readonly<NodeFields>;

export type OperatorCommand =
  | { readonly kind: "switchover"; readonly to: string | null; readonly force: boolean }
  | { readonly kind: "maintenance"; readonly on: boolean };

/** What an acquisition of the lease expects to find: the record that was seen, or (after a resignation) its holder alone. */
export interface Expected {
  readonly record: LeaseRecord | null;
  readonly compareCounter: boolean;
}

export type LeaseOperation =
  | { readonly kind: "read" }
  | { readonly kind: "acquire"; readonly epoch: number; readonly expected: Expected }
  | { readonly kind: "renew"; readonly epoch: number }
  | {
      readonly kind: "hand-over";
      readonly epoch: number;
      readonly to: { readonly node: string; readonly boot: string };
    }
  | { readonly kind: "please-resign"; readonly epoch: number };

/** `granted`: done, `reading` is what then stands. `refused`: it compared unequal. `error`: unknown what Redis did, if anything. */
export type LeaseReply =
  | { readonly outcome: "granted" | "refused"; readonly reading: LeaseReading }
  | { readonly outcome: "error"; readonly message: string };

export type NodeEvent =
  | { readonly kind: "tick" }
  /** A verified message. */
  | { readonly kind: "message"; readonly path: number; readonly message: Message }
  /** A datagram that did not decode; `unsigned` ones show another secret. */
  | { readonly kind: "ignored"; readonly fault: string }
  | {
      readonly kind: "lease";
      readonly operation: LeaseOperation;
      readonly sentAt: number;
      readonly reply: LeaseReply;
    }
  | { readonly kind: "probed"; readonly outcome: ProbeOutcome; readonly askedAt: number }
  | { readonly kind: "witness"; readonly askedAt: number }
  | { readonly kind: "front"; readonly health: Health }
  | { readonly kind: "address"; readonly present: boolean; readonly failed: boolean }
  | { readonly kind: "step-done"; readonly step: Exclude<TakeoverStep, "address">; readonly ok: boolean }
  | { readonly kind: "flushed"; readonly ok: boolean; readonly lastEntry: number }
  | { readonly kind: "verified"; readonly ok: boolean }
  /** Another owner of the floating IP was looked for. */
  | { readonly kind: "conflict"; readonly found: boolean; readonly askedAt: number }
  | {
      readonly kind: "journal";
      readonly applied: number;
      readonly lagMs: number;
      readonly inSync: boolean;
    }
  | { readonly kind: "fault"; readonly fault: string | null }
  /** The disk does not take the highest epoch, or (null) does again. */
  | { readonly kind: "disk"; readonly fault: string | null }
  | { readonly kind: "guardian-lost" }
  | { readonly kind: "clock-jumped" }
  /** The process is told to end: an active node hands over first, or steps down in order. */
  | { readonly kind: "leave" }
  | { readonly kind: "fenced-peer"; readonly ok: boolean }
  | { readonly kind: "operator"; readonly command: OperatorCommand };

/** What was seen when something was decided: plain data, for Redis, the file and `tandem history`. */
export interface HistoryRecord {
  readonly node: string;
  readonly boot: string;
  readonly role: Role;
  readonly epoch: number;
  readonly what: "decision" | "role" | "takeover" | "switchover" | "alarm" | "operator";
  readonly row: string | null;
  readonly reason: string;
  readonly seen: {
    readonly paths: readonly {
      readonly peer: string;
      readonly path: number;
      readonly silentMs: number | null;
      readonly hearsUsMs: number | null;
      readonly role: Role | null;
    }[];
    readonly lease: string;
    readonly redis: Health;
    readonly probe: ProbeOutcome | null;
    readonly witnessMs: number | null;
    readonly front: Health;
    readonly notReady: string | null;
  };
  /** Of a takeover. */
  readonly phases: Phases | null;
}

export type NodeEffect =
  | { readonly kind: "send"; readonly to: string; readonly message: Message; readonly copies: number }
  | { readonly kind: "lease"; readonly operation: LeaseOperation }
  /** On disk, synced, before the node serves. */
  | { readonly kind: "store-epoch"; readonly epoch: number }
  | { readonly kind: "probe" }
  /** With the kernel's lifetime, renewed while the node serves. */
  | { readonly kind: "add-address" }
  /** Confirmed by an `address` event. */
  | { readonly kind: "remove-address" }
  | { readonly kind: "open-sockets" }
  /** Unread: what lies in them is dropped. */
  | { readonly kind: "close-sockets" }
  /** To the end of the journal, within 250 ms. */
  | { readonly kind: "apply-journal" }
  | { readonly kind: "arm-calls"; readonly epoch: number }
  /** Serve nothing more, fire no timer; then flush the journal. */
  | { readonly kind: "stop-and-flush" }
  | { readonly kind: "resume-calls" }
  /** The epoch, or Redis itself, is another: write under it from now on, the newest records once more. */
  | { readonly kind: "journal-again"; readonly epoch: number }
  /** Forget what is owned; follow the journal from a snapshot. */
  | { readonly kind: "follow-journal" }
  | { readonly kind: "verify" }
  | { readonly kind: "announce" }
  | { readonly kind: "check-conflict" }
  | { readonly kind: "reset-connections" }
  /** What still comes to the sockets goes to that node for so long; then they are closed. */
  | { readonly kind: "relay"; readonly to: string; readonly forMs: number }
  | { readonly kind: "fence-peer"; readonly node: string | null }
  | { readonly kind: "hook"; readonly role: Role }
  | { readonly kind: "record"; readonly record: HistoryRecord }
  | { readonly kind: "answer"; readonly ok: boolean; readonly reason: string };

/** One step under way. */
export interface Turn {
  readonly s: NodeFields;
  readonly now: number;
  readonly out: NodeEffect[];
}
