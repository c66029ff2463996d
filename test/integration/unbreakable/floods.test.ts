// Floods of strangers: bounded here, as the machine is shared; `npm run fuzz` has more of them.
import assert from "node:assert/strict";
import { test } from "node:test";
import { flood } from "../../fuzz/flood.ts";
import { LiveNode } from "../../fuzz/live-node.ts";
import { percentile, ValidCalls } from "../../fuzz/valid-calls.ts";

test("floods from one source and from many: every call beside them is served, nothing is kept", async (t) => {
  const node = await LiveNode.start();
  const calls = await ValidCalls.open();
  t.after(() => {
    calls.close();
    node.kill();
  });
  calls.start(50);
  const one = await flood(node, { sources: 1, rate: 3_000, forMs: 1_000 });
  const many = await flood(node, { sources: 190, rate: 3_000, forMs: 1_000 });
  const { made, failures, answerMs } = await calls.finish();
  const { code, complaints, pending } = await node.stop();
  t.diagnostic(`${one} and ${many} datagrams, ${made} calls, p99 ${percentile(answerMs, 99).toFixed(1)} ms`);
  assert.deepEqual([failures, complaints, code, pending], [[], [], 0, 0]);
});
