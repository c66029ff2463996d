// A 2xx that nobody waits for any more is ended, so that no call stays up with nobody on it (RFC 3261 §13.2.2.4, §15.1.1).
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { OWN_REQUESTS_MAX } from "../../../src/proxy/own-requests.ts";
import {
  answer,
  linesOf,
  only,
  outline,
  ProxyWorld,
  pbx,
  request,
  type Sent,
  WORLD_CONFIG,
} from "../../support/proxy-world.ts";

/** PBX 1 stayed silent, PBX 2 has the call; now PBX 1 answers, with what is said. */
function late(
  parts: Parameters<typeof answer>[2] = {},
  world = new ProxyWorld(),
): { world: ProxyWorld; first: Sent; sent: Sent[] } {
  const first = world.invite({ cseq: 41 });
  world.pass(2_000);
  return { world, first, sent: world.receive(answer(first.message, 200, parts), pbx(1)) };
}

describe("the late 200 of an abandoned branch", () => {
  test("ACK and BYE, nothing to the caller, and the call goes on where it is", () => {
    const { world, sent } = late();
    assert.deepEqual(outline(sent), ["ACK pbx1", "BYE pbx1"]);
    const second = world.sent.find(({ to }) => to === "udp:10.1.0.12:5060");
    assert.ok(second);
    assert.deepEqual(outline(world.receive(answer(second.message, 180), pbx(2))), ["180 caller"]);
    assert.deepEqual(outline(world.receive(answer(second.message, 200), pbx(2))), ["200 caller"]);
  });

  test("Request-URI, From, To, Call-ID, CSeq of the dialog; each with a branch of its own", () => {
    const { first, sent } = late({ tag: "late7", contact: '"Bob" <sip:bob@10.1.0.11:5066;x=1>;q=1' });
    const [ack, bye] = [only(sent, "ACK").message, only(sent, "BYE").message];
    for (const each of [ack, bye]) {
      assert.equal(each.uri, "sip:bob@10.1.0.11:5066;x=1");
      assert.deepEqual([each.fromTag, each.toTag, each.callId], ["a1", "late7", "call-1@192.0.2.1"]);
      assert.deepEqual([each.maxForwards, linesOf(each, "via").length, linesOf(each, "route")], [70, 1, []]);
    }
    assert.deepEqual([ack.cseqNumber, bye.cseqNumber, bye.cseqMethod], [41, 42, "BYE"]);
    assert.equal(new Set([ack, bye, first.message].map((each) => each.topVia.branch)).size, 3);
    assert.deepEqual(
      sent.map(({ to }) => to),
      ["udp:10.1.0.11:5066", "udp:10.1.0.11:5066"],
    );
    assert.deepEqual(linesOf(bye, "reason"), ['SIP;cause=487;text="Answered too late"']);
  });

  test("along the route set behind us, ours and what lies before us left out", () => {
    const world = new ProxyWorld();
    const first = world.invite({ more: ["Record-Route: <sip:before.example;lr>"] });
    world.pass(2_000);
    const behind = "Record-Route: <sip:10.1.0.99:5070;lr>, <sip:10.1.0.98;lr>\r\nRecord-Route:";
    const text = answer(first.message, 200).replace("Record-Route:", behind);
    const sent = world.receive(text, pbx(1));
    for (const { to, message } of sent) {
      assert.deepEqual(linesOf(message, "route"), ["<sip:10.1.0.98;lr>", "<sip:10.1.0.99:5070;lr>"]);
      assert.deepEqual([to, message.uri], ["udp:10.1.0.98:5060", "sip:bob@10.1.0.11:5060"]);
    }
    assert.deepEqual(sent.length, 2);
  });

  test("a strict router behind us", () => {
    const world = new ProxyWorld();
    const first = world.invite();
    world.pass(2_000);
    const text = answer(first.message, 200).replace(
      "Record-Route:",
      "Record-Route: <sip:strict@10.1.0.99>\r\nRecord-Route:",
    );
    for (const { to, message } of world.receive(text, pbx(1))) {
      assert.deepEqual([to, message.uri], ["udp:10.1.0.99:5060", "sip:strict@10.1.0.99"]);
      assert.deepEqual(linesOf(message, "route"), ["<sip:bob@10.1.0.11:5060>"]);
    }
  });

  for (const contact of [
    "<sip:bob@pbx.example>",
    "<sips:bob@10.1.0.77>",
    "<sip:bob@10.1.0.77;transport=ws>",
    "<tel:+15551234567>",
  ]) {
    test(`a Contact that we can't reach ourselves, ${contact}: to where the 200 came from`, () => {
      const { sent } = late({ contact });
      assert.deepEqual(outline(sent), ["ACK pbx1", "BYE pbx1"]);
    });
  }

  test("maddr and transport of the Contact are followed", () => {
    const { sent } = late({ contact: "<sip:bob@pbx.example:5070;maddr=10.1.0.55;transport=tcp>" });
    assert.deepEqual(outline(sent), ["ACK tcp:10.1.0.55:5070", "BYE tcp:10.1.0.55:5070"]);
  });

  test("the BYE is repeated by Timer E until it is answered; the ACK follows each repeated 200", () => {
    const { world, first, sent } = late();
    const byes = (ms: number): number[] =>
      world
        .pass(ms)
        .filter(({ message }) => message.method === "BYE")
        .map(({ at }) => at - 3_000);
    assert.deepEqual(byes(4_000), [500, 1_500, 3_500]);
    assert.deepEqual(outline(world.receive(answer(first.message, 200), pbx(1))), ["ACK pbx1"]);
    assert.deepEqual(world.receive(answer(only(sent, "BYE").message, 200), pbx(1)), []);
    assert.deepEqual(byes(6_000), []);
    assert.equal(world.proxy.status().ownRequests, 0);
  });

  test("a BYE that nobody answers is given up after Timer F", () => {
    const { world } = late();
    world.pass(31_999);
    assert.equal(world.proxy.status().ownRequests, 1);
    world.pass(1);
    assert.equal(world.proxy.status().ownRequests, 0);
  });

  test("each fork of it is ended, with its own tag", () => {
    const { world, first } = late();
    const sent = world.receive(answer(first.message, 200, { tag: "b2" }), pbx(1));
    assert.deepEqual(
      sent.map(({ message }) => [message.method, message.toTag]),
      [
        ["ACK", "b2"],
        ["BYE", "b2"],
      ],
    );
    assert.equal(world.proxy.status().ownRequests, 2);
  });

  const withoutContact = (text: string): string => text.replace(/Contact:.*\r\n/, "");
  const withContact = (value: string) => (text: string) =>
    text.replace(/Contact:.*\r\n/, `Contact: ${value}\r\n`);
  for (const [name, change] of [
    ["no Contact", withoutContact],
    ["half a Contact", withContact("<sip:bob@")],
    ["a folded Contact", withContact("<sip:bob@10.1.0.66\r\n ;x=1>")],
    ["a blank in the Contact", withContact("<sip:bob@10.1.0.66 SIP/2.0>")],
    ["an empty Contact", withContact("")],
    ["a Contact of another scheme", withContact("<mailto:bob@example.com>")],
    ["half a Record-Route", (text: string) => text.replace("Contact:", "Record-Route: <sip:a@\r\nContact:")],
  ] as const) {
    test(`${name}: the call ends all the same, by the To URI and to where the 200 came from`, () => {
      const world = new ProxyWorld();
      const first = world.invite();
      world.pass(2_000);
      const sent = world.receive(change(answer(first.message, 200)), pbx(1));
      assert.deepEqual(outline(sent), ["ACK pbx1", "BYE pbx1"]);
      for (const { message } of sent) {
        assert.equal(message.uri, "sip:bob@edge.example");
        assert.match(message.raw, /^(?:ACK|BYE) \S+ SIP\/2\.0\r\nVia: /);
      }
      assert.equal(world.proxy.status().pending, 1);
    });
  }

  for (const to of [
    "<sip:bob@edge.example\r\n ;x=1>",
    "<sip:bob@edge.example SIP/2.0>",
    "<urn:service:sos>",
  ]) {
    test(`a To URI that is none either, ${JSON.stringify(to)}: a start line all the same`, () => {
      const world = new ProxyWorld();
      const first = world.invite();
      world.pass(2_000);
      const text = withoutContact(answer(first.message, 200)).replace(/To: <.*>/, `To: ${to}`);
      const sent = world.receive(text, pbx(1));
      assert.deepEqual(outline(sent), ["ACK pbx1", "BYE pbx1"]);
      for (const { message } of sent) assert.match(message.raw, /^(?:ACK|BYE) \S+ SIP\/2\.0\r\nVia: /);
    });
  }

  test("after the final of the call: the same", () => {
    const world = new ProxyWorld(
      WORLD_CONFIG.replace("to: pbx }", "to: pbx, failover: { maxAttempts: 2 } }"),
    );
    const first = world.invite();
    const second = only(world.pass(2_000).slice(-1), "INVITE");
    world.receive(answer(second.message, 486), pbx(2));
    assert.deepEqual(outline(world.receive(answer(first.message, 200), pbx(1))), ["ACK pbx1", "BYE pbx1"]);
  });

  test("of a target that was lost before it said anything: a 180 is cancelled, a 200 ended", () => {
    const world = new ProxyWorld();
    const first = world.invite();
    const second = only(world.fail(first.flow, "closed"), "INVITE");
    assert.deepEqual(outline(world.receive(answer(first.message, 180), pbx(1))), ["CANCEL pbx1"]);
    world.receive(answer(second.message, 200), pbx(2));
    assert.deepEqual(outline(world.receive(answer(first.message, 200, { tag: "b3" }), pbx(1))), [
      "ACK pbx1",
      "BYE pbx1",
    ]);
  });

  test("after a transport failure: the same", () => {
    const world = new ProxyWorld();
    const first = world.invite();
    world.receive(answer(first.message, 100), pbx(1));
    world.fail(first.flow, "closed");
    assert.deepEqual(outline(world.receive(answer(first.message, 200), pbx(1))), ["ACK pbx1", "BYE pbx1"]);
  });
});

