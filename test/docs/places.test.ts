// Links lead somewhere, and every file and folder that the pages name is there.
import assert from "node:assert/strict";
import { existsSync, readdirSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { describe, test } from "node:test";
import { codeSpans, prose, ROOT, readPages, relativeLinks } from "./markdown.ts";

const FOLDERS = ["src", "test", "docs", "config", "scripts", "bin", "docker"];
const FILE = /^\.?[\w-]+(\.[\w-]+)*\.(ts|mjs|md|json|yaml|cfg)$/;

/** Base names of all files of the repository. */
const names = new Set([
  ...readdirSync(ROOT),
  ...FOLDERS.flatMap((folder) => readdirSync(join(ROOT, folder), { recursive: true, encoding: "utf8" })).map(
    (path) => basename(path),
  ),
]);

/** Does this word name a place in the repository? Capitals stand for what the reader puts there. */
function isPlace(word: string): boolean {
  if (/(^|\/)[A-Z]{2,}$/.test(word) || word.includes("*")) return false;
  if (!word.includes("/")) return FILE.test(word);
  return FOLDERS.includes(word.split("/")[0] ?? "") || FILE.test(basename(word));
}

/** From the root, from `src/`, or a file's name alone. */
function exists(word: string): boolean {
  if (!word.includes("/")) return names.has(word);
  return existsSync(join(ROOT, word)) || existsSync(join(ROOT, "src", word));
}

describe("places that the pages name", () => {
  for (const { path, text } of readPages()) {
    test(`${path}: links`, () => {
      const targets = relativeLinks(prose(text));
      const gone = targets.filter((target) => !existsSync(join(ROOT, dirname(path), decodeURI(target))));
      assert.deepEqual(gone, []);
    });

    test(`${path}: files and folders`, () => {
      const words = codeSpans(text).flatMap((span) => span.split(/[\s,"'()]+/));
      const gone = words.filter((word) => !/^[/.<]|:\/\//.test(word) && isPlace(word) && !exists(word));
      assert.deepEqual([...new Set(gone)], []);
    });
  }

  const rows = [
    { word: "src/proxy/proxy.ts", place: true, there: true },
    { word: "proxy/proxy.ts", place: true, there: true },
    { word: "hunting.ts", place: true, there: true },
    { word: "src/gone.ts", place: true, there: false },
    { word: "gone.ts", place: true, there: false },
    { word: "test/gone", place: true, there: false },
    { word: "config/FILE", place: false, there: false },
    { word: "5xx", place: false, there: false },
  ];
  for (const { word, place, there } of rows) {
    test(`the reader: ${word}`, () => assert.deepEqual([isPlace(word), exists(word)], [place, there]));
  }
});
