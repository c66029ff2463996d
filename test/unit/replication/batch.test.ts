import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { describe, test } from "node:test";
import fc from "fast-check";
import { BatchWriter, COMMIT_BYTES_MAX, readBatch } from "../../../src/replication/batch.ts";

const change = fc.tuple(fc.string({ unit: "grapheme" }), fc.option(fc.string({ unit: "binary" })));

function read(bytes: Buffer): [boolean, [string, string | null][]] {
  const changes: [string, string | null][] = [];
  const isWhole = readBatch(bytes, (key, text) => changes.push([key, text]));
  return [isWhole, changes];
}

describe("the bytes of a commit", () => {
  test("are read as they were written, whatever characters are in them", () => {
    fc.assert(
      fc.property(fc.array(change), (changes) => {
        const batch = new BatchWriter();
        for (const [key, text] of changes) assert.ok(batch.add(key, text));
        assert.deepEqual(read(batch.written()), [true, changes]);
        assert.equal(batch.count, changes.length);
      }),
    );
  });

  test("cut off anywhere: told, and never more than was there", () => {
    const batch = new BatchWriter();
    batch.add("call 1", "talks");
    batch.add("call 2", null);
    const bytes = batch.written();
    for (let length = 0; length < bytes.length; length++) {
      const [isWhole, changes] = read(bytes.subarray(0, length));
      assert.equal(isWhole, length === 0 || length === 8 + 6 + 5);
      assert.ok(changes.length <= 1);
    }
  });

  test("garbage never throws", () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => void read(Buffer.from(bytes))));
  });

  for (const [name, letter, bytes] of [
    ["one byte a letter", "x", 1],
    ["two bytes a letter", "é", 2],
  ] as const) {
    test(`take COMMIT_BYTES_MAX and not a byte more: ${name}`, () => {
      const batch = new BatchWriter();
      const room = COMMIT_BYTES_MAX - 8 - 1;
      const text = letter.repeat(Math.floor(room / bytes));
      assert.equal(batch.add("k", text + letter), false);
      assert.equal(batch.size, 0);
      assert.ok(batch.add("k", text));
      assert.equal(batch.add("", ""), false);
    });
  }
});
