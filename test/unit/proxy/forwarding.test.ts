// RFC 3261 §16.6: the copy that goes to a target, item by item; with RFC 3581 and RFC 5658.
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

const TCP_CONFIG = WORLD_CONFIG.replaceAll("transport=udp", "transport=tcp");
/** Nothing but the transaction's own time-out moves a call on. */
const SLOW_CONFIG = WORLD_CONFIG.replace(
  "to: pbx }",
  "to: pbx, failover: { noAnswerAfter: 60s, noProgressAfter: 10m } }",
);
const VIA = "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKalice1;rport";

describe("16.6 request forwarding", () => {
  test("16.6 item 1: what no item names leaves byte for byte as it came, in its order", () => {
    const more = [
      "v:SIP/2.0/TCP  elsewhere.example ;branch=z9hG4bKlow ,SIP/2.0/UDP third.example",
      'X-Odd:\t "quoted, text" ;;',
      "Record-Route: <sip:first.example;lr>",
      "Subject : folded\r\n  twice\r\n\tover",
      "record-route:<sip:second.example;lr>",
    ];
    const body = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\n\u00e4\u00ff";
    const text = request("INVITE", { more, body });
    const copy = new ProxyWorld().receive(text)[0];
    const came = text.slice(text.indexOf("\r\n", text.indexOf("Via:")));
    assert.ok(copy?.text.endsWith(came.replace("Max-Forwards: 70", "Max-Forwards: 69")), copy?.text);
  });

  test("16.6 item 1: each target gets a copy of the request as it came", () => {
    const world = new ProxyWorld();
    const first = world.invite({ body: "v=0\r\n" });
    const second = only(world.receive(answer(first.message, 503), pbx(1)), "INVITE");
    const changed = /^INVITE \S+|branch=z9hG4bK1\w+|^Record-Route.*$|^Max-Breadth.*$/gm;
    assert.equal(second.text.replace(changed, ""), first.text.replace(changed, ""));
  });

  test("16.6 item 1: a header that an item changes may stand first, and in compact or odd spelling", () => {
    const text = [
      "INVITE sip:bob@edge.example SIP/2.0",
      "Route: <sip:edge.example;lr>",
      "mAx-fOrWaRdS :  5",
      "Max-Breadth:7",
      "i: call-1",
      "f: <sip:alice@192.0.2.1>;tag=a1",
      "t: <sip:bob@edge.example>",
      "CSeq: 1  INVITE",
      `v: ${VIA}`,
    ];
    const copy = only(new ProxyWorld().receive(`${text.join("\r\n")}\r\n\r\n`), "INVITE");
    assert.equal(copy.message.maxForwards, 4);
    assert.deepEqual(linesOf(copy.message, "route"), []);
    assert.match(copy.text, /\r\nmAx-fOrWaRdS : {2}4\r\nMax-Breadth:3\r\ni: call-1\r\n/);
  });

  test("16.6 item 2: the Request-URI is the target's", () => {
    assert.equal(new ProxyWorld().invite().message.uri, "sip:+15551234567@10.1.0.11;transport=udp");
  });

  const forwards = [
    { name: "16.6 item 3: Max-Forwards less one", came: "70", leaves: 69 },
    { name: "16.6 item 3: 1 becomes 0", came: "1", leaves: 0 },
    { name: "16.6 item 3: 255", came: "255", leaves: 254 },
    { name: "16.6 item 3: none becomes 70", came: "", leaves: 70 },
  ];
  for (const { name, came, leaves } of forwards) {
    test(name, () => {
      const { message } = new ProxyWorld().invite({ maxForwards: came });
      assert.deepEqual(linesOf(message, "max-forwards"), [String(leaves)]);
    });
  }

  test("16.6 item 4: Record-Route above those that came, a SIP URI with lr that resolves to us", () => {
    const { message } = new ProxyWorld().invite({ more: ["Record-Route: <sip:below.example;lr>"] });
    const [ours = "", below, ...rest] = linesOf(message, "record-route");
    assert.match(ours, /^<sip:[^@;]+@198\.51\.100\.10:5060;lr>$/);
    assert.deepEqual([below, rest], ["<sip:below.example;lr>", []]);
  });
  for (const method of ["SUBSCRIBE", "REFER", "NOTIFY"]) {
    test(`16.6 item 4: ${method} may begin a dialog, too`, () => {
      const sent = only(new ProxyWorld().receive(request(method)), method);
      assert.equal(linesOf(sent.message, "record-route").length, 1);
    });
  }
  for (const method of ["MESSAGE", "REGISTER", "PUBLISH"]) {
    test(`16.6 item 4: ${method} begins none`, () => {
      const sent = only(new ProxyWorld().receive(request(method)), method);
      assert.deepEqual(linesOf(sent.message, "record-route"), []);
    });
  }

  test("16.6 item 4: twice where the transport changes (RFC 5658 §3): downstream's on top", () => {
    const { message } = new ProxyWorld(TCP_CONFIG).invite();
    const [near = "", far = "", ...rest] = linesOf(message, "record-route");
    assert.match(near, /@198\.51\.100\.10:5060;transport=tcp;lr>$/);
    assert.match(far, /@198\.51\.100\.10:5060;lr>$/);
    assert.deepEqual(rest, []);
  });

  test("16.6 item 4: with both recorded, each end reaches the other over its own transport", () => {
    const world = new ProxyWorld(TCP_CONFIG);
    const invite = world.invite();
    const target = { ...pbx(1), transport: "tcp" as const, listener: 1, connection: 3 };
    world.receive(answer(invite.message, 200), target);
    const [ack] = world.inDialog("ACK", invite, { uri: "sip:bob@10.1.0.11:5060;transport=tcp", cseq: 1 });
    assert.equal(ack?.to, "tcp:10.1.0.11:5060");
    assert.deepEqual(linesOf(ack?.message ?? invite.message, "route"), []);
    const bye = request("BYE", {
      via: "SIP/2.0/TCP 10.1.0.11:5060;branch=z9hG4bKbob1",
      uri: "sip:alice@192.0.2.1:5060",
      fromTag: "b1",
      toTag: "a1",
      more: linesOf(invite.message, "record-route").map((value) => `Route: ${value}`),
    });
    assert.deepEqual(outline(world.receive(bye, target)), ["BYE caller"]);
  });

  test("16.6 item 5: Max-Breadth is added (RFC 5393 §5.3.3); nothing else is", () => {
    const { message } = new ProxyWorld().invite();
    const names = message.raw.slice(message.headersStart, message.headersEnd).match(/^[\w-]+(?=:)/gm);
    assert.deepEqual(names, [
      ...["Via", "Record-Route", "Max-Breadth", "Via", "Max-Forwards", "From", "To", "Call-ID", "CSeq"],
      ...["Contact", "Content-Length"],
    ]);
  });

  test("16.6 item 6: the last Route is removed with its header, none is added for a target", () => {
    const { message } = new ProxyWorld().invite({ more: ["Route: <sip:198.51.100.10;lr>"] });
    assert.deepEqual(linesOf(message, "route"), []);
  });

  test("16.6 item 7: the next hop is the target's address, port and transport, each attempt on a branch of its own", () => {
    const world = new ProxyWorld(
      WORLD_CONFIG.replace("10.1.0.11;transport=udp", "10.1.0.11:5070;transport=tcp"),
    );
    const first = world.invite();
    assert.equal(first.to, "tcp:10.1.0.11:5070");
    const second = only(world.fail(first.flow), "INVITE");
    assert.equal(second.to, "udp:10.1.0.12:5060");
    assert.notEqual(second.message.topVia.branch, first.message.topVia.branch);
  });

  test("16.6 item 7: it leaves from a listener of the target's family; the path back is the path here where it fits", () => {
    const v6 = { ...CALLER, listener: 2, address: "2001:db8:1::5" };
    const via = "SIP/2.0/UDP [2001:db8:1::5]:5060;branch=z9hG4bKsix";
    const { flow, message } = new ProxyWorld().invite({ via }, v6);
    assert.equal(flow.listener, 0);
    assert.equal(linesOf(message, "record-route").length, 2);
  });

  test("16.6 item 8: our Via on top: transport, sent-by, cookie, rport", () => {
    const [ours = "", theirs, ...rest] = linesOf(new ProxyWorld().invite().message, "via");
    assert.match(ours, /^SIP\/2\.0\/UDP 198\.51\.100\.10:5060;branch=z9hG4bK1\w{32};rport$/);
    assert.equal(theirs, "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKalice1;rport=5060;received=192.0.2.1");
    assert.deepEqual(rest, []);
  });

  test("16.6 item 8: the branch of CANCEL and of the ACK of a non-2xx is their INVITE's", () => {
    const world = new ProxyWorld();
    const invite = world.invite();
    world.receive(answer(invite.message, 180), pbx(1));
    const cancel = only(world.receive(request("CANCEL")), "CANCEL");
    const ack = only(world.receive(answer(invite.message, 487), pbx(1)), "ACK");
    const { branch } = invite.message.topVia;
    assert.deepEqual([cancel.message.topVia.branch, ack.message.topVia.branch], [branch, branch]);
  });

  test("16.6 item 9: Content-Length is added where a stream needs it", () => {
    const text = request("INVITE", { body: "v=0\r\n" }).replace(/Content-Length.*\r\n/, "");
    const over = (config: string): string[] =>
      linesOf(only(new ProxyWorld(config).receive(text), "INVITE").message, "content-length");
    assert.deepEqual(over(TCP_CONFIG), ["5"]);
    assert.deepEqual(over(WORLD_CONFIG), [], "a datagram has its own end");
  });

  test("16.6 item 9: of a response that goes up a stream, too (§18.3)", () => {
    const world = new ProxyWorld();
    const phone = { ...CALLER, transport: "tcp" as const, listener: 1, connection: 4 };
    const invite = world.invite({ via: "SIP/2.0/TCP 192.0.2.1:5060;branch=z9hG4bKt" }, phone);
    const bare = answer(invite.message, 200).replace(/Content-Length.*\r\n/, "");
    assert.deepEqual(linesOf(only(world.receive(bare, pbx(1)), "200").message, "content-length"), ["0"]);
  });

  test("16.6 item 10: forwarded by a client transaction: repeated until something is heard (§17.1.1.2)", () => {
    const world = new ProxyWorld(SLOW_CONFIG);
    const invite = world.invite();
    assert.deepEqual(
      world.pass(3_600).map(({ at }) => at - 1_000),
      [500, 1_500, 3_500],
    );
    world.receive(answer(invite.message, 100), pbx(1));
    assert.deepEqual(world.pass(10_000), []);
  });

  test("16.6 item 11: Timer C runs from the INVITE on, above three minutes", () => {
    const world = new ProxyWorld(SLOW_CONFIG);
    const invite = world.invite();
    world.receive(answer(invite.message, 100), pbx(1));
    assert.deepEqual(world.pass(180_000), []);
    assert.deepEqual(outline(world.pass(5_001)), ["CANCEL pbx1"]);
  });
});

