// RFC 3261 §16.7: what becomes of a target's response, item by item.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  answer,
  kindOf,
  linesOf,
  only,
  outline,
  ProxyWorld,
  pbx,
  request,
  WORLD_CONFIG,
} from "../../support/proxy-world.ts";

const WANTS_MORE = WORLD_CONFIG.replace("to: pbx }", "to: pbx, failover: { on: [4xx, 5xx] } }");

/** Each target answers in turn; what goes up in the end. 0: the target refuses the transport. */
function answered(statuses: readonly number[], method = "INVITE"): string {
  const world = new ProxyWorld(WANTS_MORE);
  let sent = world.receive(request(method));
  for (const [index, status] of statuses.entries()) {
    const { message, flow } = only(sent, method);
    sent = status === 0 ? world.fail(flow) : world.receive(answer(message, status), pbx(index + 1));
  }
  return sent
    .filter(({ to }) => to === "udp:192.0.2.1:5060")
    .map(({ message }) => kindOf(message))
    .join(" ");
}

describe("16.7 response processing", () => {
  test("16.7: of no transaction and with no other Via: dropped", () => {
    const world = new ProxyWorld();
    const text = answer(world.invite().message, 200)
      .replace(/Via: SIP\/2.0\/UDP 192.*\r\n/, "")
      .replace(/branch=\w+/, "branch=z9hG4bKx");
    assert.deepEqual(world.receive(text, pbx(1)), []);
    assert.equal(world.count("dropped.response-without-transaction"), 1);
  });

  test("16.7 item 1: the context is found by the branch and the method of CSeq", () => {
    const world = new ProxyWorld();
    const one = world.invite();
    const two = world.invite({ callId: "call-2", via: "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKtwo" });
    assert.equal(only(world.receive(answer(two.message, 180), pbx(1)), "180").message.callId, "call-2");
    assert.equal(
      only(world.receive(answer(one.message, 180), pbx(1)), "180").message.callId,
      "call-1@192.0.2.1",
    );
    assert.deepEqual(world.receive(answer(one.message, 200).replace("1 INVITE", "1 CANCEL"), pbx(1)), []);
  });

  const provisionals = [
    { name: "16.7 item 2: 180 sets Timer C anew", status: 180, cancelledAt: 285_000 },
    { name: "16.7 item 2: 199 sets Timer C anew", status: 199, cancelledAt: 285_000 },
    { name: "16.7 item 2: 101 sets Timer C anew", status: 101, cancelledAt: 285_000 },
    { name: "16.7 item 2: 100 does not", status: 100, cancelledAt: 185_000 },
  ];
  for (const { name, status, cancelledAt } of provisionals) {
    test(name, () => {
      const world = new ProxyWorld(
        WORLD_CONFIG.replace("to: pbx }", "to: pbx, failover: { noProgressAfter: 10m } }"),
      );
      const invite = world.invite();
      world.receive(answer(invite.message, 100), pbx(1));
      world.pass(100_000);
      world.receive(answer(invite.message, status), pbx(1));
      const [cancel] = world.pass(186_000);
      assert.deepEqual([cancel?.message.method, (cancel?.at ?? 0) - 1_000], ["CANCEL", cancelledAt]);
    });
  }

  test("16.7 item 3: the topmost Via is removed, in a line of its own or with others", () => {
    const world = new ProxyWorld();
    const invite = world.invite({ more: ["Via: SIP/2.0/UDP low.example;branch=z9hG4bKlow"] });
    const text = answer(invite.message, 183);
    const [ours = "", stamped = "", low = ""] = linesOf(invite.message, "via");
    assert.deepEqual(linesOf(only(world.receive(text, pbx(1)), "183").message, "via"), [stamped, low]);
    const without = text.replace(`Via: ${stamped}\r\n`, "").replace(`Via: ${low}\r\n`, "");
    const joined = without.replace(ours, `${ours} ,  ${stamped}, ${low}`);
    assert.deepEqual(linesOf(only(world.receive(joined, pbx(1)), "183").message, "via"), [
      `${stamped}, ${low}`,
    ]);
  });

  test("16.7 item 3: no Via is left: the response was for us, and goes no further", () => {
    const world = new ProxyWorld();
    const text = answer(world.invite().message, 200).replace(/Via: SIP\/2.0\/UDP 192.*\r\n/, "");
    assert.deepEqual(world.receive(text, pbx(1)), []);
    assert.equal(world.count("dropped.response-without-via"), 1);
  });

  test("16.7 item 4: a final is kept while another target may still answer", () => {
    assert.equal(answered([404, 480, 410]), "404");
    assert.equal(answered([503, 200]), "200");
  });

  const forwarded = [101, 180, 183, 199, 200, 202, 299];
  for (const status of forwarded) {
    test(`16.7 item 5: ${status} goes up at once`, () => {
      const world = new ProxyWorld();
      const { message } = world.invite();
      assert.deepEqual(outline(world.receive(answer(message, status), pbx(1))), [`${status} caller`]);
    });
  }
  test("16.7 item 5: 100 does not go up", () => {
    const world = new ProxyWorld();
    assert.deepEqual(world.receive(answer(world.invite().message, 100), pbx(1)), []);
  });
  test("16.7 item 5: nothing but 2xx goes up after a final", () => {
    const world = new ProxyWorld();
    const { message } = world.invite();
    world.receive(answer(message, 200), pbx(1));
    assert.deepEqual(world.receive(answer(message, 180), pbx(1)), []);
    assert.deepEqual(world.receive(answer(message, 486), pbx(1)), []);
  });
  test("16.7 item 5: every 2xx of a fork downstream goes up, and each retransmission of one (RFC 6026 §7.1)", () => {
    const world = new ProxyWorld();
    const { message } = world.invite();
    const up = ["b1", "b2", "b1", "b3"].map((tag) =>
      only(world.receive(answer(message, 200, { tag }), pbx(1)), "200"),
    );
    assert.deepEqual(
      up.map((each) => each.message.toTag),
      ["b1", "b2", "b1", "b3"],
    );
    world.pass(31_999);
    assert.equal(world.receive(answer(message, 200), pbx(1)).length, 1);
    world.pass(1);
    assert.ok(world.idle, "64*T1 after the first one");
  });
  test("16.7 item 5: one final only for a non-INVITE request", () => {
    const world = new ProxyWorld();
    const { message } = only(world.receive(request("MESSAGE")), "MESSAGE");
    assert.deepEqual(outline(world.receive(answer(message, 200), pbx(1))), ["200 caller"]);
    assert.deepEqual(world.receive(answer(message, 200, { tag: "b2" }), pbx(1)), []);
  });
  test("16.7 item 5: no provisional of a non-INVITE request (RFC 4320 §4.1)", () => {
    const world = new ProxyWorld();
    const { message } = only(world.receive(request("MESSAGE")), "MESSAGE");
    assert.deepEqual(world.receive(answer(message, 183), pbx(1)), []);
  });

  const best: readonly [name: string, statuses: readonly number[], up: string][] = [
    ["6xx before all, and at once", [404, 603], "603"],
    ["the lowest class", [500, 404, 501], "404"],
    ["3xx before 4xx", [404, 302], "302"],
    ["401 tells more than 404", [404, 401, 410], "401"],
    ["407 tells more than 404", [404, 407, 501], "407"],
    ["415 tells more", [480, 415, 480], "415"],
    ["420 tells more", [480, 420, 480], "420"],
    ["484 tells more", [404, 484, 410], "484"],
    ["the example of the RFC: 503, 407, 501", [503, 407, 501], "407"],
    ["503 alone becomes 500", [503, 503, 503], "500"],
    ["503 and 504: the first, and not as a 503", [503, 504, 504], "500"],
    ["a target's 5xx before our own 503", [0, 501, 0], "501"],
    ["nobody could be reached: our own 503", [0, 0, 0], "503"],
    ["486 is final: nobody else is asked", [486], "486"],
  ];
  for (const [name, statuses, up] of best) {
    test(`16.7 item 6: ${name}`, () => assert.equal(answered(statuses), up));
  }
  test("16.7 item 6: nothing at all was heard: 408", () => {
    const world = new ProxyWorld();
    world.invite();
    const sent = world.pass(40_000).filter(({ to }) => to === "udp:192.0.2.1:5060");
    assert.equal(sent[0]?.message.status, 408);
    assert.equal(sent[0]?.at, 1_000 + 2_000 + 2_000 + 32_000);
  });
  test("16.7 item 6: 500 in place of 503 keeps the rest; its Retry-After is the target's alone", () => {
    const world = new ProxyWorld(WORLD_CONFIG.replace(/ {6}- .*1[23].*\n/g, ""));
    const { message } = world.invite();
    const up = only(
      world.receive(answer(message, 503, { phrase: "Full", headers: "X-Why: disk\r\n" }), pbx(1)),
      "500",
    );
    assert.match(up.text, /^SIP\/2\.0 500 Server Internal Error\r\n/);
    assert.deepEqual(linesOf(up.message, "x-why"), ["disk"]);
    assert.equal(up.message.toTag, "b1");
  });
  test("16.7 item 6: our own 503 says why and when to try again", () => {
    const world = new ProxyWorld(WORLD_CONFIG.replace(/ {6}- .*1[23].*\n/g, ""));
    const { message } = only(world.fail(world.invite().flow), "503");
    assert.deepEqual(linesOf(message, "retry-after"), ["5"]);
    assert.deepEqual(linesOf(message, "reason"), ['SIP;cause=503;text="refused"']);
    assert.notEqual(message.toTag, "");
  });

  test("16.7 item 7: the challenges of all branches go up together", () => {
    const world = new ProxyWorld(WANTS_MORE);
    const one = 'WWW-Authenticate: Digest realm="one"\r\n';
    const two = 'Proxy-Authenticate: Digest realm="two"\r\nProxy-Authenticate: Digest realm="three"\r\n';
    const first = world.invite();
    const second = only(world.receive(answer(first.message, 401, { headers: one }), pbx(1)), "INVITE");
    const third = only(world.receive(answer(second.message, 407, { headers: two }), pbx(2)), "INVITE");
    const up = only(world.receive(answer(third.message, 404), pbx(3)), "401");
    assert.deepEqual(linesOf(up.message, "www-authenticate"), ['Digest realm="one"']);
    assert.deepEqual(linesOf(up.message, "proxy-authenticate"), [
      'Digest realm="two"',
      'Digest realm="three"',
    ]);
  });
  test("16.7 item 7: a single challenge is not doubled; a 404 gets none", () => {
    const world = new ProxyWorld();
    const headers = 'WWW-Authenticate: Digest realm="one"\r\n';
    const { message } = world.invite();
    const up = only(world.receive(answer(message, 401, { headers }), pbx(1)), "401");
    assert.equal(linesOf(up.message, "www-authenticate").length, 1);
  });

  test("16.7 item 8: Record-Route is not rewritten: both of our values stand there from the start (RFC 5658)", () => {
    const world = new ProxyWorld(WORLD_CONFIG.replaceAll("transport=udp", "transport=tcp"));
    const invite = world.invite();
    const target = { ...pbx(1), transport: "tcp" as const, listener: 1 };
    const up = only(world.receive(answer(invite.message, 200), target), "200");
    assert.deepEqual(linesOf(up.message, "record-route"), linesOf(invite.message, "record-route"));
  });

  test("16.7 item 9: forwarded as it came but for the Via: body, To tag, unknown headers, received", () => {
    const world = new ProxyWorld();
    const { message } = world.invite();
    const text = answer(message, 200, { headers: 'X-Odd : "a;b" ,\r\n  c\r\n' }).replace(
      "Content-Length: 0\r\n\r\n",
      "l:  5\r\n\r\nv=0\u00e9\r",
    );
    const up = only(world.receive(text, pbx(1)), "200");
    assert.equal(up.text, text.replace(/Via: SIP\/2\.0\/UDP 198.*\r\n/, ""));
  });
  test("16.7 item 9: the context lives until all its transactions are over", () => {
    const world = new ProxyWorld();
    const { message } = world.invite();
    world.receive(answer(message, 404), pbx(1));
    assert.deepEqual(outline(world.receive(answer(message, 404), pbx(1))), ["ACK pbx1"], "Timer D");
    world.receive(request("ACK"));
    assert.deepEqual(world.receive(request("INVITE")), [], "confirmed: Timer I");
    world.pass(31_999);
    assert.equal(world.proxy.status().branches, 1);
    world.pass(1);
    assert.ok(world.idle);
  });
  test("16.7 item 9: a final above 299 is repeated until its ACK (§17.2.1), which goes no further", () => {
    const world = new ProxyWorld();
    const { message } = world.invite();
    world.receive(answer(message, 404), pbx(1));
    assert.deepEqual(
      world.pass(1_600).map(({ at, message: { status } }) => [status, at]),
      [
        [404, 1_500],
        [404, 2_500],
      ],
    );
    assert.deepEqual(outline(world.receive(request("INVITE"))), ["404 caller"], "and at each retransmission");
    assert.deepEqual(world.receive(request("ACK")), []);
    assert.deepEqual(world.pass(30_000), []);
    const silent = new ProxyWorld();
    silent.receive(answer(silent.invite().message, 404), pbx(1));
    silent.pass(32_001);
    assert.equal(silent.count("transaction.no-ack"), 1);
    assert.ok(silent.idle);
  });

  test("16.7 item 10: what is pending on another branch is cancelled by a final", () => {
    const world = new ProxyWorld();
    const first = world.invite();
    const second = only(world.pass(2_000).slice(-1), "INVITE");
    assert.equal(second.to, "udp:10.1.0.12:5060");
    assert.deepEqual(outline(world.receive(answer(second.message, 200), pbx(2))), ["200 caller"]);
    const [cancel, ...rest] = world.receive(answer(first.message, 180), pbx(1));
    assert.deepEqual([cancel?.message.method, cancel?.to, rest.length], ["CANCEL", "udp:10.1.0.11:5060", 0]);
  });
});
