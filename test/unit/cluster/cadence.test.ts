// When what is done each so often is done next.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { isTurn, nextTurn } from "../../../src/cluster/cadence.ts";

describe("the next turn", () => {
  const rows = [
    { name: "is the next multiple", now: 1_234, everyMs: 100, at: 1_300 },
    { name: "of a turn that is late, too", now: 1_299, everyMs: 500, at: 1_500 },
    { name: "is the one after it at a multiple", now: 1_300, everyMs: 100, at: 1_400 },
    { name: "is the one after it a moment before a multiple", now: 1_295, everyMs: 100, at: 1_400 },
    { name: "a moment is a tenth of a short interval", now: 18.5, everyMs: 10, at: 20 },
  ];
  for (const { name, now, everyMs, at } of rows)
    test(name, () => {
      assert.equal(nextTurn(now, everyMs), at);
      assert.equal(isTurn(at, nextTurn(now, everyMs), everyMs), true);
      assert.equal(isTurn(now, nextTurn(now, everyMs), everyMs), false);
    });
});
