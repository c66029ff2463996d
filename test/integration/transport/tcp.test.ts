import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { connect } from "node:net";
import { describe, type TestContext, test } from "node:test";
import type { Flow } from "../../../src/transport/flow.ts";
import { deadPort, dial, openCallee, openCaller, openNode, options, TCP, to, UDP, until } from "./node.ts";

function tcp(change: Partial<Flow>): Flow {
  return to({ transport: "tcp", ...change });
}

describe("TCP in", () => {
  test("messages split and joined, with the flow that they came by", async (t) => {
    const node = await openNode(t, [UDP, TCP]);
    const caller = await openCaller(t, node.port(1));
    const stream = options("one", "v=0") + options("two") + options("three", "\xff\x00");
    for (const part of [stream.slice(0, 10), stream.slice(10, 130), stream.slice(130)]) {
      caller.socket.write(part, "latin1");
      await new Promise((resolve) => setImmediate(resolve));
    }
    await until("three messages", () => node.messages.length === 3);
    assert.equal(node.messages.map(({ raw }) => raw).join(""), stream);
    const { connection, ...flow } = node.messages[0]?.flow ?? tcp({});
    assert.deepEqual(flow, {
      transport: "tcp",
      listener: 1,
      address: "127.0.0.1",
      port: caller.socket.localPort,
    });
    assert.ok(connection > 0);
    assert.ok(node.messages.every((message) => message.flow.connection === connection));
  });

  test("over IPv6, answered", async (t) => {
    const node = await openNode(t, [{ ...TCP, address: "::1" }]);
    node.onMessage = (raw, flow) => node.transports.send(flow, raw);
    const socket = connect({ port: node.port(), host: "::1" });
    t.after(() => socket.destroy());
    socket.write(options("six"));
    const [answer] = await once(socket, "data");
    assert.equal(String(answer), options("six"));
    assert.equal(node.messages[0]?.flow.address, "::1");
  });

  test("an answer goes back on its connection, whatever port the flow has", async (t) => {
    const node = await openNode(t, [TCP]);
    node.onMessage = (raw, flow) => node.transports.send({ ...flow, port: 5060 }, `${raw.length}`);
    const callers = await Promise.all([openCaller(t, node.port()), openCaller(t, node.port())]);
    for (const [index, caller] of callers.entries()) caller.socket.write(options("x".repeat(index)));
    await until("both answers", () => callers.every(({ heard }) => heard !== ""));
    assert.deepEqual(
      callers.map(({ heard }) => heard),
      [`${options("").length}`, `${options("x").length}`],
    );
  });

  test("keep-alive: a ping gets its pong, a pong gets nothing (RFC 5626 section 4.4.1)", async (t) => {
    const node = await openNode(t, [TCP]);
    const caller = await openCaller(t, node.port());
    caller.socket.write("\r\n\r\n");
    await until("pong", () => caller.heard === "\r\n");
    caller.socket.write(`\r\n${options("after")}`);
    await until("message", () => node.messages.length === 1);
    assert.equal(caller.heard, "\r\n");
    assert.equal(node.transports.counters["tcp.pings"], 1);
  });
});

