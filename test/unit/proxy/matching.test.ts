// Transactions as the proxy holds them: which message belongs to which (RFC 3261 §17.1.3, §17.2.3), and what RFC 4320 and
// RFC 6026 ask of whoever sits above the machines.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ackOf } from "../../../src/proxy/own-message.ts";
import { serverKey } from "../../../src/proxy/transaction-key.ts";
import { parseMessage, type SipMessage } from "../../../src/sip/message/sip-message.ts";
import { answer, CALLER, ProxyWorld, pbx, request, type Sent } from "../../support/proxy-world.ts";

type Parts = Parameters<typeof request>[1];

/** "INVITE udp:10.1.0.11:5060", "200 udp:192.0.2.1:5060": what was sent, and to whom. */
function told(sent: readonly Sent[]): string[] {
  return sent.map(({ message, to }) => `${message.isRequest ? message.method : message.status} ${to}`);
}

function times(sent: readonly Sent[], from: number): string[] {
  return sent.map(({ at, message }) => `${at - from} ${message.isRequest ? message.method : message.status}`);
}

/** A world in which an INVITE has been forwarded to the first PBX. */
function calling(parts: Parts = {}): { world: ProxyWorld; invite: SipMessage } {
  const world = new ProxyWorld();
  const sent = world.receive(request("INVITE", parts)).find(({ message }) => message.method === "INVITE");
  assert.ok(sent);
  return { world, invite: sent.message };
}

const TO_PBX = "udp:10.1.0.11:5060";
const TO_CALLER = "udp:192.0.2.1:5060";

describe("what a proxy's transactions are", () => {
  test("§17 the ACK of a non-2xx belongs to the INVITE's transaction and ends here", () => {
    const { world, invite } = calling();
    assert.deepEqual(told(world.receive(answer(invite, 486), pbx(1))), [`ACK ${TO_PBX}`, `486 ${TO_CALLER}`]);
    assert.deepEqual(world.receive(request("ACK", { toTag: "b1" })), []);
    assert.deepEqual(world.pass(40_000), []);
  });

  test("§17 the ACK of a 2xx is no part of the transaction: it goes end to end", () => {
    const { world, invite } = calling();
    const [ok] = world.receive(answer(invite, 200), pbx(1));
    const more = [`Route: ${ok?.message.valueNamed("record-route")}`];
    const via = "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKack";
    const ack = request("ACK", { uri: "sip:bob@10.1.0.11:5060", toTag: "b1", more, via });
    assert.deepEqual(told(world.receive(ack)), [`ACK ${TO_PBX}`]);
    assert.deepEqual(told(world.receive(ack)), [`ACK ${TO_PBX}`]);
  });

  test("§17.1 each branch is a client transaction of its own", () => {
    const { world, invite } = calling();
    assert.deepEqual(told(world.receive(answer(invite, 503), pbx(1))), [
      `ACK ${TO_PBX}`,
      "INVITE udp:10.1.0.12:5060",
    ]);
    const second = world.sent.at(-1)?.message;
    assert.ok(second);
    assert.notEqual(second.topVia.branch, invite.topVia.branch);
    assert.deepEqual(told(world.receive(answer(invite, 503), pbx(1))), [`ACK ${TO_PBX}`]);
  });

  test("§17.1.1 an unanswered INVITE goes out again to the same place, unchanged", () => {
    const { world, invite } = calling();
    const again = world.pass(1_500);
    assert.deepEqual(times(again, 1_000), ["500 INVITE", "1500 INVITE"]);
    assert.ok(again.every(({ text, to }) => text === invite.raw && to === TO_PBX));
  });

  test("§17.1.2 any other request goes out again until its final came", () => {
    const world = new ProxyWorld();
    const [sent] = world.receive(request("MESSAGE"));
    assert.ok(sent);
    assert.deepEqual(times(world.pass(600), 1_000), ["500 MESSAGE"]);
    assert.deepEqual(told(world.receive(answer(sent.message, 200), pbx(1))), [`200 ${TO_CALLER}`]);
    assert.deepEqual(world.pass(40_000), []);
  });

  test("§17.1.4 a transport error of the first target starts the second at once", () => {
    const { world } = calling();
    assert.deepEqual(told(world.fail(pbx(1))), ["INVITE udp:10.1.0.12:5060"]);
  });

  test("§17.2 the core is told once, however often the request comes", () => {
    const world = new ProxyWorld();
    assert.deepEqual(told(world.receive(request("MESSAGE"))), [`MESSAGE ${TO_PBX}`]);
    assert.deepEqual(world.receive(request("MESSAGE")), []);
    assert.equal(world.count("retransmission.absorbed"), 1);
  });

  test("§17.2.1 a 100 leaves at once, after its INVITE, and again for the INVITE repeated", () => {
    const world = new ProxyWorld();
    const [, trying] = world.receive(request("INVITE"));
    assert.deepEqual([trying?.at, trying?.message.status], [1_000, 100]);
    assert.deepEqual(told(world.receive(request("INVITE"))), [`100 ${TO_CALLER}`]);
  });

  test("§17.2.1 a non-2xx final goes out again until its ACK", () => {
    const { world, invite } = calling();
    world.receive(answer(invite, 486), pbx(1));
    assert.deepEqual(times(world.pass(1_600), 1_000), ["500 486", "1500 486"]);
    world.receive(request("ACK", { toTag: "b1" }));
    assert.deepEqual(world.pass(40_000), []);
  });

  test("§17.2.2 the final of any other request goes out again only when asked for", () => {
    const world = new ProxyWorld();
    const [sent] = world.receive(request("MESSAGE"));
    assert.ok(sent);
    world.receive(answer(sent.message, 404), pbx(1));
    assert.deepEqual(world.pass(5_000), []);
    assert.deepEqual(told(world.receive(request("MESSAGE"))), [`404 ${TO_CALLER}`]);
  });
});

