import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { letters, Mix, mix32 } from "../../../../src/sip/signing/mix.ts";

describe("the fast hash", () => {
  test("is 32 bits, unsigned, and the same on every node: other versions compare it", () => {
    assert.deepEqual([mix32(""), mix32("call-1"), mix32("call-1", 7)].every(Number.isInteger), true);
    for (let i = 0; i < 1_000; i++) {
      const value = mix32(`call-${i}`);
      assert.ok(value >= 0 && value < 2 ** 32);
      assert.equal(mix32(`call-${i}`), value);
    }
  });

  test("depends on the seed, on each part, and on where one part ends", () => {
    const of = (...parts: string[]): string => parts.reduce((mix, part) => mix.add(part), new Mix(1)).text();
    const texts = [
      of("ab", "c"),
      of("a", "bc"),
      of("abc"),
      of("abc", ""),
      of("", "abc"),
      of("ab", "d"),
      of(),
    ];
    assert.equal(new Set(texts).size, texts.length);
    assert.notEqual(new Mix(1).add("a").text(), new Mix(2).add("a").text());
  });

  test("takes a part of a text as if it stood alone", () => {
    assert.equal(new Mix(1).add("xabcx", 1, 4).uint32(), new Mix(1).add("abc").uint32());
  });

  test("spreads: 100,000 neighbouring keys fill 16 classes evenly, and its text has no double", () => {
    const classes = new Array<number>(16).fill(0);
    const low = new Array<number>(16).fill(0);
    const texts = new Set<string>();
    for (let i = 0; i < 100_000; i++) {
      const mix = new Mix(0).add(`call-${i}@192.0.2.1`);
      const value = mix.uint32();
      const [high, rest] = [value >>> 28, value & 15];
      classes[high] = (classes[high] ?? 0) + 1;
      low[rest] = (low[rest] ?? 0) + 1;
      texts.add(mix.text());
    }
    for (const count of [...classes, ...low]) assert.ok(Math.abs(count - 6_250) < 400, `${classes} ${low}`);
    assert.equal(texts.size, 100_000);
  });

  test("as text is ten letters that a token, a user part and a branch may have", () => {
    assert.match(new Mix(3).add("x").text(), /^[A-Za-z0-9_-]{10}$/);
  });

  test("letters: five for the low 30 bits", () => {
    assert.equal(letters(0), "AAAAA");
    assert.equal(letters(1), "BAAAA");
    assert.equal(letters(64), "ABAAA");
    assert.equal(letters(2 ** 30 - 1), "_____");
    assert.equal(letters(2 ** 32 - 1), "_____");
  });
});
