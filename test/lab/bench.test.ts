import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { labObstacle } from "./requirements.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

describe("the benchmark", { skip: labObstacle(["sipp"]) }, () => {
  test("npm run bench -- --quick --only forwarder: a figure, exit code 0", async () => {
    const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("npm_")));
    const [code, output] = await new Promise<[unknown, string]>((resolve) => {
      const args = ["run", "bench", "--", "--quick", "--only", "forwarder"];
      execFile("npm", args, { cwd: ROOT, env }, (error, stdout, stderr) =>
        resolve([error?.code ?? 0, stdout + stderr]),
      );
    });
    assert.equal(code, 0, output);
    assert.match(output, /Bare forwarder.*µs a call/);
  });
});