describe("a caller over a stream whose connection was lost", () => {
  const first = { ...CALLER, transport: "tcp" as const, listener: 1, port: 40_123, connection: 7 };
  const second = { ...first, port: 40_124, connection: 8 };
  const via = "SIP/2.0/TCP 192.0.2.1:5060;branch=z9hG4bKstream";
  const invite = request("INVITE", { via });

  function ringing(): { world: ProxyWorld; forwarded: SipMessage } {
    const world = new ProxyWorld();
    const sent = world.receive(invite, first).find(({ message }) => message.method === "INVITE");
    assert.ok(sent);
    world.receive(answer(sent.message, 180), pbx(1));
    return { world, forwarded: sent.message };
  }

  test("§18.2.2 sends its INVITE again by a new one: what it missed and what follows comes there", () => {
    const { world, forwarded } = ringing();
    const [again] = world.receive(invite, second);
    assert.deepEqual([again?.message.status, again?.flow.connection], [180, 8]);
    const [ok] = world.receive(answer(forwarded, 200), pbx(1));
    assert.deepEqual([ok?.message.status, ok?.flow.connection], [200, 8]);
  });

  test("§18.2.2 sends its CANCEL by a new one: the 200 and the 487 come there", () => {
    const { world, forwarded } = ringing();
    const cancelled = world.receive(request("CANCEL", { via }), second);
    const [ok] = cancelled;
    assert.deepEqual([ok?.message.status, ok?.flow.connection], [200, 8]);
    world.receive(answer(forwarded, 487), pbx(1));
    const last = world.sent.findLast(({ message }) => message.status === 487);
    assert.equal(last?.flow.connection, 8);
  });

  test("while the former connection is open it keeps its answers", () => {
    const { world, forwarded } = ringing();
    world.open.add(`${first.address}:5060`); // by its sent-by, as the world knows no connections
    world.receive(invite, second);
    const [ok] = world.receive(answer(forwarded, 200), pbx(1));
    assert.deepEqual([ok?.message.status, ok?.flow.connection], [200, 7]);
  });

  test("and nobody else's: the same INVITE from another address moves nothing", () => {
    const { world, forwarded } = ringing();
    world.receive(invite, { ...second, address: "192.0.2.99" });
    const [ok] = world.receive(answer(forwarded, 200), pbx(1));
    assert.deepEqual([ok?.message.status, ok?.flow.connection], [200, 7]);
  });
});

