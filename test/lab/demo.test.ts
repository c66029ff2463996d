import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { labObstacle } from "./requirements.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

describe("the demo", { skip: labObstacle(["sipp", "redis-server"]) }, () => {
  test("npm run demo: no call is lost in either act, exit code 0", async () => {
    const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("npm_")));
    const [code, output] = await new Promise<[unknown, string]>((resolve) => {
      execFile("npm", ["run", "demo"], { cwd: ROOT, env }, (error, stdout, stderr) =>
        resolve([error?.code ?? 0, stdout + stderr]),
      );
    });
    assert.equal(code, 0, output);
  });
});
