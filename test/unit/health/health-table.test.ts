/** The table: targets that come, stay, go and return; what routing and operators ask it. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { HealthPolicy } from "../../../src/health/health-policy.ts";
import type { HealthRecord } from "../../../src/health/health-record.ts";
import {
  DEPARTED_KEPT_MS,
  DEPARTED_MAX,
  type HealthChange,
  HealthTable,
  OPERATED_MAX,
  type OperatorRecord,
} from "../../../src/health/health-table.ts";
import { RANK } from "../../../src/health/target-health.ts";
import type { TargetStatus } from "../../../src/health/target-status.ts";
import { TimerWheel } from "../../../src/sip/timer/timer-wheel.ts";
import { DEFAULT_POLICY } from "../../support/health-run.ts";

const A = "udp:10.0.0.2:5060";
const B = "tcp:10.0.0.3:5060";

/** A table on a virtual clock; `dead` targets are silent, the others answer 200 at once. */
function world() {
  const wheel = new TimerWheel(0, 10);
  const probes: { id: string; at: number }[] = [];
  const changes: HealthChange[] = [];
  const dead = new Set<string>();
  let now = 0;
  let draw = 0.5;
  const table: HealthTable = new HealthTable({
    wheel,
    random: () => {
      draw = (draw * 7 + 0.13) % 1;
      return draw;
    },
    probe: (id, probe) => {
      probes.push({ id, at: now });
      if (dead.has(id)) return;
      const answer = { status: 200, retryAfterS: null, rttMs: 3, allow: "INVITE, OPTIONS", server: "pbx/1" };
      table.feed(id, { kind: "probe-answered", probe, ...answer }, now);
    },
    onChange: (change) => changes.push(change),
  });
  const until = (end: number): void => {
    for (; now < end; now += 10) wheel.advance(now);
    wheel.advance(now);
  };
  const follow = (...ids: string[]): void =>
    table.follow(
      ids.map((id) => ({ id, policies: [DEFAULT_POLICY] })),
      now,
    );
  const status = (id: string): TargetStatus => {
    const found = table.statuses(now).find((each) => each.id === id);
    assert.ok(found !== undefined);
    return found;
  };
  return { table, wheel, probes, changes, dead, until, follow, status, now: () => now };
}

