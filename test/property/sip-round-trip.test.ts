/** What the parser reads of any valid message is the truth, and what no edit names leaves as it came. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { VIA } from "../../src/sip/message/header-name.ts";
import { parseMessage } from "../../src/sip/message/sip-message.ts";
import { type Edit, spliceFrom } from "../../src/sip/message/splice.ts";
import { formatUri, parseUri } from "../../src/sip/uri.ts";
import { decode } from "../support/decode.ts";
import { anyMessage, type MessageTruth } from "../support/messages.ts";
import { anySipUri, anyTelUri, type UriTruth } from "../support/uris.ts";

const RUNS = { numRuns: 400, seed: 3261 };

function texts(uris: readonly UriTruth[]): string[] {
  return uris.map((uri) => uri.text);
}

function uriFields({ scheme, user, password, host, port, params }: Omit<UriTruth, "text">) {
  return { scheme, user, password, host, port, params };
}

test("every header that a proxy reads is decoded as it was meant (RFC 3261 §7.3, §25.1)", () => {
  fc.assert(
    fc.property(anyMessage, (truth) => {
      const read = decode(truth.text);
      assert.equal(read.message.method, truth.kind === "request" ? truth.method : "");
      assert.equal(read.message.status, truth.kind === "response" ? truth.status : 0);
      if (read.uri !== null && truth.kind === "request") {
        assert.deepEqual(uriFields(read.uri), uriFields(truth.uri));
      }
      assert.deepEqual(
        read.vias.map(({ transport, host, port, branch, received, rport }) => ({
          transport,
          host,
          port,
          branch,
          received,
          rport,
        })),
        truth.vias,
      );
      assert.deepEqual([read.from, read.fromTag], [truth.from.uri.text, truth.from.tag]);
      assert.deepEqual([read.to, read.toTag], [truth.to.uri.text, truth.to.tag]);
      assert.equal(read.callId, truth.callId);
      assert.deepEqual({ number: read.cseqNumber, method: read.cseqMethod }, truth.cseq);
      assert.equal(read.maxForwards, truth.maxForwards);
      assert.deepEqual(read.contacts, texts(truth.contacts));
      assert.deepEqual(read.routes, texts(truth.routes));
      assert.deepEqual(read.recordRoutes, texts(truth.recordRoutes));
      assert.equal(read.message.body, truth.body);
    }),
    RUNS,
  );
});

test("the second Via is found on the same line or on a later one (RFC 3261 §7.3.1)", () => {
  fc.assert(
    fc.property(anyMessage, (truth) => {
      const message = parseMessage(truth.text);
      assert.equal(message.secondVia?.branch ?? null, truth.vias[1]?.branch ?? null);
      assert.equal(message.secondVia?.host ?? null, truth.vias[1]?.host ?? null);
    }),
    RUNS,
  );
});

test("lines of the table are the lines of the text, folds and all", () => {
  fc.assert(
    fc.property(anyMessage, (truth) => {
      const message = parseMessage(truth.text);
      const lines = Array.from({ length: message.rows }, (_, row) => {
        const next = row + 1 < message.rows ? message.lineStart(row + 1) : message.headersEnd;
        return message.raw.slice(message.lineStart(row), next - 2);
      });
      assert.deepEqual(lines, truth.lines);
    }),
    RUNS,
  );
});

test("what lies behind the body is cut, and only that (RFC 3261 §18.3)", () => {
  fc.assert(
    fc.property(anyMessage, fc.string({ maxLength: 20 }), (truth, tail) => {
      const expected = truth.contentLength === null ? truth.text + tail : truth.text;
      assert.equal(parseMessage(truth.text + tail).raw, expected);
    }),
    RUNS,
  );
});

/** What forwarding does, at its simplest: a Via on top, one line removed, another replaced. */
function editsOf(truth: MessageTruth, remove: number, replace: number): { edits: Edit[]; expected: string } {
  const message = parseMessage(truth.text);
  const via = `Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKours\r\n`;
  const edits: Edit[] = [];
  let expected = truth.text.slice(0, message.headersStart);
  const topVia = message.find(VIA);
  truth.lines.forEach((line, row) => {
    const start = message.lineStart(row);
    const end = start + line.length + 2;
    if (row === topVia) {
      edits.push({ at: start, end: start, text: via });
      expected += `${via}`;
    }
    if (row === remove) edits.push({ at: start, end, text: "" });
    else if (row === replace) {
      edits.push({ at: start, end, text: "X-Ours: 1\r\n" });
      expected += "X-Ours: 1\r\n";
    } else expected += `${line}\r\n`;
  });
  return { edits, expected: `${expected}\r\n${truth.body}` };
}

test("splicing changes the lines it names and no other byte (RFC 3261 §16.6 item 1)", () => {
  fc.assert(
    fc.property(anyMessage, fc.nat(20), fc.nat(20), (truth, remove, replace) => {
      const { edits, expected } = editsOf(truth, remove, replace);
      assert.equal(spliceFrom(truth.text, 0, edits), expected);
    }),
    RUNS,
  );
});

test("splicing nothing gives the same text", () => {
  fc.assert(
    fc.property(anyMessage, (truth) => {
      assert.equal(spliceFrom(truth.text, 0, []), truth.text);
    }),
    RUNS,
  );
});

test("a URI that is read and written again is the same but for the case of scheme and host", () => {
  fc.assert(
    fc.property(fc.oneof(anySipUri, anyTelUri), (truth) => {
      const written = formatUri(parseUri(truth.text));
      assert.equal(written.toLowerCase(), truth.text.toLowerCase());
      assert.deepEqual(uriFields(parseUri(written)), uriFields(truth));
    }),
    RUNS,
  );
});

test("no bytes make the parser throw anything but SipParseError, nor run for long", () => {
  const anyDamage = fc.array(
    fc.tuple(
      fc.nat(2_000),
      fc.constantFrom("delete", "insert", "replace"),
      fc.constantFrom(...'\r\n \t:;,<>"\\@[]/%=\x00\xffaZ0'),
    ),
    { minLength: 1, maxLength: 4 },
  );
  fc.assert(
    fc.property(anyMessage, anyDamage, (truth, damage) => {
      let text = truth.text;
      for (const [at, kind, character] of damage) {
        const index = at % Math.max(1, text.length);
        const end = kind === "insert" ? index : index + 1;
        text = text.slice(0, index) + (kind === "delete" ? "" : character) + text.slice(end);
      }
      try {
        decode(text);
      } catch (error) {
        assert.equal(
          (error as Error).name,
          "SipParseError",
          `${(error as Error).stack}\n${JSON.stringify(text)}`,
        );
      }
    }),
    { ...RUNS, numRuns: 3_000 },
  );
});
