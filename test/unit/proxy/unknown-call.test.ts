// A call whose records were all lost with the node that had it (docs/replication.md): what its successor learns from what goes up.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  answer,
  CALLER,
  only,
  outline,
  ProxyWorld,
  pbx,
  request,
  type Sent,
  type StoredRecords,
  WORLD_CONFIG,
} from "../../support/proxy-world.ts";
import { first, ringing, second, sentInside, time } from "../../support/switch-rows.ts";

const nothingAt = (at: number): StoredRecords => ({ at, records: [] });

/** The first node has an INVITE that rings, and the second knows nothing of it. */
function lost(config = WORLD_CONFIG): { world: ProxyWorld; invite: Sent; next: ProxyWorld } {
  const { world, invite } = first(ringing);
  return { world, invite, next: second(world, nothingAt(world.now), config) };
}

/** The call is up, and a re-INVITE of one side goes through the first node; the second knows nothing of either. */
function reInvited(by: "caller" | "callee"): { invite: Sent; again: Sent; next: ProxyWorld } {
  const { world, invite } = first(ringing);
  world.receive(answer(invite.message, 200, { tag: "b1" }), invite.flow);
  const again = sentInside(by, "INVITE", world, invite);
  return { invite, again, next: second(world, nothingAt(world.now)) };
}

const told = ({ cdrs }: ProxyWorld): unknown[] =>
  cdrs.map(({ endedBy, status, target }) => [endedBy, status, target]);
const answered = (next: ProxyWorld, invite: Sent, tag = "b1"): Sent[] =>
  next.receive(answer(invite.message, 200, { tag }), invite.flow);

describe("a call whose records were all lost", () => {
  test("that is answered and hung up here is accounted for, under the id that it has anywhere", () => {
    const { world, invite, next } = lost();
    assert.deepEqual(outline(answered(next, invite)), ["200 caller"]);
    assert.deepEqual(outline(next.inDialog("ACK", invite, { cseq: 1 })), ["ACK pbx1"]);
    next.pass(60_000);
    const bye = only(next.inDialog("BYE", invite), "BYE");
    next.receive(answer(bye.message, 200), bye.flow);
    assert.deepEqual(told(next), [["caller", 200, "udp:10.1.0.11:5060"]]);
    assert.deepEqual([next.cdrs[0]?.ingress, next.cdrs[0]?.from], ["carriers", "sip:alice@192.0.2.1"]);
    assert.equal(next.cdrs[0]?.durationMs, 60_000);
    world.receive(answer(invite.message, 486), invite.flow);
    assert.equal(next.cdrs[0]?.id, world.cdrs[0]?.id);
  });

  test("that is refused here is accounted for, once though the refusal is repeated", () => {
    const { invite, next } = lost();
    for (let times = 0; times < 2; times++) next.receive(answer(invite.message, 486), invite.flow);
    assert.deepEqual(told(next), [["refused", 486, "udp:10.1.0.11:5060"]]);
  });

  test("whose 2xx is only repeated, and of which nothing more is heard, is uncertain", () => {
    const { invite, next } = lost();
    for (let times = 0; times < 2; times++) answered(next, invite);
    next.pass(31_999);
    assert.equal(next.cdrs.length, 0);
    next.pass(1);
    assert.deepEqual(told(next), [["uncertain", 200, "udp:10.1.0.11:5060"]]);
  });

  test("whose ACK comes when no more calls are learned is up all the same", () => {
    const { invite, next } = lost();
    next.pass(216_990);
    answered(next, invite);
    next.pass(100);
    next.inDialog("ACK", invite, { cseq: 1 });
    next.pass(60_000);
    assert.deepEqual([next.calls.size, next.cdrs.length], [1, 0]);
  });

  test("and that could have rung no longer is none of ours: nothing is learned", () => {
    const { invite, next } = lost();
    next.pass(217_000);
    answered(next, invite);
    assert.equal(next.calls.size, 0);
  });

  test("nor is one where not all that was stored has come: it may be in what is missing", () => {
    const { world, invite } = first(ringing);
    const next = new ProxyWorld(WORLD_CONFIG, undefined, world.now);
    next.inherit(nothingAt(world.now), false);
    assert.deepEqual(outline(answered(next, invite)), ["200 caller"]);
    assert.deepEqual([next.calls.size, next.count("restored.unknown-call")], [0, 0]);
  });

  test("is stored from then on, and goes on at the node after the next", () => {
    const { invite, next } = lost();
    answered(next, invite);
    next.inDialog("ACK", invite, { cseq: 1 });
    const third = second(next, next.stored());
    const bye = only(third.inDialog("BYE", invite), "BYE");
    third.receive(answer(bye.message, 200), bye.flow);
    assert.deepEqual(told(third), [["caller", 200, "udp:10.1.0.11:5060"]]);
  });

  test("ends at its longest duration by a BYE to the callee: where the caller is to be reached it never said", () => {
    const { invite, next } = lost(
      WORLD_CONFIG.replace("setupTimeout: 10m", "setupTimeout: 10m, maxDuration: 5m"),
    );
    answered(next, invite);
    next.inDialog("ACK", invite, { cseq: 1 });
    assert.deepEqual(outline(next.pass(300_000)), ["BYE pbx1"]);
    assert.equal(next.count("hang-up.no-way"), 1);
    assert.deepEqual(told(next), [["max-duration", 200, "udp:10.1.0.11:5060"]]);
  });

  test("over a stream, or from another port, is its target's all the same", () => {
    for (const flow of [{ ...pbx(2), transport: "tcp", listener: 1 } as const, { ...pbx(2), port: 32_768 }]) {
      const { invite, next } = lost();
      next.receive(answer(invite.message, 486), flow);
      assert.deepEqual(told(next), [["refused", 486, "udp:10.1.0.12:5060"]]);
    }
  });

  test("from a place that is no target: named by where it is", () => {
    const { invite, next } = lost();
    next.receive(answer(invite.message, 486), { ...pbx(1), address: "10.1.0.99" });
    assert.deepEqual(told(next), [["refused", 486, "udp:10.1.0.99:5060"]]);
  });

  test("over IPv6", () => {
    const caller = { ...CALLER, listener: 2, address: "2001:db8:1::1" };
    const world = new ProxyWorld();
    const invite = world.invite(
      { via: "SIP/2.0/UDP [2001:db8:1::1]:5060;branch=z9hG4bKalice1;rport" },
      caller,
    );
    const next = second(world, nothingAt(world.now));
    assert.deepEqual(outline(answered(next, invite)), ["200 udp:2001:db8:1::1:5060"]);
    assert.equal(next.calls.find("call-1@192.0.2.1 a1")?.group, "carriers");
  });
});

