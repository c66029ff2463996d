import assert from "node:assert/strict";
import { connect } from "node:net";
import { describe, test } from "node:test";
import { parseMessage } from "../../../src/sip/message/sip-message.ts";
import type { Flow } from "../../../src/transport/flow.ts";
import { type Caller, dial, openCallee, openCaller, openNode, options, TCP, to, until } from "./node.ts";

function tcp(change: Partial<Flow>): Flow {
  return to({ transport: "tcp", ...change });
}

describe("streams that break the protocol end, and the reason is counted", () => {
  const rows = [
    {
      name: "negative Content-Length",
      text: "BYE sip:a SIP/2.0\r\nContent-Length: -5\r\n\r\n",
      reason: "stream-bad-content-length",
    },
    { name: "no number", text: "BYE sip:a SIP/2.0\r\nl: many\r\n\r\n", reason: "stream-bad-content-length" },
    {
      name: "huge Content-Length",
      text: "BYE sip:a SIP/2.0\r\nl: 4000000000\r\n\r\n",
      reason: "stream-bad-content-length",
    },
    {
      name: "Content-Length one past the limit",
      text: "BYE sip:a SIP/2.0\r\nl: 65536\r\n\r\n",
      reason: "stream-body-too-large",
    },
  ];
  for (const { name, text, reason } of rows) {
    test(`${name}: the parser gets the head, its answer is written, then the end`, async (t) => {
      const node = await openNode(t, [TCP]);
      node.onMessage = (raw, flow) => {
        assert.throws(() => parseMessage(raw), { status: 400 });
        // Answers may come a little later, as from a transaction.
        setImmediate(() => node.transports.send(flow, "SIP/2.0 400 Bad Request\r\n\r\n"));
      };
      const caller = await openCaller(t, node.port());
      caller.socket.write(text + options("never read"));
      await until("end", () => caller.ended);
      assert.equal(caller.heard, "SIP/2.0 400 Bad Request\r\n\r\n");
      assert.equal(caller.failed, "", "an end, no reset");
      assert.deepEqual(node.dropped, [reason]);
      assert.equal(node.transports.counters[`dropped.${reason}`], 1);
      assert.equal(node.messages.length, 1);
      assert.equal(node.failures.length, 0);
    });
  }

  const silent = [
    {
      name: "no Content-Length",
      text: "ACK sip:a SIP/2.0\r\nVia: a\r\n\r\n",
      reason: "stream-no-content-length",
    },
    { name: "a head past the limit", text: `A: ${"x".repeat(40_000)}`, reason: "stream-head-too-large" },
    { name: "TLS", text: "\x16\x03\x01", reason: "stream-not-sip" },
  ];
  for (const { name, text, reason } of silent) {
    test(`${name}: what came before is answered, then the end`, async (t) => {
      const node = await openNode(t, [TCP]);
      node.onMessage = (_raw, flow) => node.transports.send(flow, "answer");
      const caller = await openCaller(t, node.port());
      caller.socket.write(options("before") + text, "latin1");
      await until("end", () => caller.ended);
      assert.equal(caller.heard, "answer");
      assert.deepEqual(node.dropped, [reason]);
      assert.equal(node.messages.length, 1);
    });
  }

  test("a target that does it is lost to what was sent there", async (t) => {
    const node = await openNode(t, [TCP]);
    const callee = await openCallee(t);
    const flow = tcp({ port: callee.port });
    node.transports.send(flow, options("x"));
    await until("call", () => callee.calls[0]?.heard === options("x"));
    callee.calls[0]?.socket.write("\0");
    await until("failure", () => node.failures.length === 1);
    assert.equal(node.failures[0]?.failure, "closed");
    assert.equal(node.transports.isOpen(flow), false);
  });

  test("a body promised and not sent is never delivered", async (t) => {
    const node = await openNode(t, [TCP]);
    const caller = await openCaller(t, node.port());
    caller.socket.end(options("lie", "v=0").slice(0, -1));
    await until("end", () => caller.ended);
    assert.deepEqual([node.messages.length, node.dropped], [0, ["stream-cut-off"]]);
  });
});