test("own requests are bounded: past the bound the answer is ACKed, its BYE left out and counted", () => {
  const world = new ProxyWorld();
  const { message } = world.invite();
  world.pass(2_000);
  for (let n = 0; n <= OWN_REQUESTS_MAX; n++)
    world.proxy.receive(answer(message, 200, { tag: `t${n}` }), pbx(1));
  assert.equal(world.count("own.over-limit"), 1);
  assert.equal(world.proxy.status().ownRequests, OWN_REQUESTS_MAX);
  const probe = { transport: "udp", address: "10.1.0.12", port: 5060, host: "10.1.0.12" } as const;
  world.proxy.probe({ ...probe, timeoutMs: 1_000, nonce: "n" }, () => {});
  assert.equal(world.sent.at(-1)?.message.method, "OPTIONS", "a probe is sent all the same");
  world.pass(70_000);
  assert.ok(world.proxy.status().ownRequests === 0);
});

describe("the late 200 of a re-INVITE: ACK only, as the call itself goes on (§14.1)", () => {
  const again = (): { world: ProxyWorld; second: Sent } => {
    const world = new ProxyWorld();
    const invite = world.invite();
    world.receive(answer(invite.message, 200), pbx(1));
    return { world, second: only(world.inDialog("INVITE", invite), "INVITE") };
  };

  test("refused by ICMP, and answered after all", () => {
    const { world, second } = again();
    assert.deepEqual(outline(world.fail(second.flow)), ["503 caller"]);
    assert.deepEqual(outline(world.receive(answer(second.message, 200), pbx(1))), ["ACK pbx1"]);
    assert.equal(world.calls.size, 1);
  });

  test("timed out, and answered after all", () => {
    const { world, second } = again();
    assert.deepEqual(outline(world.pass(32_000)).slice(-1), ["408 caller"]);
    assert.deepEqual(outline(world.receive(answer(second.message, 200), pbx(1))), ["ACK pbx1"]);
  });

  test("cancelled at another node, and answered after all", () => {
    const { world, second } = again();
    const b = new ProxyWorld();
    const cancel = request("CANCEL", {
      via: "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKINVITE;rport",
      toTag: "b1",
      cseq: 2,
    });
    assert.deepEqual(outline(b.receive(cancel)), ["481 caller"]);
    assert.deepEqual(outline(b.receive(answer(second.message, 200), pbx(1))), ["ACK pbx1"]);
    assert.equal(world.calls.size, 1);
  });
});

