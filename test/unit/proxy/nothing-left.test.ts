// No group of a rule has a target that may be tried: what the caller is told.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { only, outline, ProxyWorld, request, WORLD_CONFIG } from "../../support/proxy-world.ts";

const TARGETS = / {4}targets:\n( {6}- .*\n)+/;

describe("nothing is left to try", () => {
  const config = WORLD_CONFIG.replace(TARGETS, '    targets: ["sip:trunk.example"]\n');

  test("503 with Retry-After, and a Reason that says why (RFC 3261 §21.5.4, RFC 3326)", () => {
    const world = new ProxyWorld(config);
    const sent = world.receive(request("INVITE"));
    assert.deepEqual(outline(sent), ["503 caller"]);
    const { message } = only(sent, "503");
    assert.equal(message.valueNamed("retry-after"), "5");
    assert.equal(message.valueNamed("reason"), 'SIP;cause=503;text="sip:trunk.example has no address"');
    assert.equal(world.count("refused.503.no-target"), 1);
    assert.ok(world.idle, "no transaction is made of it");
  });

  test("the next group of the rule has one: it is tried", () => {
    const two = config
      .replace("routes:", '  spare: { targets: ["sip:10.2.0.1"] }\nroutes:')
      .replace("to: pbx }", "to: [pbx, spare] }");
    assert.equal(new ProxyWorld(two).invite().to, "udp:10.2.0.1:5060");
  });
});
