// Every clause of RFC 3261 §16 is named in the name of a test of this folder: a list of what there is, compared with what is named.
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";

const items = (section: string, count: number): string[] =>
  Array.from({ length: count }, (_, index) => `${section} item ${index + 1}`);

const CLAUSES = [
  ...["16.1", "16.2", "16.3", ...items("16.3", 6), "16.4", "16.5", "16.6", ...items("16.6", 11)],
  ...["16.7", ...items("16.7", 10), "16.8", "16.9", "16.10", "16.11", "16.12"],
];
const FOLDER = import.meta.dirname;

/** Clauses at the start of the names of tests and rows. */
function named(): Set<string> {
  const clauses = new Set<string>();
  for (const file of readdirSync(FOLDER).filter((name) => name.endsWith(".test.ts"))) {
    const text = readFileSync(`${FOLDER}/${file}`, "utf8");
    for (const [, clause] of text.matchAll(
      /(?:test\(\s*|describe\(\s*|name:\s*)["'`](16\.\d+(?: item \d+)?)\b/g,
    )) {
      if (clause !== undefined) clauses.add(clause);
    }
  }
  return clauses;
}

test("each clause of section 16 is named in a test, and no clause that there isn't", () => {
  assert.deepEqual([...named()].sort(), [...CLAUSES].sort());
});
