// RFC 5393: loops and spirals, and how many branches a request may have at once.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { MAX_BREADTH_DEFAULT } from "../../../src/proxy/validation.ts";
import type { Flow } from "../../../src/transport/flow.ts";
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

const LOOPING = WORLD_CONFIG.replace("from: carriers", "from: [carriers, pbx]");

/** A caller of the same peer group as the target that sends the request back. */
const CALLER_AT_PBX: Flow = {
  transport: "udp",
  listener: 0,
  address: "10.1.0.20",
  port: 5060,
  connection: 0,
};

/** How its INVITE arrives at PBX 1. */
function fromPbx(world: ProxyWorld): Sent {
  return world.invite({ via: "SIP/2.0/UDP 10.1.0.20:5060;branch=z9hG4bKcarol1" }, CALLER_AT_PBX);
}

/** Calls go through a filter, which sends them back as they are. */
const FILTERED = WORLD_CONFIG.replace(
  "routes:\n  - { from: carriers, to: pbx }",
  '  filter: { sources: [10.3.0.0/24], targets: ["sip:10.3.0.1;transport=udp"] }\n' +
    "routes:\n  - { from: carriers, to: filter }\n  - { from: filter, to: pbx }",
);

function ownVia(sent: readonly Sent[]): string {
  return linesOf(only(sent, "INVITE").message, "via")[0] ?? "";
}

/** What PBX 1 makes of a request that it sends back to us. */
function returned(invite: Sent, change: (text: string) => string = (text) => text): string {
  const text = invite.text.replace(/^INVITE \S+/, "INVITE sip:+15551234567@198.51.100.10");
  return change(text.replace("\r\n", "\r\nVia: SIP/2.0/UDP 10.1.0.11:5060;branch=z9hG4bKpbx1\r\n"));
}

describe("16.3 item 4 and RFC 5393 §4.2: loops and spirals", () => {
  const rows: readonly [name: string, change: (text: string) => string, loop: boolean][] = [
    ["the same request again", (text) => text, true],
    [
      "with a header added that decides nothing",
      (text) => text.replace("\r\n\r\n", "\r\nX-Seen: 1\r\n\r\n"),
      true,
    ],
    [
      "with another Request-URI: a spiral",
      (text) => text.replace("+15551234567@198", "+15550000000@198"),
      false,
    ],
    [
      "with another To tag: a spiral",
      (text) => text.replace("<sip:bob@edge.example>", "<sip:bob@edge.example>;tag=x"),
      false,
    ],
    ["with another From tag: a spiral", (text) => text.replace("tag=a1", "tag=a2"), false],
    ["with another Call-ID: a spiral", (text) => text.replace("call-1@", "call-2@"), false],
    ["with another CSeq number: a spiral", (text) => text.replace("CSeq: 1", "CSeq: 2"), false],
    [
      "with a Proxy-Authorization: a spiral",
      (text) => text.replace("\r\n\r\n", "\r\nProxy-Authorization: x\r\n\r\n"),
      false,
    ],
    [
      "with a Route: a spiral",
      (text) => text.replace("\r\n\r\n", "\r\nRoute: <sip:edge.example;lr>\r\n\r\n"),
      false,
    ],
    [
      "through an element that is not us",
      (text) => text.replace("UDP 198.51.100.10", "UDP 198.51.100.99"),
      false,
    ],
    [
      "in one line with other Via values",
      (text) => text.replace(/\r\nVia: (.*)\r\nVia:/, "\r\nv: $1, "),
      true,
    ],
  ];
  for (const [name, change, loop] of rows) {
    test(`16.3 item 4: ${name}${loop ? ": 482" : ""}`, () => {
      const world = new ProxyWorld(LOOPING);
      const text = returned(fromPbx(world), change);
      const sent = world.receive(text, pbx(1));
      const expected = text.includes(">;tag=x") ? 481 : loop ? 482 : 100;
      assert.equal(sent.at(-1)?.message.status, expected);
      assert.equal(sent.length, expected === 100 ? 2 : 1);
    });
  }

  test("16.3 item 4: any node of the cluster sees the loop, after a change of secret, too", () => {
    const text = returned(fromPbx(new ProxyWorld(LOOPING)));
    assert.equal(new ProxyWorld(LOOPING).receive(text, pbx(1))[0]?.message.status, 482);
    const renewed = LOOPING.replace("[0123456789abcdef]", "[new-secret-of-today, 0123456789abcdef]");
    assert.equal(new ProxyWorld(renewed).receive(text, pbx(1))[0]?.message.status, 482);
  });

  test("16.3 item 4: back from another peer group, for which other rules hold: a spiral; round once more: 482", () => {
    const world = new ProxyWorld(LOOPING);
    const spiral = only(world.receive(returned(world.invite()), pbx(1)), "INVITE");
    assert.equal(spiral.to, "udp:10.1.0.11:5060");
    const again = returned(spiral).replace("z9hG4bKpbx1", "z9hG4bKpbx2");
    assert.deepEqual(outline(world.receive(again, pbx(1))), ["482 pbx1"]);
  });

  test("16.3 item 4: through a filter and back with the same Request-URI is no loop", () => {
    const world = new ProxyWorld(FILTERED);
    const invite = world.invite({ uri: "sip:bob@far.example" });
    assert.deepEqual([invite.to, invite.message.uri], ["udp:10.3.0.1:5060", "sip:bob@far.example"]);
    const filter: Flow = { ...CALLER_AT_PBX, address: "10.3.0.1" };
    const passed = invite.text.replace(
      "\r\n",
      "\r\nVia: SIP/2.0/UDP 10.3.0.1:5060;branch=z9hG4bKfilter1\r\n",
    );
    const sent = world.receive(passed, filter);
    assert.deepEqual(outline(sent), ["INVITE pbx1", "100 udp:10.3.0.1:5060"]);
    const again = passed
      .replace("z9hG4bKfilter1", "z9hG4bKfilter2")
      .replace("\r\n", `\r\nVia: ${ownVia(sent)}\r\n`);
    assert.equal(world.receive(again, filter)[0]?.message.status, 482, "from the filter once more");
  });

  test("16.3 item 4: a spiral gets a branch of its own, and its answer goes both ways up", () => {
    const world = new ProxyWorld(LOOPING);
    const invite = world.invite();
    const spiral = returned(invite, (text) => text.replace("+15551234567@198", "+15550000000@198"));
    const second = only(world.receive(spiral, pbx(1)), "INVITE");
    assert.notEqual(second.message.topVia.branch, invite.message.topVia.branch);
    const [ringing] = world.receive(answer(second.message, 180), pbx(1));
    assert.equal(ringing?.message.topVia.branch, "z9hG4bKpbx1");
  });
});

