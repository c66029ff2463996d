// A BYE that the node before forwarded and had no time to store: its final response comes to the successor.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { answer, only, outline } from "../../support/proxy-world.ts";
import { comes, endings, first, ringing, second, sentInside } from "../../support/switch-rows.ts";

describe("a BYE of which only the answer comes here", () => {
  for (const by of ["caller", "callee"] as const) {
    test(`of the ${by} ends its call, once`, () => {
      const { world, invite } = first(ringing, comes(200));
      world.inDialog("ACK", invite, { cseq: 1 });
      const stored = world.stored();
      const bye = sentInside(by, "BYE", world, invite);
      const next = second(world, stored);
      assert.deepEqual(outline(next.receive(answer(bye.message, 200), bye.flow)).length, 1);
      assert.deepEqual(endings(next), [[by, 200]]);
      next.pass(400_000);
      assert.deepEqual([endings(next).length, next.calls.size], [1, 0]);
    });

    test(`of the ${by} ends one that rings by its record, too`, () => {
      const { world, invite } = first(ringing);
      const stored = world.stored();
      world.receive(answer(invite.message, 200, { tag: "b1" }), invite.flow);
      const bye = sentInside(by, "BYE", world, invite);
      const next = second(world, stored);
      next.receive(answer(bye.message, 200), bye.flow);
      next.pass(2_000);
      assert.deepEqual(endings(next), [[by, 200]]);
    });
  }

  test("challenged, it comes again: nothing is over", () => {
    const { world, invite } = first(ringing, comes(200));
    const stored = world.stored();
    const bye = sentInside("caller", "BYE", world, invite);
    const next = second(world, stored);
    next.receive(answer(bye.message, 401), bye.flow);
    assert.deepEqual([next.cdrs.length, next.calls.size], [0, 1]);
  });

  test("of another dialog of the call, behind a fork, does not end it", () => {
    const { world, invite } = first(ringing, comes(200));
    const stored = world.stored();
    const bye = only(world.inDialog("BYE", invite, { toTag: "b2" }), "BYE");
    const next = second(world, stored);
    next.receive(answer(bye.message, 200), bye.flow);
    assert.deepEqual([next.cdrs.length, next.calls.size], [0, 1]);
  });
});
