// What a flow token opens and to whom (RFC 3261 §12.2, §16.12), and the connections of TCP peers (RFC 5923).
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Flow } from "../../../src/transport/flow.ts";
import {
  answer,
  CALLER,
  dialogOf,
  linesOf,
  only,
  outline,
  ProxyWorld,
  pbx,
  request,
  type Sent,
  WORLD_CONFIG,
} from "../../support/proxy-world.ts";

const STRANGER: Flow = { ...CALLER, address: "203.0.113.9" };
const STRANGERS_VIA = "SIP/2.0/UDP 203.0.113.9:5060;branch=z9hG4bKstranger";
const PHONE: Flow = { transport: "tcp", listener: 1, address: "192.0.2.1", port: 40_123, connection: 7 };

function established(config = WORLD_CONFIG): { world: ProxyWorld; invite: Sent; route: string } {
  const world = new ProxyWorld(config);
  const invite = world.invite();
  world.receive(answer(invite.message, 200), pbx(1));
  return { world, invite, route: linesOf(invite.message, "record-route")[0] ?? "" };
}

describe("a token opens the way of its own dialog", () => {
  test("§12.2: without a To tag it is ignored: the rules decide, whatever the Request-URI is", () => {
    const { world, route } = established();
    const again = request("INVITE", {
      via: "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKagain",
      uri: "sip:anybody@203.0.113.77",
      more: [`Route: ${route}`],
    });
    assert.equal(only(world.receive(again), "INVITE").to, "udp:10.1.0.11:5060");
  });

  test("§12.2: without a To tag it is ignored: a route set behind it is 403", () => {
    const { world, route } = established();
    const more = [`Route: ${route}`, "Route: <sip:203.0.113.77;lr>"];
    const via = "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKagain";
    assert.deepEqual(outline(world.receive(request("INVITE", { via, more }))), ["403 caller"]);
  });

  test("§12.2: without a To tag it is ignored: a stranger is 403", () => {
    const { world, route } = established();
    const sent = world.receive(
      request("INVITE", { via: STRANGERS_VIA, more: [`Route: ${route}`] }),
      STRANGER,
    );
    assert.deepEqual(outline(sent), ["403 udp:203.0.113.9:5060"]);
  });

  for (const method of ["BYE", "INVITE", "REFER", "MESSAGE"]) {
    test(`§16.3: ${method} with a seen token, from neither a peer nor an end of the call: 403`, () => {
      const { world, invite } = established();
      const stolen = { ...dialogOf(invite, method), via: STRANGERS_VIA };
      assert.deepEqual(outline(world.receive(request(method, stolen), STRANGER)), [
        "403 udp:203.0.113.9:5060",
      ]);
      assert.equal(world.calls.size, 1, "the call stands");
    });
  }

  test("§16.11: an ACK with a seen token, from neither: dropped and counted", () => {
    const { world, invite } = established();
    const stolen = { ...dialogOf(invite, "ACK"), cseq: 1, via: STRANGERS_VIA };
    assert.deepEqual(world.receive(request("ACK", stolen), STRANGER), []);
    assert.equal(world.count("dropped.ack-without-dialog"), 1);
  });

  test("§16.12: an end of the call that is no source of a group may use it: the target is one", () => {
    const { world, invite, route } = established(
      WORLD_CONFIG.replace("sources: [10.1.0.0/24]", "sources: []"),
    );
    const callee = {
      ...dialogOf(invite, "BYE"),
      via: "SIP/2.0/UDP 10.1.0.11:5060;branch=z9hG4bKbob1",
      uri: "sip:alice@192.0.2.1:5060",
      fromTag: "b1",
      toTag: "a1",
      more: [`Route: ${route}`],
    };
    assert.deepEqual(outline(world.receive(request("BYE", callee), pbx(1))), ["BYE caller"]);
    const other = { ...callee, via: "SIP/2.0/UDP 10.1.0.12:5060;branch=z9hG4bKbob2", cseq: 3 };
    assert.deepEqual(outline(world.receive(request("BYE", other), pbx(2))), ["403 pbx2"]);
  });
});

describe("the connections of TCP peers", () => {
  const fromPhone = (world: ProxyWorld, flow: Flow, via: string): Sent =>
    world.invite({ via: `SIP/2.0/TCP ${via};branch=z9hG4bKtcp1;rport` }, flow);

  test("RFC 5626 §5.3: the token holds the port of the caller's connection; the callee's BYE goes over it", () => {
    const world = new ProxyWorld();
    const invite = fromPhone(world, PHONE, "192.0.2.1:5070");
    world.receive(answer(invite.message, 200), pbx(1));
    world.open.add("192.0.2.1:40123");
    const bye = request("BYE", {
      uri: "sip:alice@10.99.99.99:5070;transport=tcp",
      via: "SIP/2.0/UDP 10.1.0.11:5060;branch=z9hG4bKbob1",
      fromTag: "b1",
      toTag: "a1",
      more: linesOf(invite.message, "record-route").map((value) => `Route: ${value}`),
    });
    assert.deepEqual(outline(world.receive(bye, pbx(1))), ["BYE tcp:192.0.2.1:40123"]);
  });

  test("RFC 5923 §5: alias in the Via of a peer makes its connection that of its sent-by port", () => {
    const world = new ProxyWorld();
    fromPhone(world, PHONE, "192.0.2.1:5070;alias");
    assert.deepEqual(world.aliases, [[7, 5070]]);
    const unnamed = new ProxyWorld();
    fromPhone(unnamed, PHONE, "192.0.2.1;alias");
    assert.deepEqual(unnamed.aliases, [[7, 5060]]);
  });

  test("RFC 5923 §5: no alias where none is asked for, over UDP, and for a stranger", () => {
    const world = new ProxyWorld();
    fromPhone(world, PHONE, "192.0.2.1:5070");
    world.invite({ via: "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKu;alias", callId: "u" });
    const via = "SIP/2.0/TCP 203.0.113.9;branch=z9hG4bKs;alias";
    world.receive(request("INVITE", { via, callId: "s" }), { ...PHONE, address: "203.0.113.9" });
    assert.deepEqual(world.aliases, []);
  });
});

describe("requests in a dialog that are too large for UDP (§18.1.1)", () => {
  const BIG = { body: "x".repeat(1_400) };
  for (const method of ["INVITE", "INFO"]) {
    test(`${method}: by TCP where no transport is named; where that is refused, by UDP`, () => {
      const { world, invite } = established();
      const first = only(world.inDialog(method, invite, BIG), method);
      assert.deepEqual([first.to, first.message.topVia.transport], ["tcp:10.1.0.11:5060", "TCP"]);
      const second = only(world.fail(first.flow), method);
      assert.deepEqual([second.to, second.message.topVia.transport], ["udp:10.1.0.11:5060", "UDP"]);
      const last = world.receive(answer(second.message, 200), pbx(1));
      assert.deepEqual(outline(last), ["200 caller"]);
    });
  }
  test("by UDP where the remote target names it", () => {
    const { world, invite } = established();
    const uri = "sip:bob@10.1.0.11:5060;transport=udp";
    assert.equal(only(world.inDialog("INFO", invite, { ...BIG, uri }), "INFO").to, "udp:10.1.0.11:5060");
  });
});
