// "Must show": mutated messages. No crash, no escaped throw, no state kept, valid calls beside them all served.
import assert from "node:assert/strict";
import { test } from "node:test";
import { runBarrage } from "../../fuzz/barrage.ts";
import { runCampaign } from "../../fuzz/campaign.ts";
import { readCorpus } from "../../fuzz/corpus.ts";
import { LiveNode } from "../../fuzz/live-node.ts";
import { percentile, ValidCalls } from "../../fuzz/valid-calls.ts";

/** `npm run fuzz` has a million. */
const SIMULATED = 30_000;
const ON_SOCKETS = 5_000;
const SEED = Number(process.env["SEED"] ?? 4475);
const corpus = readCorpus(SEED, 300);

test(`${SIMULATED} mutated messages through a node in simulated time, seed ${SEED}`, (t) => {
  const { slowest, validCalls, contextsMax } = runCampaign({ seed: SEED, messages: SIMULATED, corpus });
  assert.ok(validCalls > 20, "valid calls beside them");
  assert.ok(slowest.ms < 1_000, `${slowest.ms} ms for one message: ${slowest.text}`);
  t.diagnostic(
    `${validCalls} valid calls, up to ${contextsMax} contexts, slowest ${slowest.ms.toFixed(1)} ms`,
  );
});

test(`${ON_SOCKETS} mutated messages over UDP and TCP, seed ${SEED}: every call beside them is served`, async (t) => {
  const node = await LiveNode.start();
  const calls = await ValidCalls.open();
  t.after(() => {
    calls.close();
    node.kill();
  });
  await calls.useTcp();
  calls.start(100);
  const { connections } = await runBarrage(node, { seed: SEED, messages: ON_SOCKETS, corpus, rate: 4_000 });
  const { made, served, failures, answerMs } = await calls.finish();
  const { code, complaints } = await node.stop();
  t.diagnostic(`${made} calls, ${connections} connections, p99 ${percentile(answerMs, 99).toFixed(1)} ms`);
  assert.deepEqual(failures, []);
  assert.equal(served, made);
  assert.deepEqual(complaints, []);
  assert.equal(code, 0);
});