describe("the ACK of a non-2xx (§17.1.1.3)", () => {
  const invite = parseMessage(
    request("INVITE", {
      uri: "sip:bob@10.1.0.11",
      via: "SIP/2.0/UDP 198.51.100.10:5060;branch=z9hG4bKours;rport",
      more: ["Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKtheirs", "Route: <sip:a;lr>", "Route: <sip:b;lr>"],
      cseq: 7,
      body: "v=0\r\n",
    }),
  );
  const ack = parseMessage(ackOf(invite, parseMessage(answer(invite, 486, { tag: "busy" }))));
  const rows = [
    { name: "Request-URI of the INVITE", got: ack.uri, want: invite.uri },
    { name: "Call-ID of the INVITE", got: ack.callId, want: invite.callId },
    { name: "From of the INVITE", got: ack.valueNamed("from"), want: invite.valueNamed("from") },
    { name: "To of the response, with its tag", got: ack.toTag, want: "busy" },
    { name: "one Via, the INVITE's topmost", got: ack.topVia.branch, want: "z9hG4bKours" },
    { name: "no Via below it", got: ack.secondVia, want: null },
    { name: "CSeq number of the INVITE", got: ack.cseqNumber, want: 7 },
    { name: "CSeq method ACK", got: ack.cseqMethod, want: "ACK" },
    {
      name: "Route of the INVITE, in order",
      got: ack.raw.match(/^Route: .*$/gm)?.map((line) => line.trim()),
      want: ["Route: <sip:a;lr>", "Route: <sip:b;lr>"],
    },
    { name: "no body", got: ack.body, want: "" },
  ];
  for (const { name, got, want } of rows) test(`§17.1.1.3 ${name}`, () => assert.deepEqual(got, want));

  test("§17.1.1.3 it goes where the INVITE went, for each repeated final the same", () => {
    const { world, invite: sent } = calling();
    const [first] = world.receive(answer(sent, 486), pbx(1));
    const [again] = world.receive(answer(sent, 486), pbx(1));
    assert.equal(first?.to, TO_PBX);
    assert.equal(again?.text, first?.text);
  });
});

