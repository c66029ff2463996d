// The call table: who has which call, from the first INVITE to its account. Pure: no message, no socket.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { CallDialog, CallFacts } from "../../../src/calls/call.ts";
import { ATTEMPTS_KEPT_MAX, type CallTable } from "../../../src/calls/call-table.ts";
import type { Cdr, EndedBy } from "../../../src/calls/cdr.ts";
import { TimerWheel } from "../../../src/sip/timer/timer-wheel.ts";
import { callTable } from "../../support/call-table.ts";

const A = "udp:10.1.0.11:5060";
const B = "udp:10.1.0.12:5060";
const KEY = "call-1@192.0.2.1 a1";
const HOUR = 3_600_000;

const FACTS: CallFacts = {
  group: "carriers",
  from: '"Alice" <sip:alice@192.0.2.1>;tag=a1',
  to: "sip:bob@edge.example",
  contact: "sip:alice@192.0.2.1:5062",
  routes: "<sip:192.0.2.9;lr>",
  requested: "sip:+15551234567@198.51.100.10",
  place: "udp:192.0.2.1:5060",
  cseq: 7,
};
const ANSWER = {
  to: "<sip:bob@edge.example>;tag=b1",
  contact: "sip:bob@10.1.0.11:5070",
  routes: "<sip:10.1.0.1;lr>,<sip:10.1.0.2;lr>",
  sessionSeconds: 0,
};

/** A table, its clock, and what came of its calls. */
class TableWorld {
  now = 0;
  /** Somebody has set the wall clock. */
  clockSetBy = 0;
  readonly wheel = new TimerWheel(0, 10);
  readonly cdrs: Cdr[] = [];
  readonly hungUp: CallDialog[] = [];
  readonly table: CallTable = callTable(this.wheel, this.cdrs, {
    wall: () => 1_000_000 + this.now + this.clockSetBy,
    now: () => this.now,
    hangUp: (dialog) => this.hungUp.push(dialog),
    changed: () => this.changes++,
  });
  /** How often the journal was told. */
  changes = 0;

  pass(ms: number): void {
    this.now += ms;
    this.wheel.advance(this.now);
  }

  begin(key = KEY, target = A, group = "pbx"): void {
    this.table.began(key, FACTS, this.now);
    this.table.tried(key, target, group, this.now);
  }

  up(sessionSeconds = 0, key = KEY): void {
    this.begin(key);
    this.table.attemptEnded(key, { id: A, group: "pbx" }, { status: 200, reason: "" });
    this.table.answered(key, { ...ANSWER, sessionSeconds }, this.now);
  }

  get account(): Cdr {
    const [cdr, more] = this.cdrs;
    assert.ok(cdr && more === undefined, `${this.cdrs.length} accounts`);
    return cdr;
  }

  /** Nothing of any call is left. */
  assertEmpty(): void {
    const { table, wheel } = this;
    assert.deepEqual([table.size, wheel.size, table.callsOn(A), table.callsOn(B)], [0, 0, 0, 0]);
  }
}

describe("the journal is told of a request inside the dialog", () => {
  const rows = [
    { name: "the ACK of the INVITE: nothing new", cseq: 7, bye: false, changes: 0 },
    { name: "a request that comes again: nothing new", cseq: 6, bye: false, changes: 0 },
    { name: "a higher CSeq", cseq: 8, bye: false, changes: 1 },
    { name: "a BYE, whatever its CSeq", cseq: 7, bye: true, changes: 1 },
  ];
  for (const { name, cseq, bye, changes } of rows) {
    test(name, () => {
      const world = new TableWorld();
      world.up();
      world.changes = 0;
      world.table.seen(KEY, { byCaller: true, calleeTag: "b1", cseq, bye, reason: "" });
      assert.equal(world.changes, changes);
    });
  }
});

