// The account of a call from its messages: INVITE, answers, BYE, CANCEL, time-outs, session timer.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { CdrAttempt } from "../../../src/calls/cdr.ts";
import { EPOCH, only, ProxyWorld, pbx, request, type Sent } from "../../support/proxy-world.ts";
import { ScriptedCall, viaOf } from "../../support/scripted-call.ts";

const TARGETS = [1, 2, 3].map((number) => `udp:10.1.0.1${number}:5060`);
const REASON = 'Q.850;cause=16;text="Normal call clearing"';

/** What of the attempts does not depend on when they began. */
function results(attempts: readonly CdrAttempt[]) {
  return attempts.map(({ target, status, reason, ms }) => ({ target, status, reason, ms }));
}

describe("a call that was answered", () => {
  test("hung up by the caller: every field", () => {
    const call = new ScriptedCall().up();
    call.world.pass(60_000);
    const bye = call.byCaller("BYE", {
      more: [...routesOf(call), `Reason: ${REASON}`, "Reason: SIP;cause=200"],
    });
    assert.equal(call.world.cdrs.length, 0, "not before its answer");
    call.world.pass(20);
    call.answered(bye, 200);
    const { id, ...account } = call.account;
    assert.match(id, /^[\w-]{20}$/);
    const start = EPOCH + 1_000;
    assert.deepEqual(account, {
      node: "test",
      callId: "call-1@192.0.2.1",
      from: "sip:alice@192.0.2.1",
      to: "sip:bob@edge.example",
      requested: "sip:+15551234567@198.51.100.10",
      ingress: "carriers",
      source: "192.0.2.1:5060",
      attempts: [{ target: TARGETS[0], status: 200, reason: "", at: start, ms: 1_000 }],
      target: TARGETS[0],
      start,
      ringing: start,
      answer: start + 1_000,
      end: start + 61_020,
      durationMs: 60_020,
      status: 200,
      endedBy: "caller",
      reason: REASON,
    });
    call.assertGone();
  });

  test("hung up by the callee, its Reason folded", () => {
    const call = new ScriptedCall().up();
    call.answered(call.byCallee("BYE", 1, ["Reason: Q.850\r\n ;cause=16"]), 200);
    assert.deepEqual([call.account.endedBy, call.account.reason], ["callee", "Q.850 ;cause=16"]);
    call.assertGone();
  });

  const finals: { status: number; over: boolean }[] = [
    { status: 200, over: true },
    { status: 481, over: true },
    { status: 408, over: true },
    { status: 500, over: true },
    { status: 603, over: true },
    { status: 401, over: false },
    { status: 407, over: false },
  ];
  for (const { status, over } of finals) {
    test(`BYE answered ${status}: ${over ? "over, by the caller (§15.1.1)" : "it comes again with credentials"}`, () => {
      const call = new ScriptedCall().up();
      call.answered(call.byCaller("BYE"), status);
      assert.deepEqual([call.world.cdrs.length, call.world.calls.size], over ? [1, 0] : [0, 1]);
      if (!over) call.answered(call.byCaller("BYE", { cseq: 3 }), 200);
      assert.equal(call.account.endedBy, "caller");
      call.assertGone();
    });
  }

  test("BYE that nobody answers: over, by its sender, after 64*T1", () => {
    const call = new ScriptedCall().up();
    call.byCallee("BYE", 1);
    call.world.pass(31_990);
    assert.equal(call.world.cdrs.length, 0);
    call.world.pass(20);
    assert.equal(call.account.endedBy, "callee");
    call.assertGone();
  });

  for (const method of ["INVITE", "UPDATE", "INFO", "OPTIONS"]) {
    for (const status of [481, 408]) {
      test(`${status} to ${method} in the dialog: lost (RFC 5057 §5.1)`, () => {
        const call = new ScriptedCall().up();
        call.answered(call.byCaller(method), status);
        assert.deepEqual([call.account.endedBy, call.account.status], ["dialog-lost", 200]);
        call.assertGone();
      });
    }
    test(`488 to ${method} in the dialog: the call goes on`, () => {
      const call = new ScriptedCall().up();
      call.answered(call.byCaller(method), 488);
      assert.deepEqual([call.world.cdrs.length, call.world.calls.size], [0, 1]);
    });
    test(`${method} in the dialog that nobody answers: lost`, () => {
      const call = new ScriptedCall().up();
      call.byCaller(method);
      call.world.pass(33_000);
      assert.equal(call.account.endedBy, "dialog-lost");
      call.assertGone();
    });
  }

  for (const method of ["NOTIFY", "SUBSCRIBE"]) {
    test(`481 to ${method} in the dialog: a subscription has ended, and not the call (RFC 5057 §5.1)`, () => {
      const call = new ScriptedCall().up();
      call.answered(call.byCaller(method), 481);
      assert.deepEqual([call.world.cdrs.length, call.world.calls.size], [0, 1]);
    });
  }

  test("481 to a request while it rings ends nothing: the INVITE does", () => {
    const call = new ScriptedCall();
    call.answers(183);
    call.answered(call.byCaller("PRACK"), 481);
    assert.equal(call.world.cdrs.length, 0);
    call.answers(200);
    call.answered(call.byCaller("BYE", { cseq: 3 }), 200);
    assert.deepEqual([call.account.endedBy, call.account.answer === null], ["caller", false]);
  });
});