describe("responses to client transactions (§17.1.3)", () => {
  test("§17.1.3 branch and CSeq method name the transaction", () => {
    const { world, invite } = calling();
    assert.deepEqual(told(world.receive(answer(invite, 180), pbx(1))), [`180 ${TO_CALLER}`]);
  });

  test("§17.1.3 another branch belongs to none, and is dropped", () => {
    const { world, invite } = calling();
    const text = answer(invite, 200).replace(invite.topVia.branch, `${invite.topVia.branch}x`);
    assert.deepEqual(world.receive(text, pbx(1)), []);
    assert.equal(world.count("dropped.response-unverified"), 1);
  });

  test("§17.1.3 the same branch with another CSeq method belongs to none, and is dropped", () => {
    const { world, invite } = calling();
    assert.deepEqual(world.receive(answer(invite, 200).replace("CSeq: 1 INVITE", "CSeq: 1 BYE"), pbx(1)), []);
    assert.deepEqual(told(world.receive(answer(invite, 180), pbx(1))), [`180 ${TO_CALLER}`]);
  });

  test("§17.1.3 a topmost Via that is not ours: dropped (§18.1.2)", () => {
    const { world, invite } = calling();
    const text = answer(invite, 200).replace("198.51.100.10", "203.0.113.1");
    assert.deepEqual(world.receive(text, pbx(1)), []);
    assert.equal(world.count("dropped.response-not-ours"), 1);
  });

  test("§17.1.3 the 200 of a CANCEL ends the CANCEL, not the INVITE, whose branch it has", () => {
    const { world, invite } = calling();
    world.receive(answer(invite, 180), pbx(1));
    const cancel = world.receive(request("CANCEL")).find(({ message }) => message.method === "CANCEL");
    assert.ok(cancel);
    assert.equal(cancel.message.topVia.branch, invite.topVia.branch);
    assert.deepEqual(world.receive(answer(cancel.message, 200), pbx(1)), []);
    assert.deepEqual(world.pass(2_000), [], "the CANCEL is not repeated");
    assert.deepEqual(told(world.receive(answer(invite, 487), pbx(1))), [`ACK ${TO_PBX}`, `487 ${TO_CALLER}`]);
  });

  test("§17.1.3 a response from another address of the callee still matches: the branch alone counts", () => {
    const { world, invite } = calling();
    assert.deepEqual(told(world.receive(answer(invite, 180), pbx(3))), [`180 ${TO_CALLER}`]);
  });
});

