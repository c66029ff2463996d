import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { parse } from "yaml";
import { parseConfig } from "../../../src/config/load-config.ts";
import { ConfigError, formatProblem } from "../../../src/config/problem.ts";
import { GOOD } from "./planted-mistakes.ts";

type Path = readonly (string | number)[];

/** Paths of every map, list and scalar of plain data. */
function pathsOf(value: unknown, above: Path): Path[] {
  if (typeof value !== "object" || value === null) return [above];
  const entries = Object.entries(value).map(([key, inner]) => pathsOf(inner, [...above, key]));
  return [above, ...entries.flat()];
}

function withValue(data: unknown, path: Path, value: unknown): unknown {
  const [part, ...rest] = path;
  if (part === undefined) return value;
  const copy: Record<string | number, unknown> = Object.assign(Array.isArray(data) ? [] : {}, data);
  copy[part] = withValue(copy[part], rest, value);
  return copy;
}

/** A file is taken, or every problem of it can be shown: there is no third way. */
function read(text: string): void {
  try {
    parseConfig(text, { file: "any.yaml", env: { NAME: "value" } });
  } catch (error) {
    assert.ok(error instanceof ConfigError, error instanceof Error ? error.stack : "no error");
    assert.ok(error.problems.length > 0);
    const lines = text.split("\n").length;
    for (const problem of error.problems) {
      assert.ok(
        problem.line >= 1 && problem.line <= lines + 1 && problem.column >= 1,
        formatProblem(problem),
      );
      for (const words of [problem.expected, problem.found, problem.remedy]) {
        assert.ok(words !== "" && !/undefined|\[object/.test(words), formatProblem(problem));
      }
    }
  }
}

describe("any file", () => {
  const data: unknown = parse(GOOD);
  const anyPath = fc.constantFrom(...pathsOf(data, []));
  const anyValue = fc.oneof(
    fc.constantFrom(
      null,
      true,
      0,
      -1,
      1.5,
      1e300,
      "",
      " ",
      "x",
      "5s",
      "sip:",
      "10.0.0.0/0",
      "$".concat("{NAME}"),
      "${",
      [],
      {},
      [[]],
    ),
    fc.jsonValue({ maxDepth: 2 }),
  );

  test("with another value anywhere is taken, or refused in words", () => {
    fc.assert(
      fc.property(anyPath, anyValue, (path, value) => read(JSON.stringify(withValue(data, path, value)))),
    );
  });

  test("with characters gone, doubled or changed", () => {
    const character = fc.constantFrom(
      "",
      ":",
      "-",
      " ",
      "\n",
      "\t",
      "{",
      "}",
      "[",
      "]",
      '"',
      "'",
      "#",
      "&a",
      "*a",
      "!",
    );
    const edit = fc.tuple(fc.nat(GOOD.length), fc.nat(3), character);
    fc.assert(
      fc.property(fc.array(edit, { maxLength: 3 }), (edits) => {
        let text = GOOD;
        for (const [at, gone, put] of edits) text = text.slice(0, at) + put + text.slice(at + gone);
        read(text);
      }),
    );
  });

  test("of any text", () => {
    fc.assert(fc.property(fc.string({ unit: "binary", maxLength: 60 }), read));
  });
});