describe("the account of a call", () => {
  test("holds all that is known of it, times by the wall clock", () => {
    const world = new TableWorld();
    const { table } = world;
    world.begin();
    world.pass(2_000);
    table.attemptEnded(KEY, { id: A, group: "pbx" }, { status: 0, reason: "no answer" });
    table.tried(KEY, B, "backup", world.now);
    world.pass(100);
    table.rang(KEY);
    world.pass(50);
    table.rang(KEY); // the first ringing counts
    world.pass(850);
    table.attemptEnded(KEY, { id: B, group: "pbx" }, { status: 200, reason: "" });
    table.answered(KEY, ANSWER, world.now);
    world.pass(60_000);
    table.seen(KEY, { byCaller: false, calleeTag: "b1", cseq: 1, bye: true, reason: "Q.850;cause=16" });
    world.pass(20);
    table.ended(KEY, null);
    const { id, ...account } = world.account;
    assert.match(id, /^[\w-]{20}$/);
    assert.deepEqual(account, {
      node: "test",
      callId: "call-1@192.0.2.1",
      from: "sip:alice@192.0.2.1",
      to: "sip:bob@edge.example",
      requested: "sip:+15551234567@198.51.100.10",
      ingress: "carriers",
      source: "192.0.2.1:5060",
      attempts: [
        { target: A, status: 0, reason: "no answer", at: 1_000_000, ms: 2_000 },
        { target: B, status: 200, reason: "", at: 1_002_000, ms: 1_000 },
      ],
      target: B,
      start: 1_000_000,
      ringing: 1_002_100,
      answer: 1_003_000,
      end: 1_063_020,
      durationMs: 60_020,
      status: 200,
      endedBy: "callee",
      reason: "Q.850;cause=16",
    });
    world.assertEmpty();
  });

  const failures: { name: string; end: { status: number; by: EndedBy; reason: string } }[] = [
    { name: "refused", end: { status: 486, by: "refused", reason: "" } },
    { name: "cancelled", end: { status: 487, by: "cancel", reason: "SIP;cause=200" } },
    { name: "timed out", end: { status: 408, by: "timeout", reason: "" } },
  ];
  for (const { name, end } of failures) {
    test(`${name}: no answer, no duration, the status that went up`, () => {
      const world = new TableWorld();
      world.begin();
      world.pass(500);
      world.table.failed(KEY, end);
      const { answer, ringing, durationMs, status, endedBy, reason } = world.account;
      assert.deepEqual([answer, ringing, durationMs], [null, null, 0]);
      assert.deepEqual({ status, by: endedBy, reason }, end);
      world.assertEmpty();
    });
  }

  test("is written once, whatever is told of the call later", () => {
    const world = new TableWorld();
    world.up();
    world.table.ended(KEY, "dialog-lost");
    world.table.ended(KEY, null);
    world.table.failed(KEY, { status: 487, by: "cancel", reason: "" });
    world.table.rang(KEY);
    world.table.refreshed(KEY, { sessionSeconds: 90, callerContact: "", calleeContact: "" }, world.now);
    world.pass(24 * HOUR);
    assert.equal(world.account.endedBy, "dialog-lost");
    world.assertEmpty();
  });

  test(`keeps ${ATTEMPTS_KEPT_MAX} attempts, and the target where the call is all the same`, () => {
    const world = new TableWorld();
    world.table.began(KEY, FACTS, 0);
    for (let attempt = 0; attempt <= ATTEMPTS_KEPT_MAX; attempt++) {
      world.table.tried(KEY, `udp:10.1.1.${attempt}:5060`, "pbx", 0);
    }
    world.table.failed(KEY, { status: 503, by: "refused", reason: "" });
    assert.equal(world.account.attempts.length, ATTEMPTS_KEPT_MAX);
    assert.equal(world.account.target, `udp:10.1.1.${ATTEMPTS_KEPT_MAX}:5060`);
  });

  test("a target tried twice has two attempts, and a result belongs to the one that runs", () => {
    const world = new TableWorld();
    world.begin();
    world.pass(10);
    world.table.attemptEnded(KEY, { id: A, group: "pbx" }, { status: 0, reason: "refused" });
    world.table.tried(KEY, A, "pbx", world.now);
    world.pass(10);
    world.table.attemptEnded(KEY, { id: A, group: "pbx" }, { status: 486, reason: "" });
    world.table.attemptEnded(KEY, { id: A, group: "pbx" }, { status: 600, reason: "late" });
    world.table.attemptEnded(KEY, { id: B, group: "pbx" }, { status: 600, reason: "never tried" });
    world.table.failed(KEY, { status: 486, by: "refused", reason: "" });
    assert.deepEqual(
      world.account.attempts.map(({ status, reason, ms }) => [status, reason, ms]),
      [
        [0, "refused", 10],
        [486, "", 10],
      ],
    );
  });

  const ids = [
    { name: "the same call on another node", key: KEY, cseq: 7, same: true },
    { name: "the INVITE with credentials that follows a 407", key: KEY, cseq: 8, same: false },
    { name: "another caller's tag", key: "call-1@192.0.2.1 a2", cseq: 7, same: false },
    { name: "another Call-ID", key: "call-2@192.0.2.1 a1", cseq: 7, same: false },
  ];
  for (const { name, key, cseq, same } of ids) {
    test(`id: ${name}: ${same ? "the same" : "another"}`, () => {
      const [one, other] = [KEY, key].map((of, index) => {
        const world = new TableWorld();
        world.pass(index * 1_000);
        world.table.began(of, { ...FACTS, cseq: index === 0 ? FACTS.cseq : cseq }, world.now);
        world.table.seen(of, { byCaller: true, calleeTag: "b1", cseq: 99 + index, bye: false, reason: "" });
        world.table.failed(of, { status: 407, by: "refused", reason: "" });
        return world.account.id;
      });
      assert.equal(one === other, same);
    });
  }
});

