// Limits of calls as callers meet them: the next target first, then 503 with Retry-After; emergency calls are exempt.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  linesOf,
  only,
  outline,
  ProxyWorld,
  request,
  type Sent,
  WORLD_CONFIG,
} from "../../support/proxy-world.ts";
import { ScriptedCall, TRANSACTIONS_OVER_MS, viaOf } from "../../support/scripted-call.ts";

const [A, B, C] = [1, 2, 3].map((number) => `udp:10.1.0.1${number}:5060`) as [string, string, string];
const EMERGENCY = "  - { from: carriers, to: pbx, number: '^112$', emergency: true }\n";
const TARGET = 'uri: "sip:10.1.0.11;transport=udp"';

function worldWith(parts: { whole?: string; group?: string; target?: string; more?: string }): ProxyWorld {
  let config = WORLD_CONFIG.replace("routes:\n", (line) => line + EMERGENCY);
  if (parts.group !== undefined) config = config.replace("  pbx:\n", `  pbx:\n    ${parts.group}\n`);
  if (parts.target !== undefined) config = config.replace(TARGET, `${TARGET}, ${parts.target}`);
  if (parts.whole !== undefined) config += `limits: { ${parts.whole} }\n`;
  return new ProxyWorld(config);
}

let calls = 0;

function invite(world: ProxyWorld, uri = "sip:+15551234567@198.51.100.10"): Sent[] {
  calls++;
  return world.receive(request("INVITE", { callId: `limit-${calls}`, via: viaOf(`limit-${calls}`), uri }));
}

const EMERGENCY_URI = "sip:112@198.51.100.10";

function assertRefused(sent: readonly Sent[]): void {
  const { message } = only(sent, "503");
  assert.deepEqual(linesOf(message, "retry-after"), ["5"]);
  assert.ok(!sent.some(({ message: { method } }) => method === "INVITE"));
}

const target = (sent: readonly Sent[]): string => only(sent, "INVITE").to;

const rows: { name: string; world: Parameters<typeof worldWith>[0] }[] = [
  { name: "whole, maxCalls", world: { whole: "maxCalls: 1" } },
  { name: "whole, maxCallsPerSecond", world: { whole: "maxCallsPerSecond: 1" } },
  { name: "group, maxCalls", world: { group: "maxCalls: 1" } },
  { name: "group, maxCallsPerSecond", world: { group: "maxCallsPerSecond: 1" } },
];
for (const row of rows) {
  test(`${row.name}: the first is served, the second refused, an emergency call is not`, () => {
    const world = worldWith(row.world);
    assert.equal(target(invite(world)), A);
    assertRefused(invite(world));
    assert.equal(target(invite(world, EMERGENCY_URI)), A);
  });
}

describe("whole", () => {
  test("a refused call leaves nothing: no context, no account", () => {
    const world = worldWith({ whole: "maxCalls: 1" });
    new ScriptedCall(world).up();
    world.pass(TRANSACTIONS_OVER_MS);
    assert.deepEqual(outline(invite(world)), ["503 caller"]);
    assert.deepEqual([world.idle, world.cdrs.length, world.calls.size], [true, 0, 1]);
    assert.equal(world.count("refused.503.call-limit"), 1);
  });

  test("what is inside a dialog, and what is no call, is never refused", () => {
    const world = worldWith({ whole: "maxCalls: 1" });
    const call = new ScriptedCall(world).up();
    assertRefused(invite(world));
    for (const method of ["INVITE", "UPDATE", "BYE"]) call.byCaller(method);
    assert.equal(only(world.receive(request("OPTIONS", { via: viaOf("options") })), "OPTIONS").to, A);
  });

  test("the end of a call makes room", () => {
    const world = worldWith({ whole: "maxCalls: 1" });
    const call = new ScriptedCall(world).up();
    call.answered(call.byCaller("BYE"), 200);
    assert.equal(target(invite(world)), A);
  });

  test("an emergency call counts: the next other one is refused", () => {
    const world = worldWith({ whole: "maxCalls: 1" });
    invite(world, EMERGENCY_URI);
    assertRefused(invite(world));
  });
});