describe("connection reuse (RFC 3261 section 18, RFC 5923)", () => {
  test("a request to the caller's own address and port takes its connection", async (t) => {
    const node = await openNode(t, [TCP]);
    const caller = await openCaller(t, node.port());
    caller.socket.write(options("in"));
    await until("message", () => node.messages.length === 1);
    const flow = tcp({ port: caller.socket.localPort ?? 0 });
    assert.equal(node.transports.isOpen(flow), true);
    node.transports.send(flow, options("out"));
    await until("request", () => caller.heard === options("out"));
    assert.equal(node.transports.counters["tcp.dialled"], 0);
  });

  test("many requests to one target share one connection, and its answers come in by it", async (t) => {
    const node = await openNode(t, [TCP]);
    const callee = await openCallee(t);
    const flow = tcp({ port: callee.port });
    assert.equal(node.transports.isOpen(flow), false);
    node.transports.send(flow, options("one"));
    node.transports.send(flow, options("two"));
    assert.equal(node.transports.isOpen(flow), true);
    await until("both", () => callee.calls[0]?.heard === options("one") + options("two"));
    callee.calls[0]?.socket.write(options("answer"));
    await until("answer", () => node.messages.length === 1);
    assert.equal(node.messages[0]?.flow.port, callee.port);
    node.transports.send(flow, options("three"));
    await until("third", () => callee.calls[0]?.heard.endsWith(options("three")) ?? false);
    assert.equal(callee.calls.length, 1);
    assert.equal(node.transports.counters["tcp.dialled"], 1);
  });

  test("outgoing connections leave from the listener's address", async (t) => {
    const node = await openNode(t, [
      { ...TCP, address: "127.0.0.2" },
      { ...TCP, address: "127.0.0.3" },
    ]);
    const callee = await openCallee(t);
    node.transports.send(tcp({ listener: 1, port: callee.port }), options("x"));
    await until("call", () => callee.calls[0]?.heard !== undefined && callee.calls[0].heard !== "");
    assert.equal(callee.calls[0]?.socket.remoteAddress, "127.0.0.3");
  });

  test("a port advertised as an alias leads to the connection; without asking it is dialled", async (t) => {
    const node = await openNode(t, [TCP]);
    const advertised = await openCallee(t);
    const caller = await openCaller(t, node.port());
    caller.socket.write(options("in"));
    await until("message", () => node.messages.length === 1);
    node.transports.send(tcp({ port: advertised.port }), options("dialled"));
    await until("call", () => advertised.calls[0]?.heard === options("dialled"));
    const id = node.messages[0]?.flow.connection ?? 0;
    assert.equal(node.transports.alias(id, advertised.port), true);
    node.transports.send(tcp({ port: advertised.port }), options("alias"));
    await until("request", () => caller.heard === options("alias"));
    assert.equal(node.transports.alias(id + 1_000, 5060), false);
    assert.equal(node.transports.alias(id, 0), false);
  });

  test("when the connection is gone an answer is dialled to the flow's port (section 18.2.2)", async (t) => {
    const node = await openNode(t, [TCP]);
    const sentBy = await openCallee(t);
    const caller = await openCaller(t, node.port());
    caller.socket.write(options("in"));
    await until("message", () => node.messages.length === 1);
    const flow = { ...(node.messages[0]?.flow ?? tcp({})), port: sentBy.port };
    assert.equal(node.transports.isOpen(flow), true);
    caller.socket.destroy();
    await until("end", () => !node.transports.isOpen(flow));
    node.transports.send(flow, options("answer"));
    await until("answer", () => sentBy.calls[0]?.heard === options("answer"));
    assert.deepEqual(node.failures, []);
  });

  test("an id is never given twice in a process", async (t) => {
    const ids: number[] = [];
    for (let i = 0; i < 3; i++) {
      const node = await openNode(t, [TCP]);
      const caller = await openCaller(t, node.port());
      caller.socket.write(options("in"));
      await until("message", () => node.messages.length === 1);
      ids.push(node.messages[0]?.flow.connection ?? 0);
      node.transports.abort();
    }
    assert.equal(new Set(ids).size, 3);
  });
});

