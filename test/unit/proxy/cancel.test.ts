// RFC 3261 §16.10 and §9: CANCEL in every state of its INVITE.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { KEPT_CANCELS_MAX } from "../../../src/proxy/cancelling.ts";
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

const REASON = 'Reason: SIP;cause=200;text="Call completed elsewhere"';

describe("16.10 CANCEL", () => {
  test("16.10: after a provisional: 200 to the CANCEL, CANCEL to the target, its 487 up", () => {
    const world = new ProxyWorld();
    const { message } = world.invite();
    world.receive(answer(message, 180), pbx(1));
    const sent = world.receive(request("CANCEL"));
    assert.deepEqual(outline(sent), ["200 caller", "CANCEL pbx1"]);
    assert.equal(only(sent, "200").message.cseqMethod, "CANCEL");
    assert.notEqual(only(sent, "200").message.toTag, "");
    const { message: cancel } = only(sent, "CANCEL");
    assert.deepEqual(world.receive(answer(cancel, 200), pbx(1)), []);
    assert.deepEqual(outline(world.receive(answer(message, 487), pbx(1))), ["ACK pbx1", "487 caller"]);
    world.receive(request("ACK"));
    world.pass(32_000);
    assert.ok(world.idle);
  });

  test("16.10: our CANCEL is the INVITE's in Request-URI, topmost Via, From, To, Call-ID, CSeq number, Route (§9.1)", () => {
    const world = new ProxyWorld();
    const { message } = world.invite({ cseq: 77 });
    world.receive(answer(message, 100), pbx(1));
    const cancel = only(world.receive(request("CANCEL", { cseq: 77, more: [REASON] })), "CANCEL").message;
    assert.equal(cancel.uri, message.uri);
    assert.deepEqual(linesOf(cancel, "via"), linesOf(message, "via").slice(0, 1));
    for (const name of ["from", "to", "call-id"])
      assert.deepEqual(linesOf(cancel, name), linesOf(message, name));
    assert.deepEqual([cancel.cseqNumber, cancel.cseqMethod, cancel.body], [77, "CANCEL", ""]);
    assert.deepEqual(linesOf(cancel, "reason"), [REASON.slice(8)], "RFC 3326 §2");
    assert.deepEqual(linesOf(cancel, "proxy-require"), []);
  });

  test("16.10: Route of an INVITE inside a dialog stands in its CANCEL and ACK, too", () => {
    const world = new ProxyWorld();
    const invite = world.invite();
    world.receive(answer(invite.message, 200), pbx(1));
    const more = [...linesOf(invite.message, "record-route"), "<sip:10.1.0.12;lr>"].map(
      (value) => `Route: ${value}`,
    );
    const again = only(world.inDialog("INVITE", invite, { more }), "INVITE");
    world.receive(answer(again.message, 100), pbx(2));
    const dialog = {
      uri: "sip:bob@10.1.0.11:5060",
      toTag: "b1",
      cseq: 2,
      more,
      via: "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKINVITE;rport",
    };
    const cancel = only(world.receive(request("CANCEL", dialog)), "CANCEL");
    assert.deepEqual(linesOf(cancel.message, "route"), ["<sip:10.1.0.12;lr>"]);
    const ack = only(world.receive(answer(again.message, 487), pbx(2)), "ACK");
    assert.deepEqual([ack.to, linesOf(ack.message, "route")], ["udp:10.1.0.12:5060", ["<sip:10.1.0.12;lr>"]]);
  });

  test("16.10: before any provisional it is held; the INVITE is repeated until one comes (§9.1)", () => {
    const world = new ProxyWorld();
    const { message } = world.invite();
    assert.deepEqual(outline(world.receive(request("CANCEL", { more: [REASON] }))), ["200 caller"]);
    assert.deepEqual(outline(world.pass(3_600)), ["INVITE pbx1", "INVITE pbx1", "INVITE pbx1"]);
    const sent = world.receive(answer(message, 100), pbx(1));
    assert.deepEqual(outline(sent), ["CANCEL pbx1"]);
    assert.deepEqual(linesOf(only(sent, "CANCEL").message, "reason"), [REASON.slice(8)]);
  });

  test("16.10: held, and a final comes first: no CANCEL", () => {
    const world = new ProxyWorld();
    const { message } = world.invite();
    world.receive(request("CANCEL"));
    assert.deepEqual(outline(world.receive(answer(message, 486), pbx(1))), ["ACK pbx1", "486 caller"]);
  });

  test("16.10: held, and nothing ever comes: 487 after 64*T1, no other target", () => {
    const world = new ProxyWorld();
    world.invite();
    world.receive(request("CANCEL"));
    const sent = world.pass(32_000);
    assert.deepEqual(new Set(outline(sent)), new Set(["INVITE pbx1", "487 caller"]));
    assert.equal(only(sent, "487").at - 1_000, 32_000);
  });

  test("16.10: cancelled, and the target stays silent: 487 after 64*T1 (§9.1)", () => {
    const world = new ProxyWorld();
    world.receive(answer(world.invite().message, 180), pbx(1));
    world.receive(request("CANCEL"));
    const sent = world.pass(32_000);
    assert.equal(only(sent, "487").at - 1_000, 32_000);
    const repeated = sent.filter(({ message }) => message.method === "CANCEL").map(({ at }) => at - 1_000);
    assert.deepEqual(repeated, [500, 1_500, 3_500, 7_500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500]);
    world.receive(request("ACK"));
    world.pass(5_000);
    assert.ok(world.idle);
  });

  test("16.10: the 200 won the race: it goes up, and the CANCEL changes nothing", () => {
    const world = new ProxyWorld();
    const { message } = world.invite();
    world.receive(answer(message, 180), pbx(1));
    world.receive(request("CANCEL"));
    assert.deepEqual(outline(world.receive(answer(message, 200), pbx(1))), ["200 caller"]);
  });

  test("16.10: after the final: 200 to the CANCEL, nothing else", () => {
    for (const status of [200, 486]) {
      const world = new ProxyWorld();
      world.receive(answer(world.invite().message, status), pbx(1));
      assert.deepEqual(outline(world.receive(request("CANCEL"))), ["200 caller"]);
    }
  });

  test("16.10: a retransmitted CANCEL gets the same 200 and starts nothing", () => {
    const world = new ProxyWorld();
    world.receive(answer(world.invite().message, 180), pbx(1));
    const [first] = world.receive(request("CANCEL"));
    const [again, ...rest] = world.receive(request("CANCEL"));
    assert.deepEqual([again?.text, rest], [first?.text, []]);
  });

  test("16.10: no new target after it, whatever the pending one answers", () => {
    for (const status of [503, 408, 500]) {
      const world = new ProxyWorld();
      const { message } = world.invite();
      world.receive(answer(message, 100), pbx(1));
      world.receive(request("CANCEL"));
      const sent = world.receive(answer(message, status), pbx(1));
      assert.deepEqual(outline(sent), ["ACK pbx1", `${status === 408 ? 408 : 487} caller`]);
      assert.ok(outline(world.pass(70_000)).every((line) => !line.startsWith("INVITE")));
    }
  });

  test("16.10: a 5xx after it tells the caller nothing of use: 487; a 4xx or 6xx goes up as it is", () => {
    for (const [status, up] of [
      [500, 487],
      [503, 487],
      [599, 487],
      [404, 404],
      [603, 603],
    ] as const) {
      const world = new ProxyWorld();
      const { message } = world.invite();
      world.receive(answer(message, 180), pbx(1));
      world.receive(request("CANCEL"));
      const sent = world.receive(answer(message, status), pbx(1));
      assert.deepEqual(outline(sent), ["ACK pbx1", `${up} caller`]);
      world.receive(request("ACK"));
      world.pass(40_000);
      assert.ok(world.idle);
    }
  });

  test("16.10: a provisional after the CANCEL still goes up, and is cancelled once only", () => {
    const world = new ProxyWorld();
    const { message } = world.invite();
    world.receive(answer(message, 100), pbx(1));
    world.receive(request("CANCEL"));
    assert.deepEqual(outline(world.receive(answer(message, 180), pbx(1))), ["180 caller"]);
  });

  test("16.10: no such INVITE here: 481, and kept 64*T1 for what other nodes began", () => {
    const a = new ProxyWorld();
    const { message } = a.invite();
    const keeps = (passed: number): string[] => {
      const b = new ProxyWorld();
      assert.deepEqual(outline(b.receive(request("CANCEL", { more: [REASON] }))), ["481 caller"]);
      b.pass(passed);
      return outline(b.receive(answer(message, 180), pbx(1)));
    };
    assert.deepEqual(keeps(31_999), ["CANCEL pbx1"]);
    assert.deepEqual(keeps(32_000), ["180 caller"], "forgotten");
  });

  test("16.10: a CANCEL that comes again is kept 64*T1 from then on, and takes no place of its own", () => {
    const a = new ProxyWorld();
    const { message } = a.invite();
    const b = new ProxyWorld();
    b.receive(request("CANCEL"));
    for (let n = 1; n < KEPT_CANCELS_MAX; n++)
      b.proxy.receive(request("CANCEL", { via: `SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK${n}` }), CALLER);
    b.pass(31_000);
    b.receive(request("CANCEL"));
    assert.equal(b.count("cancel.over-limit"), 0);
    b.pass(20_000);
    assert.deepEqual(outline(b.receive(answer(message, 180), pbx(1))), ["CANCEL pbx1"]);
  });

  test("16.10: a stranger's CANCEL is not kept", () => {
    const a = new ProxyWorld();
    const { message } = a.invite();
    const b = new ProxyWorld();
    const [refused] = b.receive(request("CANCEL"), { ...CALLER, address: "203.0.113.9" });
    assert.equal(refused?.message.status, 481);
    assert.deepEqual(outline(b.receive(answer(message, 180), pbx(1))), ["180 caller"]);
  });

  test("16.10: kept CANCELs are bounded, and the expired ones make room", () => {
    const world = new ProxyWorld();
    const cancel = (n: number): void => {
      world.receive(request("CANCEL", { via: `SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK${n}` }));
    };
    for (let n = 0; n <= KEPT_CANCELS_MAX; n++) cancel(n);
    assert.equal(world.count("cancel.over-limit"), 1);
    world.pass(32_000);
    cancel(KEPT_CANCELS_MAX + 1);
    assert.equal(world.count("cancel.over-limit"), 1);
  });

  test("16.10: there is nothing to cancel about a non-INVITE request", () => {
    const world = new ProxyWorld();
    world.receive(request("MESSAGE"));
    assert.deepEqual(outline(world.receive(request("CANCEL"))), ["481 caller"]);
  });

  test("16.10: a CANCEL that is answered 481 by the target is over; the INVITE is waited for", () => {
    const world = new ProxyWorld(WORLD_CONFIG);
    const { message } = world.invite();
    world.receive(answer(message, 180), pbx(1));
    const { message: cancel } = only(world.receive(request("CANCEL")), "CANCEL");
    world.receive(answer(cancel, 481), pbx(1));
    assert.deepEqual(world.pass(31_000), []);
    assert.deepEqual(outline(world.pass(1_000)), ["487 caller"]);
  });
});