test("durationMs is right where the clock is set while the call is up", () => {
  const world = new TableWorld();
  world.up();
  world.pass(60_000);
  world.clockSetBy = -3 * HOUR;
  world.table.ended(KEY, "dialog-lost");
  assert.equal(world.account.durationMs, 60_000);
});

describe("who hung up", () => {
  const bye = (byCaller: boolean, reason = "") => ({ byCaller, calleeTag: "b1", cseq: 9, bye: true, reason });

  test("of two BYEs that cross, the first counts, and its Reason", () => {
    const world = new TableWorld();
    world.up();
    world.table.seen(KEY, bye(true, "mine"));
    world.table.seen(KEY, bye(false, "yours"));
    world.table.ended(KEY, null);
    assert.deepEqual([world.account.endedBy, world.account.reason], ["caller", "mine"]);
  });

  test("the BYE of another dialog of the call, which was answered twice, is not its end (§13.2.2.4)", () => {
    const world = new TableWorld();
    world.up();
    world.table.seen(KEY, { ...bye(true, "the other"), calleeTag: "b2" });
    world.table.ended(KEY, null);
    assert.deepEqual([world.cdrs.length, world.table.size], [0, 1]);
    world.table.seen(KEY, bye(false, "this one"));
    world.table.ended(KEY, null);
    assert.deepEqual([world.account.endedBy, world.account.reason], ["callee", "this one"]);
  });

  const early = [
    { name: "of the dialog that is answered all the same", calleeTag: "b1", goesOn: false },
    { name: "of another early dialog", calleeTag: "b2", goesOn: true },
  ];
  for (const { name, calleeTag, goesOn } of early) {
    test(`a BYE while it rings, ${name}: the call ${goesOn ? "goes on" : "ends with its answer"}`, () => {
      const world = new TableWorld();
      world.begin();
      world.table.seen(KEY, { ...bye(true, "early"), calleeTag });
      world.table.answered(KEY, ANSWER, world.now);
      world.table.ended(KEY, null);
      assert.equal(world.table.size, goesOn ? 1 : 0);
      world.table.seen(KEY, bye(false, "late"));
      world.table.ended(KEY, null);
      const { endedBy, reason } = world.account;
      assert.deepEqual([endedBy, reason], goesOn ? ["callee", "late"] : ["caller", "early"]);
    });
  }

  test("a BYE while it rings that was answered before the INVITE is: the call ends with its answer, and does not stay for hours (§15)", () => {
    const world = new TableWorld();
    world.begin();
    world.table.seen(KEY, { ...bye(true, "early"), calleeTag: "b1" });
    world.table.ended(KEY, null);
    world.table.answered(KEY, ANSWER, world.now);
    assert.deepEqual([world.table.size, world.account.endedBy, world.account.status], [0, "caller", 200]);
  });

  test("an answer whose To can't be read: any BYE", () => {
    const world = new TableWorld();
    world.begin();
    world.table.answered(KEY, { ...ANSWER, to: "" }, world.now);
    world.table.seen(KEY, bye(true));
    world.table.ended(KEY, null);
    assert.equal(world.account.endedBy, "caller");
  });

  test("a BYE while it rings ends nothing: the INVITE's final does, and then it was hung up (RFC 3261 §15)", () => {
    const world = new TableWorld();
    world.begin();
    world.table.seen(KEY, bye(true, "why"));
    world.table.ended(KEY, null);
    assert.equal(world.cdrs.length, 0);
    world.table.failed(KEY, { status: 487, by: "refused", reason: "" });
    const { endedBy, status, reason, answer } = world.account;
    assert.deepEqual([endedBy, status, reason, answer], ["caller", 487, "why", null]);
  });
});

