// RFC 3261 §16.11: what goes through without a transaction. ACK of a 2xx, and responses of another node's transactions.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { STRAYS_PER_SECOND_MAX } from "../../../src/proxy/stray-response.ts";
import {
  answer,
  CALLER,
  linesOf,
  only,
  outline,
  ProxyWorld,
  pbx,
  request,
  type Sent,
  WORLD_CONFIG,
} from "../../support/proxy-world.ts";

/** Node A sends the INVITE; node B, of the same cluster, gets what comes back. */
function handedOver(parts: Parameters<ProxyWorld["invite"]>[0] = {}): { invite: Sent; b: ProxyWorld } {
  return { invite: new ProxyWorld().invite(parts), b: new ProxyWorld() };
}

describe("16.11 ACK of a 2xx", () => {
  const accepted = (): { world: ProxyWorld; invite: Sent } => {
    const world = new ProxyWorld();
    const invite = world.invite();
    world.receive(answer(invite.message, 200), pbx(1));
    return { world, invite };
  };

  test("16.11: forwarded along its route set: Via added, Max-Forwards lowered, no Record-Route, no transaction", () => {
    const { world, invite } = accepted();
    const before = world.proxy.status();
    const [ack, ...rest] = world.inDialog("ACK", invite, { cseq: 1, body: "v=0\r\n" });
    assert.ok(ack);
    assert.deepEqual([outline([ack]), rest], [["ACK pbx1"], []]);
    const { message } = ack;
    assert.deepEqual(
      [message.maxForwards, message.body, message.uri],
      [69, "v=0\r\n", "sip:bob@10.1.0.11:5060"],
    );
    assert.equal(linesOf(message, "via").length, 2);
    assert.deepEqual([linesOf(message, "record-route"), linesOf(message, "route")], [[], []]);
    assert.equal(world.proxy.status().contexts, before.contexts);
  });

  test("16.11: each retransmission is forwarded, with the same branch; another ACK has another", () => {
    const { world, invite } = accepted();
    const [one] = world.inDialog("ACK", invite, { cseq: 1 });
    const [two] = world.inDialog("ACK", invite, { cseq: 1 });
    assert.equal(one?.text, two?.text);
    const via = "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKack2";
    const [three] = world.inDialog("ACK", invite, { cseq: 1, via });
    assert.notEqual(three?.message.topVia.branch, one?.message.topVia.branch);
  });

  test("16.11: a sender of RFC 2543 gives it the INVITE's branch: it is forwarded, too", () => {
    const { world, invite } = accepted();
    const via = "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKalice1;rport";
    assert.deepEqual(outline(world.inDialog("ACK", invite, { cseq: 1, via })), ["ACK pbx1"]);
  });

  test("16.11: by any node of the cluster", () => {
    const { invite, b } = handedOver();
    assert.deepEqual(outline(b.inDialog("ACK", invite, { cseq: 1 })), ["ACK pbx1"]);
  });

  const dropped = [
    { name: "without a token", parts: { more: [] }, counter: "dropped.ack-without-dialog" },
    { name: "with Max-Forwards 0", parts: { maxForwards: "0" }, counter: "dropped.ack-max-forwards" },
    { name: "for a scheme that we don't know", parts: { uri: "http://x/" }, counter: "dropped.ack-scheme" },
    {
      name: "with an unknown option",
      parts: { more: ["Proxy-Require: x"] },
      counter: "dropped.ack-proxy-require",
    },
  ];
  for (const { name, parts, counter } of dropped) {
    test(`16.11: validated as any request (16.3), but dropped and counted, never answered: ${name}`, () => {
      const { world, invite } = accepted();
      assert.deepEqual(world.inDialog("ACK", invite, { cseq: 1, ...parts }), []);
      assert.equal(world.count(counter), 1);
    });
  }
});

