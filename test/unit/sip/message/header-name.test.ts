import assert from "node:assert/strict";
import { describe, test } from "node:test";
import * as names from "../../../../src/sip/message/header-name.ts";

const { equalsIgnoringCase, headerId, OTHER } = names;

/** Name and compact form (RFC 3261 §7.3.3, §20; RFC 4028 §4 for x), by the constant that stands for it. */
const KNOWN: readonly (readonly [number, ...string[]])[] = [
  [names.VIA, "Via", "v"],
  [names.ROUTE, "Route"],
  [names.RECORD_ROUTE, "Record-Route"],
  [names.PATH, "Path"],
  [names.FROM, "From", "f"],
  [names.TO, "To", "t"],
  [names.CALL_ID, "Call-ID", "i"],
  [names.CSEQ, "CSeq"],
  [names.CONTACT, "Contact", "m"],
  [names.MAX_FORWARDS, "Max-Forwards"],
  [names.PROXY_REQUIRE, "Proxy-Require"],
  [names.REQUIRE, "Require"],
  [names.SUPPORTED, "Supported", "k"],
  [names.CONTENT_LENGTH, "Content-Length", "l"],
  [names.RETRY_AFTER, "Retry-After"],
  [names.REASON, "Reason"],
  [names.SESSION_EXPIRES, "Session-Expires", "x"],
  [names.MAX_BREADTH, "Max-Breadth"],
  [names.PROXY_AUTHORIZATION, "Proxy-Authorization"],
  [names.WWW_AUTHENTICATE, "WWW-Authenticate"],
  [names.PROXY_AUTHENTICATE, "Proxy-Authenticate"],
  [names.MIN_SE, "Min-SE"],
  [names.RSEQ, "RSeq"],
  [names.RACK, "RAck"],
  [names.TIMESTAMP, "Timestamp"],
];

describe("header names", () => {
  for (const [id, ...spellings] of KNOWN) {
    test(`${spellings.join(", ")} in any case, wherever it stands`, () => {
      for (const spelling of spellings.flatMap((one) => [one, one.toLowerCase(), one.toUpperCase()])) {
        const text = `>>${spelling}:`;
        assert.equal(headerId(text, 2, 2 + spelling.length), id, spelling);
      }
    });
  }

  test("each number stands for one header, and each is small enough for a bit of its own", () => {
    const ids = Object.entries(names)
      .filter(([name]) => /^[A-Z_]+$/.test(name))
      .map(([, id]) => id as number);
    assert.equal(new Set(ids).size, ids.length);
    assert.deepEqual(
      ids.filter((id) => id > 30),
      [],
    );
    assert.deepEqual(ids.filter((id) => id !== OTHER).toSorted(), KNOWN.map(([id]) => id).toSorted());
  });

  for (const name of [
    "",
    "e",
    "b",
    "Vi",
    "Viaa",
    "Subject",
    "Call-ID2",
    "Call_ID",
    "X".repeat(19),
    "X".repeat(300),
    "\x16ia",
  ]) {
    test(`${JSON.stringify(name.slice(0, 24))} is another`, () => {
      assert.equal(headerId(`${name}:`, 0, name.length), OTHER);
    });
  }

  test("only letters are folded, and the end of the text is no match", () => {
    assert.equal(equalsIgnoringCase("xVIA", 1, "via"), true);
    assert.equal(equalsIgnoringCase("Vi", 0, "via"), false);
    assert.equal(equalsIgnoringCase("call\rid", 0, "call-id"), false);
    assert.equal(equalsIgnoringCase("@", 0, "`"), false);
  });
});
