import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  DIGIT,
  decimal,
  HEX,
  HOST,
  IPV6,
  isIn,
  PARAM,
  skipQuoted,
  skipSpace,
  spanEscaped,
  spanOf,
  TOKEN,
  trimEnd,
  URI_HEADER,
  USER,
} from "../../../../src/sip/header/character.ts";

const ALL = Array.from({ length: 256 }, (_, code) => String.fromCharCode(code));
const ALPHANUM = /[A-Za-z0-9]/;

describe("character classes (RFC 3261 §25.1), each of the 256 characters", () => {
  const rows = [
    { name: "token", bits: TOKEN, others: "-.!%*_+`'~" },
    { name: "user: unreserved and user-unreserved", bits: USER, others: "-_.!~*'()&=+$,;?/" },
    { name: "parameter: unreserved and param-unreserved", bits: PARAM, others: "-_.!~*'()[]/:&+$" },
    {
      name: "URI headers: unreserved, hnv-unreserved, = and &",
      bits: URI_HEADER,
      others: "-_.!~*'()[]/?:+$=&",
    },
    { name: "host, and _ as names in use have it", bits: HOST, others: "-._" },
  ];
  for (const { name, bits, others } of rows) {
    test(name, () => {
      const expected = ALL.filter((character) => ALPHANUM.test(character) || others.includes(character));
      assert.deepEqual(
        ALL.filter((character) => isIn(bits, character.charCodeAt(0))),
        expected,
      );
    });
  }

  test("hexadecimal, IPv6, digits", () => {
    const members = (bits: number) => ALL.filter((character) => isIn(bits, character.charCodeAt(0))).join("");
    assert.equal(members(HEX), "0123456789ABCDEFabcdef");
    assert.equal(members(IPV6), ".0123456789:ABCDEFabcdef");
    assert.equal(members(DIGIT), "0123456789");
  });

  test("what is no latin1 character is in none", () => {
    for (const code of [256, 0xffff, Number.NaN]) assert.equal(isIn(255, code), false);
  });
});

describe("spans", () => {
  test("end at the first character that is not in the class, or where told to", () => {
    assert.equal(spanOf(TOKEN, "abc;d", 0, 5), 3);
    assert.equal(spanOf(TOKEN, "abc", 1, 2), 2);
    assert.equal(spanOf(TOKEN, ";", 0, 1), 0);
  });

  test("take whole escapes only", () => {
    const rows: [string, number][] = [
      ["a%41b", 5],
      ["a%4", 1],
      ["a%", 1],
      ["a%4g", 1],
      ["a%g4", 1],
      ["%41%42", 6],
    ];
    for (const [text, end] of rows) assert.equal(spanEscaped(USER, text, 0, text.length), end, text);
    assert.equal(spanEscaped(USER, "a%41", 0, 3), 1);
  });

  test("white space is skipped at both ends, folds too", () => {
    assert.equal(skipSpace(" \t\r\n x", 0, 6), 5);
    assert.equal(skipSpace("   ", 0, 2), 2);
    assert.equal(trimEnd("x \t\r\n ", 0, 6), 1);
    assert.equal(trimEnd("   ", 1, 3), 1);
  });

  test("a quoted string ends at a quote that is not escaped", () => {
    const rows: [string, number][] = [
      ['""', 2],
      ['"a"b', 3],
      ['"a\\"b"', 6],
      ['"a\\\\"b', 5],
      ['"a', -1],
      ['"a\\"', -1],
      ['"a\\', -1],
    ];
    for (const [text, end] of rows) assert.equal(skipQuoted(text, 0, text.length), end, text);
  });
});

test("decimal numbers: whole, and not past the maximum", () => {
  const rows: [string, number, number][] = [
    ["0", 10, 0],
    ["0010", 10, 10],
    ["11", 10, -1],
    ["", 10, -1],
    ["-1", 10, -1],
    ["+1", 10, -1],
    ["1 ", 10, -1],
    ["1.0", 10, -1],
    ["99999999999999999999999999", 2_147_483_647, -1],
  ];
  for (const [text, max, value] of rows) assert.equal(decimal(text, 0, text.length, max), value, text);
  assert.equal(decimal("1234", 1, 3, 99), 23);
});
