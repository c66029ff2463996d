// TCP peers that are slow, split, huge, lying, silent or gone: each of them costs the node nothing that others need.
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { after, before, describe, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { affordable, openIdle } from "../../fuzz/idle-connections.ts";
import { LiveNode } from "../../fuzz/live-node.ts";
import { ValidCalls } from "../../fuzz/valid-calls.ts";
import { until } from "../transport/node.ts";

/** `npm run fuzz` has 10,000. */
const IDLE = 1_000;
/** Descriptors that may come or go for other reasons. */
const SPARE = 20;

const options = (branch: string, length = "0"): string =>
  `OPTIONS sip:${LiveNode.host(1)}:${LiveNode.port} SIP/2.0\r\nVia: SIP/2.0/TCP ${LiveNode.host(11)};branch=z9hG4bK${branch}\r\n` +
  `Max-Forwards: 70\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:b@c>\r\nCall-ID: ${branch}\r\nCSeq: 1 OPTIONS\r\n` +
  `Content-Length: ${length}\r\n\r\n`;

interface Rude {
  readonly name: string;
  /** What it does on its connection. */
  readonly act: (socket: Socket) => Promise<void>;
  /** Answers of status 200 that it gets; null: none that matter, but the connection is closed. */
  readonly answers: number | null;
}

const write = (text: string | Buffer) => async (socket: Socket) => {
  socket.write(text, "latin1");
};

const RUDE: readonly Rude[] = [
  {
    name: "a byte at a time, in time",
    act: async (socket) => {
      for (const byte of options("slow")) {
        socket.write(byte);
        await delay(1);
      }
    },
    answers: 1,
  },
  {
    name: "five at once",
    act: write(["a", "b", "c", "d", "e"].map((each) => options(each)).join("")),
    answers: 5,
  },
  {
    name: "five, cut everywhere but between them",
    act: async (socket) => {
      const text = ["f", "g", "h", "i", "j"].map((each) => options(each)).join("\r\n\r\n");
      for (let at = 0; at < text.length; at += 37) {
        socket.write(text.slice(at, at + 37));
        await delay(1);
      }
    },
    answers: 5,
  },
  { name: "half a message and then nothing", act: write(options("half").slice(0, 90)), answers: null },
  { name: "a body that never comes", act: write(options("short", "500")), answers: null },
  { name: "a length that is negative", act: write(options("negative", "-1")), answers: null },
  { name: "a length beyond everything", act: write(options("huge", "99999999999999999999")), answers: null },
  { name: "a length that is no number", act: write(options("word", "many")), answers: null },
  {
    name: "a head without end",
    act: write(`OPTIONS sip:a SIP/2.0\r\n${"X: y\r\n".repeat(20_000)}`),
    answers: null,
  },
  { name: "a line without end", act: write("A".repeat(100_000)), answers: null },
  { name: "zeros", act: write(Buffer.alloc(100_000)), answers: null },
  { name: "TLS", act: write(Buffer.from("16030100c8010000c40303", "hex")), answers: null },
  { name: "HTTP", act: write("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), answers: null },
  {
    name: "gone in the midst of a message",
    act: async (socket) => {
      socket.write(options("gone").slice(0, 50));
      await delay(20);
      socket.resetAndDestroy();
    },
    answers: null,
  },
];

describe("peers on TCP", () => {
  let node: LiveNode;
  let calls: ValidCalls;
  before(async () => {
    node = await LiveNode.start();
    calls = await ValidCalls.open();
    await calls.useTcp();
    calls.start(50);
  });
  after(async () => {
    const { made, served, failures } = await calls.finish();
    calls.close();
    const { code, complaints } = await node.stop();
    assert.deepEqual([failures, complaints, code, served], [[], [], 0, made], "the calls beside them");
  });

  describe("rude ones, all at the same time", { concurrency: true }, () => {
    for (const { name, act, answers } of RUDE) {
      test(answers === null ? `${name}: closed in time` : `${name}: answered`, async (t) => {
        const socket = connect({
          host: LiveNode.host(1),
          port: LiveNode.port,
          localAddress: LiveNode.host(11),
        });
        t.after(() => socket.destroy());
        let heard = "";
        let closed = false;
        socket.on("error", () => {});
        socket.on("data", (chunk) => {
          heard += chunk.toString("latin1");
        });
        socket.on("close", () => {
          closed = true;
        });
        await once(socket, "connect");
        await act(socket);
        if (answers === null) await until("the end", () => closed, 5_000);
        else
          await until(`${answers} answers`, () => heard.split("SIP/2.0 200").length - 1 === answers, 5_000);
      });
    }
  });

  test("a peer that asks and never reads is bounded, and let go", async (t) => {
    const socket = connect({ host: LiveNode.host(1), port: LiveNode.port, localAddress: LiveNode.host(12) });
    t.after(() => socket.destroy());
    socket.on("error", () => {});
    socket.pause();
    await once(socket, "connect");
    let ended = false;
    socket.on("close", () => {
      ended = true;
    });
    const before = node.residentBytes;
    for (let i = 0; i < 200 && !ended; i++) {
      socket.write(Array.from({ length: 100 }, (_, k) => options(`deaf${i}x${k}`)).join(""), "latin1");
      await delay(2);
    }
    const grown = (node.residentBytes - before) / 2 ** 20;
    t.diagnostic(`${grown.toFixed(0)} MB more, ${ended ? "reset" : "still there"}`);
    assert.ok(grown < 150, `${grown} MB`);
  });

  test(`${IDLE} connections that say nothing: the next one is served like the first`, async () => {
    const count = affordable(IDLE);
    const before = node.descriptors;
    const idle = await openIdle(count);
    await until("all", () => node.descriptors >= before + count - SPARE);
    await Promise.all(Array.from({ length: 20 }, () => calls.call()));
    for (const socket of idle) socket.destroy();
    await until("their end", () => node.descriptors < before + SPARE, 5_000);
  });
});
