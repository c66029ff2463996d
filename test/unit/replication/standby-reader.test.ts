// The warm copy of a standby, on a simulated clock and store.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { CANARY_MS } from "../../../src/replication/journal-writer.ts";
import { MISMATCH_MS, READ_RETRY_MS, READ_WAIT_MS } from "../../../src/replication/standby-reader.ts";
import type { Standing } from "../../../src/replication/store.ts";
import { FLUSH_MS, ReplicationWorld, type SimulatedStandby } from "../../support/replication-world.ts";

function world(calls = 10) {
  const it = new ReplicationWorld();
  const active = it.active();
  for (let call = 0; call < calls; call++) active.set(`call ${call}`, "talks");
  it.clock.advance(20);
  return { it, active, clock: it.clock, store: it.store };
}

function caughtUp(it: ReplicationWorld, standby: SimulatedStandby): Standing | null | undefined {
  let position: Standing | null | undefined;
  standby.reader.catchUp(it.store.of("edge-b"), (at) => {
    position = at;
  });
  it.clock.advance(500);
  return position;
}

describe("a standby that starts", () => {
  test("loads what is there in parts, and is warm when it has all", () => {
    const { it, active, clock } = world();
    const standby = it.standby();
    clock.advance(3);
    assert.equal(standby.reader.state.isWarm, false);
    clock.advance(50);
    assert.equal(standby.reader.state.isWarm, true);
    assert.deepEqual(standby.texts(), active.texts());
  });

  test("what changes and ends during the snapshot is as the active has it afterwards", () => {
    const { it, active, clock } = world(30);
    const standby = it.standby();
    for (let step = 0; step < 10; step++) {
      active.set(`call ${29 - step}`, `step ${step}`);
      active.set(`call new ${step}`, "rings");
      active.end(`call ${step}`);
      clock.advance(2);
    }
    clock.advance(100);
    assert.deepEqual(standby.texts(), active.texts());
    assert.equal(standby.reader.snapshots, 1);
  });

  test("waits at an empty store, says so, and is warm once an active writes", () => {
    const it = new ReplicationWorld();
    const standby = it.standby();
    it.clock.advance(500);
    assert.equal(standby.reader.state.reason, "the store is empty");
    const active = it.active();
    active.set("call 1", "rings");
    it.clock.advance(READ_RETRY_MS + 50);
    assert.deepEqual(standby.texts(), [["call 1", "rings"]]);
    assert.equal(standby.reader.state.isWarm, true);
  });

  test("a fault in the middle of the snapshot: it goes on where it was", () => {
    const { it, active, clock, store } = world(30);
    const standby = it.standby();
    clock.advance(5);
    store.fault = "REDIS_AWAY";
    clock.advance(300);
    store.fault = null;
    clock.advance(READ_RETRY_MS + 50);
    assert.deepEqual(standby.texts(), active.texts());
    assert.equal(standby.reader.snapshots, 1);
  });
});

describe("a standby that follows", () => {
  for (const commits of [1, 2]) {
    test(`the store was set back, and a former active made ${commits} commits where there had been one: a new snapshot`, () => {
      const { it, active, clock, store } = world();
      const kept = store.snapshot();
      const successor = it.active({ node: "edge-c", epoch: 2, position: store.data.position });
      const standby = it.standby();
      clock.advance(50);
      successor.writer.retire();
      store.data = kept;
      for (let change = 0; change < commits; change++) {
        active.set("call 1", `of the former active ${change}`);
        clock.advance(FLUSH_MS + 1);
      }
      active.writer.retire();
      clock.advance(READ_WAIT_MS + 50);
      assert.deepEqual(standby.texts(), active.texts());
      assert.equal(standby.reader.snapshots, 2);
      assert.equal(standby.reader.mismatches, 0);
    });
  }

  test("has a change milliseconds later, and tells the lag from the change to its being applied", () => {
    const { it, active, clock } = world();
    const standby = it.standby();
    clock.advance(CANARY_MS);
    standby.lags.length = 0;
    active.set("call 1", "ended");
    clock.advance(5);
    assert.equal(standby.copy.get("call 1")?.text, "ended");
    assert.ok(
      standby.lags.every((ms) => ms >= 1 && ms <= 5),
      String(standby.lags),
    );
  });

  test("an end takes the record away", () => {
    const { it, active, clock } = world();
    const standby = it.standby();
    clock.advance(50);
    active.end("call 1");
    clock.advance(20);
    assert.equal(standby.copy.get("call 1"), null);
  });

  test("a journal that was trimmed past it: a new snapshot", () => {
    const { it, active, clock, store } = world();
    const standby = it.standby();
    clock.advance(50);
    store.fault = "REDIS_AWAY";
    clock.advance(50);
    store.fault = null;
    active.set("call 1", "missed");
    active.end("call 2");
    clock.advance(4);
    active.set("call 3", "seen");
    clock.advance(4);
    store.data.journal.splice(0, store.data.journal.length - 1);
    clock.advance(1_000);
    assert.deepEqual(standby.texts(), active.texts());
    assert.equal(standby.reader.snapshots, 2);
  });

  test("a journal that is gone altogether: a new snapshot", () => {
    const { it, active, clock, store } = world();
    const standby = it.standby();
    clock.advance(50);
    store.fault = "REDIS_AWAY";
    clock.advance(300);
    store.fault = null;
    active.set("call 1", "missed");
    clock.advance(10);
    store.data.journal.length = 0;
    clock.advance(3 * READ_WAIT_MS);
    assert.equal(standby.copy.get("call 1")?.text, "missed");
  });

  test("the store filled anew: what was known stays until all is there, then what is no more goes", () => {
    const { it, active, clock, store } = world(1_000);
    const standby = it.standby();
    clock.advance(2_000);
    assert.equal(standby.copy.size, 1_000);
    for (const record of active.records.values()) record.text = "x".repeat(1_000);
    store.data = new ReplicationWorld().store.data;
    active.end("call 0");
    let least = standby.copy.size;
    for (let ms = 0; ms < 1_500; ms++) {
      clock.advance(1);
      least = Math.min(least, standby.copy.size);
    }
    assert.ok(least >= 999, `${least} records were left at one moment`);
    assert.deepEqual(standby.texts(), active.texts());
  });

  test("a store that is an older one: what it lost comes back with the active's resend", () => {
    const { it, active, clock, store } = world();
    const standby = it.standby();
    clock.advance(50);
    const old = store.snapshot();
    active.set("call 1", "newer");
    clock.advance(20);
    store.data = old;
    clock.advance(2 * CANARY_MS);
    assert.deepEqual(standby.texts(), active.texts());
    assert.equal(standby.reader.state.isWarm, true);
  });
});

