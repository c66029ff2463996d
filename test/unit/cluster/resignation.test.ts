// A resignation: whom it comes from, and what Redis and the floating IP say beside it.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { ProbeOutcome } from "../../../src/cluster/evidence.ts";
import type { LeaseRecord } from "../../../src/cluster/lease.ts";
import type { Message, MessageBody } from "../../../src/cluster/message.ts";
import { activeA, type Bench, HELD, standby } from "./node-bench.ts";

const GONE: MessageBody = { kind: "resignation", epoch: 5, addressGone: true, successor: "edge-b" };

describe("a resignation", () => {
  const ignored: readonly {
    readonly name: string;
    readonly body: MessageBody;
    readonly changes?: Partial<Message>;
  }[] = [
    {
      name: "of an epoch that is not the current one",
      body: { kind: "resignation", epoch: 4, addressGone: true, successor: "edge-b" },
    },
    {
      name: "that echoes nothing of ours",
      body: { kind: "resignation", epoch: 5, addressGone: true, successor: "edge-b" },
      changes: { echo: null },
    },
    {
      name: "of another life",
      body: { kind: "resignation", epoch: 5, addressGone: true, successor: "edge-b" },
      changes: { boot: "boot-old", echo: null },
    },
  ];
  for (const { name, body, changes } of ignored) {
    test(`${name} changes nothing`, () => {
      const bench = standby();
      bench.hear(body, changes);
      assert.deepEqual([bench.state.takeover, bench.state.peers[0]?.resignation], [null, null]);
    });
  }
});

/** It could not follow at once: its address could not be bound. */
function resignedWhileUnfit(): Bench {
  const bench = standby();
  bench.feed({ kind: "fault", fault: "its address can't be bound" });
  bench.hear(GONE);
  assert.equal(bench.state.takeover, null);
  return bench;
}

function fitAgain(bench: Bench): void {
  bench.now += 10;
  bench.feed({ kind: "fault", fault: null });
}

describe("a resignation that could not be followed at once, and what Redis says since", () => {
  const rows: readonly {
    readonly name: string;
    readonly record: LeaseRecord | null;
    readonly follows: boolean;
  }[] = [
    { name: "the record of the life that resigned: followed", record: HELD, follows: true },
    {
      name: "Redis is back old, with that life in an older epoch: followed",
      record: { ...HELD, epoch: 3 },
      follows: true,
    },
    {
      name: "a newer life of it in that epoch, which Redis has granted twice: it is that life that serves",
      record: { ...HELD, boot: "boot-a2" },
      follows: false,
    },
    {
      name: "another node in that epoch: it serves",
      record: { ...HELD, holder: "edge-c", boot: "boot-c" },
      follows: false,
    },
    {
      name: "Redis is back old, a newer life of it has an older epoch there: observed",
      record: { ...HELD, boot: "boot-a2", epoch: 2 },
      follows: false,
    },
    {
      name: "Redis is back old, another node has an older epoch there: observed",
      record: { ...HELD, holder: "edge-c", boot: "boot-c", epoch: 2 },
      follows: false,
    },
    { name: "Redis is back empty: observed", record: null, follows: false },
  ];
  for (const { name, record, follows } of rows) {
    test(name, () => {
      const bench = resignedWhileUnfit();
      bench.now += 50;
      bench.read(record);
      fitAgain(bench);
      assert.equal(bench.state.takeover?.phase, follows ? "acquiring" : undefined);
    });
  }

  test("a record that stands still for the time to live is no obstacle: taken over by the rules of silence", () => {
    const bench = resignedWhileUnfit();
    const old = { ...HELD, holder: "edge-c", boot: "boot-c", epoch: 2 };
    bench.read(old);
    fitAgain(bench);
    for (let reads = 0; reads < 4; reads++) {
      assert.equal(bench.state.takeover, null);
      bench.now += 100;
      bench.feed({ kind: "probed", outcome: "arp-silent", askedAt: bench.now - 1 });
      bench.read(old);
    }
    assert.equal(bench.state.takeover?.epoch, 6);
  });

  test("a newer life was seen to hold its epoch, then Redis is away: not followed either", () => {
    const bench = resignedWhileUnfit();
    bench.read({ ...HELD, boot: "boot-a2" });
    const [view] = bench.state.peers;
    assert.deepEqual([view?.resignation, view?.leftCleanly], [null, false]);
    for (let i = 0; i < 5; i++) {
      bench.now += 100;
      bench.feed({ kind: "tick" });
    }
    fitAgain(bench);
    assert.notEqual(bench.state.lastDecision?.row, "resigned, gone");
    assert.equal(bench.state.takeover, null);
  });

  test("that comes after a newer life was seen in the lease is a goodbye of the former one", () => {
    const bench = standby();
    bench.read({ ...HELD, boot: "boot-a2" });
    bench.hear(GONE);
    assert.deepEqual([bench.state.takeover, bench.state.peers[0]?.resignation], [null, null]);
  });
});

describe("a resignation without Redis", () => {
  function resigned(afterMs: number): Bench {
    const bench = standby();
    // Redis does not answer any more.
    for (let i = 0; i < 5; i++) {
      bench.now += 100;
      bench.heartbeat(activeA);
    }
    bench.feed({ kind: "fault", fault: "its address can't be bound" });
    bench.hear(GONE);
    bench.now += afterMs;
    bench.feed({ kind: "fault", fault: null });
    return bench;
  }

  test("of 199 ms ago is followed at once: no newer life of it can serve yet", () => {
    assert.equal(resigned(199).state.role, "taking-over");
  });

  const rows: readonly { outcome: ProbeOutcome; role: string }[] = [
    { outcome: "active", role: "standby" },
    { outcome: "foreign", role: "standby" },
    { outcome: "arp-silent", role: "taking-over" },
    { outcome: "refused", role: "taking-over" },
  ];
  for (const { outcome, role } of rows) {
    test(`of 200 ms ago: the floating IP is asked first; ${outcome}: ${role}`, () => {
      const bench = resigned(200);
      assert.equal(bench.state.role, "standby");
      assert.ok(bench.kinds().includes("probe"));
      const askedAt = bench.now;
      bench.now += 100;
      bench.feed({ kind: "probed", outcome, askedAt });
      assert.equal(bench.state.role, role);
    });
  }
});