describe("TCP targets that can't be reached", () => {
  test("refused: known before T1 is over, for everything that was queued at once", async (t) => {
    const node = await openNode(t, [TCP]);
    const flow = tcp({ port: await deadPort(t) });
    const sentAt = performance.now();
    node.transports.send(flow, options("one"));
    node.transports.send(flow, options("two"));
    assert.equal(node.failures.length, 0, "never inside send()");
    await until("failure", () => node.failures.length > 0);
    const [first] = node.failures;
    assert.equal(first?.failure, "refused");
    assert.deepEqual({ ...first?.flow, connection: 0 }, flow);
    assert.ok((first?.at ?? 0) - sentAt < 500);
    assert.equal(node.failures.length, 1);
    assert.equal(node.transports.isOpen(flow), false);
    assert.equal(node.transports.counters["tcp.dialFailures"], 1);
  });

  test("silent: given up after the time to connect", async (t) => {
    const node = await openNode(t, [TCP], { connectTimeoutMs: 60 });
    const callee = await openSilent(t);
    const flow = tcp({ port: callee });
    const sentAt = performance.now();
    node.transports.send(flow, options("one"));
    await until("failure", () => node.failures.length > 0);
    assert.equal(node.failures[0]?.failure, "timeout");
    const took = (node.failures[0]?.at ?? 0) - sentAt;
    // libuv counts whole milliseconds at both ends of a timer: up to two may be missing.
    assert.ok(took >= 58 && took < 2_000, `${took} ms`);
  });

  const rows = [
    { name: "another family", flow: tcp({ address: "::1" }), failure: "unreachable" },
    { name: "no address", flow: tcp({ address: "pbx.example" }), failure: "unreachable" },
    { name: "no port", flow: tcp({ port: 0 }), failure: "unreachable" },
    {
      name: "a network that loopback can't reach",
      flow: tcp({ address: "192.0.2.1" }),
      failure: "unreachable",
    },
    { name: "no such listener", flow: tcp({ listener: 5 }), failure: "no-listener" },
    { name: "a listener of UDP", flow: tcp({ listener: 1 }), failure: "no-listener" },
  ];
  for (const { name, flow, failure } of rows) {
    test(`${name}: ${failure}, afterwards`, async (t) => {
      const node = await openNode(t, [TCP, UDP]);
      node.transports.send(flow, options("x"));
      assert.equal(node.failures.length, 0);
      await until("failure", () => node.failures.length > 0);
      assert.equal(node.failures[0]?.failure, failure);
      assert.deepEqual({ ...node.failures[0]?.flow, connection: 0 }, flow);
    });
  }

  test("a target that dies is told for each port it was known by, a reset as well as an end", async (t) => {
    const node = await openNode(t, [TCP]);
    const callee = await openCallee(t);
    const flow = tcp({ port: callee.port });
    for (const die of ["end", "resetAndDestroy"] as const) {
      node.failures.length = 0;
      node.transports.send(flow, options(die));
      await until("call", () => callee.calls.at(-1)?.heard === options(die));
      callee.calls.at(-1)?.socket.write(options("answer"));
      await until("answer", () => node.messages.at(-1)?.raw === options("answer"));
      node.transports.alias(node.messages.at(-1)?.flow.connection ?? 0, 5099);
      node.messages.length = 0;
      callee.calls.at(-1)?.socket[die]();
      await until("failures", () => node.failures.length === 2);
      assert.deepEqual(
        node.failures.map(({ failure }) => failure),
        ["closed", "closed"],
      );
      assert.deepEqual(
        node.failures.map(({ flow }) => flow.port),
        [callee.port, 5099],
      );
      assert.equal(node.transports.isOpen(flow), false);
    }
    assert.equal(node.transports.counters["tcp.lost"], 2);
  });

  test("a caller that hangs up before we said anything is no failure", async (t) => {
    const node = await openNode(t, [TCP]);
    const caller = await openCaller(t, node.port());
    caller.socket.end(options("bye").slice(0, 20));
    await until("end", () => caller.ended);
    assert.deepEqual(node.dropped, ["stream-cut-off"]);
    assert.equal(node.failures.length, 0);
  });
});

const NEVER_ACCEPTS = `
  const server = require("node:net").createServer();
  server.listen({ port: 0, host: "127.0.0.1", backlog: 1 }, () => console.log(server.address().port));
`;

/** A port whose queue of connections is full, in a process that stands still: it answers no SYN. */
async function openSilent(t: TestContext): Promise<number> {
  const child = spawn(process.execPath, ["-e", NEVER_ACCEPTS], { stdio: ["ignore", "pipe", "inherit"] });
  t.after(() => child.kill("SIGKILL"));
  const [line] = await once(child.stdout, "data");
  child.kill("SIGSTOP");
  const port = Number(String(line));
  const fillers = Array.from({ length: 4 }, () => dial(t, port));
  await until("full", () => fillers.filter(({ socket }) => !socket.connecting).length >= 2);
  return port;
}
