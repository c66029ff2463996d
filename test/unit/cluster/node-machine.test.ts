// The machine of one node, step by step: what it wants done, and what it says of itself.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { deadline } from "../../../src/cluster/node-machine.ts";
import { resignationKit, resignations } from "../../../src/cluster/resignation.ts";
import { mayServe } from "../../../src/cluster/serving.ts";
import { isHandingOverTo } from "../../../src/cluster/switching-over.ts";
import { active, activeA, Bench, HELD, inSync, standby, takingOver } from "./node-bench.ts";

describe("a takeover", () => {
  test("begins everything at once when the lease is granted", () => {
    const kinds = takingOver().kinds();
    for (const kind of ["store-epoch", "apply-journal", "add-address", "open-sockets", "hook"])
      assert.ok(kinds.includes(kind), kind);
  });

  test("serves when address, sockets and journal are there, in any order; each phase is timed", () => {
    const bench = takingOver();
    bench.taken();
    bench.now += 5;
    bench.feed({ kind: "step-done", step: "sockets", ok: true });
    bench.now += 15;
    bench.feed({ kind: "step-done", step: "journal", ok: true });
    assert.equal(mayServe(bench.state, bench.now), false);
    bench.now += 1;
    bench.feed({ kind: "address", present: true, failed: false });
    assert.equal(mayServe(bench.state, bench.now), true);
    const records = bench.records().filter(({ what }) => what === "takeover");
    assert.deepEqual(
      records.map(({ phases }) => phases),
      [{ lease: 2, sockets: 7, journal: 22, address: 23, total: 23 }],
    );
  });

  test("a process that is told to end offers its place to the peer that is ready, and serves until then", () => {
    const bench = active();
    bench.feed({ kind: "leave" });
    assert.deepEqual([bench.state.role, bench.state.switchover?.phase], ["active", "offered"]);
  });

  test("a process that is told to end while it takes over hands over as soon as it serves", () => {
    const bench = takingOver();
    bench.feed({ kind: "leave" });
    assert.equal(bench.state.role, "taking-over");
    bench.feed({ kind: "address", present: true, failed: false });
    for (const each of ["sockets", "journal"] as const)
      bench.feed({ kind: "step-done", step: each, ok: true });
    assert.deepEqual([bench.state.role, bench.state.switchover?.phase], ["active", "offered"]);
  });

  test("a process that is told to end, and whose place nobody takes, steps down in order", () => {
    const bench = active();
    bench.feed({ kind: "leave" });
    bench.hear({ kind: "decline", epoch: 6, reason: "it is not ready" });
    assert.equal(bench.state.role, "stepping-down");
  });

  test("arms the calls and verifies when it serves", () => {
    const kinds = active().kinds();
    assert.ok(kinds.indexOf("arm-calls") < kinds.indexOf("verify"), kinds.join());
  });

  test("announces once, as soon as address and sockets are there, and waits for nothing else", () => {
    const bench = takingOver();
    bench.taken();
    bench.feed({ kind: "address", present: true, failed: false });
    assert.equal(bench.kinds().includes("announce"), false);
    bench.feed({ kind: "step-done", step: "sockets", ok: true });
    assert.equal(bench.kinds().includes("announce"), true);
    bench.feed({ kind: "step-done", step: "journal", ok: true });
    const kinds = bench.kinds();
    assert.deepEqual([kinds.includes("arm-calls"), kinds.includes("announce")], [true, false]);
  });

  test("that can't have its address steps down, tells the others, and leaves them time", () => {
    const bench = takingOver();
    bench.feed({ kind: "address", present: false, failed: true });
    assert.equal(bench.state.role, "stepping-down");
    bench.feed({ kind: "flushed", ok: true, lastEntry: 7 });
    bench.feed({ kind: "address", present: false, failed: false });
    assert.equal(bench.state.role, "standby");
    const sent = bench.taken().flatMap((effect) => (effect.kind === "send" ? [effect] : []));
    const resignation = sent.find(({ message: { body } }) => body.kind === "resignation");
    assert.deepEqual(resignation?.message.body, {
      kind: "resignation",
      epoch: 6,
      addressGone: true,
      successor: null,
    });
    assert.equal(resignation?.copies, 5);
  });

  test("whose lease was refused goes back to the table", () => {
    const bench = standby();
    bench.hear({ kind: "resignation", epoch: 5, addressGone: true, successor: "edge-b" });
    const acquire = bench.taken().find((effect) => effect.kind === "lease");
    assert.ok(acquire?.kind === "lease");
    bench.reply(acquire.operation, "refused", { ...HELD, holder: "edge-c", epoch: 6 });
    assert.deepEqual([bench.state.role, bench.state.takeover], ["standby", null]);
  });

  test("whose lease is refused each time asks for it once a renewal's time, and not in each turn", () => {
    const bench = new Bench();
    bench.feed(inSync);
    const former = { holder: "edge-b", boot: "boot-of-before", epoch: 6, counter: 0, ask: null };
    let asked = 0;
    for (const end = bench.now + 1_000; bench.now < end; bench.now += 5) {
      bench.feed({ kind: "tick" });
      for (const effect of bench.taken()) {
        if (effect.kind === "probe") bench.feed({ kind: "probed", outcome: "refused", askedAt: bench.now });
        if (effect.kind !== "lease") continue;
        if (effect.operation.kind === "acquire") asked++;
        bench.reply(effect.operation, effect.operation.kind === "acquire" ? "refused" : "granted", former);
      }
    }
    assert.ok(asked > 1 && asked <= 11, `${asked} times in a second`);
  });

  test("whose answer comes after its time to live is none: the node was frozen", () => {
    const bench = standby();
    bench.hear({ kind: "resignation", epoch: 5, addressGone: true, successor: "edge-b" });
    const acquire = bench.taken().find((effect) => effect.kind === "lease");
    assert.ok(acquire?.kind === "lease");
    const sentAt = bench.now;
    bench.now += 350;
    const record = { holder: "edge-b", boot: "boot-b", epoch: 6, counter: 4, ask: null };
    const reply = { outcome: "granted", reading: { source: "run 1", record } } as const;
    bench.feed({ kind: "lease", operation: acquire.operation, sentAt, reply });
    assert.equal(bench.state.role, "standby");
  });
});