describe("time limits of TCP", () => {
  test("a slow sender is cut off, however busy it looks", async (t) => {
    const node = await openNode(t, [TCP], { messageTimeoutMs: 80 });
    const caller = await openCaller(t, node.port());
    const drip = setInterval(() => caller.socket.write("x"), 10);
    t.after(() => clearInterval(drip));
    caller.socket.write(`${options("whole")}OPTIONS sip:`);
    const start = performance.now();
    await until("end", () => caller.ended);
    const took = performance.now() - start;
    assert.ok(took >= 70 && took < 1_000, `${took} ms`);
    assert.deepEqual(node.dropped, ["stream-slow-sender"]);
    assert.equal(node.messages.length, 1);
  });

  test("many messages, each in time, are no slow sender", async (t) => {
    const node = await openNode(t, [TCP], { messageTimeoutMs: 80 });
    const caller = await openCaller(t, node.port());
    const text = options("a");
    caller.socket.write(text.slice(0, 20)); // from here on a message is always incomplete
    for (let i = 1; i <= 12; i++) {
      await new Promise((resolve) => setTimeout(resolve, 15));
      caller.socket.write(text.slice(20) + text.slice(0, 20));
    }
    await until("all", () => node.messages.length === 12);
    assert.deepEqual(node.dropped, []);
    assert.equal(caller.ended, false);
  });

  test("an idle connection is closed, one in use is not", async (t) => {
    const node = await openNode(t, [TCP], { tcpIdleMs: 120 });
    const idle = await openCaller(t, node.port());
    const used = await openCaller(t, node.port());
    const ping = setInterval(() => used.socket.write("\r\n\r\n"), 20);
    t.after(() => clearInterval(ping));
    await until("idle end", () => idle.ended);
    assert.equal(used.ended, false);
    assert.equal(idle.failed, "", "an end, no reset");
    clearInterval(ping);
    await until("the other's end", () => used.ended);
    assert.equal(node.transports.counters["tcp.idleClosed"], 2);
    assert.equal(node.failures.length, 0);
  });

  test("a far end that answers our FIN with nothing is dropped", async (t) => {
    const node = await openNode(t, [TCP], { tcpIdleMs: 30 });
    const socket = connect({ port: node.port(), host: "127.0.0.1", allowHalfOpen: true });
    t.after(() => socket.destroy());
    socket.on("error", () => {});
    await until("FIN", () => node.transports.counters["tcp.idleClosed"] === 1);
    await node.transports.close();
  });
});

describe("how many connections", () => {
  test("in all: as many as the limit; one more is reset, and not dialled either", async (t) => {
    const node = await openNode(t, [TCP], { connections: 3 });
    const callee = await openCallee(t);
    const callers: Caller[] = [];
    for (let i = 0; i < 3; i++) callers.push(await openCaller(t, node.port()));
    await until("three", () => node.transports.counters["tcp.accepted"] === 3);
    const fourth = dial(t, node.port());
    await until("reset", () => fourth.ended);
    assert.equal(fourth.failed, "ECONNRESET");
    assert.equal(node.transports.counters["tcp.refusedAboveTotal"], 1);
    node.transports.send(tcp({ port: callee.port }), options("x"));
    await until("failure", () => node.failures.length === 1);
    assert.equal(node.failures[0]?.failure, "overflow");
    callers[0]?.socket.destroy();
    await until("room", () => {
      node.transports.send(tcp({ port: callee.port }), options("x"));
      return (callee.calls[0]?.heard ?? "") !== "";
    });
  });

  test("of one address: as many as the limit; another address still gets in", async (t) => {
    const node = await openNode(t, [TCP], { connectionsPerAddress: 2 });
    const first = await openCaller(t, node.port());
    await openCaller(t, node.port());
    await until("two", () => node.transports.counters["tcp.accepted"] === 2);
    const third = dial(t, node.port());
    await until("reset", () => third.ended);
    assert.equal(node.transports.counters["tcp.refusedAboveAddress"], 1);
    const other = connect({ port: node.port(), host: "127.0.0.1", localAddress: "127.0.0.2" });
    t.after(() => other.destroy());
    await until("the other", () => node.transports.counters["tcp.accepted"] === 3);
    first.socket.destroy();
    await until("room", () => node.transports.counters["tcp.lost"] === 1);
    await openCaller(t, node.port());
    await until("again", () => node.transports.counters["tcp.accepted"] === 4);
  });

  test("1,000 idle ones cost little, and the last is served like the first", async (t) => {
    const node = await openNode(t, [TCP], { connectionsPerAddress: 1_000 });
    node.onMessage = (_raw, flow) => node.transports.send(flow, "answer");
    const callers: Caller[] = [];
    for (let i = 0; i < 1_000; i += 50) {
      callers.push(...(await Promise.all(Array.from({ length: 50 }, () => openCaller(t, node.port())))));
    }
    await until("all", () => node.transports.counters["tcp.accepted"] === 1_000);
    for (const caller of [callers[0], callers[999]]) {
      const start = performance.now();
      caller?.socket.write(options("x"));
      await until("answer", () => caller?.heard === "answer");
      assert.ok(performance.now() - start < 1_000);
    }
    assert.ok(callers.every(({ ended }) => !ended));
  });
});

