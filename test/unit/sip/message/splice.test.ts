import assert from "node:assert/strict";
import { test } from "node:test";
import { type Edit, spliceFrom } from "../../../../src/sip/message/splice.ts";

const rows: { name: string; edits: Edit[]; out: string; start?: number }[] = [
  { name: "no edit", edits: [], out: "abcdef" },
  { name: "insertion at the start", edits: [{ at: 0, end: 0, text: "X" }], out: "Xabcdef" },
  { name: "insertion at the end", edits: [{ at: 6, end: 6, text: "X" }], out: "abcdefX" },
  {
    name: "two insertions at one place, in their order",
    edits: [
      { at: 3, end: 3, text: "X" },
      { at: 3, end: 3, text: "Y" },
    ],
    out: "abcXYdef",
  },
  { name: "a removal", edits: [{ at: 1, end: 3, text: "" }], out: "adef" },
  { name: "a replacement of another length", edits: [{ at: 1, end: 2, text: "XYZ" }], out: "aXYZcdef" },
  {
    name: "neighbours",
    edits: [
      { at: 1, end: 1, text: "X" },
      { at: 1, end: 3, text: "Y" },
      { at: 3, end: 6, text: "" },
    ],
    out: "aXY",
  },
  { name: "all of it", edits: [{ at: 0, end: 6, text: "" }], out: "" },
  { name: "from within the text, no edit", start: 4, edits: [], out: "ef" },
  { name: "from within the text", start: 2, edits: [{ at: 3, end: 4, text: "X" }], out: "cXef" },
];
for (const { name, edits, out, start = 0 } of rows) {
  test(name, () => assert.equal(spliceFrom("abcdef", start, edits), out));
}
