// A node that was held up past its right to serve, and its calls.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { LeaseRecord } from "../../../src/cluster/lease.ts";
import type { NodeEffect } from "../../../src/cluster/node-state.ts";
import { mayServe } from "../../../src/cluster/serving.ts";
import { status } from "./example.ts";
import { active, activeA, type Bench, HELD } from "./node-bench.ts";

/** The active node, held up past its right: it wakes when nothing was heard of edge-a for long. */
function heldUp(): Bench {
  const bench = active();
  bench.now += 1_000;
  bench.feed({ kind: "tick" });
  bench.taken();
  assert.equal(bench.state.role, "fenced");
  return bench;
}

const LEFT: LeaseRecord = { holder: "edge-b", boot: "boot-b", epoch: 6, counter: 9, ask: null };

/** Goes on until it asks for the lease, or follows the journal; what it reads is `record`, and the floating IP is free. */
function untilItActs(bench: Bench, record: LeaseRecord | null): NodeEffect | undefined {
  for (let i = 0; i < 100; i++) {
    bench.now += 20;
    bench.feed({ kind: "tick" });
    for (const effect of bench.taken()) {
      if (effect.kind === "probe") bench.feed({ kind: "probed", outcome: "arp-silent", askedAt: bench.now });
      if (effect.kind === "follow-journal") return effect;
      if (effect.kind !== "lease") continue;
      if (effect.operation.kind === "acquire") return effect;
      bench.reply(effect.operation, "granted", record);
    }
  }
  return undefined;
}

describe("an active node that was held up, and that nobody stands by to replace", () => {
  const gone = { kind: "address", present: false, failed: false } as const;

  test("takes the lease that it left anew, by the table, and goes on with the calls that it has", () => {
    const bench = heldUp();
    bench.feed(gone);
    const left = bench.now;
    assert.equal(bench.kinds().includes("follow-journal"), false);
    const asked = untilItActs(bench, LEFT);
    assert.ok(asked?.kind === "lease");
    const expected = { record: LEFT, compareCounter: true };
    assert.deepEqual(asked.operation, { kind: "acquire", epoch: 7, expected });
    assert.ok(bench.now - left < 500, `after ${bench.now - left} ms`);
    bench.reply(asked.operation, "granted", { ...LEFT, epoch: 7, counter: 10 });
    const begun = bench.kinds();
    assert.deepEqual([begun.includes("add-address"), begun.includes("apply-journal")], [true, false]);
    bench.feed({ kind: "address", present: true, failed: false });
    bench.feed({ kind: "step-done", step: "sockets", ok: true });
    assert.deepEqual([bench.state.role, mayServe(bench.state, bench.now)], ["active", true]);
    const effects = bench.taken();
    assert.ok(effects.some((effect) => effect.kind === "journal-again" && effect.epoch === 7));
    assert.ok(effects.some(({ kind }) => kind === "resume-calls"));
    assert.ok(!effects.some(({ kind }) => kind === "arm-calls"));
  });

  test("gives them up where another has held the lease since", () => {
    const bench = heldUp();
    bench.feed(gone);
    bench.read({ ...HELD, epoch: 7 });
    assert.equal(bench.kinds().includes("follow-journal"), true);
  });

  test("gives them up where the record is not the one that it left", () => {
    const bench = heldUp();
    bench.feed(gone);
    assert.equal(untilItActs(bench, null)?.kind, "follow-journal");
  });

  test("gives them up where Redis does not answer: nothing shows that nobody served", () => {
    const bench = heldUp();
    bench.feed(gone);
    const since = bench.now;
    for (let i = 0; i < 150 && !bench.kinds().includes("follow-journal"); i++) {
      bench.now += 20;
      bench.feed({ kind: "tick" });
    }
    assert.ok(bench.now - since <= 2_000, `${bench.now - since} ms`);
    assert.equal(bench.state.kept, null);
  });

  test("follows the journal when its address is gone, where another was heard of before that", () => {
    const bench = heldUp();
    bench.heartbeat({ ...activeA, epoch: 7, epochSeen: 7, active: { node: "edge-a", epoch: 7 } });
    assert.equal(bench.kinds().includes("follow-journal"), false);
    bench.feed(gone);
    assert.equal(bench.kinds().includes("follow-journal"), true);
  });

  test("but leaves it to a peer that is ready", () => {
    const bench = active();
    bench.now += 100;
    bench.heartbeat({ epochSeen: 6 });
    bench.now += 299;
    bench.hear({ kind: "heartbeat", status: status({ epochSeen: 6 }) }, { echo: null });
    bench.now += 60;
    bench.feed({ kind: "tick" });
    assert.equal(bench.state.role, "fenced");
    bench.taken();
    bench.feed(gone);
    assert.equal(bench.kinds().includes("follow-journal"), true);
  });
});