describe("RFC 3581 rport and RFC 3261 §18.2.1 received", () => {
  const rows = [
    {
      name: "rport asked for: both filled in",
      via: `${VIA}`,
      stamped: "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKalice1;rport=5071;received=192.0.2.1",
      to: "udp:192.0.2.1:5071",
    },
    {
      name: "no rport, same address: nothing to say, the port of sent-by",
      via: "SIP/2.0/UDP 192.0.2.1:5099;branch=z9hG4bKx",
      stamped: "SIP/2.0/UDP 192.0.2.1:5099;branch=z9hG4bKx",
      to: "udp:192.0.2.1:5099",
    },
    {
      name: "no rport, another host: received, the port of sent-by or 5060",
      via: "SIP/2.0/UDP phone.example;branch=z9hG4bKx",
      stamped: "SIP/2.0/UDP phone.example;branch=z9hG4bKx;received=192.0.2.1",
      to: "udp:192.0.2.1:5060",
    },
    {
      name: "a received that the sender made up is replaced, of equal length, too",
      via: "SIP/2.0/UDP phone.example;branch=z9hG4bKx;received=192.0.2.7",
      stamped: "SIP/2.0/UDP phone.example;branch=z9hG4bKx;received=192.0.2.1",
      to: "udp:192.0.2.1:5060",
    },
    {
      name: "an rport that the sender made up is replaced",
      via: "SIP/2.0/UDP 192.0.2.1;rport=1;branch=z9hG4bKx",
      stamped: "SIP/2.0/UDP 192.0.2.1;rport=5071;branch=z9hG4bKx;received=192.0.2.1",
      to: "udp:192.0.2.1:5071",
    },
    {
      name: "maddr: there, at the port of sent-by (§18.2.2)",
      via: "SIP/2.0/UDP 192.0.2.1:5099;maddr=192.0.2.200;branch=z9hG4bKx",
      stamped: "SIP/2.0/UDP 192.0.2.1:5099;maddr=192.0.2.200;branch=z9hG4bKx",
      to: "udp:192.0.2.200:5099",
    },
    {
      name: "a maddr that is a name is not followed",
      via: "SIP/2.0/UDP 192.0.2.1:5099;maddr=far.example;branch=z9hG4bKx",
      stamped: "SIP/2.0/UDP 192.0.2.1:5099;maddr=far.example;branch=z9hG4bKx",
      to: "udp:192.0.2.1:5099",
    },
  ];
  for (const { name, via, stamped, to } of rows) {
    test(name, () => {
      const world = new ProxyWorld();
      const [invite, trying] = world.receive(request("INVITE", { via }), { ...CALLER, port: 5071 });
      assert.ok(invite && trying);
      assert.equal(linesOf(invite.message, "via")[1], stamped);
      assert.deepEqual(linesOf(trying.message, "via"), [stamped]);
      assert.equal(trying.to, to);
      const ringing = only(world.receive(answer(invite.message, 180), pbx(1)), "180");
      assert.deepEqual([ringing.to, linesOf(ringing.message, "via")], [to, [stamped]]);
      // The same, statelessly, by a node that never saw the INVITE (DESIGN.md, messages that carry their own way home).
      const other = new ProxyWorld();
      assert.equal(only(other.receive(answer(invite.message, 180), pbx(1)), "180").to, to);
    });
  }

  test("maddr of a stranger is not followed: nobody aims our refusals at others", () => {
    const via = "SIP/2.0/UDP 203.0.113.9;maddr=203.0.113.77;branch=z9hG4bKx";
    const sent = new ProxyWorld().receive(request("INVITE", { via }), { ...CALLER, address: "203.0.113.9" });
    assert.deepEqual(
      sent.map(({ to, message }) => [to, message.status]),
      [["udp:203.0.113.9:5060", 403]],
    );
  });

  test("a stream: back on its connection, else to the port of sent-by", () => {
    const world = new ProxyWorld();
    const phone = { ...CALLER, transport: "tcp" as const, listener: 1, port: 40_000, connection: 9 };
    const [, trying] = world.receive(
      request("INVITE", { via: "SIP/2.0/TCP 192.0.2.1;branch=z9hG4bKt" }),
      phone,
    );
    assert.deepEqual(trying?.flow, { ...phone, port: 5060 });
  });
});

