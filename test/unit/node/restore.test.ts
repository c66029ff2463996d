// How a successor restores ten thousand calls without a caller waiting for them: each when it is heard of, the rest beside the service.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { callIdOfRecord } from "../../../src/node/record-call-id.ts";
import { Restoration, type RestorePorts } from "../../../src/node/restore.ts";
import { WarmCopy } from "../../../src/replication/warm-copy.ts";
import { answer, outline, ProxyWorld, request, type Sent } from "../../support/proxy-world.ts";

const CALLS = ["one@host", "two@host", "three@host"];

/** A node with three calls that ring. */
function ringing(): { world: ProxyWorld; invites: Sent[] } {
  const world = new ProxyWorld();
  const invites = CALLS.map((callId) => {
    const via = `SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK${callId.slice(0, 3)}`;
    const invite = world.invite({ callId, via });
    world.receive(answer(invite.message, 180, { tag: "b1" }), invite.flow);
    return invite;
  });
  return { world, invites };
}

function successorOf(world: ProxyWorld) {
  const successor = new ProxyWorld(undefined, undefined, world.now);
  return { successor, restoration: successor.inherit(world.stored()) };
}

describe("restoring", () => {
  test("every record of a call is found by its Call-ID", () => {
    const { records } = ringing().world.stored();
    const found = records.map(([key, text]) => callIdOfRecord(key, text));
    assert.deepEqual(found.sort(), [...CALLS, ...CALLS].sort());
  });

  test("nothing of a call is there before it is heard of", () => {
    const { successor, restoration } = successorOf(ringing().world);
    assert.deepEqual([successor.calls.size, successor.proxy.status().contexts], [0, 0]);
    assert.deepEqual([restoration.counts.calls, restoration.counts.invites], [0, 0]);
  });

  test("a response restores its call and no other, and goes up", () => {
    const { world, invites } = ringing();
    const { successor, restoration } = successorOf(world);
    const [, second] = invites;
    assert.ok(second !== undefined);
    const sent = successor.receive(answer(second.message, 200, { tag: "b1" }), second.flow);
    assert.deepEqual(outline(sent), ["200 caller"]);
    assert.deepEqual(
      [restoration.counts.calls, restoration.counts.invites, restoration.counts.pending],
      [1, 1, 1],
    );
  });

  test("a CANCEL restores the INVITE that it is for", () => {
    const { world } = ringing();
    const { successor } = successorOf(world);
    const via = `SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKone`;
    const sent = successor.receive(request("CANCEL", { callId: CALLS[0] ?? "", via }));
    assert.ok(
      outline(sent).some((line) => line.startsWith("CANCEL")),
      outline(sent).join(),
    );
  });

  test("the rest follows, and its timers run", () => {
    const { successor, restoration } = successorOf(ringing().world);
    assert.equal(restoration.advance(Number.POSITIVE_INFINITY), false);
    assert.deepEqual([restoration.counts.calls, restoration.counts.invites], [3, 3]);
    assert.equal(successor.calls.size, 3);
    successor.pass(11 * 60_000); // past calls.setupTimeout
    assert.equal(successor.calls.size, 0);
  });

  test("what was restored already is passed over", () => {
    const { successor, restoration } = successorOf(ringing().world);
    restoration.touch(CALLS[0] ?? "");
    restoration.touch(CALLS[0] ?? "");
    restoration.touch("nobody@host");
    restoration.advance(Number.POSITIVE_INFINITY);
    assert.deepEqual([successor.calls.size, restoration.counts.garbage], [3, 0]);
  });

  test("it goes on for as long as it was told, and then lets others run", () => {
    const copy = new WarmCopy((key) => key);
    for (let i = 0; i < 10; i++) copy.put(`call ${i}`, { text: "no record", at: 0 });
    let now = 0;
    const { proxy, calls, journal, router } = new ProxyWorld();
    const ports: RestorePorts = {
      ...{ proxy, calls, journal, ageOf: () => 0, targets: router.targets() },
      ...{ transactionMs: 32_000, timerCMs: 185_000, other: () => false },
      failed: assert.ifError,
      now: () => now++, // each record looks twice
    };
    const restoration = new Restoration(copy, ports);
    assert.equal(restoration.advance(5), true);
    assert.equal(restoration.counts.garbage, 3);
    assert.equal(restoration.advance(Number.POSITIVE_INFINITY), false);
    assert.equal(restoration.counts.garbage, 10);
  });

  test("a record that makes the program fail is counted and told, and every other one is restored", () => {
    const copy = new WarmCopy((key) => key);
    for (const key of ["one", "two", "three"]) copy.put(`mine ${key}`, { text: "", at: 0 });
    const { proxy, calls, journal, router } = new ProxyWorld();
    const [restored, failed]: [string[], string[]] = [[], []];
    const restoration = new Restoration(copy, {
      ...{ proxy, calls, journal, now: () => 0, ageOf: () => 0, targets: router.targets() },
      ...{ transactionMs: 32_000, timerCMs: 185_000 },
      other: (_, { key }) => {
        if (key === "mine two") throw new RangeError("a fault of the program");
        restored.push(key);
        return true;
      },
      failed: (key, error) => failed.push(`${key}: ${String(error)}`),
    });
    restoration.touch("mine two");
    assert.equal(restoration.advance(Number.POSITIVE_INFINITY), false);
    assert.deepEqual(restored.sort(), ["mine one", "mine three"]);
    assert.deepEqual(failed, ["mine two: RangeError: a fault of the program"]);
    assert.equal(restoration.counts.garbage, 1);
  });
});
