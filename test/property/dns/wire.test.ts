// Bytes from a network that lies: any of them are read in bounded time, and none throws.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { encode } from "dns-packet";
import fc from "fast-check";
import { readAnswer } from "../../../src/dns/answer.ts";
import { isAskable } from "../../../src/dns/question.ts";
import { decodeMessage, encodeQuery } from "../../../src/dns/wire.ts";

const QUESTION = { name: "example", type: "SRV" } as const;
const GOOD = encode({
  type: "response",
  id: 1,
  questions: [QUESTION],
  answers: [
    { type: "CNAME", name: "example", ttl: 5, data: "_sip._udp.example" },
    {
      type: "SRV",
      name: "_sip._udp.example",
      ttl: 5,
      data: { priority: 1, weight: 2, port: 5060, target: "a.example" },
    },
    {
      type: "NAPTR",
      name: "example",
      ttl: 5,
      data: {
        order: 1,
        preference: 1,
        flags: "s",
        services: "SIP+D2U",
        regexp: "",
        replacement: "_sip._udp.example",
      },
    },
    { type: "AAAA", name: "a.example", ttl: 5, data: "2001:db8::1" },
  ],
  authorities: [{ type: "NS", name: "example", ttl: 5, data: "ns.example" }],
});

function readAll(bytes: Buffer): void {
  const message = decodeMessage(bytes);
  if (message === null) return;
  const outcome = readAnswer(QUESTION, message);
  if (outcome.kind !== "records") return;
  for (const record of outcome.records) {
    if (record.type === "SRV") assert.ok(record.target === "." || isAskable(record.target));
  }
}

describe("the wire", () => {
  test("any bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 600 }), (bytes) => readAll(Buffer.from(bytes))),
      { numRuns: 2_000 },
    );
  });

  test("a good answer with bytes changed or cut off", () => {
    const anyChange = fc.tuple(fc.nat(GOOD.length - 1), fc.nat(255));
    fc.assert(
      fc.property(fc.array(anyChange, { maxLength: 8 }), fc.nat(GOOD.length), (changes, end) => {
        const bytes = Buffer.from(GOOD);
        for (const [at, value] of changes) bytes[at] = value;
        readAll(bytes);
        readAll(bytes.subarray(0, end));
      }),
      { numRuns: 5_000 },
    );
  });

  test("what we ask is read back as it was asked", () => {
    const anyLabel = fc.stringMatching(/^[a-z0-9_-]{1,63}$/);
    fc.assert(
      fc.property(
        fc.nat(65_535),
        fc.array(anyLabel, { minLength: 1, maxLength: 3 }),
        fc.boolean(),
        (id, labels, edns) => {
          const name = labels.join(".");
          const message = decodeMessage(encodeQuery(id, { name, type: "NAPTR" }, { edns }));
          assert.deepEqual([message?.id, message?.question], [id, { name, type: "NAPTR" }]);
        },
      ),
    );
  });
});
