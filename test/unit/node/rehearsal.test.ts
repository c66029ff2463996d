// The calls that a node carries before it is ready.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { rehearse } from "../../../src/node/rehearsal.ts";

/** Processor time that grows by 100 ms with each look at it. */
function budget(budgetMs: number): { budgetMs: number; usedMs: () => number } {
  let used = 0;
  return {
    budgetMs,
    usedMs: () => {
      used += 100;
      return used;
    },
  };
}

describe("the rehearsal", () => {
  const rows = [
    { name: "no budget: no call", budgetMs: 0, calls: 0 },
    { name: "up to its budget", budgetMs: 300, calls: 100 },
    { name: "one millisecond more buys another round", budgetMs: 301, calls: 150 },
  ];
  for (const { name, budgetMs, calls } of rows) {
    test(name, async () => {
      assert.equal((await rehearse(budget(budgetMs))).calls, calls);
    });
  }

  test("each call comes to its end: answered, cancelled, refused, failed over, changed while it is up, taken over", async () => {
    const { calls, ends } = await rehearse(budget(1_000));
    assert.equal(calls, 450);
    assert.deepEqual(ends, { cancel: 45, caller: 375, refused: 30 });
  });
});
