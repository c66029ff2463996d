import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ABSENT, BAD, readContentLength } from "../../../src/transport/content-length.ts";

const rows = [
  { name: "full name", lines: ["Content-Length: 12"], length: 12 },
  { name: "compact form", lines: ["l: 7"], length: 7 },
  { name: "compact form in upper case", lines: ["L:7"], length: 7 },
  { name: "any case", lines: ["cOnTeNt-LeNgTh:0"], length: 0 },
  { name: "space before the colon", lines: ["Content-Length \t : 5"], length: 5 },
  { name: "space behind", lines: ["Content-Length: 5 \t"], length: 5 },
  { name: "value on a folded line", lines: ["Content-Length:\r\n  5"], length: 5 },
  { name: "colon on a folded line", lines: ["Content-Length\r\n : 5"], length: 5 },
  { name: "leading zeros", lines: ["Content-Length: 0005"], length: 5 },
  { name: "last of many", lines: ["Via: a", "Call-ID: b", "Content-Length: 3"], length: 3 },
  { name: "first of many", lines: ["Content-Length: 3", "Via: a", "Call-ID: b"], length: 3 },
  { name: "said twice alike", lines: ["Content-Length: 3", "l: 3"], length: 3 },
  { name: "absent", lines: ["Via: a", "Subject: Content-Length: 9"], length: ABSENT },
  { name: "no header at all", lines: [], length: ABSENT },
  { name: "in a folded line of another header", lines: ["Subject: a\r\n Content-Length: 9"], length: ABSENT },
  { name: "longer names", lines: ["Content-Length-Of: 9", "Content-Lengt: 8", "ll: 7"], length: ABSENT },
  { name: "names that begin like it", lines: ["Contact: <sip:l:5@a>", "Content-Type: l"], length: ABSENT },
  { name: "said twice, different", lines: ["Content-Length: 3", "l: 4"], length: BAD },
  { name: "negative", lines: ["Content-Length: -1"], length: BAD },
  { name: "signed", lines: ["Content-Length: +1"], length: BAD },
  { name: "empty", lines: ["Content-Length:"], length: BAD },
  { name: "a word", lines: ["Content-Length: many"], length: BAD },
  { name: "hexadecimal", lines: ["Content-Length: 0x10"], length: BAD },
  { name: "a fraction", lines: ["Content-Length: 1.5"], length: BAD },
  { name: "two numbers", lines: ["Content-Length: 1 2"], length: BAD },
  { name: "beyond 31 bits", lines: ["Content-Length: 2147483648"], length: BAD },
  { name: "twenty digits", lines: ["Content-Length: 99999999999999999999"], length: BAD },
];

describe("Content-Length of a head (RFC 3261 sections 7.3.1, 7.3.3, 20.14)", () => {
  for (const { name, lines, length } of rows) {
    test(name, () => {
      const head = ["OPTIONS sip:a SIP/2.0", ...lines, "", ""].join("\r\n");
      assert.equal(readContentLength(head), length);
    });
  }
});
