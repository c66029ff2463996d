// Refusals that are remembered while their INVITE may come again.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { refusal } from "../../../src/proxy/refusal.ts";
import { REFUSED_MAX, RefusedLately } from "../../../src/proxy/refused-lately.ts";

const WHY = refusal(503, "Service Unavailable", "overload");
const OTHER = refusal(503, "Service Unavailable", "call-limit");

describe("refused lately", () => {
  const rows = [
    { name: "at once", addedAt: 0, askedAt: 0, known: true },
    { name: "64*T1 later", addedAt: 31_999, askedAt: 31_999 + 32_000, known: true },
    { name: "twice that later", addedAt: 0, askedAt: 64_000, known: false },
    { name: "much later", addedAt: 0, askedAt: 10_000_000, known: false },
  ];
  for (const { name, addedAt, askedAt, known } of rows) {
    test(`${name}: ${known ? "known" : "forgotten"}`, () => {
      const lately = new RefusedLately();
      lately.add("first", OTHER, 0);
      lately.add("a", WHY, addedAt);
      assert.equal(lately.find("a", askedAt), known ? WHY : null);
      assert.equal(lately.find("b", askedAt), null);
    });
  }

  test("each with its own answer", () => {
    const lately = new RefusedLately();
    lately.add("a", WHY, 0);
    lately.add("b", OTHER, 0);
    assert.deepEqual([lately.find("a", 1), lately.find("b", 1), lately.find("c", 1)], [WHY, OTHER, null]);
  });

  const full = [
    { name: "at the limit all are known", more: 0, first: true },
    { name: "one past it begins another generation, and all are known still", more: 1, first: true },
    { name: "past twice the limit the oldest are forgotten", more: REFUSED_MAX + 1, first: false },
  ];
  for (const { name, more, first } of full) {
    test(name, () => {
      const lately = new RefusedLately();
      // Hashes of these keys may meet: a few more make up for it.
      const last = REFUSED_MAX + more + (more > 1 ? 50 : 0) - 1;
      for (let key = 0; key <= last; key++) lately.add(`${key}`, WHY, 1);
      assert.equal(lately.find("0", 2) !== null, first);
      assert.notEqual(lately.find(`${last}`, 2), null);
    });
  }
});
