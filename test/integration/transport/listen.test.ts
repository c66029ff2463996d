import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { ListenerAddress } from "../../../src/transport/flow.ts";
import { openCallee, openNode, openPeer, TCP, UDP } from "./node.ts";

describe("listeners that can't be opened", () => {
  for (const wanted of [UDP, TCP]) {
    test(`${wanted.transport}: the port is taken, by ourselves or by others`, async (t) => {
      const node = await openNode(t, [wanted]);
      const others = wanted.transport === "udp" ? (await openPeer(t)).port : (await openCallee(t)).port;
      for (const port of [node.port(), others]) {
        await assert.rejects(openNode(t, [{ ...wanted, port }]), {
          name: "ListenError",
          code: "LISTEN_IN_USE",
          message: `cannot listen on ${wanted.transport}://127.0.0.1:${port}: another program serves it already`,
        });
      }
    });

    test(`${wanted.transport}: an address that is not ours`, async (t) => {
      await assert.rejects(openNode(t, [{ ...wanted, address: "192.0.2.77", port: 5060 }]), {
        code: "LISTEN_NOT_LOCAL",
        message: `cannot listen on ${wanted.transport}://192.0.2.77:5060: this machine does not have that address`,
      });
    });
  }

  test("nothing stays open behind the error", async (t) => {
    const free = await openNode(t, [UDP, TCP]);
    const first: ListenerAddress[] = [...free.transports.listeners];
    free.transports.abort();
    await assert.rejects(openNode(t, [...first, { ...UDP, address: "192.0.2.77", port: 5060 }]));
    const again = await openNode(t, first);
    assert.deepEqual(again.transports.listeners, first);
  });
});

describe("listeners that are open", () => {
  test("stand in order with their real ports, UDP and TCP on one port", async (t) => {
    const udp = await openNode(t, [UDP]);
    const tcp: ListenerAddress = { ...TCP, port: udp.port() };
    const node = await openNode(t, [tcp, UDP]);
    assert.deepEqual(node.transports.listeners[0], tcp);
    assert.equal(node.transports.listeners[1]?.transport, "udp");
    assert.notEqual(node.port(1), udp.port());
  });

  test("every counter is there from the start", async (t) => {
    const { counters } = (await openNode(t, [UDP])).transports;
    assert.ok(Object.keys(counters).length > 25);
    assert.ok(Object.values(counters).every((count) => count === 0));
  });
});
