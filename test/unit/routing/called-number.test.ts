import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { calledNumber, NUMBER_CHARACTERS_MAX, rewriteNumber } from "../../../src/routing/called-number.ts";

describe("the number that rules see", () => {
  const rows: [string, string, string][] = [
    ["+15551234567", "+15551234567", ""],
    ["+1-555-123.4567", "+15551234567", ""], // RFC 3966 §5.1.1
    ["+1(555)1234567", "+15551234567", ""],
    ["%2B1555", "+1555", ""], // RFC 3261 §19.1.4: an escape equals its character
    ["%2372", "#72", ""],
    ["15551234567;npdi;rn=+15550000000", "15551234567", ";npdi;rn=+15550000000"],
    ["5551234;phone-context=+1", "5551234", ";phone-context=+1"],
    ["john.doe", "john.doe", ""],
    ["a-b(c)", "a-b(c)", ""],
    ["", "", ""],
    ["%zz", "%zz", ""],
  ];
  for (const [user, digits, params] of rows) {
    test(`${JSON.stringify(user)} is ${JSON.stringify(digits)}`, () => {
      const number = calledNumber(user);
      assert.deepEqual([number?.digits, number?.params], [digits, params]);
    });
  }
  test("nothing beyond its limit is a number", () => {
    assert.notEqual(calledNumber("1".repeat(NUMBER_CHARACTERS_MAX)), null);
    assert.equal(calledNumber("1".repeat(NUMBER_CHARACTERS_MAX + 1)), null);
    assert.notEqual(calledNumber(`1;x=${"1".repeat(NUMBER_CHARACTERS_MAX)}`), null);
  });
});

describe("strip, then prefix", () => {
  const rows: [string, number, string, string | null][] = [
    ["15551234567", 1, "+44", "+445551234567"],
    ["+15551234567", 1, "+44", "+445551234567"],
    ["+445551234567", 2, "0", "05551234567"],
    ["5551234567", 0, "9", "95551234567"],
    ["+1-555-123", 1, "", "555123"],
    ["911", 0, "", "911"],
    ["911", 3, "112", "112"],
    ["911", 4, "112", null],
    ["911", 3, "", null],
    ["alice", 1, "", null],
    ["alice", 0, "9", null],
    ["", 0, "9", null],
    ["%2372", 0, "9", "9%2372"],
    ["1555;npdi", 1, "", "555;npdi"],
    ["5551234;phone-context=+1;x=y", 0, "+1", "+15551234;x=y"], // RFC 3966 §5.1.5
    ["5551234;phone-context=+1", 0, "9", "95551234;phone-context=+1"],
  ];
  for (const [user, strip, prefix, wanted] of rows) {
    test(`${JSON.stringify(user)}, ${strip}, ${JSON.stringify(prefix)}`, () => {
      const number = calledNumber(user);
      assert.ok(number !== null);
      assert.equal(rewriteNumber(number, { strip, prefix }), wanted);
    });
  }
  test("what is stripped and put back is the number again", () => {
    const digits = fc.string({ unit: fc.constantFrom(..."0123456789*"), minLength: 1, maxLength: 20 });
    fc.assert(
      fc.property(digits, digits, (head, tail) => {
        const number = calledNumber(head + tail);
        assert.ok(number !== null);
        assert.equal(rewriteNumber(number, { strip: head.length, prefix: head }), head + tail);
      }),
    );
  });
});
