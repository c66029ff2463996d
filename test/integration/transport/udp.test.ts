import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { networkInterfaces } from "node:os";
import { describe, type TestContext, test } from "node:test";
import { closeUdp, deadPort, openNode, openPeer, options, to, UDP, UDP6, until } from "./node.ts";

const families = [
  { name: "IPv4", listener: UDP, address: "127.0.0.1" },
  { name: "IPv6", listener: UDP6, address: "::1" },
];

for (const { name, listener, address } of families) {
  describe(`UDP over ${name}`, () => {
    test("a datagram is one message, with where it came from", async (t) => {
      const node = await openNode(t, [listener]);
      const peer = await openPeer(t, address);
      const text = options("in", "\xff\x00\x80");
      await peer.say(text, node.port());
      await until("message", () => node.messages.length === 1);
      const flow = { transport: "udp", listener: 0, address, port: peer.port, connection: 0 };
      assert.deepEqual(node.messages, [{ raw: text, flow }]);
    });

    test("what arrived at an address is answered from that address and port", async (t) => {
      const node = await openNode(t, [listener, listener]);
      node.onMessage = (raw, flow) => node.transports.send(flow, `answer to ${raw}`);
      const peer = await openPeer(t, address);
      for (const index of [0, 1]) {
        await peer.say("x", node.port(index));
        await until("answer", () => peer.heard.length === index + 1);
        assert.deepEqual([peer.heard[index]?.address, peer.heard[index]?.port], [address, node.port(index)]);
        assert.equal(peer.heard[index]?.text, "answer to x");
      }
    });

    test("a watched target hears us from the listener's port, and is heard", async (t) => {
      const node = await openNode(t, [listener]);
      const target = await openPeer(t, address);
      const stranger = await openPeer(t, address);
      const flow = to({ address, port: target.port });
      assert.equal(node.transports.watch(flow), true);
      assert.equal(node.transports.watch(flow), true);
      node.transports.send(flow, "one");
      await until("request", () => target.heard.length === 1);
      assert.equal(target.heard[0]?.port, node.port());
      await target.say("two", node.port());
      await stranger.say("three", node.port());
      await until("both", () => node.messages.length === 2);
      const ports = new Map(node.messages.map((message) => [message.raw, message.flow.port]));
      assert.deepEqual(
        ports,
        new Map([
          ["two", target.port],
          ["three", stranger.port],
        ]),
      );
      node.transports.unwatch(flow);
      await target.say("four", node.port());
      await until("after unwatch", () => node.messages.length === 3);
      node.transports.send(flow, "five");
      await until("by the common socket", () => target.heard.length === 2);
    });

    test("a burst of more than is read at once is answered in order", async (t) => {
      const node = await openNode(t, [listener]);
      node.onMessage = (raw, flow) => {
        node.transports.send(flow, `${raw} 1`);
        node.transports.send(flow, `${raw} 2`);
      };
      const peer = await openPeer(t, address);
      const count = 100; // the peer has the kernel's usual receive buffer
      const said: Promise<void>[] = [];
      for (let number = 0; number < count; number++) said.push(peer.say(String(number), node.port()));
      await Promise.all(said);
      await until("answers", () => peer.heard.length === 2 * count);
      const numbers = Array.from({ length: count }, (_, number) => String(number));
      assert.deepEqual(
        node.messages.map(({ raw }) => raw),
        numbers,
      );
      assert.deepEqual(
        peer.heard.map(({ text }) => text),
        numbers.flatMap((number) => [`${number} 1`, `${number} 2`]),
      );
    });

    test("ICMP port unreachable of a watched target is known within 50 ms", async (t) => {
      const node = await openNode(t, [listener]);
      const port = await deadPort(t, address);
      node.transports.watch(to({ address, port }));
      // The quickest of some: a busy machine may stop for as long at any moment.
      let quickest = Number.POSITIVE_INFINITY;
      for (let known = 0; known < 10 && quickest >= 50; known++) {
        const sentAt = performance.now();
        node.transports.send(to({ address, port }), "x");
        assert.equal(node.failures.length, known, "never inside send()");
        await until("failure", () => node.failures.length === known + 1);
        const failure = node.failures[known];
        assert.equal(failure?.failure, "refused");
        assert.deepEqual(failure?.flow, to({ address, port }));
        quickest = Math.min(quickest, (failure?.at ?? 0) - sentAt);
      }
      assert.ok(quickest < 50, `${quickest} ms`);
    });

    for (const { text, arrives } of [
      { text: "SIP/2.0 200 OK", arrives: true },
      { text: "ACK sip:a SIP/2.0", arrives: true },
      { text: "INVITE sip:a SIP/2.0", arrives: false },
    ]) {
      test(`what a pending ICMP error pushed aside: ${text} is ${arrives ? "sent again" : "told as lost"}`, async (t) => {
        const node = await openNode(t, [listener]);
        const port = await deadPort(t, address);
        const flow = to({ address, port });
        node.transports.watch(flow);
        // The refusal of the first comes while we have not polled, so that the kernel hands it to the second send.
        node.transports.send(flow, "lost");
        const target = bindAtOnce(t, address, port);
        node.transports.send(flow, text);
        await until("the failure", () => node.failures.length === 1);
        assert.deepEqual(node.failures[0]?.failure, "refused");
        node.transports.send(flow, "last");
        await until("the last", () => target.heard.at(-1)?.text === "last");
        assert.deepEqual(
          target.heard.map((heard) => heard.text),
          arrives ? [text, "last"] : ["last"],
        );
        assert.equal(node.transports.counters["udp.resent"], arrives ? 1 : 0);
      });
    }
  });
}

