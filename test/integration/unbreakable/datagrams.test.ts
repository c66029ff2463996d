// Datagrams of every size, and messages that are large in a way that makes a careless parser slow.
import assert from "node:assert/strict";
import { test } from "node:test";
import { CALLER, FuzzWorld, PBXS } from "../../fuzz/fuzz-world.ts";
import { giants } from "../../fuzz/giants.ts";
import { LiveNode } from "../../fuzz/live-node.ts";
import { threadMs } from "../../fuzz/processor-time.ts";
import { DATAGRAM_MAX, sendSizes } from "../../fuzz/sizes.ts";
import { ValidCalls } from "../../fuzz/valid-calls.ts";

/** Of the processor, and generous: what is quadratic takes seconds. */
const SLOW_MS = 500;

/** The small ones all, then the neighbourhood of each power of two. */
function sizes(): number[] {
  const list = Array.from({ length: 65 }, (_, size) => size);
  for (let power = 128; power < DATAGRAM_MAX; power *= 2) list.push(power - 1, power, power + 1);
  return [...list, 1_472, 1_473, 32_768 + 4, DATAGRAM_MAX - 1, DATAGRAM_MAX];
}

test("large messages of every shape take no longer than their bytes", (t) => {
  const world = new FuzzWorld();
  let slowest = { ms: 0, text: "" };
  for (const bytes of [8_000, 32_000, DATAGRAM_MAX]) {
    for (const text of giants(bytes)) {
      for (const from of [CALLER, ...PBXS]) {
        const start = threadMs();
        world.feed(text, from);
        const ms = threadMs() - start;
        if (ms > slowest.ms) slowest = { ms, text: text.slice(0, 300) };
      }
    }
  }
  t.diagnostic(`slowest ${slowest.ms.toFixed(1)} ms`);
  assert.ok(slowest.ms < SLOW_MS, `${slowest.ms} ms: ${slowest.text}`);
});

test("datagrams of 0 to 65,507 bytes: the node lives, and every call beside them is served", async (t) => {
  const node = await LiveNode.start();
  const calls = await ValidCalls.open();
  t.after(() => {
    calls.close();
    node.kill();
  });
  calls.start(100);
  await sendSizes(node, sizes());
  const { made, failures } = await calls.finish();
  const { code, complaints } = await node.stop();
  assert.ok(made >= 5);
  assert.deepEqual([failures, complaints, code], [[], [], 0]);
});
