// A call from INVITE to BYE, message by message (RFC 3261 §16.6, §16.7, §16.11, §16.12).
import assert from "node:assert/strict";
import { test } from "node:test";
import { answer, CALLER, ProxyWorld, pbx, request } from "../../support/proxy-world.ts";

test("a call goes through: INVITE, 100, 180, 200, ACK, BYE, 200", () => {
  const world = new ProxyWorld();
  const [invite, trying, ...rest] = world.receive(request("INVITE", { body: "v=0\r\n" }));
  assert.equal(rest.length, 0);
  assert.equal(trying?.message.status, 100);
  assert.equal(trying?.to, "udp:192.0.2.1:5060");
  assert.equal(invite?.to, "udp:10.1.0.11:5060");
  assert.equal(invite?.message.uri, "sip:+15551234567@10.1.0.11;transport=udp");
  assert.equal(invite?.message.maxForwards, 69);
  assert.equal(invite?.message.body, "v=0\r\n");
  assert.ok(invite);
  const [ringing] = world.receive(answer(invite.message, 180), pbx(1));
  assert.equal(ringing?.message.status, 180);
  assert.equal(ringing?.message.topVia.branch, "z9hG4bKalice1");
  assert.equal(ringing?.to, "udp:192.0.2.1:5060");
  const [ok] = world.receive(answer(invite.message, 200), pbx(1));
  assert.equal(ok?.message.status, 200);
  const rr = ok?.message.valueNamed("record-route") ?? "";
  const via = "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKack1;rport";
  const dialog = { uri: "sip:bob@10.1.0.11:5060", toTag: "b1", more: [`Route: ${rr}`] };
  const [ack] = world.receive(request("ACK", { ...dialog, via }));
  assert.equal(ack?.to, "udp:10.1.0.11:5060");
  assert.equal(ack?.message.valueNamed("route"), null);
  const byeVia = "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKbye1;rport";
  const [bye] = world.receive(request("BYE", { ...dialog, via: byeVia, cseq: 2 }));
  assert.equal(bye?.to, "udp:10.1.0.11:5060");
  assert.ok(bye);
  const [byeOk] = world.receive(answer(bye.message, 200), pbx(1));
  assert.equal(byeOk?.message.status, 200);
  assert.equal(byeOk?.to, "udp:192.0.2.1:5060");
  assert.deepEqual(world.pass(70_000), []);
  const { contexts, branches } = world.proxy.status();
  assert.deepEqual({ contexts, branches }, { contexts: 0, branches: 0 });
});

test("the callee hangs up", () => {
  const world = new ProxyWorld();
  const [invite] = world.receive(request("INVITE"));
  assert.ok(invite);
  world.receive(answer(invite.message, 200), pbx(1));
  const route = invite.message.valueNamed("record-route") ?? "";
  const bye =
    "BYE sip:alice@192.0.2.1:5060 SIP/2.0\r\nVia: SIP/2.0/UDP 10.1.0.11:5060;branch=z9hG4bKbob\r\n" +
    `Route: ${route}\r\nMax-Forwards: 70\r\nFrom: <sip:bob@edge.example>;tag=b1\r\n` +
    "To: <sip:alice@192.0.2.1>;tag=a1\r\nCall-ID: call-1@192.0.2.1\r\nCSeq: 7 BYE\r\nContent-Length: 0\r\n\r\n";
  const [forwarded] = world.receive(bye, pbx(1));
  assert.equal(forwarded?.to, "udp:192.0.2.1:5060");
  const other = bye.replace("call-1@", "call-2@").replace("z9hG4bKbob", "z9hG4bKeve");
  const [stolen] = world.receive(other, { ...CALLER, address: "203.0.113.9" });
  assert.equal(stolen?.message.status, 403);
});
