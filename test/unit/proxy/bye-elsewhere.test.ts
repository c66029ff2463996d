// A BYE that the node before forwarded and had no time to store: its final response comes to the successor.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  answer,
  dialogOf,
  only,
  outline,
  type ProxyWorld,
  pbx,
  request,
  type Sent,
} from "../../support/proxy-world.ts";
import { comes, first, ringing, second } from "../../support/switch-rows.ts";

const told = ({ cdrs }: ProxyWorld): unknown[] => cdrs.map(({ endedBy, status }) => [endedBy, status]);

function byeOf(by: "caller" | "callee", world: ProxyWorld, invite: Sent): Sent {
  if (by === "caller") return only(world.inDialog("BYE", invite), "BYE");
  const parts = { ...dialogOf(invite, "BYE"), uri: "sip:alice@192.0.2.1:5060", fromTag: "b1", toTag: "a1" };
  const via = "SIP/2.0/UDP 10.1.0.11:5060;branch=z9hG4bKpbx";
  return only(world.receive(request("BYE", { ...parts, via }), pbx(1)), "BYE");
}

describe("a BYE of which only the answer comes here", () => {
  for (const by of ["caller", "callee"] as const) {
    test(`of the ${by} ends its call, once`, () => {
      const { world, invite } = first(ringing, comes(200));
      world.inDialog("ACK", invite, { cseq: 1 });
      const stored = world.stored();
      const bye = byeOf(by, world, invite);
      const next = second(world, stored);
      assert.deepEqual(outline(next.receive(answer(bye.message, 200), bye.flow)).length, 1);
      assert.deepEqual(told(next), [[by, 200]]);
      next.pass(400_000);
      assert.deepEqual([told(next).length, next.calls.size], [1, 0]);
    });

    test(`of the ${by} ends one that rings by its record, too`, () => {
      const { world, invite } = first(ringing);
      const stored = world.stored();
      world.receive(answer(invite.message, 200, { tag: "b1" }), invite.flow);
      const bye = byeOf(by, world, invite);
      const next = second(world, stored);
      next.receive(answer(bye.message, 200), bye.flow);
      next.pass(2_000);
      assert.deepEqual(told(next), [[by, 200]]);
    });
  }

  test("challenged, it comes again: nothing is over", () => {
    const { world, invite } = first(ringing, comes(200));
    const stored = world.stored();
    const bye = byeOf("caller", world, invite);
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
