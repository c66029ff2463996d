// One tick is 10 ms unless a row says otherwise; times are counted from the wheel's start.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { TimerEntry, TimerWheel } from "../../../../src/sip/timer/timer-wheel.ts";

describe("one deadline", () => {
  interface Row {
    readonly name: string;
    readonly tickMs?: number;
    readonly at: number;
    /** The wheel is looked at then; the first look at which it fires. */
    readonly looks: readonly number[];
    readonly firesAt: number | null;
  }
  const rows: readonly Row[] = [
    { name: "on a tick: at that tick", at: 500, looks: [490, 499, 500, 510], firesAt: 500 },
    { name: "between ticks: at the next, never early", at: 501, looks: [500, 501, 509, 510], firesAt: 510 },
    { name: "now: one tick later", at: 0, looks: [0, 9, 10], firesAt: 10 },
    { name: "in the past: one tick later", at: -1_000, looks: [0, 10], firesAt: 10 },
    { name: "the first tick of level 1 (256)", at: 2_560, looks: [2_550, 2_559, 2_560], firesAt: 2_560 },
    { name: "the last tick of level 0 (255)", at: 2_550, looks: [2_540, 2_550], firesAt: 2_550 },
    { name: "level 2 (65,536 ticks)", at: 655_360, looks: [655_359, 655_360], firesAt: 655_360 },
    {
      name: "level 3 (16,777,216 ticks)",
      tickMs: 1,
      at: 16_777_221,
      looks: [16_777_220, 16_777_221],
      firesAt: 16_777_221,
    },
    { name: "a long jump past it", at: 1_234, looks: [10, 3_600_000], firesAt: 3_600_000 },
    { name: "never", at: Number.POSITIVE_INFINITY, looks: [3_600_000], firesAt: null },
  ];
  for (const { name, tickMs = 10, at, looks, firesAt } of rows) {
    test(name, () => {
      const wheel = new TimerWheel(0, tickMs);
      const fired: number[] = [];
      wheel.schedule(new TimerEntry((now) => fired.push(now)), at);
      for (const look of looks) wheel.advance(look);
      assert.deepEqual(fired, firesAt === null ? [] : [firesAt]);
      assert.equal(wheel.size, 0);
    });
  }
});

describe("an entry", () => {
  const setUp = () => {
    const wheel = new TimerWheel(0, 10);
    const fired: string[] = [];
    const entry = (name: string, then = (): void => {}): TimerEntry =>
      new TimerEntry((now) => {
        fired.push(`${now} ${name}`);
        then();
      });
    return { wheel, fired, entry };
  };

  test("has one deadline: the last one set", () => {
    const { wheel, fired, entry } = setUp();
    const a = entry("a");
    for (const at of [100, 700_000, 300, 200]) wheel.schedule(a, at);
    assert.equal(wheel.size, 1);
    for (let now = 10; now <= 1_000; now += 10) wheel.advance(now);
    assert.deepEqual(fired, ["200 a"]);
  });

  test("is cancelled by cancel, twice without harm, and by a deadline that never comes", () => {
    const { wheel, fired, entry } = setUp();
    const [a, b] = [entry("a"), entry("b")];
    wheel.schedule(a, 100);
    wheel.schedule(b, 100);
    wheel.cancel(a);
    wheel.cancel(a);
    wheel.schedule(b, Number.POSITIVE_INFINITY);
    assert.equal(wheel.size, 0);
    wheel.advance(1_000);
    assert.deepEqual(fired, []);
  });

  test("may be taken from the head, the middle and the end of a slot that others share", () => {
    for (const removed of [0, 1, 2]) {
      const { wheel, fired, entry } = setUp();
      const all = ["a", "b", "c"].map((name) => entry(name));
      for (const one of all) wheel.schedule(one, 5_000);
      const gone = all[removed];
      assert.ok(gone);
      wheel.cancel(gone);
      wheel.advance(5_000);
      assert.equal(fired.length, 2);
      assert.ok(!fired.includes(`5000 ${"abc"[removed]}`));
    }
  });

  test("may cancel its neighbour of the same tick while firing", () => {
    const { wheel, fired, entry } = setUp();
    const all: TimerEntry[] = [];
    const cancelAll = (): void => {
      for (const one of all) wheel.cancel(one);
    };
    for (const name of ["a", "b"]) all.push(entry(name, cancelAll));
    for (const one of all) wheel.schedule(one, 100);
    wheel.advance(100);
    assert.equal(fired.length, 1);
    assert.equal(wheel.size, 0);
  });

  test("may schedule itself while firing, even for now, and does not fire twice in one tick", () => {
    const { wheel, fired, entry } = setUp();
    const again: TimerEntry = entry("again", () => wheel.schedule(again, 0));
    wheel.schedule(again, 10);
    wheel.advance(10);
    assert.deepEqual(fired, ["10 again"]);
    wheel.advance(30);
    assert.deepEqual(fired, ["10 again", "30 again", "30 again"]);
  });

  test("set after a long idle time fires in its time", () => {
    const { wheel, fired, entry } = setUp();
    wheel.advance(86_400_000);
    wheel.schedule(entry("a"), 86_400_500);
    wheel.advance(86_400_490);
    assert.deepEqual(fired, []);
    wheel.advance(86_400_500);
    assert.deepEqual(fired, ["86400500 a"]);
  });

  test("further away than the wheel is wide is held, moved and cancelled all the same", () => {
    const { wheel, fired, entry } = setUp();
    const [far, near] = [entry("far"), entry("near")];
    wheel.schedule(far, 2 ** 44);
    wheel.schedule(near, 2 ** 44);
    wheel.schedule(near, 100);
    wheel.advance(100);
    assert.deepEqual(fired, ["100 near"]);
    assert.equal(wheel.size, 1);
    wheel.cancel(far);
    assert.equal(wheel.size, 0);
  });
});

