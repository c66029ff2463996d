// The journal of the active node, on a simulated clock and store.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { COMMIT_BYTES_MAX } from "../../../src/replication/batch.ts";
import { CONFIRM_MS } from "../../../src/replication/confirm-waiters.ts";
import { CANARY_MS, REFUSED_RETRY_MS } from "../../../src/replication/journal-writer.ts";
import { FLUSH_MS, ReplicationWorld } from "../../support/replication-world.ts";

/** One in which the first commit has been made. */
function world() {
  const it = new ReplicationWorld();
  const active = it.active();
  it.clock.advance(20);
  assert.equal(active.writer.health.state, "ok");
  it.store.requests.length = 0;
  return { it, active, clock: it.clock, store: it.store };
}

describe("group commit", () => {
  test("ten changes of a record within one commit are one text", () => {
    const { active, clock, store } = world();
    for (let change = 0; change < 10; change++) active.set("call 1", `state ${change}`);
    clock.advance(20);
    assert.deepEqual(store.texts(), [["call 1", "state 9"]]);
    assert.equal(store.requests.length, 1);
  });

  test("a change leaves at once after a pause, and within flushEvery of the commit before", () => {
    const { active, clock, store } = world();
    active.set("call 1", "a");
    clock.advance(2);
    assert.equal(store.requests.length, 1);
    active.set("call 1", "b");
    clock.advance(FLUSH_MS - 3);
    assert.equal(store.requests.length, 1);
    clock.advance(1);
    assert.equal(store.requests.length, 2);
  });

  test("one commit at a time", () => {
    const { active, clock, store } = world();
    active.set("call 1", "a");
    clock.advance(0);
    active.set("call 2", "a");
    assert.equal(store.requests.length, 1);
    clock.advance(20);
    assert.equal(store.requests.length, 2);
  });

  test("a commit never carries more than its limit; the rest follows in order", () => {
    const { active, clock, store } = world();
    store.sizes.length = 0;
    for (let call = 0; call < 1_000; call++) active.set(`call ${call}`, "x".repeat(1_000));
    clock.advance(100);
    assert.equal(store.data.records.size, 1_000);
    assert.equal(store.sizes.length, 4);
    assert.ok(store.sizes.every((bytes) => bytes <= COMMIT_BYTES_MAX));
  });

  test("a record at the limit of a commit is written; one byte more and it is told as ended, and counted", () => {
    const { active, clock, store } = world();
    const most = COMMIT_BYTES_MAX - 8 - "call 1".length;
    active.set("call 1", "x".repeat(most));
    clock.advance(20);
    assert.equal(store.data.records.get("call 1")?.text.length, most);
    active.set("call 1", "x".repeat(most + 1));
    clock.advance(20);
    assert.equal(store.data.records.has("call 1"), false);
    assert.equal(active.writer.recordsTooLarge, 1);
  });

  test("a record that ended before it was ever written is not written at all", () => {
    const { active, clock, store } = world();
    active.set("call 1", "a");
    active.end("call 1");
    clock.advance(20);
    assert.equal(store.requests[0]?.batch.length ?? 0, 0);
    assert.equal(active.writer.uncommitted, 0);
  });

  test("the end of a record that was written is told", () => {
    const { active, clock, store } = world();
    active.set("call 1", "a");
    clock.advance(20);
    active.end("call 1");
    clock.advance(20);
    assert.deepEqual(store.texts(), []);
  });

  test("a record that ends and one of the same key that begins, in one commit: the new one is there", () => {
    const { active, clock, store } = world();
    active.set("health udp:10.0.0.1:5060", "up");
    clock.advance(20);
    active.end("health udp:10.0.0.1:5060");
    active.set("health udp:10.0.0.1:5060", "down");
    clock.advance(20);
    assert.deepEqual(store.texts(), [["health udp:10.0.0.1:5060", "down"]]);
  });

  test("without changes a commit goes out each CANARY_MS: silence is a broken path", () => {
    const { clock, store } = world();
    clock.advance(10 * CANARY_MS);
    assert.equal(store.requests.length, 10);
  });
});