describe("a call that was not answered", () => {
  test("cancelled, with the Reason of the CANCEL", () => {
    const call = new ScriptedCall();
    call.answers(180);
    call.world.pass(5_000);
    const via = viaOf("invite-call-1@192.0.2.1");
    call.world.receive(request("CANCEL", { via, more: [`Reason: ${REASON}`, "Reason: SIP;cause=487"] }));
    call.answers(487);
    const { endedBy, status, reason, answer, ringing, attempts } = call.account;
    assert.deepEqual([endedBy, status, reason, answer], ["cancel", 487, REASON, null]);
    assert.equal(ringing, EPOCH + 1_000);
    assert.deepEqual(results(attempts), [{ target: TARGETS[0], status: 487, reason: "", ms: 5_000 }]);
    call.assertGone();
  });

  test("refused by the last target after failover: each attempt with its result and time", () => {
    const call = new ScriptedCall();
    const { world } = call;
    world.pass(200);
    const second = only(call.answers(503), "INVITE");
    const third = firstAt(3, world.pass(3_000));
    world.pass(70);
    call.answers(486, {}, third);
    assert.equal(second.flow.address, "10.1.0.12");
    const { endedBy, status, target, attempts, end, start } = call.account;
    assert.deepEqual([endedBy, status, target], ["refused", 486, TARGETS[2]]);
    const [, silent] = attempts;
    assert.deepEqual(results(attempts), [
      { target: TARGETS[0], status: 503, reason: "", ms: 200 },
      { target: TARGETS[1], status: 0, reason: "no answer", ms: silent?.ms },
      { target: TARGETS[2], status: 486, reason: "", ms: end - start - 200 - (silent?.ms ?? 0) },
    ]);
    assert.equal(attempts[2]?.at, start + 200 + (silent?.ms ?? 0));
    call.assertGone();
  });

  test("what a target says when the call has left it does not count", () => {
    const call = new ScriptedCall();
    const { world } = call;
    const second = firstAt(2, world.pass(3_000));
    call.answers(180);
    call.answers(487);
    call.answers(200, {}, second);
    call.answered(call.byCaller("BYE"), 200);
    const [first] = call.account.attempts;
    assert.deepEqual([first?.status, first?.reason], [0, "no answer"]);
  });

  test("nobody answers at all: timed out", () => {
    const call = new ScriptedCall();
    call.world.pass(300_000);
    const { endedBy, status, attempts } = call.account;
    assert.deepEqual([endedBy, status, attempts.length], ["timeout", 408, 3]);
    assert.ok(attempts.every((attempt) => attempt.ms > 0));
    call.assertGone();
  });

  test("it rings for ever: Timer C ends it", () => {
    const call = new ScriptedCall();
    call.answers(180);
    call.world.pass(300_000);
    assert.deepEqual([call.account.endedBy, call.account.status], ["timeout", 408]);
    call.assertGone();
  });

  test("408 of a target: nobody answered there in time, either", () => {
    const call = new ScriptedCall();
    call.answers(180);
    call.answers(408);
    assert.deepEqual([call.account.endedBy, call.account.status], ["timeout", 408]);
  });

  test("challenged, then again with credentials: two calls with two ids (RFC 3261 §22.2)", () => {
    const first = new ScriptedCall();
    first.answers(407);
    first.world.receive(request("ACK", { via: viaOf("invite-call-1@192.0.2.1"), toTag: "b1" }));
    const second = new ScriptedCall(first.world, { cseq: 2, via: viaOf("again") }).up();
    second.answered(second.byCaller("BYE", { cseq: 3 }), 200);
    const [challenged, call] = first.world.cdrs;
    assert.deepEqual([challenged?.status, challenged?.endedBy], [407, "refused"]);
    assert.deepEqual([call?.status, call?.endedBy], [200, "caller"]);
    assert.notEqual(challenged?.id, call?.id);
    second.assertGone();
  });

  test("refused before any rule took it: no account", () => {
    const world = new ProxyWorld();
    world.receive(request("INVITE", { maxForwards: "0" }));
    world.receive(request("INVITE", { via: viaOf("2") }), { ...pbx(1), address: "203.0.113.1" });
    assert.deepEqual([world.cdrs.length, world.calls.size], [0, 0]);
  });
});