/** Binds at once: dgram's own look-up would let the loop poll in between. */
function bindAtOnce(t: TestContext, address: string, port: number) {
  const socket = createSocket({
    type: address.includes(":") ? "udp6" : "udp4",
    lookup: (host, _options, done) => done(null, host, 4),
  });
  const heard: { text: string }[] = [];
  socket.on("message", (bytes) => heard.push({ text: bytes.toString("latin1") }));
  socket.bind(port, address);
  t.after(() => closeUdp(socket));
  return { heard };
}

describe("UDP datagrams that are no message", () => {
  const limit = 2_000;
  const rows = [
    { name: "no bytes", bytes: "", dropped: ["empty-datagram"], keepAlives: 0, taken: 0 },
    { name: "CRLF CRLF: a keep-alive, quietly", bytes: "\r\n\r\n", dropped: [], keepAlives: 1, taken: 0 },
    { name: "CRLF: a keep-alive, quietly", bytes: "\r\n", dropped: [], keepAlives: 1, taken: 0 },
    { name: "many CRLFs", bytes: "\r\n\r\n\r\n", dropped: ["empty-datagram"], keepAlives: 0, taken: 0 },
    { name: "CRLF and more", bytes: "\r\nOPTIONS", dropped: [], keepAlives: 0, taken: 1 },
    { name: "at the limit", bytes: "x".repeat(limit), dropped: [], keepAlives: 0, taken: 1 },
    {
      name: "one past it",
      bytes: "x".repeat(limit + 1),
      dropped: ["datagram-too-large"],
      keepAlives: 0,
      taken: 0,
    },
    {
      name: "one past it, of CRLFs",
      bytes: "\r\n".repeat(limit),
      dropped: ["datagram-too-large"],
      keepAlives: 0,
      taken: 0,
    },
  ];
  for (const { name, bytes, dropped, keepAlives, taken } of rows) {
    test(name, async (t) => {
      const node = await openNode(t, [UDP], { messageBytes: limit });
      const peer = await openPeer(t);
      await peer.say(bytes, node.port());
      await peer.say("last", node.port());
      await until("the last one", () => node.messages.at(-1)?.raw === "last");
      assert.deepEqual(node.dropped, dropped);
      assert.equal(node.messages.length, taken + 1);
      assert.equal(node.transports.counters["udp.keepAlives"], keepAlives);
      for (const reason of dropped) assert.equal(node.transports.counters[`dropped.${reason}`], 1);
    });
  }
});

test("where datagrams go one by one, the operator is told why", async (t) => {
  const { warnings } = (await openNode(t, [UDP])).transports;
  const told = "datagrams go one by one, which costs an eighth more a call: TANDEM_UDP=node";
  assert.deepEqual(warnings, process.env["TANDEM_UDP"] === "node" ? [told] : []);
});

