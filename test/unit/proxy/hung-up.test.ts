// A BYE of a call that still rings as far as its record says: it was answered by the node before, or the BYE ended an early dialog (§15).
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
import { comes, endings, first, ringing, second, sentInside } from "../../support/switch-rows.ts";

function taken(): { world: ProxyWorld; successor: ProxyWorld; invite: Sent } {
  const { world, invite } = first(ringing);
  return { world, invite, successor: second(world, world.stored()) };
}

/** The caller's BYE goes through, and has this answer. */
function hungUp(status = 200): { successor: ProxyWorld; invite: Sent } {
  const { successor, invite } = taken();
  const bye = only(successor.inDialog("BYE", invite), "BYE");
  // A time-out has come for the caller, too (RFC 4320 §4.2).
  const up = status === 408 ? [] : [`${status} caller`];
  assert.deepEqual(outline(successor.receive(answer(bye.message, status), bye.flow)), up);
  return { successor, invite };
}

describe("a BYE of a call that still rings as far as its record says", () => {
  for (const status of [200, 481, 408]) {
    test(`answered by ${status}: no 487 comes, so that the call had been answered, and is over`, () => {
      const { successor } = hungUp(status);
      assert.equal(successor.cdrs.length, 0);
      assert.deepEqual(outline(successor.pass(2_000)), []);
      assert.deepEqual(endings(successor), [["caller", 200]]);
      assert.equal(successor.calls.size, 0);
      assert.equal(successor.count("restored.answered-before"), 1);
      successor.pass(400_000);
      assert.deepEqual(endings(successor), [["caller", 200]]);
      assert.ok(successor.idle);
    });
  }

  test("challenged: it comes again, and nothing is over", () => {
    const { successor } = hungUp(401);
    successor.pass(2_000);
    assert.deepEqual([successor.cdrs.length, successor.calls.size], [0, 1]);
  });

  test("it was up from the takeover on, as far as anybody knows, to the answer of the BYE", () => {
    const { successor, invite } = taken();
    successor.pass(60_000);
    const bye = only(successor.inDialog("BYE", invite), "BYE");
    successor.receive(answer(bye.message, 200), bye.flow);
    const at = successor.now;
    successor.pass(2_000);
    const [cdr] = successor.cdrs;
    assert.ok(cdr !== undefined && cdr.answer !== null);
    assert.deepEqual([cdr.durationMs, cdr.end - cdr.answer], [60_000, 60_000]);
    assert.equal(successor.now - at, 2_000);
  });

  test("of the callee, who may send none before its answer: over at once", () => {
    const { successor, invite } = taken();
    const bye = sentInside("callee", "BYE", successor, invite);
    successor.receive(answer(bye.message, 200), bye.flow);
    assert.deepEqual(endings(successor), [["callee", 200]]);
  });

  test("that the node before forwarded, and whose 200 comes here", () => {
    const { world, invite } = first(ringing);
    const bye = only(world.inDialog("BYE", invite), "BYE");
    const successor = second(world, world.stored());
    assert.deepEqual(outline(successor.receive(answer(bye.message, 200), bye.flow)), ["200 caller"]);
    successor.pass(2_000);
    assert.deepEqual(endings(successor), [["caller", 200]]);
  });

  test("ended an early dialog: the 487 goes up (§15.1.2)", () => {
    const { successor, invite } = hungUp();
    const up = successor.receive(answer(invite.message, 487), invite.flow);
    assert.deepEqual(outline(up), ["ACK pbx1", "487 caller"]);
    successor.receive(request("ACK"));
    successor.pass(400_000);
    assert.deepEqual(endings(successor), [["caller", 487]]);
    assert.ok(successor.idle);
  });

  test("a 487 that comes late is acknowledged and goes up all the same", () => {
    const { successor, invite } = hungUp();
    successor.pass(10_000);
    const up = successor.receive(answer(invite.message, 487), invite.flow);
    assert.deepEqual(outline(up), ["ACK pbx1", "487 caller"]);
    assert.deepEqual(endings(successor), [["caller", 200]]);
  });

  test("behind a fork another early dialog answers later: that goes up, and is a call", () => {
    const { successor, invite } = hungUp();
    successor.pass(10_000);
    assert.deepEqual(outline(comes2xx(successor, invite, "b2")), ["200 caller"]);
    assert.deepEqual([successor.calls.size, successor.calls.callsOn("udp:10.1.0.11:5060")], [1, 1]);
    const via = "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKsecond;rport";
    const bye = only(successor.inDialog("BYE", invite, { toTag: "b2", via, cseq: 3 }), "BYE");
    successor.receive(answer(bye.message, 200), bye.flow);
    const [early, late] = successor.cdrs;
    assert.deepEqual(endings(successor), [
      ["caller", 200],
      ["caller", 200],
    ]);
    assert.equal(early?.id, late?.id);
    assert.equal(late?.target, "udp:10.1.0.11:5060");
  });

  test("the answer of the dialog that it ended comes once more: it goes up, and is no call (§13.3.1.4)", () => {
    const { successor, invite } = hungUp();
    successor.pass(4_000);
    assert.deepEqual(outline(comes2xx(successor, invite, "b1")), ["200 caller"]);
    assert.equal(successor.calls.size, 0);
    successor.pass(400_000);
    assert.deepEqual(endings(successor), [["caller", 200]]);
  });

  test("a call that began here meanwhile is none of its business", () => {
    const { successor } = hungUp();
    successor.pass(4_000);
    const via = "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKother;rport";
    const other = successor.invite({ via, callId: "call-2@192.0.2.1" });
    successor.receive(answer(other.message, 200, { tag: "c1" }), other.flow);
    successor.pass(1_000);
    assert.deepEqual([successor.calls.size, successor.cdrs.length], [1, 1]);
  });

  test("an INVITE before it that has had its final is left alone, and leaves no record", () => {
    const { successor: world, invite } = taken();
    world.receive(answer(invite.message, 407), pbx(1));
    world.receive(request("ACK"));
    const via = "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKalice2;rport";
    const again = world.invite({ cseq: 2, via });
    world.receive(answer(again.message, 180), pbx(1));
    world.pass(40_000);
    const bye = only(world.receive(request("BYE", { ...dialogOf(again, "BYE"), cseq: 3 })), "BYE");
    world.receive(answer(bye.message, 200), bye.flow);
    world.receive(answer(again.message, 487), pbx(1));
    world.receive(request("ACK", { cseq: 2, via }));
    world.pass(100_000);
    assert.ok(world.idle);
  });
  test("while its account waits for a 487 no other target is tried either, and none is named", () => {
    const { world } = first(comes(100));
    const successor = second(world, world.stored());
    const invite = world.sent.find(({ message }) => message.method === "INVITE");
    assert.ok(invite !== undefined);
    successor.pass(3_000);
    const bye = only(successor.inDialog("BYE", invite), "BYE");
    successor.receive(answer(bye.message, 200), bye.flow);
    assert.deepEqual(outline(successor.receive(answer(invite.message, 503), invite.flow)), [
      "ACK pbx1",
      "500 caller",
    ]);
    assert.deepEqual(
      successor.cdrs[0]?.attempts.map(({ target }) => target),
      ["udp:10.1.0.11:5060"],
    );
  });

  test("an INVITE that nobody has answered yet is sent no more: who has answered may take it for a new one", () => {
    const { world, invite } = first();
    const successor = second(world, world.stored());
    const bye = only(successor.inDialog("BYE", invite), "BYE");
    successor.receive(answer(bye.message, 200), bye.flow);
    assert.deepEqual(outline(successor.pass(20_000)), []);
    assert.deepEqual(endings(successor), [["caller", 200]]);
  });

  test("it rang at the successor: it was answered no earlier than that", () => {
    const { successor, invite } = taken();
    successor.pass(50_000);
    successor.receive(answer(invite.message, 180), invite.flow);
    successor.pass(10_000);
    const bye = only(successor.inDialog("BYE", invite), "BYE");
    successor.receive(answer(bye.message, 200), bye.flow);
    successor.pass(2_000);
    assert.equal(successor.cdrs[0]?.durationMs, 10_000);
  });

  test("the successor is gone before the account is made: the next one knows who hung up", () => {
    const { successor } = hungUp();
    successor.pass(1_000);
    const third = second(successor, successor.stored());
    third.pass(400_000);
    assert.deepEqual(
      endings(third).map((row) => (row as unknown[])[0]),
      ["caller"],
    );
  });

  test("no other target is tried for a caller that has hung up", () => {
    const { world } = first(comes(100));
    const successor = second(world, world.stored());
    const invite = world.sent.find(({ message }) => message.method === "INVITE");
    assert.ok(invite !== undefined);
    const bye = only(successor.inDialog("BYE", invite), "BYE");
    successor.receive(answer(bye.message, 200), bye.flow);
    assert.deepEqual(outline(successor.pass(60_000)), []);
    assert.deepEqual(endings(successor), [["caller", 200]]);
  });
});

function comes2xx(world: ProxyWorld, invite: Sent, tag: string): Sent[] {
  return world.receive(answer(invite.message, 200, { tag }), invite.flow);
}