describe("16.11 responses of a transaction that another node began", () => {
  for (const status of [101, 180, 200, 302, 486, 503, 603]) {
    test(`16.11: ${status} goes to where the next Via says${status >= 300 ? ", ACKed by us" : ""}`, () => {
      const { invite, b } = handedOver();
      const sent = b.receive(answer(invite.message, status), pbx(1));
      assert.deepEqual(
        outline(sent),
        status >= 300 ? ["ACK pbx1", `${status} caller`] : [`${status} caller`],
      );
      assert.deepEqual(
        linesOf(only(sent, String(status)).message, "via"),
        linesOf(invite.message, "via").slice(1),
      );
      assert.ok(b.idle);
    });
  }

  test("16.11: one answer goes up, and what its branch forks into; another target's is ended", () => {
    const [a, b] = [new ProxyWorld(), new ProxyWorld()];
    const invite = a.invite();
    const { message } = only(
      a.pass(2_100).filter(({ to }) => to.includes("10.1.0.12")),
      "INVITE",
    );
    for (const tag of ["b1", "b2", "b1"])
      assert.deepEqual(outline(b.receive(answer(invite.message, 200, { tag }), pbx(1))), ["200 caller"]);
    assert.deepEqual(
      outline(b.receive(answer(message, 200, { tag: "b9", contact: "<sip:bob@10.1.0.12>" }), pbx(2))),
      ["ACK pbx2", "BYE pbx2"],
    );
    assert.deepEqual(outline(b.receive(answer(message, 200, { tag: "b1" }), pbx(2))), ["200 caller"]);
  });

  const second = [
    { name: "a 2xx is ended", status: 200, sent: ["ACK pbx1", "BYE pbx1"] },
    { name: "a refusal is acknowledged", status: 503, sent: ["ACK pbx1"] },
  ];
  for (const { name, status, sent } of second) {
    test(`16.11: one final goes up; after a refusal the caller waits for nothing, so that of another target's ${name}`, () => {
      const [a, b] = [new ProxyWorld(), new ProxyWorld()];
      const invite = a.invite();
      const { message } = only(
        a.pass(2_100).filter(({ to }) => to.includes("10.1.0.12")),
        "INVITE",
      );
      for (let n = 0; n < 2; n++)
        assert.deepEqual(outline(b.receive(answer(message, 486, { tag: "b9" }), pbx(2))), [
          "ACK pbx2",
          "486 caller",
        ]);
      assert.deepEqual(outline(b.receive(answer(invite.message, status), pbx(1))), sent);
    });
  }

  test("16.11: a 100 stays here", () => {
    const { invite, b } = handedOver();
    assert.deepEqual(b.receive(answer(invite.message, 100), pbx(1)), []);
  });

  test("16.11: the ACK of such a final has its branch, Call-ID, CSeq and To tag (§17.1.1.3)", () => {
    const { invite, b } = handedOver({ cseq: 9 });
    const { message: ack } = only(b.receive(answer(invite.message, 404, { tag: "x9" }), pbx(1)), "ACK");
    assert.deepEqual([ack.topVia.branch, ack.toTag, ack.cseqNumber], [invite.message.topVia.branch, "x9", 9]);
    assert.deepEqual([ack.fromTag, ack.callId], ["a1", "call-1@192.0.2.1"]);
  });

  test("16.11: a retransmission is forwarded again: no state is kept", () => {
    const { invite, b } = handedOver();
    const texts = [1, 2].map(() => only(b.receive(answer(invite.message, 200), pbx(1)), "200").text);
    assert.equal(texts[0], texts[1]);
  });

  test("16.11: to the port that the caller really had (rport), to a stream, to IPv6", () => {
    const rows = [
      {
        via: "SIP/2.0/UDP 10.9.9.9:5060;branch=z9hG4bKn;rport",
        flow: { ...CALLER, port: 40_001 },
        to: "udp:192.0.2.1:40001",
      },
      {
        via: "SIP/2.0/TCP 192.0.2.1:5070;branch=z9hG4bKt",
        flow: { ...CALLER, transport: "tcp" as const, listener: 1 },
        to: "tcp:192.0.2.1:5070",
      },
      {
        via: "SIP/2.0/UDP [2001:db8:1::5];branch=z9hG4bK6",
        flow: { ...CALLER, listener: 2, address: "2001:db8:1::5" },
        to: "udp:2001:db8:1::5:5060",
      },
    ];
    for (const { via, flow, to } of rows) {
      const { message } = new ProxyWorld().invite({ via }, flow);
      assert.deepEqual(
        new ProxyWorld().receive(answer(message, 180), pbx(1)).map((sent) => sent.to),
        [to],
      );
    }
  });

  test("16.11: over a stream to sent-by, as the port of rport was of a connection that only the other node had (§18.2.2)", () => {
    const via = "SIP/2.0/TCP 192.0.2.1:5070;branch=z9hG4bKt;rport";
    const phone = { ...CALLER, transport: "tcp" as const, listener: 1, port: 40_123, connection: 7 };
    const { message } = new ProxyWorld().invite({ via }, phone);
    assert.match(linesOf(message, "via")[1] ?? "", /;rport=40123/);
    const sent = new ProxyWorld().receive(answer(message, 200), pbx(1));
    assert.deepEqual(outline(sent), ["200 tcp:192.0.2.1:5070"]);
  });

  test("16.11: of a BYE, too", () => {
    const a = new ProxyWorld();
    const bye = only(a.inDialog("BYE", a.invite()), "BYE");
    assert.deepEqual(outline(new ProxyWorld().receive(answer(bye.message, 200), pbx(1))), ["200 caller"]);
  });

  test("16.11: the address in the topmost Via is not ours: discarded", () => {
    const { invite, b } = handedOver();
    const text = answer(invite.message, 200).replace("198.51.100.10:5060", "198.51.100.11:5060");
    assert.deepEqual(b.receive(text, pbx(1)), []);
    assert.equal(b.count("dropped.response-not-ours"), 1);
  });

  const forged: readonly [name: string, change: (text: string) => string][] = [
    ["another branch", (text) => text.replace("z9hG4bK11", "z9hG4bK12")],
    ["a branch that is none of ours", (text) => text.replace(/z9hG4bK1\w{32}/, "z9hG4bKmine")],
    ["another caller's address", (text) => text.replace("received=192.0.2.1", "received=192.0.2.9")],
    ["another caller's port", (text) => text.replace("rport=5060", "rport=5061")],
    ["another sent-by below", (text) => text.replace("UDP 192.0.2.1:5060", "UDP 192.0.2.1:5062")],
    ["a maddr put in", (text) => text.replace("received=", "maddr=203.0.113.1;received=")],
    ["another Call-ID", (text) => text.replace("Call-ID: call-1", "Call-ID: call-2")],
    ["another From tag", (text) => text.replace("tag=a1", "tag=a2")],
    ["another CSeq", (text) => text.replace("CSeq: 1 ", "CSeq: 2 ")],
    ["another method", (text) => text.replace("1 INVITE", "1 MESSAGE")],
  ];
  for (const [name, change] of forged) {
    test(`16.11: dropped as unverified: ${name}`, () => {
      const { invite, b } = handedOver();
      const text = answer(invite.message, 200);
      assert.notEqual(change(text), text);
      assert.deepEqual(b.receive(change(text), pbx(1)), []);
      assert.equal(b.count("dropped.response-unverified"), 1);
    });
  }

  test("16.11: dropped when it comes from no target or source, and when no listener fits", () => {
    const { invite, b } = handedOver();
    assert.deepEqual(b.receive(answer(invite.message, 200), { ...pbx(1), address: "203.0.113.9" }), []);
    assert.equal(b.count("dropped.response-from-stranger"), 1);
    const v6 = new ProxyWorld().invite(
      { via: "SIP/2.0/UDP [2001:db8:1::5];branch=z9hG4bK6" },
      { ...CALLER, listener: 2, address: "2001:db8:1::5" },
    );
    const only4 = new ProxyWorld(WORLD_CONFIG.replace(', "udp://[2001:db8::10]:5060"', ""));
    assert.deepEqual(only4.receive(answer(v6.message, 200), pbx(1)), []);
    assert.equal(only4.count("dropped.response-no-listener"), 1);
  });

  test("16.11: no more than the bound in a second", () => {
    const { invite, b } = handedOver();
    const text = answer(invite.message, 180);
    for (let n = 0; n < STRAYS_PER_SECOND_MAX + 5; n++) b.receive(text, pbx(1));
    assert.equal(b.count("stray.forwarded"), STRAYS_PER_SECOND_MAX);
    assert.equal(b.count("dropped.response-over-rate"), 5);
    b.pass(1_000);
    assert.equal(b.receive(text, pbx(1)).length, 1);
  });

  test("16.11: the answer to a CANCEL of another node is nobody's", () => {
    const a = new ProxyWorld();
    a.receive(answer(a.invite().message, 180), pbx(1));
    const cancel = only(a.receive(request("CANCEL")), "CANCEL");
    assert.deepEqual(new ProxyWorld().receive(answer(cancel.message, 200), pbx(1)), []);
  });
});