describe("a call that was forked before us: INVITEs with one key", () => {
  test("ends with the last of them that is refused", () => {
    const world = new TableWorld();
    world.begin();
    world.begin(KEY, B);
    world.table.failed(KEY, { status: 486, by: "refused", reason: "" });
    assert.deepEqual([world.table.size, world.cdrs.length], [1, 0]);
    world.table.failed(KEY, { status: 480, by: "refused", reason: "" });
    assert.equal(world.account.status, 480);
    assert.deepEqual(
      world.account.attempts.map(({ target }) => target),
      [A, B],
    );
    world.assertEmpty();
  });

  test("is at the target that answers, also where another leg was tried later", () => {
    const world = new TableWorld();
    world.begin();
    world.begin(KEY, B);
    world.table.attemptEnded(KEY, { id: A, group: "pbx" }, { status: 200, reason: "" });
    world.table.answered(KEY, ANSWER, world.now);
    assert.deepEqual([world.table.callsOn(A), world.table.callsOn(B)], [1, 0]);
    world.table.ended(KEY, "dialog-lost");
    assert.equal(world.account.target, A);
    world.assertEmpty();
  });

  test("is up with the first that is answered; the others end nothing", () => {
    const world = new TableWorld();
    world.begin();
    world.begin(KEY, B);
    world.table.answered(KEY, ANSWER, world.now);
    world.table.failed(KEY, { status: 487, by: "refused", reason: "" });
    world.table.answered(KEY, { ...ANSWER, contact: "sip:other@10.1.0.12" }, world.now);
    world.table.tried(KEY, A, "pbx", world.now);
    assert.deepEqual([world.table.size, world.table.callsOn(B), world.cdrs.length], [1, 1, 0]);
    world.table.ended(KEY, "dialog-lost");
    world.assertEmpty();
  });
});