describe("the number of records, which the active tells with its commits", () => {
  test("differs: a new snapshot, and that is counted", () => {
    const { it, active, clock } = world();
    const standby = it.standby();
    clock.advance(50);
    standby.copy.remove("call 3");
    clock.advance(CANARY_MS + 50);
    assert.deepEqual([standby.reader.mismatches, standby.reader.snapshots], [1, 2]);
    assert.deepEqual(standby.texts(), active.texts());
  });

  test("goes on differing: one snapshot in MISMATCH_MS, no more", () => {
    const { it, active, clock, store } = world();
    const standby = it.standby();
    active.set("call 11", "talks");
    clock.advance(50);
    store.data.records.delete("call 3");
    standby.copy.remove("call 3");
    clock.advance(MISMATCH_MS - 1_000);
    assert.equal(standby.reader.snapshots, 2);
    clock.advance(MISMATCH_MS);
    assert.equal(standby.reader.snapshots, 3);
    assert.ok(standby.reader.mismatches > 100);
  });
});

describe("a standby that takes over", () => {
  test("applies what the journal still has, and says where it stands", () => {
    const { it, active, clock, store } = world();
    const standby = it.standby();
    clock.advance(50);
    active.set("call 1", "the last word");
    clock.advance(1);
    active.writer.retire();
    assert.deepEqual(caughtUp(it, standby), store.data.position);
    assert.equal(standby.copy.get("call 1")?.text, "the last word");
  });

  test("is told to fill the store anew where the store can't be read; its copy is what it had", () => {
    const { it, clock, store } = world();
    const standby = it.standby();
    clock.advance(50);
    store.fault = "REDIS_AWAY";
    assert.equal(caughtUp(it, standby), null);
    assert.equal(standby.copy.size, 10);
  });

  test("in the middle of its snapshot: finishes it first", () => {
    const { it, active, clock, store } = world(30);
    const standby = it.standby();
    clock.advance(3);
    active.writer.retire();
    assert.deepEqual(caughtUp(it, standby), store.data.position);
    assert.equal(standby.copy.size, 30);
  });

  test("from an active that died while it filled the store: the copy has what was there before, and the store is filled anew", () => {
    const { it, active, clock, store } = world(1_000);
    const standby = it.standby();
    clock.advance(2_000);
    for (const record of active.records.values()) record.text = "x".repeat(1_000);
    store.data = new ReplicationWorld().store.data;
    while (store.data.records.size === 0) clock.advance(1);
    active.writer.retire();
    assert.ok(store.data.records.size < 1_000);
    assert.equal(caughtUp(it, standby), null);
    assert.equal(standby.copy.size, 1_000);
  });
});

test("how long ago a commit was is told by the store's clock, whatever the node's own shows", () => {
  const { it, active, clock, store } = world();
  const standby = it.standby();
  clock.advance(100);
  active.set("invite 1", "Timer C has 180000 ms left");
  clock.advance(1);
  const committedAt = clock.now();
  clock.advance(3_000);
  const at = standby.copy.get("invite 1")?.at ?? 0;
  assert.equal(at, store.wallOffset + committedAt - 1);
  assert.ok(Math.abs(standby.storeClock.ageOf(at, clock.now()) - 3_001) <= 1);
});
