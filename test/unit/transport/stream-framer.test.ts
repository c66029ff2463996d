import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { parseMessage } from "../../../src/sip/message/sip-message.ts";
import { type FrameFault, StreamFramer } from "../../../src/transport/stream-framer.ts";

const LIMITS = { headBytes: 200, messageBytes: 300 };

function message(body = "", headers = ""): string {
  return `OPTIONS sip:a SIP/2.0\r\n${headers}Content-Length: ${body.length}\r\n\r\n${body}`;
}

/** A message whose head has exactly so many bytes. */
function withHead(bytes: number): string {
  return message("", `X: ${"x".repeat(bytes - message("", "X: \r\n").length)}\r\n`);
}

/** A message that has exactly so many bytes, most of them body. */
function withSize(bytes: number): string {
  return message("b".repeat(bytes - message("b".repeat(100)).length + 100));
}

interface Outcome {
  messages: string[];
  pings: number;
  fault: FrameFault | null;
  refusedHead: string;
}

function frame(chunks: readonly Buffer[]): Outcome {
  const framer = new StreamFramer(LIMITS);
  const outcome: Outcome = { messages: [], pings: 0, fault: null, refusedHead: "" };
  for (const chunk of chunks) {
    const { messages, pings, fault, refusedHead } = framer.push(chunk);
    outcome.messages.push(...messages);
    outcome.pings += pings;
    outcome.fault ??= fault;
    outcome.refusedHead += refusedHead;
  }
  return outcome;
}

const one = message("v=0");
const two = message("", "Subject: two\r\n");
const negative = "INVITE sip:a SIP/2.0\r\nVia: x\r\nContent-Length: -1\r\n\r\n";
const huge = "INVITE sip:a SIP/2.0\r\nl: 99999999999999\r\n\r\n";
const beyond = "INVITE sip:a SIP/2.0\r\nl: 300\r\n\r\n";

const rows: ({ name: string; stream: string } & Partial<Outcome>)[] = [
  { name: "nothing", stream: "" },
  { name: "one message", stream: one, messages: [one] },
  { name: "two joined", stream: one + two, messages: [one, two] },
  {
    name: "a body with an empty line in it",
    stream: message("a\r\n\r\nb") + one,
    messages: [message("a\r\n\r\nb"), one],
  },
  {
    name: "bytes above 127 in the body",
    stream: message("\xff\x00\x80"),
    messages: [message("\xff\x00\x80")],
  },
  { name: "the last one incomplete", stream: one + two.slice(0, -1), messages: [one] },
  { name: "a body promised and not come", stream: message("12345").slice(0, -1) },
  { name: "CRLFs before a start line (section 7.5)", stream: `\r\n${one}\r\n${two}`, messages: [one, two] },
  { name: "a lone LF between messages is forgiven", stream: `${one}\n${two}`, messages: [one, two] },
  { name: "ping (RFC 5626 section 4.4.1)", stream: "\r\n\r\n", pings: 1 },
  { name: "pong: nothing to answer", stream: "\r\n" },
  { name: "two pings and a message", stream: `\r\n\r\n\r\n\r\n${one}`, pings: 2, messages: [one] },
  { name: "ping between messages", stream: `${one}\r\n\r\n${two}`, pings: 1, messages: [one, two] },
  { name: "half a ping on either side of a message is none", stream: `\r\n${one}\r\n`, messages: [one] },
  { name: "bare LFs are no ping", stream: "\n\n\n\n" },
  { name: "a head at its limit", stream: withHead(200), messages: [withHead(200)] },
  { name: "a head one past it", stream: withHead(201), fault: "stream-head-too-large" },
  { name: "a head that never ends", stream: `A: ${"x".repeat(400)}`, fault: "stream-head-too-large" },
  { name: "a message at its limit", stream: withSize(300), messages: [withSize(300)] },
  { name: "a message one past it", stream: withSize(301), fault: "stream-body-too-large" },
  {
    name: "no Content-Length (section 20.14)",
    stream: "ACK sip:a SIP/2.0\r\nVia: x\r\n\r\n",
    fault: "stream-no-content-length",
  },
  {
    name: "a negative one: its head is told",
    stream: negative,
    fault: "stream-bad-content-length",
    refusedHead: negative,
  },
  {
    name: "a huge one: its head is told",
    stream: huge,
    fault: "stream-bad-content-length",
    refusedHead: huge,
  },
  {
    name: "one past the limit: its head is told",
    stream: beyond,
    fault: "stream-body-too-large",
    refusedHead: beyond,
  },
  {
    name: "good ones before a bad one",
    stream: one + negative + two,
    messages: [one],
    fault: "stream-bad-content-length",
    refusedHead: negative,
  },
  { name: "a TLS hello", stream: "\x16\x03\x01\x02\x00", fault: "stream-not-sip" },
  { name: "a space before the start line", stream: ` ${one}`, fault: "stream-not-sip" },
  { name: "no NUL padding", stream: `${one}\0\0`, messages: [one], fault: "stream-not-sip" },
  { name: "HTTP", stream: "GET / HTTP/1.1\r\nHost: a\r\n\r\n", fault: "stream-no-content-length" },
];

describe("stream framer (RFC 3261 section 18.3)", () => {
  for (const { name, stream, ...wanted } of rows) {
    const bytes = Buffer.from(stream, "latin1");
    const expected = { messages: [], pings: 0, fault: null, ...wanted };
    const chunkings = [
      ["whole", [bytes]],
      ["byte by byte", [...bytes].map((byte) => Buffer.of(byte))],
      [
        "in sevens",
        Array.from({ length: Math.ceil(bytes.length / 7) }, (_, i) => bytes.subarray(7 * i, 7 * i + 7)),
      ],
    ] as const;
    for (const [how, chunks] of chunkings) {
      test(`${name}, ${how}`, () => {
        const outcome = frame(chunks);
        const { refusedHead } = outcome;
        assert.deepEqual(outcome, { refusedHead, ...expected });
      });
    }
  }

  test("a refused head is one that the parser refuses", () => {
    for (const head of [negative, huge, beyond]) assert.throws(() => parseMessage(head), { status: 400 });
  });

  test("nothing is read after a fault", () => {
    const framer = new StreamFramer(LIMITS);
    assert.equal(framer.push(Buffer.from("\0")).fault, "stream-not-sip");
    assert.deepEqual(framer.push(Buffer.from(one)), { messages: [], pings: 0, fault: null, refusedHead: "" });
    assert.equal(framer.incompleteBytes, 0);
  });

  test("the chunk may be used again after push", () => {
    const framer = new StreamFramer(LIMITS);
    const chunk = Buffer.from(one.slice(0, 20));
    framer.push(chunk);
    chunk.fill(0);
    assert.deepEqual(framer.push(Buffer.from(one.slice(20))).messages, [one]);
  });

  test("tells whether a message is on its way", () => {
    const framer = new StreamFramer(LIMITS);
    const seen = [one.slice(0, 5), one.slice(5), "\r\n\r\n", two].map((text) => {
      framer.push(Buffer.from(text));
      return framer.incompleteBytes;
    });
    assert.deepEqual(seen, [5, 0, 0, 0]);
  });

  test("a body of 60 KB that comes byte by byte costs no copy of it a byte", () => {
    const framer = new StreamFramer({ headBytes: 1_000, messageBytes: 65_535 });
    const large = Buffer.from(message("x".repeat(60_000)), "latin1");
    let messages = 0;
    for (let at = 0; at < large.length; at++)
      messages += framer.push(large.subarray(at, at + 1)).messages.length;
    assert.equal(messages, 1);
  });
});
