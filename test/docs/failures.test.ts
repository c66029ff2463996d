// docs/failures.md: what it promises is proved by tests that exist.
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { codeSpans, ROOT, readPage, rowsWith } from "./markdown.ts";

describe("docs/failures.md", () => {
  const rows = rowsWith(readPage("docs/failures.md"), "fault");

  test("has rows, each of them whole", () => {
    assert.ok(rows.length > 0);
    for (const row of rows) for (const cell of Object.values(row)) assert.notEqual(cell, "", row["fault"]);
  });

  for (const row of rows) {
    test(`proved: ${row["fault"]}`, () => {
      const files = codeSpans(row["proved by"] ?? "");
      assert.ok(files.length > 0, "names no test");
      for (const file of files) {
        assert.match(file, /^test\/.+\.test\.ts$/);
        assert.ok(existsSync(join(ROOT, file)), `${file} is no more`);
        assert.match(readFileSync(join(ROOT, file), "utf8"), /\btest\(/, `${file} has no test`);
      }
    });
  }
});
