// What the table keeps of a call is small, however large its messages are (V8 keeps a whole text alive behind a slice).
import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { ProxyWorld } from "../../support/proxy-world.ts";
import { ScriptedCall, TRANSACTIONS_OVER_MS } from "../../support/scripted-call.ts";

const CALLS = 1_000;
/** Each message of a call is larger than what a call may cost. */
const MESSAGE_BYTES = 20_000;
const CALL_BYTES_MAX = 4_000;

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

/** After some turns of the loop: what a function has left on the stack is gone by then. */
async function heapBytes(): Promise<number> {
  for (let pass = 0; pass < 3; pass++) {
    await turn();
    collect();
  }
  return process.memoryUsage().heapUsed;
}

/** Calls that are up, seen, refreshed, challenged in their BYE; then their transactions end. */
function callsUp(world: ProxyWorld): void {
  const filler = `X-Filler: ${"x".repeat(MESSAGE_BYTES)}`;
  for (let number = 0; number < CALLS; number++) {
    const callId = `a-call-id-that-is-as-long-as-they-are-${number}@192.0.2.1`;
    const call = new ScriptedCall(world, { callId, more: [filler], cseq: 1 });
    call.answers(180, { headers: `${filler}\r\n` });
    call.answers(200, { headers: `${filler}\r\nSession-Expires: 1800\r\n` });
    const refresh = call.byCallee("UPDATE", 1, [filler, "Contact: <sip:bob-moved-away@10.1.0.12:5060>"]);
    call.answered(refresh, 200, `${filler}\r\nSession-Expires: 1800\r\n`, "<sip:alice-moved-away@192.0.2.2>");
    const bye = call.byCallee("BYE", 2, [
      filler,
      'Reason: Q.850;cause=16;text="a reason that is long enough"',
    ]);
    call.answered(bye, 407, `${filler}\r\n`);
    world.sent.length = 0;
  }
  world.pass(TRANSACTIONS_OVER_MS);
  world.sent.length = 0;
}

test(`${CALLS} calls of ${MESSAGE_BYTES} bytes a message keep less than ${CALL_BYTES_MAX} bytes each, and nothing once over`, async (t) => {
  const world = new ProxyWorld();
  callsUp(new ProxyWorld()); // what is made once, is made now
  const before = await heapBytes();
  callsUp(world);
  assert.equal(world.calls.size, CALLS);
  const each = ((await heapBytes()) - before) / CALLS;
  t.diagnostic(`${Math.round(each)} bytes a call`);
  assert.ok(each < CALL_BYTES_MAX, `${Math.round(each)} bytes a call`);
  world.pass(1_800_000);
  assert.deepEqual([world.calls.size, world.wheel.size, world.cdrs.length], [0, 0, CALLS]);
});