describe("redis.confirm", () => {
  const run = (state: ReturnType<typeof world>): number[] => {
    const at: number[] = [];
    const start = state.clock.now();
    state.active.writer.confirmed(() => at.push(state.clock.now() - start));
    state.clock.advance(50);
    return at;
  };

  test("waits for the commit that has all that was marked before, and runs once", () => {
    const state = world();
    state.active.set("call 1", "a");
    assert.deepEqual(run(state), [1]);
  });

  test("waits for the next commit where one is under way", () => {
    const state = world();
    state.active.set("call 1", "a");
    state.clock.advance(0);
    state.active.set("call 2", "a");
    assert.deepEqual(run(state), [FLUSH_MS + 1]);
  });

  test("runs at once where nothing waits", () => assert.deepEqual(run(world()), [0]));

  test("waits CONFIRM_MS at most", () => {
    const state = world();
    state.active.set("call 1", "a");
    state.clock.advance(0);
    for (let call = 0; call < 1_000; call++) state.active.set(`other ${call}`, "x".repeat(1_000));
    assert.deepEqual(run(state), [CONFIRM_MS]);
    assert.equal(state.active.writer.counts.unconfirmed, 1, "and is counted");
  });

  test("what one message led to leaves at one wake, in order", () => {
    const { active, clock } = world();
    active.set("call 1", "a");
    clock.advance(0);
    for (let call = 0; call < 1_000; call++) active.set(`other ${call}`, "x".repeat(1_000));
    const left: string[] = [];
    active.writer.confirmed(() => left.push("INVITE"));
    clock.advance(0.5);
    active.writer.confirmed(() => left.push("100"));
    clock.advance(3);
    active.writer.confirmed(() => left.push("of the next message"));
    clock.advance(CONFIRM_MS - 3.5);
    assert.deepEqual(left, ["INVITE", "100"]);
    clock.advance(3.5);
    assert.equal(left.length, 3);
  });

  test("does not wait for a store that is away", () => {
    const state = world();
    state.active.writer.down({ kind: "fault", code: "REDIS_AWAY", message: "gone", uncertain: true });
    state.active.set("call 1", "a");
    assert.deepEqual(run(state), [0]);
    assert.equal(state.active.writer.counts.unconfirmed, 1);
  });

  test("a failed commit lets go of what waits for it", () => {
    const state = world();
    state.store.fault = "REDIS_MEMORY";
    state.active.set("call 1", "a");
    assert.deepEqual(run(state), [1]);
    assert.deepEqual(state.active.unconfirmed, [1], "and it is told");
  });

  test("what waits at a node that is fenced never runs", () => {
    const state = world();
    state.store.data.fence = { epoch: 2, node: "edge-b" };
    state.active.set("invite 1", "a");
    assert.deepEqual(run(state), []);
  });
});

describe("a store that fails", () => {
  test("away: changes coalesce by id, calls that come and go leave nothing behind, and all is there at its return", () => {
    const { active, clock, store } = world();
    active.set("call old", "before");
    clock.advance(20);
    active.writer.down({ kind: "fault", code: "REDIS_AWAY", message: "gone", uncertain: true });
    assert.equal(active.writer.health.state, "away");
    for (let call = 0; call < 50_000; call++) {
      active.set(`call ${call}`, "a");
      active.set(`call ${call}`, "b");
      if (call >= 10) active.end(`call ${call - 10}`);
    }
    active.end("call old");
    assert.equal(active.writer.uncommitted, 11, "ten that live, and an end that the store has to be told");
    active.writer.up();
    clock.advance(100);
    assert.deepEqual(store.texts(), active.texts());
    assert.equal(active.writer.health.state, "ok");
  });

  test("a commit whose answer was lost is not doubled, and what it held is sent again", () => {
    const { active, clock, store } = world();
    store.loseNextAnswer = true;
    active.set("call 1", "a");
    clock.advance(2);
    assert.equal(active.writer.health.state, "away");
    active.set("call 1", "b");
    clock.advance(REFUSED_RETRY_MS + 20);
    assert.deepEqual(store.texts(), [["call 1", "b"]]);
    assert.equal(active.writer.counts.resends, 1, "only the first, of an empty store");
  });

  test("refusing: it is asked again each REFUSED_RETRY_MS, not for every change", () => {
    const { active, clock, store } = world();
    store.fault = "REDIS_MEMORY";
    for (let call = 0; call < 100; call++) {
      active.set(`call ${call}`, "a");
      clock.advance(10);
    }
    assert.deepEqual([active.writer.health.state, active.writer.health.code], ["degraded", "REDIS_MEMORY"]);
    assert.ok(active.writer.counts.faults <= 1_000 / REFUSED_RETRY_MS + 1);
    store.fault = null;
    clock.advance(REFUSED_RETRY_MS + 20);
    assert.deepEqual(store.texts(), active.texts());
  });

  for (const code of ["JOURNAL_FOREIGN", "JOURNAL_NEWER", "JOURNAL_GARBAGE"] as const) {
    test(`${code}: nothing is overwritten, and health says why`, () => {
      const { active, clock, store } = world();
      store.fault = code;
      active.set("call 1", "a");
      clock.advance(5_000);
      assert.deepEqual(store.texts(), []);
      assert.equal(active.writer.health.code, code);
    });
  }

  test("back empty: all live records are sent again", () => {
    const { active, clock, store } = world();
    for (let call = 0; call < 1_000; call++) active.set(`call ${call}`, "x".repeat(1_000));
    clock.advance(100);
    store.data = new ReplicationWorld().store.data;
    active.set("call new", "a");
    active.end("call 7");
    clock.advance(200);
    assert.deepEqual(store.texts(), active.texts());
    assert.equal(store.data.complete, true);
    assert.equal(active.writer.health.state, "ok");
  });

  test("back as an older replica: what it lost is there again, and what had ended is gone", () => {
    const { active, clock, store } = world();
    active.set("call 1", "a");
    active.set("call 2", "a");
    clock.advance(20);
    const old = store.snapshot();
    active.set("call 1", "b");
    active.end("call 2");
    active.set("call 3", "a");
    clock.advance(20);
    store.data = old;
    clock.advance(CANARY_MS + 50);
    assert.deepEqual(store.texts(), active.texts());
  });

  test("while all is sent again, what changes goes first", () => {
    const { active, clock, store } = world();
    for (let call = 0; call < 2_000; call++) active.set(`call ${call}`, "x".repeat(1_000));
    clock.advance(100);
    store.data = new ReplicationWorld().store.data;
    active.set("invite 1", "rings");
    clock.advance(5);
    assert.ok(store.data.records.has("invite 1"));
    assert.ok(store.data.records.size < 2_000);
    assert.equal(store.data.complete, false);
  });
});