describe("a 200 that comes again when its branch has ended (Timer M), while another keeps the context", () => {
  /** PBX 1 stayed silent, PBX 2 answered, and PBX 1's late 100 is the reason why it is cancelled for long. */
  const answered = (): { world: ProxyWorld; first: Sent; second: Sent } => {
    const world = new ProxyWorld();
    const first = world.invite();
    const second = only(world.pass(2_000).slice(-1), "INVITE");
    world.receive(answer(second.message, 200, { tag: "b2" }), pbx(2));
    world.pass(29_000);
    assert.deepEqual(outline(world.receive(answer(first.message, 100), pbx(1))), ["CANCEL pbx1"]);
    world.pass(10_000);
    assert.equal(world.proxy.status().contexts, 1);
    return { world, first, second };
  };

  test("§13.3.1.4: the winner's goes up, as the caller's ACK may have been lost", () => {
    const { world, second } = answered();
    const sent = world.receive(answer(second.message, 200, { tag: "b2" }), pbx(2));
    assert.deepEqual(outline(sent), ["200 caller"]);
  });

  test("§13.2.2.4: that of a branch which was ended is ended once more, and takes nothing from the one that rings", () => {
    const world = new ProxyWorld();
    const first = world.invite();
    const second = only(world.pass(2_000).slice(-1), "INVITE");
    world.receive(answer(second.message, 180, { tag: "b2" }), pbx(2));
    const text = answer(first.message, 200);
    assert.deepEqual(outline(world.receive(text, pbx(1))), ["ACK pbx1", "BYE pbx1"]);
    world.pass(40_000);
    assert.deepEqual(outline(world.receive(text, pbx(1))), ["ACK pbx1", "BYE pbx1"]);
    const won = world.receive(answer(second.message, 200, { tag: "b2" }), pbx(2));
    assert.deepEqual(outline(won), ["200 caller"]);
  });
});
