// The whole time for finding a target that rings is bounded (`calls.setupTimeout`), over all targets that are tried.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { answer, only, outline, ProxyWorld, pbx, request, WORLD_CONFIG } from "../../support/proxy-world.ts";

const CONFIG = WORLD_CONFIG.replace("setupTimeout: 10m", "setupTimeout: 5s");

describe("set-up time", () => {
  test("silent targets: 408 with its reason when it is over, and no further target", () => {
    const world = new ProxyWorld(CONFIG.replace("to: pbx }", "to: pbx, failover: { noAnswerAfter: 3s } }"));
    world.invite();
    assert.deepEqual(
      outline(world.pass(4_999)).filter((line) => line.startsWith("INVITE pbx2")).length > 0,
      true,
      "the second target was tried",
    );
    const sent = world.pass(1);
    assert.deepEqual(outline(sent), ["408 caller"]);
    assert.ok(!outline(world.pass(30_000)).some((line) => line.startsWith("INVITE")));
    assert.equal(world.count("setup-timeout"), 1);
  });

  test("a target that gave a 100 is cancelled", () => {
    const world = new ProxyWorld(CONFIG);
    world.receive(answer(world.invite().message, 100), pbx(1));
    const sent = world.pass(5_000);
    assert.deepEqual(outline(sent), ["CANCEL pbx1", "408 caller"]);
    assert.match(
      sent[1]?.text ?? "",
      /Reason: SIP;cause=408;text="no target answered within the set-up time"/,
    );
  });

  test("what a target said before is better than our own 408", () => {
    const world = new ProxyWorld(CONFIG.replaceAll(/ {6}- \{ uri: "sip:10.1.0.13[^\n]*\n/g, ""));
    const first = world.invite();
    const next = only(world.receive(answer(first.message, 503), pbx(1)), "INVITE");
    world.receive(answer(next.message, 100), pbx(2));
    assert.ok(outline(world.pass(5_000)).includes("500 caller"), "a 503 goes up as 500 (§16.7 item 6)");
  });

  for (const status of [180, 183]) {
    test(`a ${status} ends it: ringing is bounded by Timer C`, () => {
      const world = new ProxyWorld(CONFIG);
      world.receive(answer(world.invite().message, status), pbx(1));
      assert.deepEqual(world.pass(60_000), []);
    });
  }

  test("a call that the caller has cancelled is not timed out a second time", () => {
    const world = new ProxyWorld(CONFIG);
    world.receive(answer(world.invite().message, 100), pbx(1));
    world.receive(request("CANCEL"));
    assert.deepEqual(
      outline(world.pass(5_000)).filter((line) => line.endsWith("caller")),
      [],
    );
  });

  test("an emergency call has no such bound: every target is tried for as long as it takes", () => {
    const world = new ProxyWorld(CONFIG.replace("to: pbx }", "to: pbx, emergency: true }"));
    world.invite();
    assert.deepEqual(
      outline(world.pass(6_000)).filter((line) => line === "408 caller"),
      [],
    );
    assert.equal(world.count("setup-timeout"), 0);
  });
});