describe("what is no call of the node before", () => {
  /** A call of the successor's own: the first target is silent, and the second has this answer. */
  function own(status: number): { next: ProxyWorld; silent: Sent; other: Sent } {
    const next = second(new ProxyWorld(), nothingAt(1_000));
    const silent = next.invite();
    next.pass(2_000);
    const other = next.sent.findLast(
      ({ message, flow }) => message.method === "INVITE" && flow.address === pbx(2).address,
    );
    assert.ok(other !== undefined);
    next.receive(
      answer(other.message, status, { tag: "b2", contact: "<sip:bob@10.1.0.12:5060>" }),
      other.flow,
    );
    return { next, silent, other };
  }

  test("a target answers when its call was refused long ago: ended, and no second account", () => {
    const { next, silent } = own(486);
    next.receive(request("ACK"));
    next.pass(70_000);
    assert.deepEqual(outline(next.receive(answer(silent.message, 200, { tag: "b1" }), silent.flow)), [
      "ACK pbx1",
      "BYE pbx1",
    ]);
    next.pass(60_000);
    assert.deepEqual(told(next), [["refused", 486, "udp:10.1.0.12:5060"]]);
  });

  test("a target refuses when its call was answered by another and hung up: acknowledged, and no second account", () => {
    const { next, silent, other } = own(200);
    const uri = "sip:bob@10.1.0.12:5060";
    next.inDialog("ACK", other, { cseq: 1, uri, toTag: "b2" });
    const bye = only(next.inDialog("BYE", other, { uri, toTag: "b2" }), "BYE");
    next.receive(answer(bye.message, 200), bye.flow);
    next.pass(70_000);
    assert.deepEqual(outline(next.receive(answer(silent.message, 486), silent.flow)), ["ACK pbx1"]);
    assert.deepEqual(told(next), [["caller", 200, "udp:10.1.0.12:5060"]]);
  });

  test("a 2xx of a call that is known and up is only repeated: nobody doubts it", () => {
    const { world, invite } = first(ringing);
    world.receive(answer(invite.message, 200, { tag: "b1" }), invite.flow);
    world.inDialog("ACK", invite, { cseq: 1 });
    world.pass(40_000); // of its INVITE nothing is stored any more
    const next = second(world, world.stored());
    assert.deepEqual(outline(answered(next, invite)), ["200 caller"]);
    next.pass(60_000);
    assert.deepEqual([next.calls.size, next.cdrs.length], [1, 0]);
  });

  test("a re-INVITE is refused while its call rings by its record: no account ends", () => {
    const { world, invite } = first(ringing);
    const stored = world.stored();
    world.receive(answer(invite.message, 200, { tag: "b1" }), invite.flow);
    const again = only(world.inDialog("INVITE", invite), "INVITE");
    const next = second(world, stored);
    next.receive(answer(again.message, 491), again.flow);
    assert.equal(next.cdrs.length, 0);
  });
});

