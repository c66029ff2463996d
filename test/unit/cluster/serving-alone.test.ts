// An active node that serves by its witness alone: what a jump of its clocks costs it, and what it looks for meanwhile.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { mayServe } from "../../../src/cluster/serving.ts";
import { active, type Bench } from "./node-bench.ts";

/** Its peer said that it has no Redis, and is silent; Redis is, too. */
function alone(): Bench {
  const bench = active();
  for (let i = 0; i < 5; i++) {
    bench.now += 100;
    bench.heartbeat({ epochSeen: 6, redis: "lost" });
  }
  for (let i = 0; i < 30; i++) {
    bench.now += 20;
    bench.feed({ kind: "witness", askedAt: bench.now });
  }
  assert.equal(mayServe(bench.state, bench.now), true);
  return bench;
}

/** When it looked for another owner. */
function looks(bench: Bench): number {
  return bench.kinds().filter((kind) => kind === "check-conflict").length;
}

describe("a node that serves by its witness alone", () => {
  test("looks for another owner each 120 ms", () => {
    const bench = alone();
    bench.taken();
    for (let i = 0; i < 24; i++) {
      bench.now += 10;
      bench.feed({ kind: "witness", askedAt: bench.now });
    }
    assert.equal(looks(bench), 2);
  });

  test("gives way at the first sign of one", () => {
    const bench = alone();
    bench.feed({ kind: "conflict", found: true, askedAt: bench.now });
    bench.feed({ kind: "tick" });
    assert.equal(bench.state.role, "fenced");
  });

  test("serves nothing after a jump of its clocks, whatever the witness answers, until a look that was begun since has found nobody", () => {
    const bench = alone();
    const before = bench.now;
    bench.taken();
    bench.feed({ kind: "clock-jumped" });
    assert.equal(looks(bench), 1, "at once");
    bench.now += 10;
    bench.feed({ kind: "witness", askedAt: bench.now });
    assert.equal(mayServe(bench.state, bench.now), false);
    bench.feed({ kind: "conflict", found: false, askedAt: before - 1 });
    bench.feed({ kind: "witness", askedAt: bench.now });
    assert.equal(mayServe(bench.state, bench.now), false);
    bench.now += 90;
    bench.feed({ kind: "conflict", found: false, askedAt: before });
    bench.feed({ kind: "witness", askedAt: bench.now });
    assert.equal(mayServe(bench.state, bench.now), true);
  });

  test("serves after a jump as soon as a renewal that was sent since is acknowledged", () => {
    const bench = alone();
    bench.feed({ kind: "clock-jumped" });
    bench.now += 2;
    const record = { holder: "edge-b", boot: "boot-b", epoch: 6, counter: 9, ask: null };
    bench.reply({ kind: "renew", epoch: 6 }, "granted", record);
    bench.feed({ kind: "tick" });
    assert.equal(mayServe(bench.state, bench.now), true);
  });
});