describe("a target", () => {
  for (const limit of ["maxCalls: 1", "maxCallsPerSecond: 1"]) {
    test(`${limit}: the next target first; when all are full, 503 with Retry-After`, () => {
      const world = worldWith({ target: limit });
      assert.deepEqual([target(invite(world)), target(invite(world)), target(invite(world))], [A, B, B]);
      assert.equal(target(invite(world, EMERGENCY_URI)), A);
      const config = WORLD_CONFIG.replaceAll(/priority: \d/g, limit);
      const full = new ProxyWorld(config);
      const tried = new Set([target(invite(full)), target(invite(full)), target(invite(full))]);
      assert.deepEqual([...tried].sort(), [A, B, C]);
      assertRefused(invite(full));
    });
  }

  test("a target that is full is no attempt, and the account of a call that found no other has none", () => {
    const world = new ProxyWorld(WORLD_CONFIG.replaceAll(/priority: \d/g, "maxCalls: 1"));
    for (let call = 0; call < 3; call++) invite(world);
    assertRefused(invite(world));
    const [account] = world.cdrs;
    const { status, endedBy, target: place, attempts } = account ?? {};
    assert.deepEqual([status, endedBy, place, attempts], [503, "refused", "", []]);
    assert.equal(world.calls.size, 3);
  });
});

describe("a group", () => {
  test("full: a call that is in it may still move from target to target", () => {
    const world = worldWith({ group: "maxCalls: 1" });
    const call = new ScriptedCall(world);
    assert.equal(only(call.answers(503), "INVITE").to, B);
    assert.deepEqual([world.calls.callsOn(A), world.calls.callsOn(B)], [0, 1]);
    assertRefused(invite(world));
  });

  test("full: the next group of the rule", () => {
    const config = WORLD_CONFIG.replace("  pbx:\n", "  pbx:\n    maxCalls: 1\n")
      .replace("routes:", '  spare: { targets: ["sip:10.1.0.19;transport=udp"] }\nroutes:')
      .replace("to: pbx }", "to: [pbx, spare] }");
    const world = new ProxyWorld(config);
    assert.deepEqual([target(invite(world)), target(invite(world))], [A, "udp:10.1.0.19:5060"]);
  });

  test("a call that a time-out moves frees the target that it leaves", () => {
    const world = new ProxyWorld(WORLD_CONFIG.replaceAll(/priority: (\d)/g, "priority: $1, maxCalls: 1"));
    invite(world);
    assert.equal(world.calls.callsOn(A), 1);
    world.pass(3_000);
    assert.deepEqual([world.calls.callsOn(A), world.calls.callsOn(B)], [0, 1]);
    assert.equal(target(invite(world)), A);
  });
});

test("least-calls follows the calls that are up; a BYE that is challenged ends none", () => {
  const equal = WORLD_CONFIG.replaceAll(/priority: \d/g, "priority: 1");
  const world = new ProxyWorld(
    equal.replace("sources: [10.1.0.0/24]", "sources: [10.1.0.0/24]\n    balance: least-calls"),
  );
  const up = [1, 2, 3].map((number) => new ScriptedCall(world, { callId: `least-${number}` }).up());
  assert.deepEqual(new Set(up.map(({ invite: { to } }) => to)), new Set([A, B, C]));
  const [, second] = up;
  assert.ok(second);
  const place = second.invite.to;
  second.answered(second.byCaller("BYE"), 407);
  assert.equal(world.calls.callsOn(place), 1);
  second.answered(second.byCaller("BYE", { cseq: 3 }), 200);
  assert.equal(world.calls.callsOn(place), 0);
  assert.equal(target(invite(world)), place);
});