describe("a stray response whose next Via matches a live context joins it", () => {
  /** A sent the INVITE to PBX 1 and died; B got the caller's retransmission and, PBX 1 refusing it, tried PBX 2. */
  function taken(): { stray: Sent; b: ProxyWorld; own: Sent } {
    const stray = new ProxyWorld().invite();
    const b = new ProxyWorld(WORLD_CONFIG.replace(/ {6}- .*11.*\n/, ""));
    return { stray, b, own: b.invite() };
  }

  test("1xx: cancelled, once", () => {
    const { stray, b } = taken();
    const cancel = only(b.receive(answer(stray.message, 180), pbx(1)), "CANCEL");
    assert.deepEqual(
      [cancel.to, cancel.message.topVia.branch],
      ["udp:10.1.0.11:5060", stray.message.topVia.branch],
    );
    assert.deepEqual(
      [cancel.message.toTag, cancel.message.cseqNumber],
      ["", 1],
      "the To of the INVITE (§9.1)",
    );
    assert.deepEqual(b.receive(answer(stray.message, 180), pbx(1)), []);
    assert.deepEqual(b.receive(answer(cancel.message, 200), pbx(1)), []);
    b.pass(5_000);
    assert.equal(b.proxy.status().ownRequests, 0);
  });

  test("2xx and none was: it goes up, our own branch is cancelled", () => {
    const { stray, b, own } = taken();
    b.receive(answer(own.message, 180), pbx(2));
    assert.deepEqual(outline(b.receive(answer(stray.message, 200), pbx(1))), ["200 caller", "CANCEL pbx2"]);
    assert.deepEqual(outline(b.receive(answer(own.message, 200, { tag: "late" }), pbx(2))), [
      "ACK pbx1",
      "BYE pbx1",
    ]);
    b.pass(100_000);
    assert.ok(b.idle);
  });

  test("2xx of the branch that won, again and of a fork: up, as every 2xx is", () => {
    const { stray, b } = taken();
    b.receive(answer(stray.message, 200), pbx(1));
    for (const tag of ["b1", "b2", "b1"])
      assert.deepEqual(outline(b.receive(answer(stray.message, 200, { tag }), pbx(1))), ["200 caller"]);
  });

  test("2xx after a 2xx: ACK and BYE", () => {
    const { stray, b, own } = taken();
    b.receive(answer(own.message, 200), pbx(2));
    const sent = b.receive(answer(stray.message, 200, { tag: "b7" }), pbx(1));
    assert.deepEqual(outline(sent), ["ACK pbx1", "BYE pbx1"]);
    assert.equal(only(sent, "BYE").message.toTag, "b7");
  });

  test("3xx to 6xx: ACKed, and no more", () => {
    const { stray, b } = taken();
    assert.deepEqual(outline(b.receive(answer(stray.message, 486), pbx(1))), ["ACK pbx1"]);
  });
});

