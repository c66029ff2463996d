import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Signer } from "../../../../src/sip/signing/signer.ts";

const signer = new Signer(["first secret", "second secret"], "test");

describe("a signature", () => {
  test("is as long as asked for, of base64url characters, and the same each time", () => {
    for (const length of [8, 16, 40])
      assert.match(signer.sign("text", length), new RegExp(`^[\\w-]{${length}}$`));
    assert.equal(signer.sign("text", 16), signer.sign("text", 16));
    assert.ok(signer.sign("text", 40).startsWith(signer.sign("text", 16)));
  });

  test("holds for its text alone", () => {
    const signature = signer.sign("text", 16);
    assert.equal(signer.verify("text", signature), true);
    for (const other of ["Text", "text ", "", "texttext"])
      assert.equal(signer.verify(other, signature), false, other);
  });

  test("does not hold with any of its characters changed, one more, or one less than it needs", () => {
    const signature = signer.sign("text", 16);
    for (let at = 0; at < signature.length; at++) {
      const changed = signature[at] === "A" ? "B" : "A";
      assert.equal(signer.verify("text", signature.slice(0, at) + changed + signature.slice(at + 1)), false);
    }
    assert.equal(signer.verify("text", `${signature}A${signature}A${signature}`), false);
  });

  test("never spells CSeq, for which some readers search a whole message", () => {
    const text = "call 1203229"; // found by trying: the hash itself ends in "CSeq"
    assert.equal(signer.sign(text, 14), "MhR7vm7yjbC-eq");
    assert.equal(signer.verify(text, "MhR7vm7yjbC-eq"), true);
    assert.equal(signer.verify(text, "MhR7vm7yjbCSeq"), true, "as a former version signed");
    assert.equal(signer.verify(text, "MhR7vm7yjbC+eq"), false);
  });

  test("of fewer than 8 characters is none: the empty one would hold for everything", () => {
    const signature = signer.sign("text", 16);
    assert.equal(signer.verify("text", ""), false);
    assert.equal(signer.verify("text", signature.slice(0, 7)), false);
    assert.equal(signer.verify("text", signature.slice(0, 8)), true);
  });
});

describe("secrets", () => {
  test("the first signs, all verify: a secret is changed under running calls", () => {
    const before = new Signer(["old"], "test");
    const between = new Signer(["new", "old"], "test");
    const after = new Signer(["new"], "test");
    assert.equal(between.verify("text", before.sign("text", 16)), true);
    assert.equal(after.verify("text", between.sign("text", 16)), true);
    assert.equal(after.verify("text", before.sign("text", 16)), false);
    assert.equal(between.sign("text", 16), after.sign("text", 16));
  });

  test("a signature made for one purpose does not hold for another", () => {
    const other = new Signer(["first secret"], "other");
    assert.equal(other.verify("text", signer.sign("text", 16)), false);
  });
});