describe("an INVITE that comes twice", () => {
  test("retransmitted, also after the answer: one call", () => {
    const call = new ScriptedCall().up();
    call.world.receive(request("INVITE", { via: viaOf("invite-call-1@192.0.2.1") }));
    assert.deepEqual([call.world.calls.size, call.world.calls.callsOn(TARGETS[0] ?? "")], [1, 1]);
  });

  test("with another branch, forked before us: one call, which is up with the first answer", () => {
    const call = new ScriptedCall();
    const other = call.world.invite({ via: viaOf("fork"), uri: "sip:+15550000000@198.51.100.10" });
    call.answers(486);
    assert.deepEqual([call.world.calls.size, call.world.cdrs.length], [1, 0]);
    call.answers(200, {}, other);
    call.answered(call.byCaller("BYE"), 200);
    assert.deepEqual([call.account.status, call.account.attempts.length], [200, 2]);
    call.assertGone();
  });

  test("a retransmission after its transaction, while the call is up: no second call", () => {
    const call = new ScriptedCall().up();
    call.world.pass(40_000);
    const again = call.world.invite({ via: viaOf("invite-call-1@192.0.2.1") });
    call.answers(482, {}, again);
    assert.deepEqual([call.world.calls.size, call.world.cdrs.length], [1, 0]);
    call.answered(call.byCaller("BYE"), 200);
    assert.equal(call.account.status, 200);
  });
});

describe("session timer (RFC 4028)", () => {
  const EXPIRES = "Session-Expires: 90;refresher=uac\r\n";

  for (const name of ["Session-Expires", "x"]) {
    test(`${name} of the 2xx, not refreshed: state dropped when it is over, and no BYE made up`, () => {
      const call = new ScriptedCall().up(`${name}: 90;refresher=uas\r\n`);
      call.world.pass(89_999);
      assert.equal(call.world.cdrs.length, 0);
      const sent = call.world.pass(1);
      assert.deepEqual([call.account.endedBy, call.account.durationMs, sent], ["session-timer", 90_000, []]);
      call.assertGone();
    });
  }

  for (const side of ["caller", "callee"] as const) {
    for (const method of ["INVITE", "UPDATE"]) {
      test(`refreshed by a 2xx to ${method} of the ${side}`, () => {
        const call = new ScriptedCall().up(EXPIRES);
        call.world.pass(60_000);
        call.answered(side === "caller" ? call.byCaller(method) : call.byCallee(method, 1), 200, EXPIRES);
        call.world.pass(89_999);
        assert.equal(call.world.cdrs.length, 0);
        call.world.pass(1);
        assert.deepEqual([call.account.endedBy, call.account.durationMs], ["session-timer", 150_000]);
      });
    }
  }

  const nots = [
    { name: "INVITE that is refused", method: "INVITE", status: 491 },
    { name: "UPDATE that is refused", method: "UPDATE", status: 500 },
    { name: "INFO", method: "INFO", status: 200 },
  ];
  for (const { name, method, status } of nots) {
    test(`not refreshed by ${name}`, () => {
      const call = new ScriptedCall().up(EXPIRES);
      call.world.pass(60_000);
      call.answered(call.byCaller(method), status, EXPIRES);
      call.world.pass(30_000);
      assert.equal(call.account.endedBy, "session-timer");
    });
  }

  test("less than the shortest interval that there is (RFC 4028 §4): the shortest", () => {
    const call = new ScriptedCall().up("Session-Expires: 5;refresher=uas\r\n");
    call.world.pass(89_999);
    assert.equal(call.world.cdrs.length, 0);
    call.world.pass(1);
    assert.equal(call.account.endedBy, "session-timer");
  });

  for (const value of ["", "0", "-5", "soon", "99999999999999999999"]) {
    test(`Session-Expires: "${value}" is none`, () => {
      const call = new ScriptedCall().up(`Session-Expires: ${value}\r\n`);
      call.world.pass(100_000);
      assert.deepEqual([call.world.cdrs.length, call.world.calls.size], [0, 1]);
    });
  }

  test("a session that is dropped here can still be hung up through us", () => {
    const call = new ScriptedCall().up(EXPIRES);
    call.world.pass(90_000);
    assert.equal(call.answered(call.byCaller("BYE"), 200).length, 1);
    assert.equal(call.account.endedBy, "session-timer");
    call.assertGone();
  });
});

/** The first INVITE to a target in what was sent. */
function firstAt(number: number, sent: readonly Sent[]): Sent {
  const invite = sent.find(
    ({ flow, message }) => flow.address === pbx(number).address && message.method === "INVITE",
  );
  assert.ok(invite);
  return invite;
}

function routesOf(call: ScriptedCall): string[] {
  const value = call.invite.message.valueNamed("record-route");
  return [`Route: ${value}`];
}
