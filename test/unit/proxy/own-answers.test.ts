// What the proxy answers as itself: OPTIONS (RFC 3261 §11), and new calls while it drains.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  answer,
  linesOf,
  only,
  outline,
  ProxyWorld,
  pbx,
  request,
  WORLD_CONFIG,
} from "../../support/proxy-world.ts";

describe("OPTIONS", () => {
  const mine = [
    "sip:198.51.100.10",
    "sip:198.51.100.10:5060;transport=tcp",
    "sip:edge.example",
    "sip:EDGE.example:5060",
    "sip:[2001:db8::10]",
  ];
  for (const uri of mine) {
    test(`to ${uri}: 200 with Allow, Accept, Supported`, () => {
      const world = new ProxyWorld();
      const { message } = only(world.receive(request("OPTIONS", { uri })), "200");
      for (const name of ["allow", "accept", "supported"])
        assert.equal(linesOf(message, name).length, 1, name);
      assert.match(linesOf(message, "allow").join(), /INVITE, ACK, CANCEL, BYE, OPTIONS/);
      assert.notEqual(message.toTag, "");
      assert.ok(world.idle);
    });
  }
  for (const uri of ["sip:bob@edge.example", "sip:edge.example:5070", "sip:far.example"]) {
    test(`to ${uri}: forwarded`, () => {
      assert.deepEqual(outline(new ProxyWorld().receive(request("OPTIONS", { uri }))), ["OPTIONS pbx1"]);
    });
  }
  test("of a target that probes us", () => {
    const [sent] = new ProxyWorld().receive(
      request("OPTIONS", { uri: "sip:edge.example", via: "SIP/2.0/UDP 10.1.0.11:5060;branch=z9hG4bKp" }),
      pbx(1),
    );
    assert.deepEqual([sent?.message.status, sent?.to], [200, "udp:10.1.0.11:5060"]);
  });
});

describe("draining", () => {
  test("a new INVITE: 503 with Retry-After; OPTIONS too, so that the others see it", () => {
    const world = new ProxyWorld();
    world.proxy.drain();
    for (const text of [request("INVITE"), request("OPTIONS", { uri: "sip:edge.example" })]) {
      const { message } = only(world.receive(text), "503");
      assert.deepEqual(linesOf(message, "retry-after"), ["30"]);
    }
    assert.equal(world.count("refused.503.draining"), 2);
  });
  test("what runs goes on: retransmissions, failover, requests in dialogs", () => {
    const world = new ProxyWorld();
    const first = world.invite();
    world.proxy.drain();
    assert.deepEqual(outline(world.receive(request("INVITE"))), ["100 caller"]);
    const second = only(world.receive(answer(first.message, 503), pbx(1)), "INVITE");
    world.receive(answer(second.message, 200), pbx(2));
    assert.deepEqual(outline(world.inDialog("INVITE", first)), ["INVITE pbx1", "100 caller"]);
    assert.deepEqual(outline(world.inDialog("BYE", first, { cseq: 3 })), ["BYE pbx1"]);
  });
  test("an emergency call is served to the last", () => {
    const world = new ProxyWorld(
      WORLD_CONFIG.replace(
        "routes:",
        'routes:\n  - { from: carriers, number: "^911$", to: pbx, emergency: true }',
      ),
    );
    world.proxy.drain();
    const uri = "sip:911@edge.example";
    assert.deepEqual(outline(world.receive(request("INVITE", { uri }))), ["INVITE pbx1", "100 caller"]);
    const via = "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKother";
    assert.deepEqual(outline(world.receive(request("INVITE", { via, callId: "other" }))), ["503 caller"]);
  });
  test("status tells what is pending", () => {
    const world = new ProxyWorld();
    const { message } = world.invite();
    assert.equal(world.proxy.status().pending, 1);
    world.receive(answer(message, 200), pbx(1));
    assert.deepEqual([world.proxy.status().pending, world.proxy.status().contexts], [0, 1]);
  });
});
