import assert from "node:assert/strict";
import { test } from "node:test";
import { DEFAULT_TIMERS, timersFrom } from "../../../../src/sip/transaction/timer-settings.ts";

test("the defaults are those of RFC 3261 §17.1.1.1 and its table 4", () => {
  assert.deepEqual(DEFAULT_TIMERS, {
    t1Ms: 500,
    t2Ms: 4_000,
    t4Ms: 5_000,
    transactionMs: 32_000,
    dMs: 32_000,
  });
});

test("a longer T1 makes Timer D longer than 32 s, a shorter one does not shorten it (§17.1.1.2)", () => {
  assert.equal(timersFrom({ t1Ms: 1_000, t2Ms: 4_000, t4Ms: 5_000 }).dMs, 64_000);
  assert.equal(timersFrom({ t1Ms: 100, t2Ms: 4_000, t4Ms: 5_000 }).dMs, 32_000);
});
