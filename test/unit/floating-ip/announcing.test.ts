// When the address is announced.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { announceDeadline, announceFrom, announceStep, defend } from "../../../src/floating-ip/announcing.ts";

/** Times of announcements when the process runs at each deadline. */
function run(from: number, untilMs: number): number[] {
  const at: number[] = [];
  let state = announceFrom(from);
  for (let now = announceDeadline(state); now <= untilMs; now = announceDeadline(state)) {
    const [next, due] = announceStep(state, now);
    state = next;
    if (due) at.push(now - from);
  }
  return at;
}

describe("announcements", () => {
  test("five within 100 ms, five more within 8 s, then each minute", () => {
    const burst = [0, 10, 20, 50, 100, 500, 1_000, 2_000, 4_000, 8_000];
    assert.deepEqual(run(7_000, 7_000 + 130_000), [...burst, 68_000, 128_000]);
  });

  test("before its time nothing is announced", () => {
    const [state] = announceStep(announceFrom(0), 0);
    assert.deepEqual(announceStep(state, 9), [state, false]);
  });

  test("a process that was held up announces once for all that it missed", () => {
    const [state, due] = announceStep(announceFrom(0), 3_000);
    assert.equal(due, true);
    assert.equal(announceStep(state, 3_000)[1], false);
    assert.equal(announceDeadline(state), 4_000);
  });

  test("another's claim is answered at once; more of them once a second, and the last one, too", () => {
    const [first, now] = defend(announceFrom(0), 100);
    assert.equal(now, true);
    const [second, again] = defend(first, 1_099);
    assert.equal(again, false);
    assert.deepEqual(defend(second, 1_099), [second, false]);
    assert.equal(second.due.includes(1_100), true);
    assert.equal(defend(first, 1_100)[1], true);
  });
});
