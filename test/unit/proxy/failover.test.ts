// From target to target: when a call goes on to the next one and when it never does (RFC 3261 §16.6 item 7, RFC 3263 §4.3).
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { UDP_BYTES_MAX } from "../../../src/proxy/hunting.ts";
import {
  answer,
  only,
  outline,
  ProxyWorld,
  pbx,
  request,
  type Sent,
  WORLD_CONFIG,
} from "../../support/proxy-world.ts";

const policy = (keys: string): string =>
  WORLD_CONFIG.replace("to: pbx }", `to: pbx, failover: { ${keys} } }`);
const invites = (sent: readonly Sent[]): string[] =>
  outline(sent.filter(({ message }) => message.method === "INVITE"));

describe("silence", () => {
  test("no provisional within noAnswerAfter: the next target, then the one after; the last one has its whole time", () => {
    const world = new ProxyWorld();
    world.invite();
    const firsts = new Map<string, number>();
    for (const { to, at, message } of world.pass(40_000))
      if (message.method === "INVITE" && !firsts.has(to)) firsts.set(to, at - 1_000);
    firsts.delete("udp:10.1.0.11:5060");
    assert.deepEqual(
      [...firsts],
      [
        ["udp:10.1.0.12:5060", 2_000],
        ["udp:10.1.0.13:5060", 4_000],
      ],
    );
    assert.equal(world.count("failover"), 2);
  });

  test("the abandoned one is repeated no more, and waited for until Timer B", () => {
    const world = new ProxyWorld();
    world.invite();
    const first = world.pass(31_000).filter(({ to }) => to === "udp:10.1.0.11:5060");
    assert.deepEqual(
      first.map(({ at }) => at - 1_000),
      [500, 1_500],
    );
    assert.equal(world.proxy.status().branches, 3);
    world.pass(1_000);
    assert.equal(world.proxy.status().branches, 2);
  });

  test("a 100 in time stops it; then noProgressAfter counts", () => {
    const world = new ProxyWorld(policy("noProgressAfter: 5s"));
    world.receive(answer(world.invite().message, 100), pbx(1));
    assert.deepEqual(world.pass(4_999), []);
    assert.deepEqual(outline(world.pass(1)), ["CANCEL pbx1", "INVITE pbx2"]);
  });

  test("a 180 stops both", () => {
    const world = new ProxyWorld(policy("noProgressAfter: 5s"));
    world.receive(answer(world.invite().message, 180), pbx(1));
    assert.deepEqual(world.pass(180_000), []);
  });

  test("with one target there is nowhere to go: it has until Timer B, and its late 180 is welcome", () => {
    const world = new ProxyWorld(policy("maxAttempts: 1"));
    const { message } = world.invite();
    assert.deepEqual(new Set(invites(world.pass(30_000))), new Set(["INVITE pbx1"]));
    assert.deepEqual(outline(world.receive(answer(message, 180), pbx(1))), ["180 caller"]);
  });

  test("a provisional of the abandoned branch is not for the caller: it is cancelled", () => {
    const world = new ProxyWorld();
    const { message } = world.invite();
    world.pass(2_500);
    for (const status of [183, 180]) {
      const sent = world.receive(answer(message, status), pbx(1));
      assert.deepEqual(outline(sent), status === 183 ? ["CANCEL pbx1"] : []);
    }
    assert.deepEqual(outline(world.receive(answer(message, 487), pbx(1))), ["ACK pbx1"]);
  });

  test("an abandoned branch's final is ACKed and moves nothing", () => {
    const world = new ProxyWorld();
    const { message } = world.invite();
    world.pass(2_500);
    for (const status of [503, 486, 603])
      assert.deepEqual(outline(world.receive(answer(message, status), pbx(1))), ["ACK pbx1"]);
    assert.equal(world.proxy.status().pending, 1);
  });
});

