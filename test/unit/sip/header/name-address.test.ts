import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { addressParam, parseNameAddress } from "../../../../src/sip/header/name-address.ts";
import { refused } from "./refused.ts";

describe("addresses that are read (RFC 3261 §20.10, §25.1)", () => {
  const rows: { text: string; uri: string; tag?: string | null; end?: number }[] = [
    { text: "<sip:a@h>", uri: "sip:a@h" },
    { text: "<sip:a@h>;tag=1", uri: "sip:a@h", tag: "1" },
    { text: "< sip:a@h >;tag=1", uri: "sip:a@h", tag: "1" },
    { text: "Alice <sip:a@h>;tag=1", uri: "sip:a@h", tag: "1" },
    { text: "Alice B. Cooper\r\n <sip:a@h> ; TAG = 1", uri: "sip:a@h", tag: "1" },
    { text: '"Alice"<sip:a@h>;tag=1', uri: "sip:a@h", tag: "1" },
    { text: '"a, <b> \\" ;tag=no" <sip:a@h>;tag=yes', uri: "sip:a@h", tag: "yes" },
    { text: "J\xfcrgen <sip:a@h>", uri: "sip:a@h" },
    { text: "<sip:a@h;tag=no>", uri: "sip:a@h;tag=no" },
    { text: "sip:a@h;tag=1", uri: "sip:a@h", tag: "1" },
    { text: "sip:a@h ;tag=1", uri: "sip:a@h", tag: "1" },
    { text: "sip:a@h\r\n ", uri: "sip:a@h", end: 7 },
    { text: "tel:+1", uri: "tel:+1" },
    { text: "<sip:a@h>, <sip:b@h>", uri: "sip:a@h", end: 9 },
    { text: "sip:a@h, sip:b@h", uri: "sip:a@h", end: 7 },
    { text: "<sip:a,b@h>;q=0.1,<sip:c@h>", uri: "sip:a,b@h", end: 17 },
    { text: '<sip:a@h>;x="1,2";tag=z', uri: "sip:a@h", tag: "z" },
    { text: "<sip:a@h>;tag", uri: "sip:a@h", tag: "" },
  ];
  for (const { text, uri, tag = null, end = text.length } of rows) {
    test(JSON.stringify(text), () => {
      const address = parseNameAddress(text, 0, text.length);
      assert.equal(address.uri, uri);
      assert.equal(text.slice(address.uriStart, address.uriStart + uri.length), uri);
      assert.equal(addressParam(text, address, "tag"), tag);
      assert.equal(address.end, end);
    });
  }
});

describe("addresses that are refused with 400", () => {
  const rows = [
    { name: "nothing", text: "" },
    { name: "no scheme", text: "alice" },
    { name: "< without >", text: "<sip:a@h" },
    { name: "an empty URI", text: "<>" },
    { name: "a quote without its end", text: '"Alice <sip:a@h>' },
    { name: "a quoted name without an address", text: '"Alice"' },
    { name: "a quoted name before a bare address", text: '"Alice" sip:a@h' },
    { name: "text behind >", text: "<sip:a@h>x" },
    { name: "a parameter without a name", text: "<sip:a@h>;=1" },
    { name: "a parameter without its value", text: "<sip:a@h>;tag=" },
    { name: "a space within a bare address", text: "sip:a b@h" },
    { name: "> without <", text: "sip:a@h>;tag=1" },
    { name: "a quote within a bare address", text: 'sip:"a"@h' },
  ];
  for (const { name, text } of rows) {
    test(name, () =>
      refused(() => parseNameAddress(text, 0, text.length), { code: "SIP_HEADER", status: 400 }),
    );
  }

  test("a > behind the end of the value does not close it", () => {
    const text = "<sip:a@h\r\nTo: <sip:b@h>";
    refused(() => parseNameAddress(text, 0, 8), { offset: 0 });
  });
});
