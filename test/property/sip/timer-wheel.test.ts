/** The timer wheel against a list that is searched: the same entries fire, never early and at most one tick late. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { TimerEntry, TimerWheel } from "../../../src/sip/timer/timer-wheel.ts";

const RUNS = { numRuns: 500, seed: 256 };
const ENTRIES = 12;

/** `after` counts from the time of the action; a wake does the actions that wait for its entry. */
type Action =
  | { readonly kind: "schedule"; readonly entry: number; readonly after: number }
  | { readonly kind: "cancel"; readonly entry: number };
type Command =
  | Action
  | { readonly kind: "advance"; readonly by: number }
  | { readonly kind: "when fired"; readonly entry: number; readonly actions: readonly Action[] };

/** What the wheel is for, written down as plainly as can be. */
class World {
  now: number;
  readonly wheel: TimerWheel;
  readonly entries: readonly TimerEntry[];
  /** By entry: its deadline, and when it was set. */
  readonly running = new Map<number, { at: number; setAt: number }>();
  readonly waiting = new Map<number, readonly Action[]>();
  readonly fired: number[] = [];

  constructor(origin: number, tickMs: number) {
    this.now = origin;
    this.wheel = new TimerWheel(origin, tickMs);
    this.entries = Array.from(
      { length: ENTRIES },
      (_, index) => new TimerEntry((now) => this.wake(index, now)),
    );
  }

  do(action: Action): void {
    const entry = this.entries[action.entry];
    assert.ok(entry);
    if (action.kind === "cancel" || action.after === Number.POSITIVE_INFINITY) {
      this.running.delete(action.entry);
      if (action.kind === "cancel") this.wheel.cancel(entry);
      else this.wheel.schedule(entry, action.after);
    } else {
      const at = this.now + action.after;
      this.running.set(action.entry, { at, setAt: this.now });
      this.wheel.schedule(entry, at);
    }
  }

  advance(by: number): void {
    this.now += by;
    this.wheel.advance(this.now);
    for (const [index, { at, setAt }] of this.running) {
      const due = Math.max(at, setAt);
      assert.ok(
        due > this.now - this.wheel.tickMs,
        `entry ${index}, due at ${due}, still runs at ${this.now}`,
      );
    }
  }

  private wake(index: number, now: number): void {
    assert.equal(now, this.now);
    const running = this.running.get(index);
    assert.ok(running, `entry ${index} fired and was not running`);
    assert.ok(running.at <= now, `entry ${index}, due at ${running.at}, fired early at ${now}`);
    this.running.delete(index);
    this.fired.push(index);
    const actions = this.waiting.get(index) ?? [];
    this.waiting.delete(index);
    for (const action of actions) this.do(action);
  }
}

/** Times about the borders of the levels: 256, 65,536 ticks; in the past; never. */
const anyAfter = fc.oneof(
  fc.integer({ min: -300, max: 300 }),
  fc.constantFrom(0, 1, 255, 256, 257, 511, 512, 513, 65_279, 65_535, 65_536, 65_537, 65_792),
  fc.nat(140_000),
  fc.nat(3_000).map((tenths) => tenths / 10),
  fc.constant(Number.POSITIVE_INFINITY),
);
const anyEntry = fc.nat(ENTRIES - 1);
const anyAction: fc.Arbitrary<Action> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant("schedule" as const), entry: anyEntry, after: anyAfter }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("cancel" as const), entry: anyEntry }) },
);
const anyCommand: fc.Arbitrary<Command> = fc.oneof(
  { weight: 4, arbitrary: anyAction },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant("advance" as const),
      by: fc.oneof(fc.nat(20), fc.nat(600), fc.constantFrom(0, 1, 255, 256, 65_535, 65_536), fc.nat(90_000)),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("when fired" as const),
      entry: anyEntry,
      actions: fc.array(anyAction, { minLength: 1, maxLength: 3 }),
    }),
  },
);

test("any use of it: each deadline fires once, never early, at most one tick late", () => {
  fc.assert(
    fc.property(
      fc.constantFrom(0, 123.456, 1_000_000),
      fc.constantFrom(1, 10, 7),
      fc.array(anyCommand, { minLength: 1, maxLength: 40 }),
      (origin, tickMs, commands) => {
        const world = new World(origin, tickMs);
        for (const command of commands) {
          if (command.kind === "advance") world.advance(command.by);
          else if (command.kind === "when fired") world.waiting.set(command.entry, command.actions);
          else world.do(command);
          assert.equal(world.wheel.size, world.running.size);
        }
        world.waiting.clear();
        world.advance(150_000);
        assert.equal(world.wheel.size, 0);
        assert.deepEqual([...world.running], []);
      },
    ),
    RUNS,
  );
});

test("deadlines fire in their order, whatever order they were set in", () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 1, max: 200_000 }), { minLength: 2, maxLength: 60 }),
      (deadlines) => {
        const wheel = new TimerWheel(0, 1);
        const fired: number[] = [];
        for (const at of deadlines) wheel.schedule(new TimerEntry(() => fired.push(at)), at);
        wheel.advance(200_001);
        assert.deepEqual(
          fired,
          deadlines.toSorted((a, b) => a - b),
        );
      },
    ),
    RUNS,
  );
});
