import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { main } from "../../../src/cli/main.ts";
import { parseConfig } from "../../../src/config/load-config.ts";
import { ConfigError, type ConfigProblem } from "../../../src/config/problem.ts";
import { cli, withFile } from "../cli/cli-double.ts";
import { GOOD, MISTAKES, planted } from "./planted-mistakes.ts";

function problemsOf(text: string): readonly ConfigProblem[] {
  try {
    parseConfig(text, { file: "edge.yaml", env: {} });
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error));
    return error.problems;
  }
  return [];
}

describe("planted mistakes", () => {
  test("the file without one is good", () => assert.deepEqual(problemsOf(GOOD), []));
  test("there are at least thirty", () => assert.ok(MISTAKES.length >= 30));

  for (const mistake of MISTAKES) {
    test(mistake.name, async () => {
      const text = planted(mistake);
      const problems = problemsOf(text);
      const shown = JSON.stringify(problems, null, 1);
      const problem = problems.find((each) => each.key === mistake.key);
      assert.ok(problem !== undefined, shown);
      assert.equal(problem.line, mistake.reported ?? mistake.line, shown);
      assert.ok(problem.column >= 1);
      assert.match(problem.expected, mistake.expected);
      assert.match(problem.found, mistake.found);
      assert.match(problem.remedy, mistake.remedy);

      await withFile(text, async (file) => {
        for (const command of [["config", "check"], ["run"]]) {
          const { environment, seen } = cli();
          assert.equal(await main(["node", "tandem", ...command, "-c", file], environment), 2);
          assert.equal(seen.started.length, 0, "nothing is started");
          assert.ok(seen.err.includes(`${file}:${problem.line}:${problem.column}:`), seen.err);
          assert.ok(seen.err.includes(problem.remedy), seen.err);
        }
      });
    });
  }

  test("all of them are told at once, in the order of the lines", () => {
    const planted = new Map<number, (typeof MISTAKES)[number]>();
    for (const mistake of MISTAKES) {
      const { line, key, reported, with: text } = mistake;
      const plain = key !== "" && line > 2 && reported === undefined && !text.includes("\n");
      if (plain && !planted.has(line)) planted.set(line, mistake);
    }
    const lines = GOOD.split("\n");
    for (const { line, with: text } of planted.values()) lines[line - 1] = text;
    const problems = problemsOf(lines.join("\n"));
    const told = new Set(problems.map(({ line, key }) => `${line} ${key}`));
    for (const { line, key } of planted.values()) assert.ok(told.has(`${line} ${key}`), `${line} ${key}`);
    assert.ok(planted.size >= 20, String(planted.size));
    const order = problems.map(({ line }) => line);
    assert.deepEqual(
      order,
      order.toSorted((a, b) => a - b),
    );
  });
});