describe("one whose caller gave up at the successor", () => {
  const givenUp = (): { invite: Sent; next: ProxyWorld } => {
    const { invite, next } = lost();
    next.receive(request("CANCEL", { more: ['Reason: SIP;cause=480;text="Gone"'] }));
    return { invite, next };
  };

  test("its 487 goes up, and the account says so, with the Reason of the CANCEL", () => {
    const { invite, next } = givenUp();
    for (let times = 0; times < 2; times++) next.receive(answer(invite.message, 487), invite.flow);
    assert.deepEqual(told(next), [["cancel", 487, "udp:10.1.0.11:5060"]]);
    assert.equal(next.cdrs[0]?.reason, 'SIP;cause=480;text="Gone"');
  });

  test("its 200 is ended, each time: one account, with no status as nothing went up", () => {
    const { invite, next } = givenUp();
    for (let times = 0; times < 2; times++) answered(next, invite);
    assert.deepEqual(told(next), [["cancel", 0, "udp:10.1.0.11:5060"]]);
  });

  test("what another target refuses goes up after the 200 of the first was ended", () => {
    const { world, invite } = first(time(2_000));
    const other = world.sent.find(({ flow }) => flow.address === pbx(2).address);
    assert.ok(other !== undefined);
    const next = second(world, nothingAt(world.now));
    next.receive(request("CANCEL"));
    answered(next, invite);
    assert.deepEqual(outline(next.receive(answer(other.message, 487), other.flow)), [
      "ACK pbx2",
      "487 caller",
    ]);
    assert.deepEqual(told(next), [["cancel", 0, "udp:10.1.0.11:5060"]]);
  });
});

describe("a re-INVITE that is unknown here began no call", () => {
  for (const by of ["caller", "callee"] as const) {
    for (const status of [200, 487, 491]) {
      test(`of the ${by}: its ${status} goes up, and nothing is learned`, () => {
        const { again, next } = reInvited(by);
        const up = next.receive(answer(again.message, status), again.flow);
        assert.equal(outline(up).at(-1), by === "caller" ? `${status} caller` : `${status} pbx1`);
        next.pass(400_000);
        assert.deepEqual([next.calls.size, next.cdrs.length, next.count("restored.unknown-call")], [0, 0, 0]);
      });
    }
  }

  test("nor does one whose call has ended here meanwhile", () => {
    const { world, invite } = first(ringing);
    world.receive(answer(invite.message, 200, { tag: "b1" }), invite.flow);
    const stored = world.stored();
    const again = only(world.inDialog("INVITE", invite), "INVITE");
    const next = second(world, stored);
    const bye = only(next.inDialog("BYE", invite, { cseq: 3 }), "BYE");
    next.receive(answer(bye.message, 200), bye.flow);
    next.receive(answer(again.message, 487), again.flow);
    next.pass(400_000);
    assert.deepEqual(told(next), [["caller", 200, "udp:10.1.0.11:5060"]]);
  });
});