describe("session timer (RFC 4028) and longest duration", () => {
  const refresh = (sessionSeconds: number) => ({ sessionSeconds, callerContact: "", calleeContact: "" });

  const rows: {
    name: string;
    seconds: number;
    refreshedAt: [number, number][];
    endsAt: number;
    by: EndedBy;
  }[] = [
    { name: "none agreed", seconds: 0, refreshedAt: [], endsAt: 12 * HOUR, by: "max-duration" },
    { name: "not refreshed", seconds: 1_800, refreshedAt: [], endsAt: 1_800_000, by: "session-timer" },
    { name: "90 s, the least", seconds: 90, refreshedAt: [], endsAt: 90_000, by: "session-timer" },
    {
      name: "refreshed twice",
      seconds: 1_800,
      refreshedAt: [
        [900_000, 1_800],
        [1_800_000, 1_800],
      ],
      endsAt: 3_600_000,
      by: "session-timer",
    },
    {
      name: "refreshed with a shorter interval",
      seconds: 1_800,
      refreshedAt: [[900_000, 90]],
      endsAt: 990_000,
      by: "session-timer",
    },
    {
      name: "given up by a 2xx without Session-Expires",
      seconds: 1_800,
      refreshedAt: [[900_000, 0]],
      endsAt: 12 * HOUR,
      by: "max-duration",
    },
    {
      name: "a refresh does not move the longest duration",
      seconds: 0,
      refreshedAt: [[11 * HOUR, 7_200]],
      endsAt: 12 * HOUR,
      by: "max-duration",
    },
  ];
  for (const { name, seconds, refreshedAt, endsAt, by } of rows) {
    test(`${name}: ended by ${by}`, () => {
      const world = new TableWorld();
      world.up(seconds);
      for (const [at, interval] of refreshedAt) {
        world.pass(at - world.now);
        world.table.refreshed(KEY, refresh(interval), world.now);
      }
      world.pass(endsAt - 10 - world.now);
      assert.equal(world.cdrs.length, 0);
      world.pass(10);
      assert.deepEqual([world.account.endedBy, world.account.durationMs], [by, endsAt]);
      assert.equal(world.hungUp.length, by === "max-duration" ? 1 : 0, "a session that ran out gets no BYE");
      world.assertEmpty();
    });
  }

  test("a refresh before the answer means nothing", () => {
    const world = new TableWorld();
    world.begin();
    world.table.refreshed(KEY, refresh(90), world.now);
    world.pass(200_000);
    assert.deepEqual([world.table.size, world.wheel.size], [1, 0]);
  });

  test("a call that rings has no timer of the table's: its INVITE's transaction ends it", () => {
    const world = new TableWorld();
    world.begin();
    assert.equal(world.wheel.size, 0);
  });

  test("a new longest duration is for calls that are answered from then on", () => {
    const world = new TableWorld();
    const limits = {
      whole: { maxCalls: null, maxCallsPerSecond: null },
      groups: new Map(),
      targets: new Map(),
    };
    world.up();
    world.table.configure({ limits, maxDurationMs: 60_000 });
    world.up(0, "call-2 a1");
    world.pass(60_000);
    assert.equal(world.account.callId, "call-2");
    assert.equal(world.table.size, 1);
  });

  test("at the longest duration whoever hangs up gets both ends as they are by then", () => {
    const world = new TableWorld();
    world.up();
    world.table.seen(KEY, { byCaller: true, calleeTag: "b1", cseq: 12, bye: false, reason: "" });
    world.table.seen(KEY, { byCaller: true, calleeTag: "b1", cseq: 9, bye: false, reason: "" }); // late
    world.table.seen(KEY, { byCaller: false, calleeTag: "b1", cseq: 41, bye: false, reason: "" });
    world.table.refreshed(KEY, { ...refresh(0), callerContact: "sip:alice@192.0.2.77" }, world.now);
    world.table.refreshed(KEY, { ...refresh(0), calleeContact: "sip:bob@10.1.0.78" }, world.now);
    world.pass(12 * HOUR);
    assert.deepEqual(world.hungUp, [
      {
        callId: "call-1@192.0.2.1",
        caller: FACTS.from,
        callee: ANSWER.to,
        callerContact: "sip:alice@192.0.2.77",
        calleeContact: "sip:bob@10.1.0.78",
        callerRoutes: FACTS.routes,
        calleeRoutes: ANSWER.routes,
        callerPlace: FACTS.place,
        calleePlace: A,
        callerCseq: 12,
        calleeCseq: 41,
      },
    ]);
  });
});

describe("calls on a target", () => {
  test("a call counts once, where it is, from the first try to the end", () => {
    const { table } = new TableWorld();
    table.began(KEY, FACTS, 0);
    assert.deepEqual([table.size, table.callsOn(A)], [1, 0]);
    table.tried(KEY, A, "pbx", 0);
    table.tried(KEY, A, "pbx", 0);
    assert.deepEqual([table.callsOn(A), table.callsOn(B)], [1, 0]);
    table.tried(KEY, B, "backup", 0);
    assert.deepEqual([table.callsOn(A), table.callsOn(B)], [0, 1]);
    table.answered(KEY, ANSWER, 0);
    assert.equal(table.callsOn(B), 1);
    table.ended(KEY, "dialog-lost");
    assert.deepEqual([table.size, table.callsOn(B)], [0, 0]);
  });

  test("what is told of a call that is unknown changes nothing", () => {
    const world = new TableWorld();
    world.table.tried(KEY, A, "pbx", 0);
    world.table.answered(KEY, ANSWER, 0);
    world.table.seen(KEY, { byCaller: true, calleeTag: "b1", cseq: 2, bye: true, reason: "" });
    world.table.ended(KEY, null);
    assert.equal(world.cdrs.length, 0);
    world.assertEmpty();
  });
});