describe("a stray response of another request whose context lives here", () => {
  function taken(): { stray: Sent; b: ProxyWorld; own: Sent } {
    const stray = only(new ProxyWorld().receive(request("MESSAGE")), "MESSAGE");
    const b = new ProxyWorld(WORLD_CONFIG.replace(/ {6}- .*11.*\n/, ""));
    return { stray, b, own: only(b.receive(request("MESSAGE")), "MESSAGE") };
  }
  test("2xx: it is the one final", () => {
    const { stray, b, own } = taken();
    assert.deepEqual(outline(b.receive(answer(stray.message, 200), pbx(1))), ["200 caller"]);
    assert.deepEqual(b.receive(answer(own.message, 200), pbx(2)), []);
    assert.deepEqual(b.receive(answer(stray.message, 200), pbx(1)), []);
    b.pass(40_000);
    assert.ok(b.idle);
  });
  test("anything else is dropped: our own target is still asked", () => {
    const { stray, b, own } = taken();
    for (const status of [100, 183, 404, 503])
      assert.deepEqual(b.receive(answer(stray.message, status), pbx(1)), []);
    assert.deepEqual(outline(b.receive(answer(own.message, 202), pbx(2))), ["202 caller"]);
    assert.equal(b.count("dropped.response-late"), 4);
  });
});

describe("a stray response of an INVITE that the caller gave up at another node", () => {
  function cancelled(): { invite: Sent; b: ProxyWorld } {
    const { invite, b } = handedOver();
    b.receive(request("CANCEL"));
    return { invite, b };
  }
  test("2xx: ACK and BYE, nothing to the caller", () => {
    const { invite, b } = cancelled();
    assert.deepEqual(outline(b.receive(answer(invite.message, 200), pbx(1))), ["ACK pbx1", "BYE pbx1"]);
  });
  test("a final above 299: ACKed and handed up", () => {
    const { invite, b } = cancelled();
    assert.deepEqual(outline(b.receive(answer(invite.message, 487), pbx(1))), ["ACK pbx1", "487 caller"]);
  });
  test("the CANCEL is repeated by Timer E until answered", () => {
    const { invite, b } = cancelled();
    b.receive(answer(invite.message, 180), pbx(1));
    assert.deepEqual(outline(b.pass(1_600)), ["CANCEL pbx1", "CANCEL pbx1"]);
    b.pass(40_000);
    assert.equal(b.proxy.status().ownRequests, 0);
  });
});
