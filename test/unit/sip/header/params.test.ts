import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { checkParams, paramValue } from "../../../../src/sip/header/params.ts";
import { refused } from "./refused.ts";

describe("one parameter of a list (RFC 3261 §7.3.1)", () => {
  const rows: { text: string; value: string | null }[] = [
    { text: "", value: null },
    { text: ";a", value: "" },
    { text: ";a ;b", value: "" },
    { text: ";a=1", value: "1" },
    { text: "; A = 1 ;b", value: "1" },
    { text: ";b=2;a=1", value: "1" },
    { text: ";a=1;a=2", value: "1" },
    { text: ";ab=1", value: null },
    { text: ";ba=1", value: null },
    { text: ";b=a", value: null },
    { text: ';b=";a=1"', value: null },
    { text: ';b=";a=1";a=2', value: "2" },
    { text: ';b="\\";a=1";a=2', value: "2" },
    { text: ';a="x;y"', value: '"x;y"' },
    { text: ';a="x', value: '"x' },
    { text: ';b="x;a=1', value: null },
    { text: ";a x;b", value: null },
    { text: ";a=\r\n 1", value: "1" },
  ];
  for (const { text, value } of rows) {
    test(`a of ${JSON.stringify(text)} is ${JSON.stringify(value)}`, () => {
      assert.equal(paramValue(text, 0, text.length, "a"), value);
    });
  }

  test("only what stands between the two indexes counts", () => {
    assert.equal(paramValue(";a=1;b=2", 4, 8, "a"), null);
    assert.equal(paramValue(";b=2;a=1", 0, 4, "a"), null);
    assert.equal(paramValue(";a=12", 0, 4, "a"), "1");
  });
});

describe("lists of parameters", () => {
  const good = [
    "",
    " ",
    ";a",
    ";a=1",
    " ; a = 1 ; b ",
    ';a="x;\\"y"',
    ";a=[::1]",
    ";a=::1;b",
    ";a=h.example",
    ";!=~",
  ];
  for (const text of good) test(`taken: ${JSON.stringify(text)}`, () => checkParams(text, 0, text.length));

  const bad = [
    { text: "a", offset: 0 },
    { text: ";", offset: 1 },
    { text: ";;a", offset: 1 },
    { text: ";=1", offset: 1 },
    { text: ";a=", offset: 3 },
    { text: ";a=;b", offset: 3 },
    { text: ';a="x', offset: 3 },
    { text: ";a=[::1", offset: 3 },
    { text: ";a=[x]", offset: 3 },
    { text: ";a=1 b", offset: 5 },
    { text: ";a=<", offset: 3 },
    { text: ';a="x"y', offset: 6 },
  ];
  for (const { text, offset } of bad) {
    test(`refused: ${JSON.stringify(text)}`, () => {
      refused(() => checkParams(text, 0, text.length), { code: "SIP_HEADER", status: 400, offset });
    });
  }
});
