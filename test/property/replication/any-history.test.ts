// Whatever happens to the store and whoever takes over: soon after it heals, store and standby have what the active has.
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Standing } from "../../../src/replication/store.ts";
import type { Data } from "../../support/memory-store.ts";
import {
  ReplicationWorld,
  type SimulatedActive,
  type SimulatedStandby,
} from "../../support/replication-world.ts";

/** Other histories, and more of them: `RUNS=20000 SEED=7`. */
const SEED = process.env["SEED"];
const RUNS = {
  numRuns: Number(process.env["RUNS"] ?? 300),
  ...(SEED === undefined ? {} : { seed: Number(SEED) }),
};

const HEAL_MS = 2_500;
/** A former active that comes back makes a commit in this time, and not two. */
const COMMIT_MS = 6;

type Step =
  | { readonly what: "set" | "end"; readonly id: number; readonly bytes: number }
  | { readonly what: "pause"; readonly ms: number }
  | { readonly what: "away" | "full" | "heal" | "lose-answer" | "keep" | "set-back" | "empty" | "trim" }
  | { readonly what: "take-over" | "win-anew" }
  | { readonly what: "former"; readonly ahead: number; readonly wins: boolean };

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
  { weight: 1, arbitrary: fc.record({ what: fc.constant("win-anew") }) },
  {
    weight: 2,
    arbitrary: fc.record({
      what: fc.constant("former"),
      ahead: fc.constantFrom(-1, 0, 0, 1),
      wins: fc.boolean(),
    }),
  },
) as fc.Arbitrary<Step>;

/** The store is set back, the former active goes on to the same number, the lease is won anew, and then a commit. */
const SET_BACK: Step[] = [
  { what: "pause", ms: 0 },
  { what: "take-over" },
  { what: "pause", ms: 20 },
  { what: "former", ahead: 0, wins: true },
];

class History {
  readonly world = new ReplicationWorld();
  active: SimulatedActive = this.world.active();
  standby: SimulatedStandby = this.world.standby();
  readonly retired: SimulatedActive[] = [];
  private epoch = 1;
  private node = "edge-a";
  /** The store as the last former active left it. */
  private left = this.world.store.snapshot();
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
        this.setBack(this.kept);
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
      case "win-anew":
        this.winAnew();
        break;
      case "former":
        this.formerGoesOn(it);
        break;
    }
  }

  private setBack(data: Data): void {
    const { records, journal, fence } = data;
    const copies = { records: new Map(records), journal: [...journal], fence: { ...fence } };
    this.world.store.data = { ...data, ...copies };
  }

  /** The lease is acquired anew, and raises the fence. */
  private winAnew(): void {
    if (this.world.store.fault !== null) return;
    this.world.store.data.fence = { epoch: ++this.epoch, node: this.node };
    this.active.writer.raise(this.epoch);
  }

  /**
   * The store is set back to before the last takeover, and the active of then, which was cut off, writes into it.
   * @param how.ahead it stops so many commits after the number at which the active stands
   * @param how.wins then the active wins the lease anew, before it commits again
   */
  private formerGoesOn({ ahead, wins }: { ahead: number; wins: boolean }): void {
    const former = this.retired.at(-1);
    if (former === undefined) return;
    this.setBack(this.left);
    const until = (this.active.writer.committed?.commit ?? 0) + ahead;
    former.writer.up();
    for (let times = 0; times < 5 && (former.writer.committed?.commit ?? until) < until; times++) {
      former.set("call 0", `of the former active ${this.change++}`);
      this.world.clock.advance(COMMIT_MS);
    }
    if (wins) this.winAnew();
  }

  /** The active is cut off where it stands; the standby becomes the active with what it has, and a new standby starts. */
  private takeOver(): void {
    const { world } = this;
    const node = `node-${++this.epoch}`;
    this.node = node;
    this.active.writer.down({ kind: "fault", code: "REDIS_AWAY", message: "cut off", uncertain: true });
    this.left = world.store.snapshot();
    world.store.data.fence = { epoch: this.epoch, node };
    let position: Standing | null | undefined;
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
      for (const old of history.retired) {
        old.writer.up();
        old.set("call 0", "from the past");
      }
      world.clock.advance(1_000);
      assert.deepEqual(world.store.texts(), active.texts());
    }),
    { ...RUNS, examples: [[SET_BACK]] },
  );
});