describe("targets that come and go", () => {
  test("a single new target is known within 10 ms and its answer", () => {
    const { follow, until, status } = world();
    follow(A);
    until(20);
    assert.equal(status(A).observed, "up");
  });

  test("a thousand new ones are probed within 5 s, in no burst, and then over a whole interval", () => {
    const { follow, until, probes } = world();
    follow(...Array.from({ length: 1_000 }, (_, index) => `udp:10.1.${index >> 8}.${index & 255}:5060`));
    until(60_000);
    const perSecond = (from: number, to: number): number[] =>
      Array.from(
        { length: to - from },
        (_, index) => probes.filter(({ at }) => Math.floor(at / 1_000) === from + index).length,
      );
    assert.equal(new Set(probes.filter(({ at }) => at <= 5_010).map(({ id }) => id)).size, 1_000);
    assert.ok(Math.max(...perSecond(0, 5)) < 400, String(perSecond(0, 5)));
    assert.ok(Math.max(...perSecond(20, 60)) < 180, String(perSecond(20, 60)));
    const settled = probes.filter(({ at }) => at > 20_000);
    assert.ok(new Set(settled.map(({ at }) => at)).size <= 4 * 40 + 1, "some at a time, four times a second");
    const last = new Map<string, number>();
    for (const { id, at } of settled) {
      const gap = at - (last.get(id) ?? at - 10_000);
      assert.ok(gap >= 9_500 && gap <= 10_510, `${gap} ms between two probes of ${id}`);
      last.set(id, at);
    }
  });

  test("one that stays keeps its health, and the same policy does not move its probes", () => {
    const { table, follow, until, status, now } = world();
    follow(A);
    until(1_000);
    const before = table.snapshot(now());
    follow(B, A);
    assert.deepEqual(table.snapshot(now())[0], before[0]);
    assert.equal(status(B).observed, "unknown");
  });

  test("one that goes is probed no more, and what comes late of it is ignored", () => {
    const { table, follow, until, probes, wheel, now } = world();
    follow(A);
    until(1_000);
    follow();
    const sent = probes.length;
    until(60_000);
    table.feed(A, { kind: "call-silent" }, now());
    assert.equal(probes.length, sent);
    assert.equal(wheel.size, 0);
    assert.deepEqual(table.statuses(now()), []);
  });

  test("one that returns in time is what it was, and is probed at once", () => {
    const { follow, until, status, dead, probes } = world();
    dead.add(A);
    follow(A);
    until(5_000);
    assert.equal(status(A).observed, "down");
    follow();
    until(DEPARTED_KEPT_MS);
    follow(A);
    assert.equal(status(A).observed, "down");
    const sent = probes.length;
    until(DEPARTED_KEPT_MS + 50);
    assert.equal(probes.length, sent + 1);
  });

  test("one that returns later than that is new", () => {
    const { follow, until, status, dead } = world();
    dead.add(A);
    follow(A);
    until(5_000);
    follow();
    until(5_000 + DEPARTED_KEPT_MS);
    follow(A);
    assert.equal(status(A).observed, "unknown");
  });

  test(`${DEPARTED_MAX} that went are remembered, and one more takes the place of the first`, () => {
    for (const [more, observed] of [
      [0, "down"],
      [1, "unknown"],
    ] as const) {
      const { follow, until, status, dead } = world();
      dead.add(A);
      follow(A);
      until(5_000);
      follow(...Array.from({ length: DEPARTED_MAX - 1 + more }, (_, index) => `other-${index}`));
      follow();
      follow(A);
      assert.equal(status(A).observed, observed);
    }
  });

  test("several groups share a target: the strictest policy counts", () => {
    const { table, status } = world();
    const slow: HealthPolicy = { ...DEFAULT_POLICY, intervalMs: 60_000, fastIntervalMs: 5_000, fall: 5 };
    table.follow([{ id: A, policies: [slow, DEFAULT_POLICY] }], 0);
    assert.equal(status(A).detectionMs, 13_500);
    table.follow([{ id: A, policies: [slow] }], 0);
    assert.equal(status(A).detectionMs, 63_000 + 20_000 + 1_000);
  });

  test("a shorter interval of a reload counts for the next probe", () => {
    const { table, follow, until, probes } = world();
    follow(A);
    until(40_000);
    const sent = probes.length;
    table.follow([{ id: A, policies: [{ ...DEFAULT_POLICY, intervalMs: 1_000 }] }], 40_000);
    until(42_200);
    assert.ok(probes.length >= sent + 2);
  });

  test("a reload that shortens the interval of a thousand, or another node's observations, make no burst", () => {
    const { table, until, probes, now } = world();
    const ids = Array.from({ length: 1_000 }, (_, index) => `target-${index}`);
    const slow = { ...DEFAULT_POLICY, intervalMs: 300_000 };
    const follow = (policy: HealthPolicy): void =>
      table.follow(
        ids.map((id) => ({ id, policies: [policy] })),
        now(),
      );
    follow(slow);
    until(900_000);
    const records = table.snapshot(now() - 600_000);
    for (const act of [() => follow(DEFAULT_POLICY), () => table.adopt(records, now())]) {
      const from = now();
      act();
      until(from + 5_000);
      const bursts = Array.from(
        { length: 50 },
        (_, index) => probes.filter(({ at }) => Math.floor((at - from) / 100) === index).length,
      );
      assert.ok(Math.max(...bursts) < 100, String(bursts));
    }
  });

  test("a reload that ends probing ends it at once, one that begins it begins at once", () => {
    const { table, follow, until, probes } = world();
    follow(A);
    until(20_000);
    const sent = probes.length;
    table.follow([{ id: A, policies: [{ ...DEFAULT_POLICY, probed: false }] }], 20_000);
    until(60_000);
    assert.equal(probes.length, sent);
    follow(A);
    until(60_050);
    assert.equal(probes.length, sent + 1);
  });
});

