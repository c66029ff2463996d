// A refusal may be an earlier datagram's: a target that answers after it was given up is cancelled or hung up (§9.1, §13.2.2.4).
import assert from "node:assert/strict";
import { test } from "node:test";
import { answer, ProxyWorld, pbx, request } from "../../support/proxy-world.ts";

function refused() {
  const world = new ProxyWorld();
  const [first] = world.receive(request("INVITE"));
  const [second] = world.fail(pbx(1));
  assert.ok(first && second);
  assert.equal(second.to, "udp:10.1.0.12:5060");
  return { world, first, second };
}

test("its 180 gets a CANCEL, and the caller hears nothing of it", () => {
  const { world, first } = refused();
  const sent = world.receive(answer(first.message, 180), pbx(1));
  assert.deepEqual(
    sent.map(({ to, message }) => [to, message.method]),
    [["udp:10.1.0.11:5060", "CANCEL"]],
  );
});

test("its 200 gets ACK and BYE, and the other target's 200 goes up", () => {
  const { world, first, second } = refused();
  const late = world.receive(answer(first.message, 200), pbx(1));
  assert.deepEqual(
    late.map(({ to, message }) => [to, message.method]),
    [
      ["udp:10.1.0.11:5060", "ACK"],
      ["udp:10.1.0.11:5060", "BYE"],
    ],
  );
  const [up] = world.receive(answer(second.message, 200, { tag: "b2" }), pbx(2));
  assert.equal(up?.message.status, 200);
  assert.equal(up?.message.toTag, "b2");
});

test("with no target left the caller gets 503, and a late 200 is still ended", () => {
  const { world, first } = refused();
  world.fail(pbx(2));
  const [final] = world.fail(pbx(3));
  assert.equal(final?.message.status, 503);
  const late = world.receive(answer(first.message, 200), pbx(1));
  assert.deepEqual(
    late.map(({ message }) => message.method),
    ["ACK", "BYE"],
  );
  world.pass(200_000);
  const { contexts, branches, ownRequests } = world.proxy.status();
  assert.deepEqual([contexts, branches, ownRequests, world.wheel.size], [0, 0, 0, 0]);
});