describe("UDP sends that fail", () => {
  const rows = [
    { name: "larger than any datagram", flow: to({}), text: "x".repeat(65_508), failure: "too-large" },
    { name: "another family", flow: to({ address: "::1" }), text: "x", failure: "unreachable" },
    { name: "no address", flow: to({ address: "pbx.example" }), text: "x", failure: "unreachable" },
    { name: "no port", flow: to({ port: 0 }), text: "x", failure: "unreachable" },
    {
      name: "broadcast, which the system forbids",
      flow: to({ address: "255.255.255.255" }),
      text: "x",
      failure: "unreachable",
    },
    { name: "no such listener", flow: to({ listener: 7 }), text: "x", failure: "no-listener" },
  ];
  for (const { name, flow, text, failure } of rows) {
    test(`${name}: ${failure}, afterwards`, async (t) => {
      const node = await openNode(t, [UDP]);
      node.transports.send(flow, text);
      assert.equal(node.failures.length, 0);
      await until("failure", () => node.failures.length > 0);
      assert.deepEqual(
        node.failures.map(({ failure, flow }) => ({ failure, flow })),
        [{ failure, flow }],
      );
    });
  }

  test("too large for a watched target: told once, not sent again", async (t) => {
    const node = await openNode(t, [UDP]);
    node.transports.watch(to({}));
    node.transports.send(to({}), "x".repeat(65_508));
    await until("failure", () => node.failures.length > 0);
    assert.equal(node.failures[0]?.failure, "too-large");
    assert.equal(node.transports.counters["udp.resent"], 0);
  });
});

describe("watched targets", () => {
  test("as many as the limit, and not one more until one is given back", async (t) => {
    const node = await openNode(t, [UDP], { watchedTargets: 2 });
    const watch = (port: number) => node.transports.watch(to({ port }));
    assert.deepEqual([watch(1), watch(2), watch(3), watch(2)], [true, true, false, true]);
    assert.equal(node.transports.counters["udp.watchRefused"], 1);
    node.transports.unwatch(to({ port: 1 }));
    node.transports.unwatch(to({ port: 1 }));
    assert.deepEqual([watch(3), watch(4)], [true, false]);
  });

  const rows = [
    { name: "another family", flow: to({ address: "::1" }) },
    { name: "no port", flow: to({ port: 0 }) },
    { name: "no such listener", flow: to({ listener: 3 }) },
    { name: "TCP", flow: to({ transport: "tcp" }) },
  ];
  for (const { name, flow } of rows) {
    test(`${name}: refused, and nothing is told`, async (t) => {
      const node = await openNode(t, [UDP]);
      assert.equal(node.transports.watch(flow), false);
      await new Promise((resolve) => setImmediate(resolve));
      assert.equal(node.failures.length, 0);
    });
  }
});

describe("closing UDP", () => {
  test("abort: what the kernel has queued is not read", async (t) => {
    const node = await openNode(t, [UDP]);
    const peer = await openPeer(t);
    node.onMessage = () => node.transports.abort();
    const port = node.port();
    await Promise.all(Array.from({ length: 20 }, () => peer.say("x", port)));
    await until("the first", () => node.messages.length > 0);
    await openPeer(t, "127.0.0.1", port); // the port is free at once
    assert.equal(node.messages.length, 1);
    node.transports.send(to({ port: peer.port }), "late");
    assert.equal(node.transports.counters["send.afterClose"], 1);
    assert.equal(node.transports.isOpen(to({})), false);
  });
});

describe("a wildcard listener", () => {
  test("answers from the address that was asked", async (t) => {
    const node = await openNode(t, [{ ...UDP, address: "0.0.0.0" }]);
    node.onMessage = (raw, flow) => node.transports.send(flow, raw);
    const own = Object.values(networkInterfaces()).flatMap((infos) => infos ?? []);
    const addresses = [
      ...new Set(own.filter(({ family }) => family === "IPv4").map(({ address }) => address)),
    ];
    assert.deepEqual(
      node.transports.listeners.map(({ address }) => address),
      addresses,
    );
    assert.equal(new Set(node.transports.listeners.map(({ port }) => port)).size, 1);
    assert.match(node.transports.warnings.join("\n"), /stands for the \d+ local address/);
    for (const address of addresses) {
      const peer = await openPeer(t, address);
      await peer.say("x", node.port(), address);
      await until("answer", () => peer.heard.length === 1);
      assert.equal(peer.heard[0]?.address, address);
    }
  });
});