describe("a wheel that nobody advances while nothing is due", () => {
  const rows = [
    { name: "until the next deadline", set: [700, 300], sleeps: 300 },
    { name: "until later deadlines are spread over the slots", set: [5_000], sleeps: 2_560 },
    { name: "until then without a deadline, too", set: [], sleeps: 2_560 },
    { name: "not at all where one is due with the next tick", set: [10], sleeps: 10 },
  ];
  for (const { name, set, sleeps } of rows) {
    test(name, () => {
      const wheel = new TimerWheel(0, 10);
      for (const at of set) wheel.schedule(new TimerEntry(() => {}), at);
      assert.equal(
        wheel.sleep(() => {}),
        sleeps,
      );
    });
  }

  test("is woken once by a deadline before the end of its sleep, and by no later one", () => {
    const wheel = new TimerWheel(0, 10);
    let woken = 0;
    wheel.schedule(new TimerEntry(() => {}), 500);
    wheel.sleep(() => woken++);
    wheel.schedule(new TimerEntry(() => {}), 600);
    assert.equal(woken, 0);
    wheel.schedule(new TimerEntry(() => {}), 490);
    wheel.schedule(new TimerEntry(() => {}), 480);
    assert.equal(woken, 1);
  });
});

/** Counts how often the wheel follows or sets a link: what an operation costs, whatever the machine. */
let touches = 0;
class CountedEntry extends TimerEntry {
  #next: TimerEntry | null = null;
  static readonly #counted: PropertyDescriptor & ThisType<CountedEntry> = {
    get() {
      touches++;
      return this.#next;
    },
    set(next: TimerEntry | null) {
      touches++;
      this.#next = next;
    },
  };

  constructor(wake: () => void) {
    super(wake);
    Object.defineProperty(this, "next", CountedEntry.#counted);
  }
}

describe("500,000 deadlines", () => {
  const COUNT = 500_000;
  const SPREAD_MS = 32_000;
  /** Links that one operation follows or sets: those of the entry and of its two neighbours. */
  const TOUCHES_MAX = 10;
  const deadline = (index: number, round: number) => 40_000 + ((index * 7_919 + round * 104_729) % SPREAD_MS);

  test("are set, moved, cancelled and fired at a cost that does not grow with their number", () => {
    const wheel = new TimerWheel(0, 10);
    let fired = 0;
    const entries = Array.from({ length: COUNT }, () => new CountedEntry(() => fired++));
    const costliest = (operation: (entry: TimerEntry, index: number) => void): number => {
      let most = 0;
      entries.forEach((entry, index) => {
        touches = 0;
        operation(entry, index);
        most = Math.max(most, touches);
      });
      return most;
    };
    assert.ok(costliest((entry, index) => wheel.schedule(entry, deadline(index, 0))) <= TOUCHES_MAX);
    assert.equal(wheel.size, COUNT);
    assert.ok(costliest((entry, index) => wheel.schedule(entry, deadline(index, 1))) <= TOUCHES_MAX);
    assert.equal(wheel.size, COUNT);

    // Time without anything due: only what comes down a level is touched, and each entry comes down once or not at all.
    touches = 0;
    for (let now = 10; now < 40_000; now += 10) wheel.advance(now);
    assert.equal(fired, 0);
    assert.ok(touches <= COUNT * TOUCHES_MAX, `${touches} links followed while nothing was due`);
    touches = 0;
    wheel.advance(39_999);
    assert.equal(touches, 0, "a beat without a due deadline walks nothing");

    const half = (index: number): boolean => index % 2 === 0;
    assert.ok(costliest((entry, index) => half(index) && wheel.cancel(entry)) <= TOUCHES_MAX);
    assert.equal(wheel.size, COUNT / 2);
    touches = 0;
    for (let now = 40_000; now <= 40_000 + SPREAD_MS; now += 10) wheel.advance(now);
    assert.equal(fired, COUNT / 2);
    assert.equal(wheel.size, 0);
    assert.ok(touches <= (COUNT / 2) * 2 * TOUCHES_MAX, `${touches} links followed to fire ${fired}`);
  });
});
