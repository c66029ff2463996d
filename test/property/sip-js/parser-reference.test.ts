/**
 * Our parser against that of the sip.js package, over the torture messages, valid messages in odd spelling, and
 * damaged ones. Where they differ, explained.ts must say why and who is right.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import fc from "fast-check";
import { TORTURE } from "../../conformance/expected.ts";
import { anyMessage } from "../../support/messages.ts";
import { compare, type Disagreement, disagreements } from "./compare.ts";
import { EXPLANATIONS, explain } from "./explained.ts";
import { mutated } from "./mutate.ts";

/** Another seed: `SEED=7`. sip.js takes milliseconds a message, so shrinking is off and the time has a bound. */
const BOUNDS = {
  seed: Number(process.env["SEED"] ?? 4475),
  endOnFailure: true,
  interruptAfterTimeLimit: 8_000,
};

function assertExplained(found: readonly Disagreement[]): void {
  const unexplained = found.filter((disagreement) => explain(disagreement).length === 0);
  assert.deepEqual(unexplained, [], "a difference that no row of explained.ts accounts for");
}

for (const { file } of TORTURE) {
  test(`sip.js and we read ${file} alike, or the difference is explained`, () => {
    const text = readFileSync(new URL(`../../conformance/${file}`, import.meta.url), "latin1");
    assertExplained(disagreements(text));
  });
}

for (const { id, right, clause, example } of EXPLANATIONS) {
  test(`sip.js differs: ${id} (${clause}; right: ${right})`, () => {
    const disagreement = compare(...example);
    assert.notEqual(disagreement, null, "no difference any more: remove the row");
    if (disagreement !== null) assert.ok(explain(disagreement).includes(id));
  });
}

test("400 valid messages in odd spelling: sip.js and we read alike, or the difference is explained", () => {
  fc.assert(
    fc.property(anyMessage, ({ text }) => assertExplained(disagreements(text))),
    { ...BOUNDS, numRuns: 400 },
  );
});

test("2000 damaged messages: sip.js and we read alike, or the difference is explained", () => {
  fc.assert(
    fc.property(mutated, ({ whole, hurt }) => assertExplained(disagreements(hurt, whole))),
    { ...BOUNDS, numRuns: 2_000 },
  );
});
