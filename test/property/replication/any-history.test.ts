// Whatever happens to the store and whoever takes over: soon after it heals, store and standby have what the active has.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Position } from "../../../src/replication/store.ts";
import {
  ReplicationWorld,
  type SimulatedActive,
  type SimulatedStandby,
} from "../../support/replication-world.ts";

const HEAL_MS = 2_500;

type Step =
  | { readonly what: "set" | "end"; readonly id: number; readonly bytes: number }
  | { readonly what: "pause"; readonly ms: number }
  | { readonly what: "away" | "full" | "heal" | "lose-answer" | "keep" | "set-back" | "empty" | "trim" }
  | { readonly what: "take-over" };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({
      what: fc.constantFrom("set", "set", "end"),
      id: fc.nat({ max: 9 }),
      bytes: fc.constantFrom(1, 1, 100_000),
    }),
  },
  { weight: 8, arbitrary: fc.record({ what: fc.constant("pause"), ms: fc.nat({ max: 30 }) }) },
  { weight: 1, arbitrary: fc.record({ what: fc.constant("pause"), ms: fc.nat({ max: 1_000 }) }) },
  {
    weight: 5,
    arbitrary: fc.record({
      what: fc.constantFrom("away", "full", "heal", "lose-answer", "keep", "set-back", "empty", "trim"),
    }),
  },
  { weight: 1, arbitrary: fc.record({ what: fc.constant("take-over") }) },
) as fc.Arbitrary<Step>;

class History {
  readonly world = new ReplicationWorld();
  active: SimulatedActive = this.world.active();
  standby: SimulatedStandby = this.world.standby();
  readonly retired: SimulatedActive[] = [];
  private epoch = 1;
  private kept = this.world.store.snapshot();
  private change = 0;

  run(steps: readonly Step[]): void {
    for (const it of steps) this.step(it);
    this.world.store.fault = null;
    this.world.store.loseNextAnswer = false;
    this.world.clock.advance(HEAL_MS);
  }

  private step(it: Step): void {
    const { store, clock } = this.world;
    switch (it.what) {
      case "set":
        this.active.set(`call ${it.id}`, `${this.change++} ${"x".repeat(it.bytes)}`);
        break;
      case "end":
        this.active.end(`call ${it.id}`);
        break;
      case "pause":
        clock.advance(it.ms);
        break;
      case "away":
        store.fault = "REDIS_AWAY";
        break;
      case "full":
        store.fault = "REDIS_MEMORY";
        break;
      case "heal":
        store.fault = null;
        break;
      case "lose-answer":
        store.loseNextAnswer = true;
        break;
      case "keep":
        this.kept = store.snapshot();
        break;
      case "set-back":
        store.data = { ...this.kept, records: new Map(this.kept.records), journal: [...this.kept.journal] };
        break;
      case "empty":
        store.data = new ReplicationWorld().store.data;
        break;
      case "trim":
        store.data.journal.splice(0, store.data.journal.length - 1);
        break;
      case "take-over":
        this.takeOver();
        break;
    }
  }

  /** The active freezes where it stands; the standby becomes the active with what it has, and a new standby starts. */
  private takeOver(): void {
    const { world } = this;
    const node = `node-${++this.epoch}`;
    world.store.data.fence = { epoch: this.epoch, node };
    let position: Position | null | undefined;
    this.standby.reader.catchUp(world.store.of(node), (at) => {
      position = at;
    });
    for (let ms = 0; ms < 500 && position === undefined; ms++) world.clock.advance(1);
    this.standby.reader.stop();
    this.retired.push(this.active);
    this.active = world.active({ node, epoch: this.epoch, position: position ?? null });
    for (const [key, text] of this.standby.texts()) this.active.adopt(key, text);
    this.standby = world.standby();
  }
}

test("after any history the store and the standby have what the active has, and nobody who ruled before changes it", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const history = new History();
      history.run(steps);
      const { active, standby, world } = history;
      assert.deepEqual(world.store.texts(), active.texts());
      assert.deepEqual(standby.texts(), active.texts());
      assert.ok(standby.reader.state.isWarm, standby.reader.state.reason);
      assert.equal(active.writer.health.state, "ok");
      assert.equal(active.writer.uncommitted, 0);
      assert.equal(standby.reader.mismatches, 0);
      for (const old of history.retired) old.set("call 0", "from the past");
      world.clock.advance(1_000);
      assert.deepEqual(world.store.texts(), active.texts());
    }),
    { numRuns: 300 },
  );
});
