// Addresses that peers write and that are none: found by the fuzzer, as they ended the process.
import assert from "node:assert/strict";
import { test } from "node:test";
import { answer, ProxyWorld, pbx, request } from "../../support/proxy-world.ts";

for (const host of ["[265535:db8::61]", "08.1.1.1", "[]"]) {
  test(`an ACK whose next Route is ${host} goes nowhere, or where the dialog was; nothing throws`, () => {
    const world = new ProxyWorld();
    const [invite] = world.receive(request("INVITE"));
    assert.ok(invite);
    world.receive(answer(invite.message, 200), pbx(1));
    const route = invite.message.valueNamed("record-route") ?? "";
    const sent = world.receive(
      request("ACK", {
        uri: "sip:bob@10.1.0.11:5060",
        toTag: "b1",
        via: "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKack9;rport",
        more: [`Route: ${route}`, `Route: <sip:${host};lr>`],
      }),
    );
    for (const { to, message } of sent) {
      assert.ok(message.status >= 400 || to === "udp:10.1.0.11:5060", `${to} ${message.status}`);
    }
  });
}

test("a Request-URI that outgrows the limit by our rewriting can still be cancelled", () => {
  const world = new ProxyWorld();
  const uri = `sip:${"1".repeat(2_029)}@198.51.100.10`;
  const [invite] = world.receive(request("INVITE", { uri }));
  assert.ok(invite);
  assert.ok(invite.message.uri.length > 2_048);
  world.receive(answer(invite.message, 180), pbx(1));
  const sent = world.receive(request("CANCEL", { uri }));
  assert.ok(sent.some(({ message }) => message.method === "CANCEL" && message.uri === invite.message.uri));
});