describe("the active node", () => {
  test("serves until the time of its last acknowledged renewal is over, to the millisecond", () => {
    const bench = active();
    const until = bench.state.lease.renewedAt + 350;
    assert.deepEqual([mayServe(bench.state, until - 1), mayServe(bench.state, until)], [true, false]);
    assert.ok(deadline(bench.state, bench.now) <= until);
  });

  test("that wakes past it closes its sockets unread and deletes the address before anything else", () => {
    const bench = active();
    bench.taken();
    bench.now += 10_000;
    bench.heartbeat(activeA);
    assert.deepEqual(bench.kinds().slice(0, 2), ["close-sockets", "remove-address"]);
    assert.equal(bench.state.role, "fenced");
  });

  test("that hears a higher epoch is fenced at once", () => {
    const bench = active();
    bench.heartbeat({ ...activeA, epoch: 7, epochSeen: 7, active: { node: "edge-a", epoch: 7 } });
    assert.equal(bench.state.role, "fenced");
  });

  test("whose lease Redis gives to another is fenced", () => {
    const bench = active();
    bench.reply({ kind: "renew", epoch: 6 }, "refused", { ...HELD, epoch: 7 });
    assert.equal(bench.state.role, "fenced");
  });

  test("writes itself in again where Redis came back empty, above every known epoch", () => {
    const bench = active();
    bench.taken();
    bench.reply({ kind: "renew", epoch: 6 }, "refused", null);
    const asked = bench.taken().flatMap((effect) => (effect.kind === "lease" ? [effect.operation] : []));
    assert.deepEqual(asked[0], {
      kind: "acquire",
      epoch: 7,
      expected: { record: null, compareCounter: true },
    });
    assert.equal(bench.state.role, "active");
  });

  test("whose guardian is gone steps down and resigns", () => {
    const bench = active();
    bench.feed({ kind: "guardian-lost" });
    assert.equal(bench.state.role, "stepping-down");
  });

  test("resigns by the kit of its guardian, above every sequence number of its own", () => {
    const bench = active();
    const [told] = resignations(resignationKit(bench.state, bench.now), false);
    assert.deepEqual(told?.body, { kind: "resignation", epoch: 6, addressGone: false, successor: "edge-a" });
    assert.ok((told?.sequence ?? 0) > bench.state.sequence + 100);
    assert.equal(told?.echo?.boot, "boot-a");
  });

  test("fences a peer that is frozen by the operator's command, and says so", () => {
    const bench = standby({ canFence: true });
    for (let i = 0; i < 30 && bench.state.fence === "none"; i++) {
      bench.now += 20;
      bench.read({ ...HELD, counter: 3 });
      bench.feed({ kind: "probed", outcome: "sip-silent", askedAt: bench.now });
    }
    assert.ok(bench.kinds().includes("fence-peer"));
    bench.feed({ kind: "fenced-peer", ok: true });
    bench.now += 20;
    bench.read({ ...HELD, counter: 3 });
    assert.equal(bench.state.takeover?.phase, "acquiring");
  });
});

