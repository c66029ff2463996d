import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { StreamFramer } from "../../../src/transport/stream-framer.ts";

const LIMITS = { headBytes: 400, messageBytes: 600 };

const latin1 = fc.uint8Array({ maxLength: 120 }).map((bytes) => Buffer.from(bytes).toString("latin1"));
const lengthName = fc.constantFrom("Content-Length", "l", "L", "CONTENT-LENGTH", "Content-Length ", "l\t");
const filler = fc.array(
  fc.constantFrom("Via: SIP/2.0/TCP a", "Subject: x\r\n folded", "X: Content-Length: 3"),
  { maxLength: 4 },
);
const anyMessage = fc
  .tuple(filler, filler, lengthName, latin1)
  .map(([before, after, name, body]) =>
    ["OPTIONS sip:a SIP/2.0", ...before, `${name}: ${body.length}`, ...after, "", body].join("\r\n"),
  );
/** What makes a stream end, and what lets it go on. */
const anyNoise = fc.oneof(
  fc.constantFrom(
    "\r\n",
    "\r\n\r\n",
    "\n",
    "\0",
    "l: -1\r\n\r\n",
    "BYE a b\r\nl: 9999\r\n\r\n",
    "A\r\n\r\n",
    "x".repeat(401),
  ),
  latin1,
);

function split(bytes: Buffer, cuts: readonly number[]): Buffer[] {
  const at = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
  return at.slice(1).map((end, i) => bytes.subarray(at[i], end));
}

function frame(chunks: readonly Buffer[]) {
  const framer = new StreamFramer(LIMITS);
  const all = chunks.map((chunk) => framer.push(chunk));
  return {
    messages: all.flatMap(({ messages }) => messages),
    pings: all.reduce((sum, { pings }) => sum + pings, 0),
    faults: all.flatMap(({ fault, refusedHead }) => (fault === null ? [] : [{ fault, refusedHead }])),
    incompleteBytes: framer.incompleteBytes,
  };
}

const cuts = fc.array(fc.nat(), { maxLength: 30 });

describe("stream framer", () => {
  test("gives back the messages, wherever TCP splits the bytes", () => {
    fc.assert(
      fc.property(fc.array(anyMessage, { maxLength: 6 }), cuts, (messages, cuts) => {
        const { pings, ...framed } = frame(split(Buffer.from(messages.join(""), "latin1"), cuts));
        assert.deepEqual(framed, { messages, faults: [], incompleteBytes: 0 });
        assert.equal(pings, 0);
      }),
    );
  });

  test("framing does not depend on where TCP splits the bytes, whatever they are", () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(anyMessage, anyNoise), { maxLength: 8 }), cuts, (parts, cuts) => {
        const bytes = Buffer.from(parts.join(""), "latin1");
        assert.deepEqual(frame(split(bytes, cuts)), frame([bytes]));
      }),
      { numRuns: 500 },
    );
  });

  test("gives no message above a limit, and never holds more than one", () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(anyMessage, anyNoise), { maxLength: 8 }), cuts, (parts, cuts) => {
        const framed = frame(split(Buffer.from(parts.join(""), "latin1"), cuts));
        assert.ok(framed.incompleteBytes < LIMITS.messageBytes);
        for (const message of framed.messages) assert.ok(message.length <= LIMITS.messageBytes);
        assert.ok(framed.faults.length <= 1);
      }),
    );
  });
});
