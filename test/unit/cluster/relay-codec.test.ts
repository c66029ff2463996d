// Late datagrams on their way to the successor: only what a node of the cluster relayed for this node is read.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { RELAY_BYTES_MAX, RelayCodec, type Relayed } from "../../../src/cluster/relay-codec.ts";
import { SECRETS } from "./example.ts";

const from = new RelayCodec({ cluster: "edge", node: "edge-a", secrets: SECRETS });
const to = new RelayCodec({ cluster: "edge", node: "edge-b", secrets: SECRETS });

function relayed(fields: Partial<Relayed> = {}): Relayed {
  return {
    node: "edge-a",
    boot: "boot-a",
    to: "edge-b",
    toBoot: "boot-b",
    epoch: 7,
    sequence: 3,
    from: { listener: 0, address: "192.0.2.9", port: 5060 },
    raw: "SIP/2.0 180 Ringing\r\n\r\n\n\u00e9\u0000\u00ff",
    ...fields,
  };
}

function encoded(codec: RelayCodec, message: Relayed): Buffer {
  const bytes = codec.encode(message);
  assert.ok(bytes !== null);
  return bytes;
}

describe("a relayed datagram", () => {
  test("comes back as it was, every byte of it, line feeds too", () => {
    assert.deepEqual(to.decode(encoded(from, relayed())), { ok: true, relayed: relayed() });
  });

  test("signed with the former secret verifies: a secret is changed node by node", () => {
    const old = new RelayCodec({ cluster: "edge", node: "edge-a", secrets: SECRETS.slice(1) });
    assert.equal(to.decode(encoded(old, relayed())).ok, true);
  });

  test("is told from a heartbeat by its first bytes", () => {
    assert.equal(RelayCodec.isRelay(encoded(from, relayed())), true);
    assert.equal(RelayCodec.isRelay(Buffer.from("TANDEM/1 edge x {}")), false);
    assert.equal(RelayCodec.isRelay(Buffer.alloc(0)), false);
  });

  test("of the longest size passes, one byte more is not sent", () => {
    const room = RELAY_BYTES_MAX - encoded(from, relayed({ raw: "" })).length;
    assert.equal(encoded(from, relayed({ raw: "x".repeat(room) })).length, RELAY_BYTES_MAX);
    assert.equal(from.encode(relayed({ raw: "x".repeat(room + 1) })), null);
  });

  const good = encoded(from, relayed());
  const changed = (at: number): Buffer => {
    const copy = Buffer.from(good);
    copy[at] = (copy[at] ?? 0) ^ 1;
    return copy;
  };
  const other = new RelayCodec({ cluster: "edge", node: "edge-a", secrets: ["another secret"] });
  const elsewhere = new RelayCodec({ cluster: "lab", node: "edge-a", secrets: SECRETS });
  const ignored = [
    { name: "with another secret", datagram: encoded(other, relayed()), fault: "unsigned" },
    { name: "whose last byte was changed", datagram: changed(good.length - 1), fault: "unsigned" },
    { name: "whose sender was changed", datagram: changed(good.indexOf("192.0.2.9")), fault: "unsigned" },
    { name: "cut off", datagram: good.subarray(0, good.length - 1), fault: "unsigned" },
    { name: "of another cluster", datagram: encoded(elsewhere, relayed()), fault: "foreign" },
    { name: "for another node", datagram: encoded(from, relayed({ to: "edge-c" })), fault: "foreign" },
    { name: "of our own", datagram: encoded(from, relayed({ node: "edge-b" })), fault: "foreign" },
    { name: "without a line feed", datagram: Buffer.from("TANDEM-RELAY/1 edge x {}"), fault: "malformed" },
    { name: "with an epoch below zero", datagram: encoded(from, relayed({ epoch: -1 })), fault: "malformed" },
    { name: "past the longest", datagram: Buffer.alloc(RELAY_BYTES_MAX + 1, 65), fault: "too-long" },
  ];
  for (const { name, datagram, fault } of ignored) {
    test(`${name} is ignored: ${fault}`, () => {
      assert.deepEqual(to.decode(datagram), { ok: false, fault });
    });
  }
});