describe("a successor whose records are adopted bit by bit", () => {
  test("does not say how many records there are before all are adopted", () => {
    const { active, clock, store } = world();
    active.set("call 1", "a");
    active.set("call 2", "a");
    clock.advance(20);
    store.requests.length = 0;
    const position = active.writer.committed;
    active.writer.serve({ epoch: 1, position, granted: true, adopts: true });
    active.writer.up();
    active.adopt("call 1", "a");
    clock.advance(CANARY_MS);
    active.adopt("call 2", "a");
    active.writer.adopted();
    clock.advance(CANARY_MS);
    const told = store.requests.map(({ records }) => records);
    assert.deepEqual([told[0], told.at(-1)], [null, 2]);
  });

  test("an emptied store can't be drained for a successor before all are adopted", () => {
    const it = new ReplicationWorld();
    const active = it.active({ adopts: true });
    active.adopt("call 1", "a");
    const drained: boolean[] = [];
    active.writer.drain((done) => drained.push(done));
    active.writer.adopted();
    it.clock.advance(20);
    active.writer.drain((done) => drained.push(done));
    it.clock.advance(20);
    assert.deepEqual(drained, [false, true]);
  });

  test("an emptied store is whole when the last one is in it, and not before", () => {
    const it = new ReplicationWorld();
    const active = it.active({ adopts: true });
    active.adopt("call 1", "a");
    it.clock.advance(CANARY_MS);
    assert.equal(it.store.data.complete, false);
    active.adopt("call 2", "a");
    active.writer.adopted();
    it.clock.advance(20);
    assert.equal(it.store.data.complete, true);
    assert.deepEqual(it.store.texts(), active.texts());
    assert.equal(active.writer.health.state, "ok");
  });
});

