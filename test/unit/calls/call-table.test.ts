// The call table: which target has how many calls, from the first try to the end.
import assert from "node:assert/strict";
import { test } from "node:test";
import { CALL_MS_MAX, CallTable } from "../../../src/calls/call-table.ts";
import { TimerWheel } from "../../../src/sip/timer/timer-wheel.ts";
import { answer, ProxyWorld, pbx, request, WORLD_CONFIG } from "../../support/proxy-world.ts";

const A = "udp:10.1.0.11:5060";
const B = "udp:10.1.0.12:5060";

test("a call counts on the target that has it, once, until it ends", () => {
  const table = new CallTable(new TimerWheel(0, 10));
  table.began("c1", "carriers");
  table.began("c1", "carriers");
  table.tried("c1", A);
  assert.deepEqual([table.size, table.callsOn(A), table.callsOn(B)], [1, 1, 0]);
  table.tried("c1", B);
  assert.deepEqual([table.callsOn(A), table.callsOn(B)], [0, 1]);
  table.answered("c1", 0);
  table.tried("c1", A);
  table.failed("c1"); // a re-INVITE that fails ends no call
  assert.deepEqual([table.find("c1")?.state, table.callsOn(B)], ["confirmed", 1]);
  table.ended("c1");
  table.ended("c1");
  assert.deepEqual([table.size, table.callsOn(B)], [0, 0]);
});

test("a call that nobody ends is forgotten after CALL_MS_MAX", () => {
  const wheel = new TimerWheel(0, 60_000);
  const table = new CallTable(wheel);
  table.began("c1", "carriers");
  table.tried("c1", A);
  table.answered("c1", 0);
  wheel.advance(CALL_MS_MAX - 60_000);
  assert.equal(table.size, 1);
  wheel.advance(CALL_MS_MAX + 60_000);
  assert.deepEqual([table.size, table.callsOn(A)], [0, 0]);
});

test("least-calls follows the calls that are up, and BYE frees the target", () => {
  const world = new ProxyWorld(
    WORLD_CONFIG.replace("sources: [10.1.0.0/24]", "balance: least-calls").replaceAll(
      /priority: \d/g,
      "priority: 1",
    ),
  );
  const places = [1, 2, 3, 4].map((call) => {
    const via = `SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK${call};rport`;
    const [, invite] = world.receive(request("INVITE", { callId: `call-${call}`, via }));
    assert.ok(invite);
    if (call < 4) world.receive(answer(invite.message, 200), { ...pbx(1), address: invite.flow.address });
    return { to: invite.to, route: invite.message.valueNamed("record-route") ?? "" };
  });
  assert.equal(new Set(places.slice(0, 3).map(({ to }) => to)).size, 3);
  const second = places[1];
  assert.ok(second);
  assert.equal(world.calls.callsOn(second.to) >= 1, true);
  const before = world.calls.callsOn(second.to);
  const [bye] = world.receive(
    request("BYE", {
      callId: "call-2",
      toTag: "b1",
      cseq: 2,
      uri: "sip:bob@10.1.0.11",
      via: "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKbye2;rport",
      more: [`Route: ${second.route}`],
    }),
  );
  assert.ok(bye);
  world.receive(answer(bye.message, 200), pbx(1));
  assert.equal(world.calls.callsOn(second.to), before - 1);
  assert.equal(world.calls.size, 3);
});