describe("RFC 5393 §5 Max-Breadth", () => {
  const breadthOf = (sent: Sent): string => linesOf(sent.message, "max-breadth").join();

  test("none came: 60, shared among this target and those that may follow", () => {
    const world = new ProxyWorld();
    const first = world.invite();
    assert.equal(breadthOf(first), "20");
    const second = only(world.pass(2_000).slice(-1), "INVITE");
    assert.equal(breadthOf(second), "20");
    const third = only(world.pass(2_000).slice(-1), "INVITE");
    assert.equal(breadthOf(third), "20");
  });

  test("one target has it all", () => {
    const { message } = new ProxyWorld(WORLD_CONFIG.replace(/ {6}- .*1[23].*\n/g, "")).invite();
    assert.deepEqual(linesOf(message, "max-breadth"), [String(MAX_BREADTH_DEFAULT)]);
    assert.equal(MAX_BREADTH_DEFAULT, 60);
  });

  test("what came is the bound: all that is pending at once never takes more", () => {
    for (const came of [1, 2, 3, 4, 7, 60]) {
      const world = new ProxyWorld();
      const sent = [world.invite({ more: [`Max-Breadth: ${came}`] }), ...world.pass(20_000)];
      const branches = new Map(
        sent
          .filter(({ message }) => message.method === "INVITE")
          .map((each) => [each.message.topVia.branch, each]),
      );
      const sum = [...branches.values()].reduce((total, each) => total + Number(breadthOf(each)), 0);
      assert.ok(sum <= came, `${sum} of ${came}`);
      assert.ok([...branches.values()].every((each) => Number(breadthOf(each)) > 0));
    }
  });

  test("1: the next target only when the one before is over; meanwhile the silent one keeps its chance", () => {
    const world = new ProxyWorld();
    const first = world.invite({ more: ["Max-Breadth: 1"] });
    assert.deepEqual(new Set(outline(world.pass(20_000))), new Set(["INVITE pbx1"]));
    assert.deepEqual(outline(world.receive(answer(first.message, 503), pbx(1))), ["ACK pbx1", "INVITE pbx2"]);
  });

  test("a branch that ended gives back what it took", () => {
    const world = new ProxyWorld();
    const first = world.invite();
    const second = only(world.receive(answer(first.message, 503), pbx(1)), "INVITE");
    assert.equal(breadthOf(second), "30");
  });

  for (const [name, value, status] of [
    ["0: refused with 440", "0", 440],
    ["no number: 400", "many", 400],
    ["beyond any sense: 400", "65536", 400],
  ] as const) {
    test(name, () => {
      const sent = new ProxyWorld().receive(request("INVITE", { more: [`Max-Breadth: ${value}`] }));
      assert.deepEqual(outline(sent), [`${status} caller`]);
    });
  }
});