describe("the same on every node", () => {
  test("two nodes with one secret give one branch, one Record-Route, one order of targets", () => {
    const config = WORLD_CONFIG.replace(/, priority: \d/g, ", priority: 1");
    for (const callId of ["a", "b", "c", "d", "e", "f", "g", "h"]) {
      const [one, two] = [new ProxyWorld(config), new ProxyWorld(config)];
      two.pass(777);
      let [left, right] = [one.invite({ callId }), two.invite({ callId })];
      for (let attempt = 0; attempt < 2; attempt++) {
        assert.equal(left.text, right.text);
        left = only(one.fail(left.flow), "INVITE");
        right = only(two.fail(right.flow), "INVITE");
      }
      assert.equal(left.text, right.text);
    }
  });

  test("another call, another target, another attempt, another secret: another branch", () => {
    const branchOf = (parts = {}, config = WORLD_CONFIG): string =>
      new ProxyWorld(config).invite(parts).message.topVia.branch;
    const branches = [
      branchOf(),
      branchOf({ callId: "other" }),
      branchOf({ fromTag: "a2" }),
      branchOf({ cseq: 2 }),
      branchOf({ via: VIA.replace("alice1", "alice2") }),
      branchOf({ via: VIA.replace("192.0.2.1:5060", "192.0.2.1:5061") }),
      branchOf({}, WORLD_CONFIG.replace("10.1.0.11", "10.1.0.14")),
      branchOf({}, WORLD_CONFIG.replace("0123456789abcdef", "0123456789abcdeX")),
    ];
    assert.equal(new Set(branches).size, branches.length);
  });
});