describe("a node that is not ready says why", () => {
  const rows: readonly {
    readonly name: string;
    readonly make: (bench: Bench) => void;
    readonly why: RegExp | null;
  }[] = [
    { name: "all well", make: () => {}, why: null },
    {
      name: "another configuration",
      make: (b) => b.heartbeat({ ...activeA, fingerprint: "other" }),
      why: /configuration/,
    },
    { name: "the neighbouring version", make: (b) => b.heartbeat({ ...activeA, schema: 2 }), why: null },
    { name: "a version two away", make: (b) => b.heartbeat({ ...activeA, schema: 3 }), why: /schema 1/ },
    {
      name: "forged datagrams beside a peer that signs as we do",
      make: (b) => b.feed({ kind: "ignored", fault: "unsigned" }),
      why: null,
    },
    {
      name: "an address that can't be bound",
      make: (b) => b.feed({ kind: "fault", fault: "port 5060 is taken" }),
      why: /5060/,
    },
    {
      name: "a copy that is not complete",
      make: (b) => b.feed({ ...inSync, inSync: false }),
      why: /not complete/,
    },
    { name: "a copy at the bound of lag", make: (b) => b.feed({ ...inSync, lagMs: 1_000 }), why: null },
    {
      name: "a copy one millisecond past it",
      make: (b) => b.feed({ ...inSync, lagMs: 1_001 }),
      why: /1001 ms behind/,
    },
    {
      name: "maintenance",
      make: (b) => b.feed({ kind: "operator", command: { kind: "maintenance", on: true } }),
      why: /maintenance/,
    },
  ];
  for (const { name, make, why } of rows) {
    test(name, () => {
      const bench = standby();
      make(bench);
      const reason = bench.notReady();
      if (why === null) assert.equal(reason, null);
      else assert.match(reason ?? "ready", why);
    });
  }

  test("another secret, where no peer was ever understood", () => {
    const bench = new Bench();
    bench.feed({ kind: "ignored", fault: "unsigned" });
    assert.match(bench.notReady() ?? "ready", /another secret/);
  });

  test("and takes nothing over, unless an operator forces it", () => {
    const bench = standby();
    bench.feed({ kind: "fault", fault: "port 5060 is taken" });
    bench.hear({ kind: "resignation", epoch: 5, addressGone: true, successor: "edge-b" });
    assert.equal(bench.kinds().includes("lease"), false);
    bench.feed({ kind: "operator", command: { kind: "switchover", to: null, force: true } });
    assert.equal(bench.state.takeover?.phase, "acquiring");
  });
});

