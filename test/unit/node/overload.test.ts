// How much of the new calls is refused, from what is seen of the load.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { AT_EASE, kernelName, nextState, type OverloadSeen, waitingIn } from "../../../src/node/overload.ts";
import { type PlantRun, runPlant } from "../../support/overload-plant.ts";

const BOUNDS = { loopDelayMs: 100, queueBytes: 500_000 };
const QUIET: OverloadSeen = { loopDelayMs: 0, queueBytes: 0, busy: 0.5 };

describe("the next level", () => {
  interface Row extends Partial<OverloadSeen> {
    name: string;
    level: number;
    before?: number;
    next: number;
  }
  const rows: Row[] = [
    { name: "nothing waits", level: 0, next: 0 },
    { name: "a busy loop alone is no overload", level: 0, busy: 1, next: 0 },
    { name: "the loop is late by its bound", level: 0, loopDelayMs: 100, next: 0 },
    { name: "by more, once: a pause", level: 0, loopDelayMs: 900, before: 1, next: 0 },
    { name: "by more, twice", level: 0, loopDelayMs: 101, before: 1.01, next: 0.1 },
    {
      name: "by more, twice, but less than at first: what came in a pause",
      level: 0,
      loopDelayMs: 800,
      before: 9,
      next: 0,
    },
    { name: "the queue is at its bound", level: 0, queueBytes: 500_000, before: 2, next: 0 },
    { name: "above it", level: 0, queueBytes: 500_001, before: 1.01, next: 0.1 },
    { name: "at twice its bound", level: 0, queueBytes: 1_000_000, before: 1.01, next: 0.1 },
    { name: "above that: the deep cut", level: 0, queueBytes: 1_000_001, before: 1.01, next: 0.5 },
    { name: "both above: the worse counts", level: 0.5, loopDelayMs: 110, queueBytes: 1_100_000, next: 0.75 },
    { name: "one above, one far below", level: 0.5, loopDelayMs: 150, next: 0.55 },
    {
      name: "above, but less than before: the cut has worked",
      level: 0.5,
      queueBytes: 900_000,
      before: 2,
      next: 0.5,
    },
    { name: "above, and hardly less than before", level: 0.5, queueBytes: 960_000, before: 2, next: 0.55 },
    { name: "nearly all is refused: some are let in", level: 0.985, loopDelayMs: 900, next: 0.99 },
    {
      name: "the loop has time left: in proportion to it more is let in",
      level: 0.5,
      busy: 0.9,
      next: 1 - (0.5 * 0.97) / 0.9,
    },
    { name: "much of it: not all at once", level: 0.5, busy: 0.1, next: 1 - 0.5 * 1.5 },
    {
      name: "the loop looks busy, and nothing waits: a little more is let in all the same",
      level: 0.5,
      busy: 1,
      next: 1 - 0.5 * 1.02,
    },
    {
      name: "more than half of the bound waits: nothing is let in anew",
      level: 0.4,
      queueBytes: 250_001,
      next: 0.4,
    },
    { name: "half of it", level: 0.5, queueBytes: 250_000, next: 1 - 0.5 * 1.5 },
    { name: "a last hundredth is none", level: 0.13, next: 0 },
  ];
  for (const { name, level, before = 0, next, ...seen } of rows) {
    test(`${name}: ${level} to ${next.toFixed(2)}`, () => {
      const state = nextState({ level, behind: before }, { ...QUIET, ...seen }, BOUNDS);
      assert.ok(Math.abs(state.level - next) < 1e-9, `${state.level}`);
    });
  }

  test("met in a second, forgotten in four at most", () => {
    let state = AT_EASE;
    let looks = 0;
    for (; state.level < 0.9; looks++) state = nextState(state, { ...QUIET, loopDelayMs: 300 }, BOUNDS);
    assert.ok(looks <= 10, `${looks} looks`);
    for (looks = 0; state.level > 0; looks++) state = nextState(state, QUIET, BOUNDS);
    assert.ok(looks <= 40, `${looks} looks`);
  });
});