describe("codes", () => {
  const moves = [408, 500, 502, 503, 504];
  const stays = [300, 302, 400, 401, 403, 404, 407, 480, 486, 487, 488, 491, 501, 505, 600, 603, 604, 606];
  for (const status of [...moves, ...stays]) {
    test(`${status} ${moves.includes(status) ? "leads to the next target" : "is the caller's"}, by default`, () => {
      const world = new ProxyWorld();
      const sent = world.receive(answer(world.invite().message, status), pbx(1));
      assert.deepEqual(
        outline(sent),
        moves.includes(status) ? ["ACK pbx1", "INVITE pbx2"] : ["ACK pbx1", `${status} caller`],
      );
    });
  }
  for (const status of [486, 600, 603, 604, 606]) {
    test(`${status} never, even where its class is listed`, () => {
      const world = new ProxyWorld(policy("on: [4xx, 6xx]"));
      const sent = world.receive(answer(world.invite().message, status), pbx(1));
      assert.deepEqual(outline(sent), ["ACK pbx1", `${status} caller`]);
    });
  }
  test("404 where a rule adds it", () => {
    const world = new ProxyWorld(policy("on: [404]"));
    assert.deepEqual(outline(world.receive(answer(world.invite().message, 404), pbx(1))), [
      "ACK pbx1",
      "INVITE pbx2",
    ]);
  });
  test("a listed code after a 100 still moves; after a 180 it does not, but with afterProgress", () => {
    for (const [keys, provisional, next] of [
      ["", 100, "INVITE pbx2"],
      ["", 180, "500 caller"],
      ["afterProgress: true", 183, "INVITE pbx2"],
    ] as const) {
      const world = new ProxyWorld(keys === "" ? WORLD_CONFIG : policy(keys));
      const { message } = world.invite();
      world.receive(answer(message, provisional), pbx(1));
      assert.deepEqual(outline(world.receive(answer(message, 503), pbx(1))), ["ACK pbx1", next]);
    }
  });
  test("after a 180 neither silence nor a refusal moves it, with afterProgress, too", () => {
    const world = new ProxyWorld(policy("afterProgress: true"));
    const { message, flow } = world.invite();
    world.receive(answer(message, 180), pbx(1));
    assert.deepEqual(world.fail(flow), []);
    assert.deepEqual(world.pass(100_000), []);
  });
});

describe("never", () => {
  test("more than maxAttempts", () => {
    const world = new ProxyWorld(policy("maxAttempts: 2"));
    const second = only(world.fail(world.invite().flow), "INVITE");
    assert.deepEqual(outline(world.fail(second.flow)), ["503 caller"]);
  });
  test("after a 2xx: silence timers of the branch are over", () => {
    const world = new ProxyWorld();
    world.receive(answer(world.invite().message, 200), pbx(1));
    assert.deepEqual(world.pass(60_000), []);
  });
  test("an in-dialog request: it follows its route set", () => {
    const world = new ProxyWorld();
    const invite = world.invite();
    world.receive(answer(invite.message, 200), pbx(1));
    const again = only(world.inDialog("INVITE", invite), "INVITE");
    assert.deepEqual(new Set(invites(world.pass(31_000))), new Set(["INVITE pbx1"]));
    assert.deepEqual(outline(world.receive(answer(again.message, 503), pbx(1))), ["ACK pbx1", "500 caller"]);
    const refused = only(world.inDialog("BYE", invite, { cseq: 3 }), "BYE");
    assert.deepEqual(outline(world.fail(refused.flow)), ["503 caller"]);
  });
  test("a re-INVITE is recorded no second time", () => {
    const world = new ProxyWorld();
    const invite = world.invite();
    world.receive(answer(invite.message, 200), pbx(1));
    assert.equal(only(world.inDialog("INVITE", invite), "INVITE").message.valueNamed("record-route"), null);
  });
});

describe("non-INVITE requests (RFC 4320)", () => {
  const message = (): { world: ProxyWorld; first: Sent } => {
    const world = new ProxyWorld();
    return { world, first: only(world.receive(request("MESSAGE")), "MESSAGE") };
  };
  test("a refusal and the listed codes lead to the next target", () => {
    const { world, first } = message();
    const second = only(world.fail(first.flow), "MESSAGE");
    assert.deepEqual(outline(world.receive(answer(second.message, 503), pbx(2))), ["MESSAGE pbx3"]);
  });
  test("§4.1: a 100 when the sender's Timer E has grown to T2, not before", () => {
    const { world } = message();
    const up = world.pass(10_000).filter(({ to }) => to === "udp:192.0.2.1:5060");
    assert.deepEqual(
      up.map(({ at, message: { status } }) => [at - 1_000, status]),
      [[3_500, 100]],
    );
    assert.deepEqual(outline(world.receive(request("MESSAGE"))), ["100 caller"]);
  });
  test("§4.1: none where the answer came before", () => {
    const { world, first } = message();
    world.receive(answer(first.message, 200), pbx(1));
    assert.deepEqual(world.pass(60_000), []);
    assert.ok(world.idle);
  });
  test("§4.2: silence gets no 408; retransmissions are absorbed", () => {
    const { world } = message();
    world.pass(20_000);
    const late = world.pass(20_000);
    assert.deepEqual(
      new Set(outline(late)),
      new Set(["MESSAGE pbx1"]),
      "no other target, as its sender has given up",
    );
    assert.deepEqual(world.receive(request("MESSAGE")), []);
    assert.equal(world.count("transaction.timeout"), 1);
    world.pass(32_000);
    assert.ok(world.idle);
  });
  test("§4.2: a target's 408 does not go up either", () => {
    const { world, first } = message();
    const second = only(world.receive(answer(first.message, 408), pbx(1)), "MESSAGE");
    const third = only(world.receive(answer(second.message, 408), pbx(2)), "MESSAGE");
    assert.deepEqual(world.receive(answer(third.message, 408), pbx(3)), []);
    assert.deepEqual(world.receive(request("MESSAGE")), []);
    world.pass(40_000);
    assert.ok(world.idle);
  });
  test("the final is repeated at each retransmission until Timer J", () => {
    const { world, first } = message();
    world.receive(answer(first.message, 404), pbx(1));
    assert.deepEqual(outline(world.receive(request("MESSAGE"))), ["404 caller"]);
    world.pass(31_999);
    assert.deepEqual(outline(world.receive(request("MESSAGE"))), ["404 caller"]);
  });
});