describe("what routing asks", () => {
  test("ranks follow what is observed, and the operator's word is above it", () => {
    const { table, follow, until, dead, now } = world();
    dead.add(A);
    follow(A, B);
    assert.deepEqual([table.rank(A), table.rank(B), table.rank("udp:unheard:1")], [0, 0, 0]);
    until(1_050);
    assert.deepEqual([table.rank(A), table.rank(B)], [RANK.failing, RANK.usable]);
    until(4_000);
    assert.equal(table.rank(A), RANK.down);
    table.operate(A, { state: "draining", by: "ann" }, now());
    table.operate(B, { state: "disabled", by: "ann" }, now());
    assert.deepEqual([table.rank(A), table.rank(B)], [RANK.closed, RANK.closed]);
  });

  test("slow start: a tenth when it comes back, the whole weight after 10 s, growing evenly", () => {
    const { table, follow, until, dead, status, now } = world();
    dead.add(A);
    follow(A);
    until(5_000);
    dead.delete(A);
    while (status(A).observed !== "up") until(now() + 10);
    const back = now() - status(A).forMs;
    assert.deepEqual(
      [0, 5_000, 10_000, 20_000].map((after) => table.weightFactor(A, back + after)),
      [0.1, 0.55, 1, 1],
    );
  });

  test("a target that is up for the first time has its whole weight", () => {
    const { table, follow, until, now } = world();
    follow(A);
    until(100);
    assert.deepEqual([table.weightFactor(A, now()), table.weightFactor("udp:unheard:1", now())], [1, 1]);
  });
});

