// The machine of one node on a bench: what it is told, what it wants done, and the states that tests begin with.
import assert from "node:assert/strict";
import type { LeaseRecord } from "../../../src/cluster/lease.ts";
import type { Message, MessageBody, NodeStatus } from "../../../src/cluster/message.ts";
import { newNode, step } from "../../../src/cluster/node-machine.ts";
import type {
  HistoryRecord,
  LeaseOperation,
  NodeEffect,
  NodeEvent,
  NodeState,
} from "../../../src/cluster/node-state.ts";
import type { ClusterSettings } from "../../../src/cluster/settings.ts";
import { message, settings, status } from "./example.ts";

/** A node under test: time in milliseconds, the effects since the last look. */
export class Bench {
  state: NodeState;
  now = 0;
  effects: NodeEffect[] = [];
  private heard = 0;

  constructor(changes: Partial<ClusterSettings> = {}) {
    const start = {
      settings: settings(changes),
      boot: "boot-b",
      epochOnDisk: 4,
      fingerprint: "same",
      schema: 1,
      paths: 2,
    };
    this.state = newNode(start, 0);
    this.feed({ kind: "tick" });
  }

  feed(event: NodeEvent): void {
    const [state, effects] = step(this.state, event, this.now);
    this.state = state;
    this.effects.push(...effects);
  }

  /** A message of edge-a that has heard us. */
  hear(body: MessageBody, changes: Partial<Message> = {}): void {
    this.heard += 1;
    const echo = { boot: "boot-b", sequence: this.state.sequence, at: this.now };
    this.feed({ kind: "message", path: 0, message: message(this.heard, { body, echo, ...changes }) });
  }

  heartbeat(changes: Partial<NodeStatus> = {}): void {
    this.hear({ kind: "heartbeat", status: status(changes) });
  }

  reply(operation: LeaseOperation, outcome: "granted" | "refused", record: LeaseRecord | null): void {
    const reply = { outcome, reading: { source: "run 1", record } };
    this.feed({ kind: "lease", operation, sentAt: this.now, reply });
  }

  read(record: LeaseRecord | null): void {
    this.reply({ kind: "read" }, "granted", record);
  }

  taken(): NodeEffect[] {
    const taken = this.effects;
    this.effects = [];
    return taken;
  }

  kinds(): string[] {
    return this.taken().map(({ kind }) => kind);
  }

  records(): HistoryRecord[] {
    return this.taken().flatMap((effect) => (effect.kind === "record" ? [effect.record] : []));
  }

  /** The reason that the last heartbeat gave for not being ready. */
  notReady(): string | null {
    this.taken();
    this.now = this.state.nextHeartbeatAt;
    this.feed({ kind: "tick" });
    for (const effect of this.taken())
      if (effect.kind === "send" && effect.message.body.kind === "heartbeat")
        return effect.message.body.status.notReady;
    assert.fail("no heartbeat was sent");
  }
}

export const HELD: LeaseRecord = { holder: "edge-a", boot: "boot-a", epoch: 5, counter: 1, ask: null };
export const inSync = { kind: "journal", applied: 7, lagMs: 0, inSync: true } as const;
export const activeA = {
  role: "active",
  epoch: 5,
  epochSeen: 5,
  active: { node: "edge-a", epoch: 5 },
} as const;

/** A standby in sync beside an active edge-a. */
export function standby(changes: Partial<ClusterSettings> = {}): Bench {
  const bench = new Bench(changes);
  bench.feed(inSync);
  for (let i = 0; i < 3; i++) {
    bench.now += 100;
    bench.heartbeat(activeA);
    bench.read({ ...HELD, counter: i + 1 });
  }
  bench.taken();
  return bench;
}

/** Its takeover after edge-a has resigned, as far as the lease. */
export function takingOver(): Bench {
  const bench = standby();
  bench.hear({ kind: "resignation", epoch: 5, addressGone: true, successor: "edge-b" });
  const acquire = bench.taken().find((effect) => effect.kind === "lease");
  assert.ok(acquire?.kind === "lease");
  assert.deepEqual(acquire.operation, {
    kind: "acquire",
    epoch: 6,
    expected: { record: { ...HELD, counter: 3 }, compareCounter: false },
  });
  bench.now += 2;
  bench.reply(acquire.operation, "granted", {
    holder: "edge-b",
    boot: "boot-b",
    epoch: 6,
    counter: 4,
    ask: null,
  });
  return bench;
}

export function active(): Bench {
  const bench = takingOver();
  bench.now += 10;
  bench.feed({ kind: "address", present: true, failed: false });
  for (const each of ["sockets", "journal", "epoch"] as const)
    bench.feed({ kind: "step-done", step: each, ok: true });
  assert.equal(bench.state.role, "active");
  return bench;
}
