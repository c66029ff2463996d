import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { LineBuffer } from "../../../src/node/line-buffer.ts";

/** Everything that it still has. */
function drain(buffer: LineBuffer): string[] {
  let text = "";
  for (let batch = buffer.take(); batch !== null; batch = buffer.take()) {
    text += batch.toString();
    buffer.done(batch.length);
  }
  return text.split("\n").slice(0, -1);
}

describe("LineBuffer", () => {
  test("gives lines in their order, and counts them until they are done", () => {
    const buffer = new LineBuffer(1_000);
    for (const line of ["one", "zwei ü", "drei ☎"]) assert.equal(buffer.push(line), 0);
    assert.deepEqual([buffer.lines, buffer.bytes], [3, 4 + 8 + 9]);
    const batch = buffer.take();
    assert.equal(batch?.toString(), "one\nzwei ü\ndrei ☎\n");
    assert.equal(buffer.lines, 3);
    assert.deepEqual(buffer.done(21), { bytes: 21, lines: 3 });
    assert.deepEqual([buffer.lines, buffer.bytes, buffer.take()], [0, 0, null]);
  });

  const parts = [
    { name: "nothing was written", bytes: 0, done: { bytes: 0, lines: 0 }, left: ["one", "two", "three"] },
    { name: "half a line", bytes: 3, done: { bytes: 0, lines: 0 }, left: ["one", "two", "three"] },
    { name: "a line", bytes: 4, done: { bytes: 4, lines: 1 }, left: ["two", "three"] },
    { name: "a line and a half", bytes: 6, done: { bytes: 4, lines: 1 }, left: ["two", "three"] },
    { name: "all but a line feed", bytes: 13, done: { bytes: 8, lines: 2 }, left: ["three"] },
    { name: "all", bytes: 14, done: { bytes: 14, lines: 3 }, left: [] },
  ];
  for (const { name, bytes, done, left } of parts) {
    test(`written in part: ${name}`, () => {
      const buffer = new LineBuffer(1_000);
      for (const line of ["one", "two", "three"]) buffer.push(line);
      buffer.take();
      assert.deepEqual(buffer.done(bytes), done);
      buffer.push("four");
      assert.deepEqual(drain(buffer), [...left, "four"]);
    });
  }

  test("at its limit drops nothing, one byte past it the oldest line", () => {
    const buffer = new LineBuffer(100);
    for (let index = 0; index < 10; index++) assert.equal(buffer.push(`line    ${index}`), 0);
    assert.equal(buffer.bytes, 100);
    assert.equal(buffer.push(""), 1);
    assert.deepEqual(drain(buffer).slice(0, 2), ["line    1", "line    2"]);
  });

  test("drops nothing that is out", () => {
    const buffer = new LineBuffer(40);
    buffer.push("the first");
    assert.equal(buffer.take()?.toString(), "the first\n");
    for (let index = 0; index < 9; index++) buffer.push(`number  ${index}`);
    assert.equal(buffer.lines, 4);
    buffer.done(0);
    assert.deepEqual(drain(buffer), ["the first", "number  6", "number  7", "number  8"]);
  });

  test("a line as long as the limit is taken, a longer one is dropped and drops no other", () => {
    const buffer = new LineBuffer(100);
    assert.equal(buffer.push("short"), 0);
    assert.equal(buffer.push("ü".repeat(50)), 1);
    assert.deepEqual(buffer.lines, 1);
    assert.equal(buffer.push("x".repeat(99)), 1);
    assert.deepEqual(drain(buffer), ["x".repeat(99)]);
  });

  test("is a bounded queue of lines, whatever happens in whatever order", () => {
    const anyLine = fc.string({ unit: "grapheme", maxLength: 60 }).filter((line) => !line.includes("\n"));
    const anyStep = fc.oneof(
      { weight: 3, arbitrary: fc.record({ push: anyLine }) },
      { weight: 1, arbitrary: fc.record({ write: fc.double({ min: 0, max: 1, noNaN: true }) }) },
    );
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 400 }),
        fc.array(anyStep, { maxLength: 60 }),
        (bytesMax, steps) => {
          const buffer = new LineBuffer(bytesMax);
          const pushed: string[] = [];
          let file = "";
          let dropped = 0;
          for (const step of steps) {
            if ("push" in step) {
              const line = `${pushed.length}:${step.push}`;
              pushed.push(line);
              dropped += buffer.push(line);
            } else {
              const batch = buffer.take();
              if (batch === null) continue;
              const text = Buffer.from(batch); // a copy: what is done with may be used again
              const { bytes } = buffer.done(Math.floor(step.write * text.length));
              file += text.toString("utf8", 0, bytes);
            }
            assert.ok(buffer.bytes <= bytesMax);
          }
          const waiting = buffer.lines;
          const rest = drain(buffer);
          assert.equal(rest.length, waiting);
          const out = [...file.split("\n").slice(0, -1), ...rest];
          assert.equal(out.length, pushed.length - dropped);
          const known = new Map(pushed.map((line, index) => [line, index]));
          const order = out.map((line) => known.get(line) ?? assert.fail(`no such line: ${line}`));
          assert.deepEqual(
            order,
            [...order].sort((a, b) => a - b),
          );
          assert.equal(new Set(order).size, order.length);
        },
      ),
      { numRuns: 1_000 },
    );
  });
});
