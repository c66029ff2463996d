import assert from "node:assert/strict";
import { test } from "node:test";
import { table } from "../../../src/cli/table.ts";
import { time } from "../../../src/cli/targets.ts";

test("columns are as wide as their widest cell, notes stand below their row", () => {
  assert.equal(
    table(
      [
        ["A", "LONG"],
        ["wide", "x"],
      ],
      ["why"],
    ),
    "A     LONG\nwide  x\n    why\n",
  );
});

test("what a peer wrote can't move the cursor", () => {
  assert.equal(table([["a\u001b[2J", "\u009bH"]], []), "a?[2J  ?H\n");
});

for (const [ms, text] of [
  [0, "0 ms"],
  [999.4, "999 ms"],
  [1_000, "1 s"],
  [13_500, "13.5 s"],
  [60_000, "1 min"],
  [3_600_000, "1 h"],
  [172_800_000, "2 d"],
] as const) {
  test(`${ms} ms is ${text}`, () => assert.equal(time(ms), text));
}
