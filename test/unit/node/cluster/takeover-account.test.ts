// What the history is told of a takeover, and when.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { HistoryEntry } from "../../../../src/node/cluster/history.ts";
import { TakeoverAccount } from "../../../../src/node/cluster/takeover-account.ts";
import { SERVES } from "./history-example.ts";

function account() {
  const told: HistoryEntry[] = [];
  return { told, account: new TakeoverAccount((entry) => told.push(entry)) };
}

describe("a takeover", () => {
  test("is told as soon as the node serves, and as a whole when all is restored", () => {
    const { told, account: ours } = account();
    ours.restoring();
    ours.tell(SERVES);
    assert.deepEqual(told, [SERVES]);
    ours.restored({ calls: 3 }, 12);
    const phases = { lease: 1, total: 20, restored: 32 };
    assert.deepEqual(told, [SERVES, { ...SERVES, phases, restored: { calls: 3 } }]);
  });

  test("whose restoring is cut off has been told all the same", () => {
    const { told, account: ours } = account();
    ours.restoring();
    ours.tell(SERVES);
    ours.tell({ ...SERVES, what: "role", role: "fenced", phases: null });
    assert.deepEqual(
      told.map(({ what }) => what),
      ["takeover", "role"],
    );
  });

  test("that writes itself into Redis again while it restores is another entry", () => {
    const { told, account: ours } = account();
    ours.restoring();
    ours.tell(SERVES);
    const again: HistoryEntry = {
      ...SERVES,
      epoch: 7,
      phases: null,
      reason: "wrote itself into Redis again",
    };
    ours.tell(again);
    ours.restored({ calls: 0 }, 1);
    assert.deepEqual(
      told.map(({ epoch, restored }) => [epoch, restored]),
      [
        [6, undefined],
        [7, undefined],
        [6, { calls: 0 }],
      ],
    );
  });

  test("of a node that goes on with the calls that it has is told as a whole at once", () => {
    const { told, account: ours } = account();
    ours.tell(SERVES);
    assert.deepEqual(told, [{ ...SERVES, restored: {} }]);
  });

  test("of which not all could be restored stays as it was told", () => {
    const { told, account: ours } = account();
    ours.restoring();
    ours.tell(SERVES);
    ours.cutOff();
    ours.restored({ calls: 3 }, 12);
    assert.deepEqual(told, [SERVES]);
  });

  test("is told as a whole once", () => {
    const { told, account: ours } = account();
    ours.restored({ calls: 0 }, 1);
    ours.restoring();
    ours.tell(SERVES);
    for (let i = 0; i < 2; i++) ours.restored({ calls: 0 }, 1);
    assert.equal(told.length, 2);
  });
});