describe("what operators ask", () => {
  test("each change is told once, with its reason", () => {
    const { follow, until, dead, changes } = world();
    follow(A);
    until(5_000);
    dead.add(A);
    until(25_000);
    dead.delete(A);
    until(40_000);
    assert.deepEqual(
      changes.map((change) => (change.kind === "changed" ? [change.to, change.reason, change.crossed] : [])),
      [
        ["up", "OPTIONS answered 200: the first sign of life", false],
        ["failing", "no answer to OPTIONS within 1000 ms: 3 failures in a row take it down", false],
        ["down", "3 failures in a row, the last: no answer to OPTIONS within 1000 ms", true],
        ["recovering", "OPTIONS answered 200: 1 of the 2 successes in a row that bring it back", false],
        ["up", "2 successes in a row", true],
      ],
    );
  });

  test("what its answers teach is shown", () => {
    const { follow, until, status } = world();
    follow(A);
    until(100);
    const { rttMs, allow, server, lastProbe, detectionMs, recoveryMs, heldMs, flaps } = status(A);
    assert.deepEqual(
      { rttMs, allow, server, lastProbe, detectionMs, recoveryMs, heldMs, flaps },
      {
        rttMs: 3,
        allow: "INVITE, OPTIONS",
        server: "pbx/1",
        lastProbe: "OPTIONS answered 200",
        detectionMs: 13_500,
        recoveryMs: 12_500,
        heldMs: 0,
        flaps: 0,
      },
    );
  });

  test("an answer that came too late is told: nobody has to wonder why a target that answers is down", () => {
    const { table, follow, until, dead, status, now } = world();
    dead.add(A);
    follow(A);
    until(2_500);
    const late = { status: 200, retryAfterS: null, rttMs: 1_200, allow: "", server: "" };
    table.feed(A, { kind: "probe-answered", probe: 1, ...late }, now());
    assert.equal(
      status(A).lastProbe,
      "OPTIONS answered 200 after 1200 ms, too late: the time-out is 1000 ms",
    );
    assert.equal(status(A).observed, "failing");
  });

  test("an answer that comes twice counts once", () => {
    const { table, follow, until, status, now } = world();
    follow(A);
    until(100);
    const before = table.snapshot(now());
    const again = { status: 503, retryAfterS: 30, rttMs: 5, allow: "", server: "" };
    table.feed(A, { kind: "probe-answered", probe: 1, ...again }, now());
    assert.deepEqual(table.snapshot(now()), before);
    assert.equal(status(A).lastProbe, "OPTIONS answered 200");
  });

  test("draining: probed as before; its calls go on, new ones do not come", () => {
    const { table, follow, until, probes, status, now } = world();
    follow(A);
    until(5_000);
    assert.ok(table.operate(A, { state: "draining", by: "ann" }, now()));
    const sent = probes.length;
    until(30_000);
    assert.ok(probes.length > sent);
    assert.deepEqual(
      [status(A).observed, status(A).operator, status(A).operatorBy],
      ["up", "draining", "ann"],
    );
  });

  test("disabled: not probed; enabled again it is unknown, and probed at once", () => {
    const { table, follow, until, probes, dead, status, changes, now } = world();
    follow(A);
    until(5_000);
    table.operate(A, { state: "disabled", by: "ann" }, now());
    const sent = probes.length;
    dead.add(A);
    until(60_000);
    table.feed(A, { kind: "call-silent" }, now());
    assert.equal(probes.length, sent);
    assert.equal(status(A).observed, "up");
    table.operate(A, { state: "enabled", by: "ben" }, now());
    assert.equal(status(A).observed, "unknown");
    until(60_020);
    assert.equal(probes.length, sent + 1);
    const told = changes.flatMap((change) => (change.kind === "operated" ? [change.reason] : []));
    assert.deepEqual(told, ["ann set it to disabled", "ben set it to enabled"]);
  });

  test("a target that is not followed can't be operated", () => {
    const { table } = world();
    assert.equal(table.operate(A, { state: "draining", by: "ann" }, 0), false);
    assert.deepEqual(table.operatorStates(), []);
  });

  test("operator states outlive a restart, a reload, and the target's own absence", () => {
    const { table, follow, until, status } = world();
    follow(A, B);
    table.operate(A, { state: "disabled", by: "ann" }, 0);
    table.operate(B, { state: "draining", by: "ben" }, 0);
    follow();
    until(2 * DEPARTED_KEPT_MS);
    follow(A);
    assert.equal(status(A).operator, "disabled");
    const stored: OperatorRecord[] = JSON.parse(JSON.stringify(table.operatorStates()));

    const next = world();
    next.follow(A);
    next.table.restore(stored, 0);
    next.follow(A, B);
    assert.deepEqual([next.status(A).operator, next.status(B).operator], ["disabled", "draining"]);
    assert.deepEqual(next.table.operatorStates(), stored);
    next.until(20_000);
    assert.deepEqual(
      next.probes.filter(({ id }) => id === A),
      [],
    );
    next.table.restore([], 20_000);
    assert.deepEqual(
      next.changes.flatMap((change) => (change.kind === "operated" ? [change.reason] : [])),
      ["ann set it to disabled", "set to enabled", "set to enabled"],
    );
    assert.equal(next.status(A).operator, "enabled");
  });

  test(`${OPERATED_MAX} targets may be drained and disabled, and not one more`, () => {
    const { table, follow } = world();
    const ids = Array.from({ length: OPERATED_MAX + 1 }, (_, index) => `other-${index}`);
    follow(...ids);
    const done = ids.map((id) => table.operate(id, { state: "draining", by: "ann" }, 0));
    assert.deepEqual([done.filter(Boolean).length, done.at(-1)], [OPERATED_MAX, false]);
    assert.equal(table.rank(ids.at(-1) ?? ""), RANK.usable);
  });
});

describe("observations that travel", () => {
  test("as JSON, with times as time left: another clock goes on where this one was", () => {
    const { table, follow, until, dead, now } = world();
    dead.add(A);
    follow(A, B);
    until(4_000);
    const sent: HealthRecord[] = JSON.parse(JSON.stringify(table.snapshot(now())));
    const other = world();
    other.until(1_000_000);
    other.follow(A);
    other.table.adopt(sent, other.now());
    other.follow(A, B);
    // The next probe is drawn anew, within its jitter.
    const timeless = (records: HealthRecord[]): unknown[] =>
      records.map(({ times: { probeAt: _, ...times }, ...record }) => ({ ...record, times }));
    assert.deepEqual(timeless(other.table.snapshot(other.now())), timeless(sent));
    assert.ok(Math.abs((other.status(A).nextProbeMs ?? 0) - (sent[0]?.times.probeAt ?? 0)) <= 1_000);
    assert.deepEqual([other.status(A).observed, other.status(B).observed], ["down", "up"]);
    other.until(1_030_000);
    assert.equal(other.status(A).observed, "up", "it goes on from there");
  });
});
