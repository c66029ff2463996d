import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { labObstacle } from "./requirements.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

async function npm(args: readonly string[]): Promise<[unknown, string]> {
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("npm_")));
  return await new Promise((resolve) => {
    execFile("npm", args, { cwd: ROOT, env }, (error, stdout, stderr) =>
      resolve([error?.code ?? 0, stdout + stderr]),
    );
  });
}

describe("the benchmark", { skip: labObstacle(["sipp"]) }, () => {
  test("npm run bench -- --quick --only forwarder: a figure, exit code 0", async () => {
    const [code, output] = await npm(["run", "bench", "--", "--quick", "--only", "forwarder"]);
    assert.equal(code, 0, output);
    assert.match(output, /Bare forwarder.*µs a call/);
  });
});

describe("the benchmarks of pairs", { skip: labObstacle(["sipp", "kamailio", "keepalived"]) }, () => {
  test("replication: a short round has the active's time and the standby's", async () => {
    const args = ["--replication", "--quick", "--only", "kamailio-dmq"];
    const [code, output] = await npm(["run", "bench", "--", ...args]);
    assert.equal(code, 0, output);
    assert.match(output, /^\| Kamailio, fm, replicated by DMQ \| [\d,]+ \*? ?\| [\d,]+, standby [\d,]+ \|/m);
  });

  test("takeover: the rival's address moves, what rings can't be cancelled", async () => {
    const size = ["--rate", "50", "--talking", "40", "--ringing", "30"];
    const args = ["--rounds", "1", "--pairs", "kamailio", "--faults", "kill", ...size];
    const [code, output] = await npm(["run", "bench:takeover", "--", ...args]);
    assert.equal(code, 0, output);
    assert.match(output, /^\| proxy killed .* \| Kamailio \+ keepalived \| 1 \| [\d,]+ \|/m);
    assert.match(output, /100% of 40 \| 100% of 40 \| 100% of 10 \| .* \| \*\*none\*\* of 10 \|/);
  });
});