describe("requests to server transactions (§17.2.3)", () => {
  const via = (host: string, branch: string): Parts => ({
    via: `SIP/2.0/UDP ${host}${branch === "" ? "" : `;branch=${branch}`}`,
  });
  const modern = via("192.0.2.1:5060", "z9hG4bK1");
  const old = via("192.0.2.1:5060", "1");
  const none = via("192.0.2.1:5060", "");
  interface Pair {
    readonly name: string;
    readonly first: [string, Parts];
    readonly second: [string, Parts];
    readonly same: boolean;
    readonly sources?: [string, string];
  }
  const pairs: readonly Pair[] = [
    {
      name: "branch, sent-by and method equal: the same",
      first: ["INVITE", modern],
      second: ["INVITE", { ...modern, callId: "other", cseq: 2 }],
      same: true,
    },
    {
      name: "another branch: another",
      first: ["INVITE", modern],
      second: ["INVITE", via("192.0.2.1:5060", "z9hG4bK2")],
      same: false,
    },
    {
      name: "another sent-by host, the same branch: another",
      first: ["INVITE", modern],
      second: ["INVITE", via("192.0.2.2:5060", "z9hG4bK1")],
      same: false,
    },
    {
      name: "another sent-by port, the same branch: another",
      first: ["INVITE", modern],
      second: ["INVITE", via("192.0.2.1:5062", "z9hG4bK1")],
      same: false,
    },
    {
      name: "sent-by in other case: the same",
      first: ["INVITE", via("Phone.Example", "z9hG4bK1")],
      second: ["INVITE", via("phone.example", "z9hG4bK1")],
      same: true,
    },
    {
      name: "ACK has its INVITE's",
      first: ["INVITE", modern],
      second: ["ACK", { ...modern, toTag: "b1" }],
      same: true,
    },
    {
      name: "CANCEL finds its INVITE's (§9.2)",
      first: ["INVITE", modern],
      second: ["CANCEL", modern],
      same: true,
    },
    {
      name: "another method with the INVITE's branch: another",
      first: ["INVITE", modern],
      second: ["BYE", modern],
      same: false,
    },
    {
      name: "the source does not matter where the branch is unique",
      first: ["INVITE", modern],
      second: ["INVITE", modern],
      same: true,
      sources: ["192.0.2.1", "192.0.2.9"],
    },
    {
      name: "no cookie: all of RFC 2543 equal: the same",
      first: ["INVITE", old],
      second: ["INVITE", old],
      same: true,
    },
    {
      name: "no branch at all: the same rule",
      first: ["INVITE", none],
      second: ["INVITE", none],
      same: true,
    },
    {
      name: "no cookie, ACK with the To tag of the response: the INVITE's",
      first: ["INVITE", old],
      second: ["ACK", { ...old, toTag: "b1" }],
      same: true,
    },
    {
      name: "no cookie, another Call-ID: another",
      first: ["INVITE", old],
      second: ["INVITE", { ...old, callId: "other" }],
      same: false,
    },
    {
      name: "no cookie, another From tag: another",
      first: ["INVITE", old],
      second: ["INVITE", { ...old, fromTag: "a2" }],
      same: false,
    },
    {
      name: "no cookie, another CSeq number: another",
      first: ["INVITE", old],
      second: ["INVITE", { ...old, cseq: 2 }],
      same: false,
    },
    {
      name: "no cookie, another CSeq method: another",
      first: ["INVITE", old],
      second: ["BYE", old],
      same: false,
    },
    {
      name: "no cookie, another topmost Via: another",
      first: ["INVITE", old],
      second: ["INVITE", via("192.0.2.2:5060", "1")],
      same: false,
    },
    {
      name: "no cookie, another source: another",
      first: ["INVITE", none],
      second: ["INVITE", none],
      same: false,
      sources: ["192.0.2.1", "192.0.2.9"],
    },
    {
      name: "the cookie alone is no branch (RFC 4475 §3.3.1): the rule of RFC 2543",
      first: ["INVITE", via("192.0.2.1", "z9hG4bK")],
      second: ["INVITE", { ...via("192.0.2.1", "z9hG4bK"), callId: "other" }],
      same: false,
    },
  ];
  const keyOf = ([method, parts]: [string, Parts], source: string): string =>
    serverKey(parseMessage(request(method, parts)), source);
  for (const { name, first, second, same, sources } of pairs) {
    test(`§17.2.3 ${name}`, () => {
      const [one, other] = sources ?? ["192.0.2.1", "192.0.2.1"];
      assert.equal(keyOf(first, one) === keyOf(second, other), same);
    });
  }

  test("§17.2.3 no cookie, another Request-URI: another", () => {
    assert.notEqual(
      keyOf(["INVITE", old], "192.0.2.1"),
      keyOf(["INVITE", { ...old, uri: "sip:+15557654321@198.51.100.10" }], "192.0.2.1"),
    );
  });

  test("§17.2.3 a CANCEL with another branch has no transaction: 481 (§9.2)", () => {
    const { world } = calling();
    const [refused] = world.receive(request("CANCEL", via("192.0.2.1:5060", "z9hG4bKother")));
    assert.equal(refused?.message.status, 481);
  });

  test("§17.2.3 a CANCEL that matches is answered 200 and repeated without harm", () => {
    const { world, invite } = calling();
    world.receive(answer(invite, 180), pbx(1));
    assert.deepEqual(told(world.receive(request("CANCEL"))), [`200 ${TO_CALLER}`, `CANCEL ${TO_PBX}`]);
    assert.deepEqual(told(world.receive(request("CANCEL"))), [`200 ${TO_CALLER}`]);
  });

  test("§17.2.3 two calls of RFC 2543 senders do not meet", () => {
    const world = new ProxyWorld();
    world.receive(request("INVITE", none));
    assert.deepEqual(told(world.receive(request("INVITE", { ...none, callId: "call-2" }))), [
      `INVITE ${TO_PBX}`,
      `100 ${TO_CALLER}`,
    ]);
  });
});

