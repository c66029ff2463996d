// An edge with several addresses: which one a request leaves from, and by which names it knows itself (RFC 3261 §16.6, RFC 5658).
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

const listening = (...listen: readonly string[]): string =>
  WORLD_CONFIG.replace(/listen: .*/, `listen: ${JSON.stringify(listen)}`);
const TWO_HOMED = listening("udp://198.51.100.10:5060", "udp://10.1.0.1:5060");
const INSIDE = 1;

describe("an edge between two networks", () => {
  test("RFC 5658 §3: a call from outside leaves from the inner address, with both in Record-Route", () => {
    const { flow, to, message } = new ProxyWorld(TWO_HOMED).invite();
    assert.deepEqual([to, flow.listener, message.topVia.host], ["udp:10.1.0.11:5060", INSIDE, "10.1.0.1"]);
    const [near, far, ...rest] = linesOf(message, "record-route");
    assert.match(near ?? "", /@10\.1\.0\.1:5060;lr>$/);
    assert.match(far ?? "", /@198\.51\.100\.10:5060;lr>$/);
    assert.deepEqual(rest, []);
  });

  test("RFC 5658 §3: requests in the dialog lose both values, and leave by the address of the other side", () => {
    const world = new ProxyWorld(TWO_HOMED);
    const invite = world.invite();
    world.receive(answer(invite.message, 200), { ...pbx(1), listener: INSIDE });
    const info = only(world.inDialog("INFO", invite), "INFO");
    assert.deepEqual([info.flow.listener, linesOf(info.message, "route")], [INSIDE, []]);
    const bye = request("BYE", {
      uri: "sip:alice@192.0.2.1:5060",
      via: "SIP/2.0/UDP 10.1.0.11:5060;branch=z9hG4bKbob1",
      fromTag: "b1",
      toTag: "a1",
      more: linesOf(invite.message, "record-route").map((value) => `Route: ${value}`),
    });
    const sent = only(world.receive(bye, { ...pbx(1), listener: INSIDE }), "BYE");
    assert.deepEqual([sent.to, sent.flow.listener], ["udp:192.0.2.1:5060", CALLER.listener]);
  });

  test("§16.6 item 8: a target in nobody's network is reached from where the call came in, not from the next-best number", () => {
    const config = (listen: string): string => listen.replaceAll(/10\.1\.0\.1([123]);/g, "45.0.0.1$1;");
    for (const inside of [0, INSIDE]) {
      const flow = { ...CALLER, listener: inside };
      assert.equal(new ProxyWorld(config(TWO_HOMED)).invite({}, flow).flow.listener, inside);
    }
  });

  test("§16.6 item 8: by another transport, from the address that the call came to", () => {
    const config = listening(
      "udp://10.1.0.1:5060",
      "udp://198.51.100.10:5060",
      "tcp://10.1.0.1:5060",
      "tcp://198.51.100.10:5060",
    ).replaceAll(/10\.1\.0\.1([123]);transport=udp/g, "45.0.0.1$1;transport=tcp");
    assert.equal(new ProxyWorld(config).invite({}, { ...CALLER, listener: 1 }).flow.listener, 3);
    assert.equal(new ProxyWorld(config).invite({}, { ...CALLER, listener: 0 }).flow.listener, 2);
  });
});

describe("an IPv6 address spelled otherwise is us all the same (RFC 5952 §1)", () => {
  const spellings = ["[2001:DB8::10]", "[2001:db8:0:0::10]", "[2001:0db8:0000:0000:0000:0000:0000:0010]"];
  for (const host of spellings) {
    test(`${host} in the Request-URI, in Route, in OPTIONS`, () => {
      const uri = `sip:+15551234567@${host}:5060`;
      assert.equal(new ProxyWorld().invite({ uri }).message.uri, "sip:+15551234567@10.1.0.11;transport=udp");
      const { message } = new ProxyWorld().invite({ more: [`Route: <sip:${host};lr>`] });
      assert.deepEqual(linesOf(message, "route"), []);
      const options = request("OPTIONS", { uri: `sip:${host}` });
      assert.deepEqual(outline(new ProxyWorld().receive(options)), ["200 caller"]);
    });
  }

  test("an alias in the configuration, with a port and without", () => {
    for (const alias of ["2001:DB8:0:0::99", "[2001:db8:0::99]", "[2001:DB8:0::99]:5060"]) {
      const world = new ProxyWorld(WORLD_CONFIG.replace("[edge.example]", `["${alias}"]`));
      const options = request("OPTIONS", { uri: "sip:[2001:db8::99]:5060" });
      assert.deepEqual(outline(world.receive(options)), ["200 caller"], alias);
    }
  });
});