describe("a node under the law, as a model", () => {
  const REFUSED_US = 35;
  const PLANT = { refusedUs: REFUSED_US, bufferBytes: 8_000_000, pauseMs: 10 };
  const BEFORE_S = 3;
  const DURING_S = 15;
  const run = (callUs: number, factor: number, seed: number): { capacity: number; ran: PlantRun } => {
    const capacity = 1e6 / callUs;
    const quiet = capacity * 0.6;
    const offered = [BEFORE_S, DURING_S, BEFORE_S].flatMap((seconds, part) =>
      Array.from({ length: seconds }, () => (part === 1 ? capacity * factor : quiet)),
    );
    return { capacity, ran: runPlant({ ...PLANT, callUs }, { offered, bounds: BOUNDS, seed }) };
  };
  const rows = [
    { callUs: 500, factor: 1.05 },
    { callUs: 500, factor: 2 },
    { callUs: 500, factor: 4 },
    { callUs: 250, factor: 1.2 },
    { callUs: 250, factor: 2 },
    { callUs: 180, factor: 2 },
  ];
  for (const { callUs, factor } of rows) {
    for (const seed of [1, 2]) {
      test(`${callUs} us a call, ${factor} times as many as it carries, seed ${seed}`, () => {
        const { capacity, ran } = run(callUs, factor, seed);
        const during = ran.completed.slice(BEFORE_S + 2, BEFORE_S + DURING_S);
        // What is left of each second when the others are refused.
        const best = (1e6 - factor * capacity * REFUSED_US) / (callUs - REFUSED_US);
        const worst = Math.min(...during);
        assert.ok(worst >= 0.8 * Math.min(best, capacity), `${during.join()} of ${best.toFixed(0)}`);
        assert.equal(ran.lost, 0, "no message of a call is lost in a full queue");
        const settled = ran.queueBytes.slice(BEFORE_S + 3, BEFORE_S + DURING_S);
        assert.ok(Math.max(...settled) <= 4 * BOUNDS.queueBytes, settled.join());
      });

      test(`${callUs} us a call, ${factor} times, seed ${seed}: the level does not swing`, () => {
        const { ran } = run(callUs, factor, seed);
        const settled = ran.levels.slice(10 * (BEFORE_S + 4), 10 * (BEFORE_S + DURING_S) - 5);
        const mean = settled.reduce((sum, level) => sum + level, 0) / settled.length;
        const off = Math.sqrt(settled.reduce((sum, level) => sum + (level - mean) ** 2, 0) / settled.length);
        assert.ok(off < 0.08, `${off.toFixed(3)} around ${mean.toFixed(2)}`);
        assert.deepEqual(
          ran.levels.slice(0, 10 * BEFORE_S - 5).filter((level) => level > 0),
          [],
          "before it",
        );
        assert.equal(ran.levels.at(-1), 0, "when it is over");
      });
    }
  }
});

describe("bytes that wait in a socket, from a line of /proc/net/udp", () => {
  const V4 =
    "  412: 0A0100C6:13C4 00000000:0000 07 00000000:00034500 00:00000000 00000000     0        0 4711 2 0000000000000000 0";
  const V6 =
    "  413: B80D0120000000000000000010000000:13C4 00000000000000000000000000000000:0000 07 00000010:0000FF00 00:00000000 00000000     0        0 4712 2 0 3";
  const NAMES = new Set(
    [
      { address: "198.0.1.10", port: 5060 },
      { address: "2001:db8::10", port: 5060 },
    ].map(kernelName),
  );
  const rows: { name: string; line: string; bytes: number }[] = [
    { name: "ours", line: V4, bytes: 0x34500 },
    { name: "IPv6, and what waits to be sent does not count", line: V6, bytes: 0xff00 },
    { name: "another port", line: V4.replace(":13C4", ":13C5"), bytes: 0 },
    { name: "our port at another's address", line: V4.replace("0A0100C6", "0B0100C6"), bytes: 0 },
    { name: "an empty queue", line: V4.replace("00034500", "00000000"), bytes: 0 },
    {
      name: "the heading",
      line: "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when",
      bytes: 0,
    },
    { name: "no line", line: "", bytes: 0 },
    { name: "cut off", line: V4.slice(0, 45), bytes: 0 },
    { name: "no number", line: V4.replace("00034500", "zzzzzzzz"), bytes: 0 },
  ];
  for (const { name, line, bytes } of rows) {
    test(name, () => assert.equal(waitingIn(line, NAMES), bytes));
  }
});