describe("a hand-over", () => {
  test("is accepted together with what was applied: the giving side waits for that, and not for the next heartbeat", () => {
    const bench = standby();
    bench.feed({ ...inSync, applied: 9 });
    bench.now += 30;
    bench.feed({ kind: "tick" });
    bench.taken();
    bench.hear({ kind: "offer", epoch: 5, force: false });
    const bodies = bench.taken().flatMap((each) => (each.kind === "send" ? [each.message.body] : []));
    assert.deepEqual(
      bodies.map(({ kind }) => kind),
      ["accept", "heartbeat"],
    );
    const [, told] = bodies;
    assert.equal(told?.kind === "heartbeat" && told.status.applied, 9);
  });

  test("relays from its sockets what comes late: they are not closed at once", () => {
    const bench = active();
    bench.heartbeat({ epochSeen: 6, applied: 7 });
    bench.taken();
    bench.feed({ kind: "operator", command: { kind: "switchover", to: "edge-a", force: true } });
    bench.hear({ kind: "accept", epoch: 6 });
    assert.equal(isHandingOverTo(bench.state, "edge-a"), false); // it may still go back to serving
    bench.feed({ kind: "flushed", ok: true, lastEntry: 7 });
    bench.feed({ kind: "tick" });
    assert.deepEqual(
      [isHandingOverTo(bench.state, "edge-a"), isHandingOverTo(bench.state, "edge-c")],
      [true, false],
    );
    const handOver = bench.taken().findLast((effect) => effect.kind === "lease");
    assert.ok(handOver?.kind === "lease");
    bench.reply(handOver.operation, "granted", { ...HELD, epoch: 7, counter: 9 });
    bench.feed({ kind: "address", present: false, failed: false });
    const effects = bench.taken();
    assert.deepEqual(
      effects.find(({ kind }) => kind === "relay"),
      { kind: "relay", to: "edge-a", forMs: 1_000 },
    );
    const kinds = effects.map(({ kind }) => kind);
    assert.deepEqual([kinds.includes("close-sockets"), kinds.includes("follow-journal")], [false, true]);
  });
});

describe("the history", () => {
  test("says that the disk does not take the epoch, and that it does again; no takeover waits for it", () => {
    const bench = standby();
    bench.feed({ kind: "disk", fault: "ENOSPC: no space left on device" });
    const [alarm] = bench.records();
    assert.equal(alarm?.what, "alarm");
    assert.match(alarm?.reason ?? "", /^epoch 5 can't be stored on the disk.*: ENOSPC/);
    assert.equal(bench.notReady(), null);
    bench.feed({ kind: "disk", fault: null });
    assert.match(bench.records()[0]?.reason ?? "", /^epoch 5 is on the disk/);
    assert.equal(bench.state.own.disk, null);
  });

  test("keeps what was seen on each path, of lease, probe and witness, with the reason", () => {
    const bench = standby();
    bench.feed({ kind: "witness", askedAt: bench.now });
    bench.now += 200;
    bench.feed({ kind: "tick" });
    bench.taken();
    bench.now += 110;
    bench.read({ ...HELD, counter: 3 });
    const [told] = bench.records();
    assert.equal(told?.what, "decision");
    assert.match(told?.reason ?? "", /is silent/);
    assert.deepEqual(told?.seen, {
      paths: [
        { peer: "edge-a", path: 0, silentMs: 310, hearsUsMs: 310, role: "active" },
        { peer: "edge-a", path: 1, silentMs: null, hearsUsMs: 310, role: "active" },
      ],
      lease: "edge-a in epoch 5, 2 reads over 310 ms",
      redis: "ok",
      probe: null,
      witnessMs: 310,
      front: "ok",
      notReady: null,
    });
  });
});
