// RFC 3261 §16.8 and §16.9: Timer C, and what a transport error leads to.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  answer,
  CALLER,
  linesOf,
  only,
  outline,
  ProxyWorld,
  pbx,
  request,
  WORLD_CONFIG,
} from "../../support/proxy-world.ts";

const ONE_TARGET = WORLD_CONFIG.replace(/ {6}- .*1[23].*\n/g, "").replace(
  "to: pbx }",
  "to: pbx, failover: { noProgressAfter: 10m } }",
);

describe("16.8 Timer C", () => {
  test("16.8: a branch with a provisional is cancelled; its 487 goes up", () => {
    const world = new ProxyWorld(ONE_TARGET);
    const { message } = world.invite();
    world.receive(answer(message, 180), pbx(1));
    const cancel = only(world.pass(185_000), "CANCEL");
    assert.equal(cancel.at - 1_000, 185_000);
    world.receive(answer(cancel.message, 200), pbx(1));
    assert.deepEqual(outline(world.receive(answer(message, 487), pbx(1))), ["ACK pbx1", "487 caller"]);
    assert.equal(world.count("timer-c"), 1);
  });

  test("16.8: where the cancelled branch stays silent, a 408 goes up 64*T1 later (§9.1)", () => {
    const world = new ProxyWorld(ONE_TARGET);
    world.receive(answer(world.invite().message, 180), pbx(1));
    world.pass(185_000);
    const up = world.pass(32_100).find(({ message }) => message.status > 0);
    assert.deepEqual([up?.message.status, (up?.at ?? 0) - 1_000], [408, 185_000 + 32_000]);
    world.pass(32_000);
    assert.ok(world.idle);
  });

  test("16.8: without a provisional it is as if a 408 had come", () => {
    const world = new ProxyWorld(`${ONE_TARGET}timers: { t1: 5s, t2: 5s, c: 185s }\n`);
    world.invite();
    const up = world.pass(186_000).find(({ message }) => message.status === 408);
    assert.equal((up?.at ?? 0) - 1_000, 185_000);
    world.pass(700_000);
    assert.ok(world.idle);
  });

  test("16.8: it runs no more once a final came", () => {
    const world = new ProxyWorld(ONE_TARGET);
    world.receive(answer(world.invite().message, 200), pbx(1));
    assert.deepEqual(world.pass(300_000), []);
  });
});

describe("16.9 transport errors", () => {
  test("16.9: a request that could not be sent counts as answered 503: the next target at once", () => {
    const world = new ProxyWorld();
    const second = only(world.fail(world.invite().flow), "INVITE");
    assert.deepEqual([second.to, second.at], ["udp:10.1.0.12:5060", 1_000]);
    assert.equal(world.count("transport.refused"), 1);
  });

  test("16.9: every call that waits for this place moves, and no other", () => {
    const world = new ProxyWorld();
    const calls = [1, 2, 3].map((n) =>
      world.invite({ callId: `call-${n}`, via: `SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK${n}` }),
    );
    const [, ringing] = calls;
    assert.ok(ringing);
    world.receive(answer(ringing.message, 180), pbx(1));
    assert.deepEqual(outline(world.fail(pbx(1))), ["INVITE pbx2", "INVITE pbx2"]);
    assert.deepEqual(world.fail(pbx(1)), []);
    assert.deepEqual(world.fail(pbx(3)), []);
  });

  test("16.9: a call that only has a 100 moves; the old branch is cancelled, its final is ACKed", () => {
    const world = new ProxyWorld();
    const first = world.invite();
    world.receive(answer(first.message, 100), pbx(1));
    assert.deepEqual(outline(world.fail(first.flow, "closed")), ["CANCEL pbx1", "INVITE pbx2"]);
    assert.deepEqual(outline(world.receive(answer(first.message, 487), pbx(1))), ["ACK pbx1"]);
    const second = world.sent.findLast(({ to }) => to === "udp:10.1.0.12:5060");
    assert.ok(second);
    assert.deepEqual(outline(world.receive(answer(second.message, 200), pbx(2))), ["200 caller"]);
    world.pass(64_000);
    assert.ok(world.idle);
  });

  test("16.9: the same where the old branch is never heard of again: nothing is left of it", () => {
    const world = new ProxyWorld();
    const first = world.invite();
    world.receive(answer(first.message, 100), pbx(1));
    const second = only(world.fail(first.flow, "closed"), "INVITE");
    world.receive(answer(second.message, 486), pbx(2));
    world.receive(request("ACK"));
    world.pass(70_000);
    assert.ok(world.idle);
  });

  test("16.9: with a 100 and nowhere else to go the call waits on", () => {
    const world = new ProxyWorld(ONE_TARGET);
    const { message, flow } = world.invite();
    world.receive(answer(message, 100), pbx(1));
    assert.deepEqual(world.fail(flow, "closed"), []);
    assert.deepEqual(outline(world.receive(answer(message, 200), pbx(1))), ["200 caller"]);
  });

  test("16.9: a call that rings stays where it rings", () => {
    const world = new ProxyWorld();
    const { message, flow } = world.invite();
    world.receive(answer(message, 180), pbx(1));
    assert.deepEqual(world.fail(flow), []);
  });

  test("16.9: a cancelled call is not sent elsewhere: 487", () => {
    const world = new ProxyWorld();
    const { flow } = world.invite();
    world.receive(request("CANCEL"));
    assert.deepEqual(outline(world.fail(flow)), ["487 caller"]);
    const answered = new ProxyWorld();
    const invite = answered.invite();
    answered.receive(answer(invite.message, 100), pbx(1));
    answered.receive(request("CANCEL"));
    assert.deepEqual(answered.fail(invite.flow, "closed"), []);
    assert.deepEqual(outline(answered.receive(answer(invite.message, 487), pbx(1))), [
      "ACK pbx1",
      "487 caller",
    ]);
  });

  test("16.9: a non-INVITE request, with a 100 or without", () => {
    const world = new ProxyWorld();
    const first = only(world.receive(request("MESSAGE")), "MESSAGE");
    const second = only(world.fail(first.flow), "MESSAGE");
    world.receive(answer(second.message, 100), pbx(2));
    assert.deepEqual(outline(world.fail(second.flow)), ["MESSAGE pbx3"]);
  });

  test("16.9: a response that could not be sent is dropped; nothing is cancelled for it", () => {
    const world = new ProxyWorld();
    world.receive(answer(world.invite().message, 180), pbx(1));
    assert.deepEqual(world.fail(CALLER), []);
  });

  test("16.9: an abandoned branch that fails is over and moves nothing", () => {
    const world = new ProxyWorld();
    const first = world.invite();
    world.pass(2_000);
    assert.deepEqual(world.fail(first.flow), []);
    assert.equal(world.proxy.status().branches, 1 + 1);
    const [reason] = world.sent.flatMap(({ message }) => linesOf(message, "reason"));
    assert.equal(reason, undefined);
  });
});