describe("RFC 6026 above the machines", () => {
  test("RFC 6026 §7.1 an INVITE repeated after its 2xx is absorbed, for 64*T1", () => {
    const { world, invite } = calling();
    world.receive(answer(invite, 200), pbx(1));
    assert.deepEqual(world.receive(request("INVITE")), []);
    world.pass(31_999);
    assert.deepEqual(world.receive(request("INVITE")), []);
    world.pass(1);
    assert.deepEqual(told(world.receive(request("INVITE"))), [`INVITE ${TO_PBX}`, `100 ${TO_CALLER}`]);
  });

  test("RFC 6026 §7.2 each 2xx goes up while the branch is Accepted, of another fork too", () => {
    const { world, invite } = calling();
    assert.deepEqual(told(world.receive(answer(invite, 200), pbx(1))), [`200 ${TO_CALLER}`]);
    assert.deepEqual(told(world.receive(answer(invite, 200), pbx(1))), [`200 ${TO_CALLER}`]);
    const [fork] = world.receive(answer(invite, 200, { tag: "b2" }), pbx(1));
    assert.equal(fork?.message.toTag, "b2");
  });

  test("RFC 6026 §7.3 a response that no transaction of this cluster sent for is not forwarded", () => {
    const world = new ProxyWorld();
    const forged = request("INVITE", {
      via: "SIP/2.0/UDP 198.51.100.10:5060;branch=z9hG4bKforged",
      more: ["Via: SIP/2.0/UDP 203.0.113.5:5060;branch=z9hG4bKvictim"],
    });
    assert.deepEqual(world.receive(answer(parseMessage(forged), 200), pbx(1)), []);
  });
});

describe("RFC 4320 section 4: what goes up for a request that is no INVITE", () => {
  function asking(): { world: ProxyWorld; sent: Sent } {
    const world = new ProxyWorld();
    const [sent] = world.receive(request("MESSAGE"));
    assert.ok(sent);
    return { world, sent };
  }

  test("RFC 4320 §4.1 no 100 at once over UDP", () => {
    const world = new ProxyWorld();
    assert.deepEqual(told(world.receive(request("MESSAGE"))), [`MESSAGE ${TO_PBX}`]);
  });

  test("RFC 4320 §4.1 no provisional above 100 goes up, nor a 100 of the next element", () => {
    const { world, sent } = asking();
    assert.deepEqual(world.receive(answer(sent.message, 183), pbx(1)), []);
    assert.deepEqual(world.receive(answer(sent.message, 100), pbx(1)), []);
  });

  test("RFC 4320 §4.1 unanswered when Timer E reaches T2 (3.5 s): a 100 of our own", () => {
    const { world } = asking();
    const up = world.pass(4_000).filter(({ to }) => to === TO_CALLER);
    assert.deepEqual(times(up, 1_000), ["3500 100"]);
  });

  test("RFC 4320 §4.2 no 408 of ours goes up, and the context ends all the same", () => {
    const { world } = asking();
    const up = world.pass(140_000).filter(({ to, message }) => to === TO_CALLER && message.status >= 200);
    assert.deepEqual(told(up), []);
    assert.equal(world.proxy.status().contexts, 0);
  });

  test("RFC 4320 §4.2 no 408 of a target goes up", () => {
    const { world, sent } = asking();
    world.receive(answer(sent.message, 408), pbx(1));
    for (const number of [2, 3]) {
      const next = world.sent.at(-1);
      if (next !== undefined && next !== sent) world.receive(answer(next.message, 408), pbx(number));
    }
    assert.deepEqual(
      world.sent.filter(({ to, message }) => to === TO_CALLER && message.status >= 200),
      [],
    );
  });

  test("RFC 4320 §4.2 a final that comes after the server transaction ended goes nowhere", () => {
    const { world, sent } = asking();
    assert.deepEqual(told(world.receive(answer(sent.message, 200), pbx(1))), [`200 ${TO_CALLER}`]);
    assert.deepEqual(world.receive(answer(sent.message, 200), pbx(1)), []);
  });
});

test("§17.2.4 what is lost on the way to the caller changes nothing here", () => {
  const { world, invite } = calling();
  assert.deepEqual(world.fail(CALLER), []);
  assert.deepEqual(told(world.receive(answer(invite, 200), pbx(1))), [`200 ${TO_CALLER}`]);
});