describe("the epoch", () => {
  test("raised while a commit is on its way, which is refused for the former one: written again under the new one", () => {
    const { active, clock, store } = world();
    active.set("call 1", "a");
    store.data.fence = { epoch: 2, node: "edge-a" }; // the lease was acquired anew
    clock.advance(0);
    assert.equal(store.requests.length, 1);
    active.writer.raise(2);
    clock.advance(20);
    assert.deepEqual(store.texts(), [["call 1", "a"]]);
    assert.deepEqual([active.fences, active.writer.health.state], [[], "ok"]);
  });

  test("an engine with an old epoch that wakes and writes: 0 records changed, and it is told", () => {
    const { it, active, clock, store } = world();
    active.set("call 1", "a");
    clock.advance(20);
    const successor = it.active({ node: "edge-b", epoch: 2, position: store.data.position });
    successor.adopt("call 1", "a");
    clock.advance(20);
    const before = JSON.stringify(store.texts());
    active.set("call 1", "from the past");
    active.end("call 1");
    clock.advance(REFUSED_RETRY_MS * 4);
    assert.equal(JSON.stringify(store.texts()), before);
    assert.deepEqual(active.fences, [{ epoch: 2, node: "edge-b" }]);
    assert.equal(successor.fences.length, 0);
  });

  test("a commit that was refused for a newer epoch of this node's own, which it knows by now, is sent again", () => {
    const { active, clock, store } = world();
    active.set("call 1", "a");
    // The lease was acquired anew over a connection of its own, and its answer is read before that of the commit.
    store.data.fence = { epoch: 2, node: "edge-a" };
    clock.advance(0);
    active.writer.raise(2);
    const left: number[] = [];
    active.writer.confirmed(() => left.push(clock.now()));
    clock.advance(20);
    assert.deepEqual(active.fences, []);
    assert.deepEqual(store.texts(), [["call 1", "a"]]);
    assert.equal(left.length, 1);
  });

  test("in an epoch that was taken without the store nothing is written until it is granted: the store may be another's", () => {
    const { it, active, clock, store } = world();
    active.set("call 1", "of the holder");
    clock.advance(20);
    const other = it.active({ node: "edge-b", epoch: 2, granted: false });
    other.set("call 2", "of who took over alone");
    const drained: boolean[] = [];
    other.writer.drain((done) => drained.push(done));
    clock.advance(CANARY_MS * 4);
    assert.deepEqual(store.texts(), [["call 1", "of the holder"]]);
    assert.deepEqual([active.fences, drained, other.writer.health.state], [[], [false], "degraded"]);
    store.data.fence = { epoch: 3, node: "edge-b" };
    other.writer.raise(3);
    clock.advance(20);
    assert.deepEqual(store.texts(), [["call 2", "of who took over alone"]]);
    assert.equal(other.writer.health.state, "ok");
  });

  test("the same epoch of another holder is refused", () => {
    const { it, clock } = world();
    const other = it.active({ node: "edge-b", epoch: 1 });
    clock.advance(20);
    assert.equal(other.fences.length, 1);
  });

  test("the successor goes on behind the last commit, and its first change is the only one sent", () => {
    const { it, active, clock, store } = world();
    active.set("call 1", "a");
    clock.advance(20);
    active.writer.retire();
    const successor = it.active({ node: "edge-b", epoch: 2, position: store.data.position });
    successor.adopt("call 1", "a");
    successor.set("call 2", "new");
    store.requests.length = 0;
    clock.advance(20);
    assert.equal(store.requests.filter(({ batch }) => batch.length > 0).length, 1);
    assert.deepEqual(store.texts(), successor.texts());
    successor.end("call 1");
    clock.advance(20);
    assert.deepEqual(store.texts(), [["call 2", "new"]]);
  });

  test("a successor that does not know what the store has writes all that it adopted", () => {
    const { it, clock, store } = world();
    const successor = it.active({ node: "edge-b", epoch: 2, position: null });
    for (let call = 0; call < 10; call++) successor.adopt(`call ${call}`, "a");
    clock.advance(20);
    assert.deepEqual(store.texts(), successor.texts());
  });

  test("a store that went on without the successor is filled anew from its memory", () => {
    const { it, active, clock, store } = world();
    active.set("call 1", "a");
    clock.advance(20);
    const { position } = store.data;
    active.set("call unseen", "a");
    clock.advance(20);
    const successor = it.active({ node: "edge-b", epoch: 2, position });
    successor.adopt("call 1", "a");
    clock.advance(50);
    assert.deepEqual(store.texts(), [["call 1", "a"]]);
  });
});

describe("a planned end", () => {
  test("drain commits what waits at once", () => {
    const { active, clock, store } = world();
    active.set("call 1", "a");
    clock.advance(1);
    active.set("call 1", "b");
    const done: boolean[] = [];
    active.writer.drain((drained) => done.push(drained));
    clock.advance(3);
    assert.deepEqual(done, [true]);
    assert.deepEqual(store.texts(), [["call 1", "b"]]);
  });

  test("drain says so where the store is away", () => {
    const { active } = world();
    active.writer.down({ kind: "fault", code: "REDIS_AWAY", message: "gone", uncertain: true });
    const done: boolean[] = [];
    active.writer.drain((drained) => done.push(drained));
    assert.deepEqual(done, [false]);
  });

  test("a node that is retired writes nothing", () => {
    const { active, clock, store } = world();
    active.writer.retire();
    active.set("call 1", "a");
    clock.advance(2_000);
    assert.deepEqual(store.texts(), []);
  });
});

test("the lag of a standby is told in commits and in milliseconds", () => {
  const { active, clock, store } = world();
  const { position } = store.data;
  assert.ok(position !== null);
  for (let change = 0; change < 3; change++) {
    active.set("call 1", `${change}`);
    clock.advance(10);
  }
  assert.deepEqual(active.writer.lagOf(position), { commits: 3, ms: 30 });
  assert.deepEqual(active.writer.lagOf({ ...position, commit: position.commit + 3 }), { commits: 0, ms: 0 });
  assert.equal(active.writer.lagOf({ generation: 99, commit: 1 }), null);
});
