// No clause about transactions is without a test that names it.
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";

/** All of RFC 3261 section 17, by its table of contents. */
const RFC_3261 = [
  "17",
  "17.1",
  "17.1.1",
  "17.1.1.1",
  "17.1.1.2",
  "17.1.1.3",
  "17.1.2",
  "17.1.2.1",
  "17.1.2.2",
  "17.1.3",
  "17.1.4",
  "17.2",
  "17.2.1",
  "17.2.2",
  "17.2.3",
  "17.2.4",
];
const FOLDER = new URL(".", import.meta.url);
const files = [
  ...readdirSync(FOLDER)
    .filter((name) => name.endsWith(".test.ts") && name !== "clauses.test.ts")
    .map((name) => new URL(name, FOLDER)),
  new URL("../../proxy/matching.test.ts", FOLDER),
];
/** Names of tests and rows, as they stand in the files. */
const names = files.flatMap((file) =>
  [...readFileSync(file, "utf8").matchAll(/(?:\bname: |\btest\(\s*)["`]([^"`]*)/g)].map(
    (match) => match[1] ?? "",
  ),
);

function named(pattern: RegExp): Set<string> {
  return new Set(names.flatMap((name) => [...name.matchAll(pattern)].map((match) => match[1] ?? "")));
}

test("every clause of RFC 3261 section 17 is named by a test, and no other is", () => {
  const found = [...named(/(?<!RFC \d+ )§(17(?:\.\d)*)(?![\d.]*\d)/g)];
  assert.deepEqual(found.sort(), RFC_3261);
});

test("the changes of RFC 6026 sections 7 and 8 to transactions are named by tests", () => {
  const found = named(/RFC 6026 §(\d\.\d)/g);
  for (const clause of ["7.1", "7.2", "7.3", "8.4", "8.6", "8.7", "8.8"])
    assert.ok(found.has(clause), clause);
});

test("both actions of RFC 4320 section 4 are named by tests", () => {
  assert.deepEqual([...named(/RFC 4320 §(4\.\d)/g)].sort(), ["4.1", "4.2"]);
});
