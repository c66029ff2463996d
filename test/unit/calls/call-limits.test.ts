// Limits of calls at once and of new calls a second: at the limit, and one past it.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type CallLimit, callLimits } from "../../../src/calls/call-limits.ts";
import { parseConfig } from "../../../src/config/load-config.ts";
import { Router } from "../../../src/routing/router.ts";
import { TimerWheel } from "../../../src/sip/timer/timer-wheel.ts";
import { callTable } from "../../support/call-table.ts";
import { WORLD_CONFIG } from "../../support/proxy-world.ts";
import { ALL_ALIVE } from "../../support/target-knowledge.ts";

const FACTS = {
  ...{ group: "carriers", from: "<sip:a@b>", to: "<sip:c@d>", contact: "", routes: "" },
  ...{ requested: "sip:1@e", place: "udp:192.0.2.1:5060", cseq: 1 },
};
const ANSWER = { to: "<sip:c@d>;tag=1", contact: "sip:c@d", routes: "", sessionSeconds: 0 };
const NONE: CallLimit = { maxCalls: null, maxCallsPerSecond: null };
const A = "udp:10.1.0.11:5060";
const B = "udp:10.1.0.12:5060";

function limited(limits: {
  whole?: Partial<CallLimit>;
  group?: Partial<CallLimit>;
  target?: Partial<CallLimit>;
}) {
  const table = callTable(new TimerWheel(0, 10), []);
  const { whole, group, target } = limits;
  table.configure({
    limits: {
      whole: { ...NONE, ...whole },
      groups: group === undefined ? new Map() : new Map([["pbx", { ...NONE, ...group }]]),
      targets: target === undefined ? new Map() : new Map([[A, { ...NONE, ...target }]]),
    },
    maxDurationMs: 3_600_000,
  });
  return table;
}

function begin(table: ReturnType<typeof limited>, key: string, target: string, now = 0): void {
  table.began(key, FACTS, now);
  table.tried(key, target, "pbx", now);
}

describe("maxCalls", () => {
  test("whole: as many at once, one more when one has ended", () => {
    const table = limited({ whole: { maxCalls: 2 } });
    for (const key of ["1 a", "2 a"]) {
      assert.ok(table.admits(0));
      begin(table, key, A);
    }
    assert.ok(!table.admits(5_000));
    table.answered("1 a", ANSWER, 0);
    assert.ok(!table.admits(5_000), "a call that is up counts as one that rings");
    table.ended("1 a", "dialog-lost");
    assert.ok(table.admits(5_000));
  });

  test("whole: calls of another node count before they are restored", () => {
    const table = limited({ whole: { maxCalls: 2 } });
    table.awaited = 2;
    assert.ok(!table.admits(0));
    table.awaited = 1;
    assert.ok(table.admits(0));
  });

  test("whole: 0 lets none in", () => assert.ok(!limited({ whole: { maxCalls: 0 } }).admits(0)));

  test("target: full for others, and not for the call that is there; other targets are free", () => {
    const table = limited({ target: { maxCalls: 1 } });
    assert.ok(table.mayTry("1 a", A, "pbx", 0));
    begin(table, "1 a", A);
    assert.ok(!table.mayTry("2 a", A, "pbx", 0));
    assert.ok(table.mayTry("1 a", A, "pbx", 0), "the same target by UDP after TCP");
    assert.ok(table.mayTry("2 a", B, "pbx", 0));
    table.tried("1 a", B, "pbx", 0);
    assert.ok(table.mayTry("2 a", A, "pbx", 0), "the first call has moved on");
  });

  test("group: full for others; a call that is in it may move from target to target", () => {
    const table = limited({ group: { maxCalls: 1 } });
    begin(table, "1 a", A);
    assert.ok(!table.mayTry("2 a", B, "pbx", 0));
    assert.ok(table.mayTry("2 a", B, "other", 0));
    assert.ok(table.mayTry("1 a", B, "pbx", 0));
    table.tried("1 a", B, "pbx", 0);
    assert.ok(!table.mayTry("2 a", A, "pbx", 0), "it still counts once");
    table.tried("1 a", "udp:10.2.0.1:5060", "other", 0);
    assert.ok(table.mayTry("2 a", A, "pbx", 0));
    table.failed("1 a", { status: 486, by: "refused", reason: "" });
    assert.ok(table.mayTry("2 a", A, "pbx", 0));
  });
});

