// States that operators set are kept in a file: whole or not at all, and never silently ignored.
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { OperatorFileError, readOperatorFile, writeOperatorFile } from "../../../src/node/operator-file.ts";

describe("the file of operators' states", () => {
  let folder = "";
  before(() => {
    folder = mkdtempSync(join(tmpdir(), "tandem-operator-"));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));
  const records = [
    { id: "udp:10.1.0.11:5060", state: "draining", by: "root" },
    { id: "tcp:[2001:db8::1]:5060", state: "disabled", by: "" },
  ] as const;

  test("what was written is read, and its directory is made", () => {
    const path = join(folder, "a/b/targets.json");
    writeOperatorFile(path, records);
    assert.deepEqual(readOperatorFile(path), records);
    writeOperatorFile(path, []);
    assert.deepEqual(readOperatorFile(path), []);
  });

  test("no file yet: nobody has set anything", () => {
    assert.deepEqual(readOperatorFile(join(folder, "none.json")), []);
  });

  const broken = [
    { name: "no JSON", text: "{" },
    { name: "of another version", text: '{"version":2,"targets":[]}' },
    { name: "an unknown state", text: '{"version":1,"targets":[{"id":"x","state":"up","by":""}]}' },
    { name: "empty, as after a full disk", text: "" },
  ];
  for (const { name, text } of broken) {
    test(`${name}: an error that names the file and the way out`, () => {
      const path = join(folder, "broken.json");
      writeFileSync(path, text);
      assert.throws(
        () => readOperatorFile(path),
        (error) =>
          error instanceof OperatorFileError && /broken\.json .*mend it, or remove it/.test(error.message),
      );
    });
  }

  test("a directory that is none: an error, and what was there stays", () => {
    const path = join(folder, "file");
    writeFileSync(path, "x");
    assert.throws(() => writeOperatorFile(join(path, "targets.json"), records), OperatorFileError);
    assert.equal(readFileSync(path, "utf8"), "x");
  });
});
