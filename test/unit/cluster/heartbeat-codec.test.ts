// Datagrams between nodes: only what verifies is read, everything else is named and ignored.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { DATAGRAM_BYTES_MAX, HeartbeatCodec } from "../../../src/cluster/heartbeat-codec.ts";
import { PROBE_HEADER, ProbeSigner } from "../../../src/cluster/probe-token.ts";
import { BODIES, message, SECRETS, status } from "./example.ts";

const from = new HeartbeatCodec({ cluster: "edge", node: "edge-a", secrets: SECRETS });
const to = new HeartbeatCodec({ cluster: "edge", node: "edge-b", secrets: SECRETS });
const good = from.encode(message(5));

describe("a datagram", () => {
  for (const body of BODIES) {
    test(`comes back as it was: ${body.kind}`, () => {
      const sent = message(5, { body, echo: { boot: "boot-b", sequence: 3, at: 1.5 } });
      assert.deepEqual(to.decode(from.encode(sent)), { ok: true, message: sent });
    });
  }

  test("that comes again by another path is the same message, and one changed by a byte is none", () => {
    const datagram = from.encode(message(7));
    const first = to.decode(datagram);
    assert.equal(to.decode(Buffer.from(datagram)), first);
    const forged = Buffer.from(datagram);
    forged[forged.length - 2] = 65;
    assert.equal(to.decode(forged).ok, false);
    assert.deepEqual(to.decode(datagram), first);
  });

  test("signed with the former secret verifies: a secret is changed node by node", () => {
    const old = new HeartbeatCodec({ cluster: "edge", node: "edge-a", secrets: SECRETS.slice(1) });
    assert.equal(to.decode(old.encode(message(1))).ok, true);
  });

  test("with the longest reasons fits", () => {
    const body = { kind: "heartbeat", status: status({ notReady: "x".repeat(300) }) } as const;
    const long = from.encode(message(9_007_199_254_740_991, { body }));
    assert.ok(long.length <= DATAGRAM_BYTES_MAX, `${long.length} bytes`);
    assert.equal(to.decode(long).ok, true);
  });

  test("of a newer version with a field more is read", () => {
    const newer = { ...message(1), colour: "blue" };
    assert.equal(to.decode(from.encode(newer)).ok, true);
  });

  const other = new HeartbeatCodec({ cluster: "edge", node: "edge-a", secrets: ["another secret"] });
  const elsewhere = new HeartbeatCodec({ cluster: "lab", node: "edge-a", secrets: SECRETS });
  const ignored = [
    { name: "with another secret", datagram: other.encode(message(1)), fault: "unsigned" },
    { name: "of another cluster", datagram: elsewhere.encode(message(1)), fault: "foreign" },
    { name: "to another node", datagram: from.encode(message(1, { to: "edge-c" })), fault: "foreign" },
    {
      name: "of our own, reflected",
      datagram: from.encode(message(1, { node: "edge-b" })),
      fault: "foreign",
    },
    { name: "of nothing", datagram: Buffer.alloc(0), fault: "malformed" },
    {
      name: "one byte past the longest",
      datagram: Buffer.alloc(DATAGRAM_BYTES_MAX + 1, 65),
      fault: "too-long",
    },
    { name: "of the longest size", datagram: Buffer.alloc(DATAGRAM_BYTES_MAX, 65), fault: "malformed" },
    {
      name: "with an epoch below zero",
      datagram: from.encode(message(1, { body: { kind: "accept", epoch: -1 } })),
      fault: "malformed",
    },
    {
      name: "with a reason one character too long",
      datagram: from.encode(message(1, { body: { kind: "decline", epoch: 1, reason: "x".repeat(301) } })),
      fault: "malformed",
    },
  ];
  for (const { name, datagram, fault } of ignored) {
    test(`${name} is ignored as ${fault}`, () => assert.deepEqual(to.decode(datagram), { ok: false, fault }));
  }

  test("cut anywhere is ignored", () => {
    for (let length = 0; length < good.length; length++)
      assert.equal(to.decode(good.subarray(0, length)).ok, false);
  });

  test("with any one bit turned is ignored", () => {
    for (let bit = 0; bit < good.length * 8; bit++) {
      const forged = Buffer.from(good);
      forged[bit >> 3] = (forged[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      assert.equal(to.decode(forged).ok, false, `bit ${bit}`);
    }
  });
});

describe("the probe of the floating IP", () => {
  const ours = new ProbeSigner("edge", SECRETS);
  const nonce = "0123456789abcdef";
  const owner = { node: "edge-a", boot: "boot-a", epoch: 4, role: "active" } as const;

  test("a signed answer over our nonce says who has the address", () => {
    assert.deepEqual(ours.read(ours.answer(ours.question(nonce), owner) ?? "", nonce), owner);
  });

  test("an answer over another nonce is a replay", () => {
    const answer = ours.answer(ours.question("another-nonce-of-16"), owner) ?? "";
    assert.equal(ours.read(answer, nonce), null);
  });

  test("an answer with another role, epoch or boot id does not verify", () => {
    const answer = ours.answer(ours.question(nonce), owner) ?? "";
    for (const [was, is] of [
      ["active", "standby"],
      [" 4 ", " 5 "],
      ["boot-a", "boot-b"],
    ] as const)
      assert.equal(ours.read(answer.replace(was, is), nonce), null);
  });

  test("its header is a token (RFC 3261 §25.1)", () => assert.match(PROBE_HEADER, /^[A-Za-z0-9-]+$/));

  test("a foreign owner signs nothing", () => assert.equal(ours.read("", nonce), null));

  const foreign = new ProbeSigner("edge", ["another secret"]);
  const elsewhere = new ProbeSigner("lab", SECRETS);
  const refused = [
    { name: "with another secret", question: foreign.question(nonce) },
    { name: "of another cluster", question: elsewhere.question(nonce) },
    { name: "with a nonce one character too short", question: ours.question(nonce.slice(1)) },
    { name: "that is empty", question: "" },
  ];
  for (const { name, question } of refused) {
    test(`a question ${name} gets no signed answer`, () => assert.equal(ours.answer(question, owner), null));
  }
});
