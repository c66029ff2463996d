// A store that was set back to before a takeover, in which the former active went on: the records of the one after it win.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { CANARY_MS, REFUSED_RETRY_MS } from "../../../src/replication/journal-writer.ts";
import { FLUSH_MS, ReplicationWorld } from "../../support/replication-world.ts";

/** One in which the first commit has been made. */
function world() {
  const it = new ReplicationWorld();
  const active = it.active();
  it.clock.advance(20);
  return { it, active, clock: it.clock, store: it.store };
}

/** A successor has committed under epoch 2; the store was set back, and the former active went on to the same number. */
function setBack() {
  const { it, active, clock, store } = world();
  active.set("call 1", "a");
  clock.advance(20);
  const kept = store.snapshot();
  const successor = it.active({ node: "edge-b", epoch: 2, position: store.data.position });
  successor.adopt("call 1", "a");
  successor.set("call 2", "of the successor");
  clock.advance(1);
  const at = store.data.position;
  store.data = kept;
  active.set("call 3", "of the former holder");
  clock.advance(FLUSH_MS);
  assert.deepEqual(store.data.position, at && { ...at, epoch: 1 });
  return { it, active, successor, at, clock, store };
}

describe("a store that was set back, where the former active went on to the same number", () => {
  test("the fence is below the writer's epoch: all is sent again", () => {
    const { successor, clock, store } = setBack();
    successor.set("call 4", "later");
    clock.advance(20);
    assert.deepEqual(store.texts(), successor.texts());
    assert.equal(successor.writer.counts.resends, 1);
    assert.equal(successor.writer.health.state, "ok");
  });

  test("the lease is won anew before the next commit, so that the fence says nothing: all is sent again", () => {
    const { successor, clock, store } = setBack();
    store.data.fence = { epoch: 3, node: "edge-b" };
    successor.writer.raise(3);
    successor.set("call 4", "later");
    clock.advance(20);
    assert.deepEqual(store.texts(), successor.texts());
    assert.equal(successor.writer.counts.resends, 1);
    assert.equal(successor.writer.health.state, "ok");
    clock.advance(CANARY_MS * 4);
    assert.equal(successor.writer.counts.resends, 1);
  });

  test("a third node takes over with a copy of what the successor had: all is sent again", () => {
    const { it, at, clock, store } = setBack();
    store.data.fence = { epoch: 3, node: "edge-c" };
    const third = it.active({ node: "edge-c", epoch: 3, position: at });
    third.adopt("call 1", "a");
    third.adopt("call 2", "of the successor");
    clock.advance(20);
    assert.deepEqual(store.texts(), third.texts());
    assert.equal(third.writer.counts.resends, 1);
  });

  test("a commit whose answer was lost was the store's before it was set back: that of the former holder is not taken for it", () => {
    const { it, active, clock, store } = world();
    const kept = store.snapshot();
    const successor = it.active({ node: "edge-b", epoch: 2, position: store.data.position });
    store.loseNextAnswer = true;
    successor.set("call 2", "of the successor");
    clock.advance(2);
    store.data = kept;
    active.set("call 3", "of the former holder");
    clock.advance(2);
    store.data.fence = { epoch: 3, node: "edge-b" };
    successor.writer.raise(3);
    clock.advance(REFUSED_RETRY_MS + 20);
    assert.deepEqual(store.texts(), successor.texts());
    assert.equal(successor.writer.counts.resends, 1);
  });

  test("raised after its own last commit, answered or not: nothing is sent again", () => {
    for (const lost of [false, true]) {
      const { active, clock, store } = world();
      store.loseNextAnswer = lost;
      active.set("call 1", "a");
      clock.advance(2);
      store.data.fence = { epoch: 2, node: "edge-a" };
      active.writer.raise(2);
      active.set("call 2", "a");
      clock.advance(REFUSED_RETRY_MS + 20);
      assert.deepEqual(store.texts(), active.texts());
      assert.equal(active.writer.counts.resends, 1, "only the first, of an empty store");
    }
  });

  test("a commit of a former version, whose epoch the store does not say, is followed", () => {
    const { it, active, clock, store } = world();
    active.writer.retire();
    const position = store.data.position;
    assert.ok(position !== null);
    store.data.position = { ...position, epoch: null };
    const successor = it.active({ node: "edge-b", epoch: 2, position });
    successor.set("call 2", "new");
    clock.advance(CANARY_MS * 2);
    assert.equal(successor.writer.counts.resends, 0);
    assert.deepEqual(store.texts(), successor.texts());
  });
});