describe("back-pressure", () => {
  test("a target that does not read: bounded, told as overflow, the connection reset", async (t) => {
    const limit = 200_000;
    const node = await openNode(t, [TCP], { sendQueueBytes: limit });
    const callee = await openCallee(t);
    callee.server.on("connection", (socket) => socket.pause());
    const flow = tcp({ port: callee.port });
    const text = options("x", "b".repeat(50_000));
    let sent = 0;
    while (node.failures.length === 0 && sent < 2_000) {
      node.transports.send(flow, text);
      sent++;
      await new Promise((resolve) => setImmediate(resolve));
    }
    assert.equal(node.failures[0]?.failure, "overflow");
    assert.equal(node.failures[0]?.flow.port, callee.port);
    assert.equal(node.transports.isOpen(flow), false);
    assert.equal(node.transports.counters["tcp.overflows"], 1);
  });

  test("what waits for a connection to open is bounded as well, and the failure comes after send()", async (t) => {
    const node = await openNode(t, [TCP], { sendQueueBytes: 100_000 });
    const callee = await openCallee(t);
    const text = options("x", "b".repeat(40_000));
    for (let i = 0; i < 3; i++) node.transports.send(tcp({ port: callee.port }), text);
    assert.equal(node.failures.length, 0);
    await until("overflow", () => node.failures.length === 1);
    assert.equal(node.failures[0]?.failure, "overflow");
  });

  test("a slow reader below the bound gets everything in order", async (t) => {
    const node = await openNode(t, [TCP], { sendQueueBytes: 8_000_000 });
    const callee = await openCallee(t);
    callee.server.on("connection", (socket) => {
      socket.pause();
      setTimeout(() => socket.resume(), 50);
    });
    const texts = Array.from({ length: 100 }, (_, i) => options(`${i}`, "b".repeat(50_000)));
    for (const text of texts) node.transports.send(tcp({ port: callee.port }), text);
    const wanted = texts.join("");
    await until("all", () => callee.calls[0]?.heard.length === wanted.length, 10_000);
    assert.ok(callee.calls[0]?.heard === wanted);
    assert.equal(node.failures.length, 0);
  });
});

describe("closing TCP", () => {
  test("close lets the queue out, ends everything, and frees the port", async (t) => {
    const node = await openNode(t, [TCP]);
    const callee = await openCallee(t);
    const caller = await openCaller(t, node.port());
    const text = options("last", "b".repeat(60_000));
    node.transports.send(tcp({ port: callee.port }), text);
    await until("accepted", () => node.transports.counters["tcp.accepted"] === 1);
    await node.transports.close();
    await until("ends", () => caller.ended && (callee.calls[0]?.ended ?? false));
    assert.equal(callee.calls[0]?.heard, text);
    assert.equal(node.failures.length, 0);
    await openNode(t, [{ ...TCP, port: node.port() }]);
    await node.transports.close();
  });

  test("abort resets at once, in the midst of a chunk, and nothing is told afterwards", async (t) => {
    const node = await openNode(t, [TCP]);
    const callee = await openCallee(t);
    node.transports.send(tcp({ port: callee.port }), options("x"));
    await until("call", () => callee.calls[0]?.heard === options("x"));
    node.onMessage = () => node.transports.abort();
    const caller = await openCaller(t, node.port());
    caller.socket.write(options("one") + options("two"));
    await until("resets", () => caller.ended && (callee.calls[0]?.ended ?? false));
    assert.deepEqual([caller.failed, callee.calls[0]?.failed], ["ECONNRESET", "ECONNRESET"]);
    assert.equal(node.messages.length, 1);
    assert.equal(node.failures.length, 0);
    node.transports.abort();
  });

  test("abort ends a dial, too", async (t) => {
    const node = await openNode(t, [TCP]);
    const callee = await openCallee(t);
    node.transports.send(tcp({ port: callee.port }), options("x"));
    node.transports.abort();
    await new Promise((resolve) => setTimeout(resolve, 20));
    assert.equal(callee.calls.map(({ heard }) => heard).join(""), "");
    assert.equal(node.failures.length, 0);
  });
});
