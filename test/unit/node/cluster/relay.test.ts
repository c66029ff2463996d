// What came late to the node that handed over is served by its successor: once, as from its true source, and only in its epoch.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Relayed } from "../../../../src/cluster/relay-codec.ts";
import { RelayReceiver, RelaySender, type RelaySight } from "../../../../src/node/cluster/relay.ts";
import type { Flow } from "../../../../src/transport/flow.ts";

const RELAYED_MAX = 8_192;
const EARLY_MAX = 1_024;
const TAKEN_MS = 2_000;
const ROUTE = { node: "edge-a", boot: "boot-a", to: "edge-b", toBoot: "boot-b", epoch: 7 };
const PHONE: Flow = { transport: "udp", listener: 1, address: "192.0.2.9", port: 5062, connection: 0 };
const SERVING: RelaySight = { now: 100, boot: "boot-b", kind: "serving" };

function sender(fits = true) {
  const sent: Relayed[] = [];
  const relay = new RelaySender(ROUTE, (relayed) => {
    if (fits) sent.push(relayed);
    return fits;
  });
  return { relay, sent };
}

function receiver() {
  const served: [string, Flow][] = [];
  return { served, relays: new RelayReceiver((raw, flow) => served.push([raw, flow])) };
}

function relayed(sequence: number, fields: Partial<Relayed> = {}): Relayed {
  const from = { listener: PHONE.listener, address: PHONE.address, port: PHONE.port };
  return { ...ROUTE, sequence, from, raw: `${sequence}`, ...fields };
}

describe("the node that handed over", () => {
  test("relays with the source, numbered", () => {
    const { relay, sent } = sender();
    relay.take("0", PHONE);
    relay.take("1", PHONE);
    assert.deepEqual(sent, [relayed(0), relayed(1)]);
    assert.deepEqual([relay.relayed, relay.dropped], [2, 0]);
  });

  test("drops and counts what came by a connection, which was reset", () => {
    const { relay, sent } = sender();
    relay.take("a", { ...PHONE, transport: "tcp", connection: 5 });
    assert.deepEqual([sent.length, relay.relayed, relay.dropped], [0, 0, 1]);
  });

  test("drops and counts what fits into no datagram", () => {
    const { relay } = sender(false);
    relay.take("a", PHONE);
    assert.deepEqual([relay.relayed, relay.dropped], [0, 1]);
  });

  test(`relays ${RELAYED_MAX}, and not one more`, () => {
    const { relay, sent } = sender();
    for (let i = 0; i <= RELAYED_MAX; i++) relay.take(`${i}`, PHONE);
    assert.deepEqual([sent.length, relay.relayed, relay.dropped], [RELAYED_MAX, RELAYED_MAX, 1]);
  });
});

describe("the successor", () => {
  test("serves each once, as from its true source, whatever the number of paths and the order", () => {
    const { relays, served } = receiver();
    relays.open(7, 0);
    for (const sequence of [1, 0, 1, 0]) relays.heard(relayed(sequence), SERVING);
    assert.deepEqual(served, [
      ["1", PHONE],
      ["0", PHONE],
    ]);
    assert.equal(relays.taken, 2);
  });

  test("keeps what comes before it knows that the lease is its own", () => {
    const { relays, served } = receiver();
    assert.equal(relays.heard(relayed(0), { ...SERVING, kind: "getting" }), "early");
    assert.equal(served.length, 0);
    relays.open(7, 110);
    assert.equal(relays.heard(relayed(0), SERVING), "copy");
    assert.deepEqual(served, [["0", PHONE]]);
  });

  test(`keeps ${EARLY_MAX} of them, and not one more`, () => {
    const { relays, served } = receiver();
    const words = Array.from({ length: EARLY_MAX + 1 }, (_, sequence) =>
      relays.heard(relayed(sequence), { ...SERVING, kind: "getting" }),
    );
    assert.deepEqual([words[EARLY_MAX - 1], words[EARLY_MAX]], ["early", "relay-refused"]);
    relays.open(7, 110);
    assert.equal(served.length, EARLY_MAX);
  });

  test("forgets what was kept for a switchover that came to nothing", () => {
    const { relays, served } = receiver();
    relays.heard(relayed(0), { ...SERVING, kind: "getting" });
    relays.open(7, SERVING.now + TAKEN_MS);
    assert.equal(served.length, 0);
  });

  const refused: { name: string; message: Relayed; sight: RelaySight }[] = [
    { name: "for a former life of this node", message: relayed(1, { toBoot: "old" }), sight: SERVING },
    { name: "of another epoch", message: relayed(1, { epoch: 6 }), sight: SERVING },
    { name: "of another life of the other node", message: relayed(1, { boot: "boot-x" }), sight: SERVING },
    { name: "two seconds after it took over", message: relayed(1), sight: { ...SERVING, now: TAKEN_MS } },
  ];
  for (const { name, message, sight } of refused) {
    test(`refuses what is relayed ${name}`, () => {
      const { relays, served } = receiver();
      relays.open(7, 0);
      relays.heard(relayed(0), SERVING);
      assert.equal(relays.heard(message, sight), "relay-refused");
      assert.equal(served.length, 1);
    });
  }

  test("takes one in the last millisecond of its time", () => {
    const { relays } = receiver();
    relays.open(7, 0);
    assert.equal(relays.heard(relayed(0), { ...SERVING, now: TAKEN_MS - 1 }), "taken");
  });

  test(`takes ${RELAYED_MAX}, and not one more`, () => {
    const { relays, served } = receiver();
    relays.open(7, 0);
    for (let sequence = 0; sequence < RELAYED_MAX; sequence++) relays.heard(relayed(sequence), SERVING);
    assert.equal(relays.heard(relayed(RELAYED_MAX), SERVING), "relay-refused");
    assert.equal(served.length, RELAYED_MAX);
  });
});