describe("requests too large for UDP (RFC 3261 §18.1.1)", () => {
  const BIG = { body: "x".repeat(1_400) };
  const config = WORLD_CONFIG.replaceAll(";transport=udp", "");
  test("go by TCP where the target names no transport; Via, Record-Route and branch say so", () => {
    const { to, message } = new ProxyWorld(config).invite(BIG);
    assert.equal(to, "tcp:10.1.0.11:5060");
    assert.equal(message.topVia.transport, "TCP");
    assert.match(message.valueNamed("record-route") ?? "", /;transport=tcp;lr>$/);
    assert.notEqual(message.topVia.branch, new ProxyWorld(config).invite().message.topVia.branch);
  });
  test("the bound is on what leaves, not on what came", () => {
    const size = new ProxyWorld(config).invite().text.length;
    const to = (bytes: number): string => new ProxyWorld(config).invite({ body: "x".repeat(bytes) }).to;
    const digits = 3 - 1; // of Content-Length
    assert.equal(to(UDP_BYTES_MAX - size - digits), "udp:10.1.0.11:5060");
    assert.equal(to(UDP_BYTES_MAX + 1 - size - digits), "tcp:10.1.0.11:5060");
  });
  test("by UDP where the target is named with it, or where no TCP listener is", () => {
    assert.equal(new ProxyWorld().invite(BIG).to, "udp:10.1.0.11:5060");
    const without = config.replace('"tcp://198.51.100.10:5060", ', "");
    assert.equal(new ProxyWorld(without).invite(BIG).to, "udp:10.1.0.11:5060");
  });
  for (const targets of [3, 1]) {
    test(`TCP is refused: the same target by UDP at once, and from then on (${targets} targets)`, () => {
      const world = new ProxyWorld(targets === 3 ? config : config.replace(/ {6}- .*1[23].*\n/g, ""));
      const first = world.invite(BIG);
      assert.deepEqual(outline(world.fail(first.flow)), ["INVITE pbx1"]);
      assert.deepEqual(world.watched, [], "a target of UDP has not failed");
      const later = { ...BIG, callId: "c2", via: "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK2" };
      assert.equal(world.invite(later).to, "udp:10.1.0.11:5060");
      world.pass(600_001);
      assert.equal(world.invite({ ...later, callId: "c3", via: `${later.via}c` }).to, "tcp:10.1.0.11:5060");
    });
    test(`TCP stays silent: the next target, and only the last one again by UDP (${targets} targets)`, () => {
      const world = new ProxyWorld(targets === 3 ? config : config.replace(/ {6}- .*1[23].*\n/g, ""));
      world.invite(BIG);
      const next = [...new Set(invites(world.pass(9_000)))];
      const others = ["INVITE tcp:10.1.0.12:5060", "INVITE tcp:10.1.0.13:5060", "INVITE pbx3"];
      assert.deepEqual(next, targets === 3 ? others : ["INVITE pbx1"]);
      const told = world.watched.filter((line) => line.startsWith("udp:10.1.0.11"));
      assert.deepEqual(told, targets === 3 ? [] : ["udp:10.1.0.11:5060 silent"], "silent by UDP alone");
    });
  }
  test("an answer over TCP is an answer", () => {
    const world = new ProxyWorld(config);
    const { message, flow } = world.invite(BIG);
    assert.deepEqual(outline(world.receive(answer(message, 180), flow)), ["180 caller"]);
    assert.deepEqual(world.pass(20_000), [], "a stream repeats by itself");
  });
  test("a non-INVITE request, too", () => {
    const world = new ProxyWorld(config);
    const first = only(world.receive(request("MESSAGE", BIG)), "MESSAGE");
    assert.equal(first.to, "tcp:10.1.0.11:5060");
    assert.deepEqual(outline(world.fail(first.flow)), ["MESSAGE pbx1"]);
  });
});

test("a target that no listener can reach is passed over; where none is left, 503", () => {
  const tcpToo = WORLD_CONFIG.replace("10.1.0.11;transport=udp", "10.1.0.11;transport=tcp");
  const udp = [{ transport: "udp", address: "198.51.100.10", port: 5060 }] as const;
  assert.equal(new ProxyWorld(tcpToo, udp).invite().to, "udp:10.1.0.12:5060");
  const world = new ProxyWorld(WORLD_CONFIG.replaceAll("transport=udp", "transport=tcp"), udp);
  assert.deepEqual(outline(world.receive(request("INVITE"))), ["503 caller"]);
  assert.equal(world.count("forward.no-listener"), 3);
});
