// The standby's copy: records by key, and by the call that they belong to.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { WarmCopy } from "../../../src/replication/warm-copy.ts";

/** Keys as "group/name"; without a group: alone. */
function copyOf(...keys: string[]): WarmCopy {
  const copy = new WarmCopy((key) => (key.includes("/") ? (key.split("/")[0] ?? "") : ""));
  for (const key of keys) copy.put(key, { text: key, at: 1 });
  return copy;
}

const keysOf = (records: Iterable<readonly [string, unknown]>): string[] => [...records].map(([key]) => key);

describe("groups of records", () => {
  test("are taken whole, once, and are out of the copy then", () => {
    const copy = copyOf("a/1", "b/1", "a/2", "a/3");
    assert.deepEqual(keysOf(copy.take("a")), ["a/1", "a/2", "a/3"]);
    assert.deepEqual(copy.take("a"), []);
    assert.deepEqual([copy.size, copy.get("a/1"), copy.groupNames()], [1, null, ["b"]]);
  });

  test("are named with the newest first", () => {
    assert.deepEqual(copyOf("a/1", "b/1", "c/1", "a/2").groupNames(), ["c", "b", "a"]);
  });

  test("what belongs to nothing is one group, of no name", () => {
    assert.deepEqual(keysOf(copyOf("x", "a/1", "y").take("")), ["x", "y"]);
  });

  test("what has ended is in none", () => {
    const copy = copyOf("a/1", "a/2", "b/1");
    copy.remove("a/1");
    copy.remove("b/1");
    copy.remove("b/1");
    assert.deepEqual([copy.groupNames(), keysOf(copy.take("a"))], [["a"], ["a/2"]]);
  });

  test("a record that is told again is in its group once", () => {
    const copy = copyOf("a/1", "a/1");
    assert.deepEqual(keysOf(copy.take("a")), ["a/1"]);
  });

  test("what was not told again is forgotten with its group", () => {
    const copy = copyOf("a/1", "b/1");
    copy.begin();
    copy.put("b/1", { text: "", at: 2 });
    assert.equal(copy.size, 2);
    copy.complete();
    assert.deepEqual(copy.groupNames(), ["b"]);
  });

  test("a record that has come to belong elsewhere is found there alone", () => {
    const copy = new WarmCopy((_, text) => text);
    copy.put("k", { text: "a", at: 1 });
    copy.put("k", { text: "b", at: 2 });
    assert.deepEqual([copy.groupNames(), copy.take("a"), keysOf(copy.take("b"))], [["b"], [], ["k"]]);
  });

  test("records are counted by kind, each once, as long as they are there", () => {
    const copy = new WarmCopy((key) => key.slice(-1));
    for (const key of ["call 1", "call 1", "call 2", "invite 2"]) copy.put(key, { text: "", at: 1 });
    const before = [...copy.counts()];
    copy.remove("call 1");
    copy.take("2");
    assert.deepEqual(
      [before, [...copy.counts()]],
      [
        [
          ["call", 2],
          ["invite", 1],
        ],
        [],
      ],
    );
  });
});