describe("maxCallsPerSecond", () => {
  test("whole: as many in a second, and as many again in the next", () => {
    const table = limited({ whole: { maxCallsPerSecond: 2 } });
    for (const at of [5_000, 5_999]) {
      assert.ok(table.admits(at));
      table.began(`${at} a`, FACTS, at);
    }
    assert.ok(!table.admits(5_999));
    assert.ok(table.admits(6_000));
  });

  test("a call that has ended is still a call of its second", () => {
    const table = limited({ whole: { maxCallsPerSecond: 1 } });
    begin(table, "1 a", A);
    table.failed("1 a", { status: 486, by: "refused", reason: "" });
    assert.deepEqual([table.size, table.admits(10)], [0, false]);
  });

  test("a second INVITE of the same call is no new call", () => {
    const table = limited({ whole: { maxCallsPerSecond: 2 } });
    begin(table, "1 a", A);
    begin(table, "1 a", A);
    assert.ok(table.admits(0));
  });

  test("target: each that is tried counts; a call that stays does not count again", () => {
    const table = limited({ target: { maxCallsPerSecond: 2 } });
    begin(table, "1 a", A);
    table.tried("1 a", A, "pbx", 0);
    assert.ok(table.mayTry("2 a", A, "pbx", 0));
    begin(table, "2 a", A);
    assert.ok(!table.mayTry("3 a", A, "pbx", 999));
    assert.ok(table.mayTry("3 a", B, "pbx", 999));
    assert.ok(table.mayTry("3 a", A, "pbx", 1_000));
  });

  test("group: a call that moves inside it is one", () => {
    const table = limited({ group: { maxCallsPerSecond: 2 } });
    begin(table, "1 a", A);
    table.tried("1 a", B, "pbx", 0);
    assert.ok(table.mayTry("2 a", A, "pbx", 0));
    begin(table, "2 a", A);
    assert.ok(table.mayTry("2 a", B, "pbx", 0));
    assert.ok(!table.mayTry("3 a", A, "pbx", 0));
  });

  test("0 lets none in", () => {
    assert.ok(!limited({ whole: { maxCallsPerSecond: 0 } }).admits(0));
    assert.ok(!limited({ target: { maxCallsPerSecond: 0 } }).mayTry("1 a", A, "pbx", 0));
  });
});

test("without limits everything may go everywhere", () => {
  const table = limited({});
  for (let call = 0; call < 1_000; call++) begin(table, `${call} a`, A);
  assert.ok(table.admits(0) && table.mayTry("new a", A, "pbx", 0));
});

test("the limits of a configuration: whole, groups, targets by their id; of one place named twice the lower ones", () => {
  const config = parseConfig(
    WORLD_CONFIG.replace(
      'uri: "sip:10.1.0.11;transport=udp", priority: 1',
      'uri: "sip:10.1.0.11;transport=udp", priority: 1, maxCalls: 30, maxCallsPerSecond: 3',
    )
      .replace("  pbx:", "  pbx:\n    maxCalls: 100")
      .replace(
        "routes:",
        '  spare:\n    maxCallsPerSecond: 9\n    targets: [{ uri: "sip:10.1.0.11;transport=udp", maxCalls: 20 }, { uri: "sip:[2001:db8::5]:5080;transport=udp", maxCalls: 5 }]\nlimits: { maxCalls: 1000, maxCallsPerSecond: 50 }\nroutes:',
      )
      .replace("to: pbx }", "to: [pbx, spare] }"),
    { file: "limits.yaml", env: {} },
  );
  const router = new Router(config, { ...ALL_ALIVE, draw: () => () => 0 });
  const { whole, groups, targets } = callLimits(config, router.targets());
  assert.deepEqual([whole.maxCalls, whole.maxCallsPerSecond], [1_000, 50]);
  const read = (limits: ReadonlyMap<string, CallLimit>) =>
    [...limits].map(([name, { maxCalls, maxCallsPerSecond }]) => [name, maxCalls, maxCallsPerSecond]);
  assert.deepEqual(read(groups), [
    ["pbx", 100, null],
    ["spare", null, 9],
  ]);
  assert.deepEqual(read(targets), [
    [A, 20, 3],
    ["udp:[2001:db8::5]:5080", 5, null],
  ]);
});
