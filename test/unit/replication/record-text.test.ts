import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { type RecordFields, readRecord, writeRecord } from "../../../src/replication/record-text.ts";

function fieldsOf(text: string, known = 1): RecordFields {
  const read = readRecord(text, known);
  if (typeof read === "string") assert.fail(read);
  return read;
}

describe("the text of a record", () => {
  test("gives back every field, whatever it holds", () => {
    const value = fc.oneof(
      fc.string({ unit: "binary" }),
      fc.double({ noNaN: true, noDefaultInfinity: true }),
      fc.boolean(),
    );
    fc.assert(
      fc.property(fc.array(value, { maxLength: 40 }), (values) => {
        const read = fieldsOf(writeRecord(1, values));
        assert.equal(read.count, values.length);
        for (const [index, expected] of values.entries()) {
          if (typeof expected === "string") assert.equal(read.text(index), expected);
          else if (typeof expected === "boolean") assert.equal(read.flag(index), expected);
          else assert.equal(read.number(index, 7) + 0, expected + 0);
        }
      }),
    );
  });

  test("an infinite number is one that is missing: no deadline", () => {
    assert.equal(
      fieldsOf(writeRecord(1, [Number.POSITIVE_INFINITY])).number(0, Number.POSITIVE_INFINITY),
      Number.POSITIVE_INFINITY,
    );
  });

  test("of the former version: what it does not have is as the reader says", () => {
    const former = fieldsOf(writeRecord(1, ["call", 5]), 2);
    assert.deepEqual(
      [former.text(0), former.number(1, 0), former.text(2), former.number(3, 60)],
      ["call", 5, "", 60],
    );
  });

  test("of the next version: what this one does not know is not looked at", () => {
    const next = fieldsOf(writeRecord(2, ["call", 5, "new"]), 1);
    assert.deepEqual([next.version, next.text(0), next.number(1, 0)], [2, "call", 5]);
  });

  const rows = [
    { name: "two versions ahead", text: writeRecord(3, ["call"]), want: "newer" },
    { name: "nothing", text: "", want: "garbage" },
    { name: "no version", text: "4:call", want: "garbage" },
    { name: "version 0", text: "0;4:call", want: "garbage" },
    { name: "a field that ends early", text: "1;5:call", want: "garbage" },
    { name: "a length that is none", text: "1;x:call", want: "garbage" },
    { name: "a length without a value", text: "1;4", want: "garbage" },
    { name: "a length of eight digits", text: "1;00000004:call", want: "garbage" },
    { name: "more fields than FIELDS_MAX", text: `1;${"0:".repeat(4_097)}`, want: "garbage" },
  ];
  for (const { name, text, want } of rows)
    test(`refused: ${name}`, () => assert.equal(readRecord(text, 1), want));

  test("FIELDS_MAX fields are read", () => assert.equal(fieldsOf(`1;${"0:".repeat(4_096)}`).count, 4_096));

  test("garbage never throws", () => {
    fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => void readRecord(text, 1)));
  });
});
