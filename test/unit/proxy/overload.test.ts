// What is refused under overload, and what never is: 503 before anything is kept for the call.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  answer,
  CALLER,
  linesOf,
  only,
  outline,
  ProxyWorld,
  pbx,
  request,
  type Sent,
  WORLD_CONFIG,
} from "../../support/proxy-world.ts";
import { ScriptedCall, viaOf } from "../../support/scripted-call.ts";

const WITH_EMERGENCY = WORLD_CONFIG.replace(
  "routes:\n",
  (line) => `${line}  - { from: carriers, to: pbx, number: '^112$', emergency: true }\n`,
);
const CONFIGS = [
  { name: "no emergency rule", config: WORLD_CONFIG },
  { name: "an emergency rule", config: WITH_EMERGENCY },
];

function overloaded(share: number, config = WORLD_CONFIG): ProxyWorld {
  const world = new ProxyWorld(config);
  world.proxy.shed(share, 7);
  return world;
}

function invite(world: ProxyWorld, call: number, via = `shed-${call}`): Sent[] {
  return world.receive(request("INVITE", { callId: `shed-${call}@192.0.2.1`, via: viaOf(via) }));
}

const isRefused = (sent: readonly Sent[]): boolean => sent.length === 1 && sent[0]?.message.status === 503;

for (const { name, config } of CONFIGS) {
  describe(`new calls, ${name}`, () => {
    const rows = [0, 0.1, 0.5, 0.95, 1];
    for (const share of rows) {
      test(`a share of ${share} is refused`, () => {
        const world = overloaded(share, config);
        const refused = Array.from({ length: 2_000 }, (_, call) => isRefused(invite(world, call)));
        const seen = refused.filter(Boolean).length / refused.length;
        assert.ok(Math.abs(seen - share) < 0.04, `${seen}`);
        assert.equal(world.count("refused.503.overload"), refused.filter(Boolean).length);
      });
    }

    test("503 with Retry-After and a tag, and nothing is kept: no context, no account", () => {
      const world = overloaded(1, config);
      const { message } = only(invite(world, 1), "503");
      assert.deepEqual(linesOf(message, "retry-after"), ["7"]);
      assert.notEqual(message.toTag, "");
      assert.deepEqual([world.idle, world.calls.size, world.cdrs.length], [true, 0, 0]);
      assert.deepEqual(
        world.pass(10_000),
        [],
        "no retransmission of ours: it answers each of theirs (§8.2.7)",
      );
    });

    test("the ACK of what was refused is swallowed", () => {
      const world = overloaded(1, config);
      const { message } = only(invite(world, 1), "503");
      const ack = request("ACK", { callId: message.callId, via: viaOf("shed-1"), toTag: message.toTag });
      assert.deepEqual(world.receive(ack), []);
      assert.ok(world.idle);
    });

    test("the same call gets the same answer: repeated, by another way, with credentials", () => {
      const world = overloaded(0.5, config);
      for (let call = 0; call < 100; call++) {
        const first = isRefused(invite(world, call));
        const again = world.receive(
          request("INVITE", { callId: `shed-${call}@192.0.2.1`, via: viaOf(`other-${call}`), cseq: 2 }),
        );
        assert.equal(isRefused(again), first, `call ${call}`);
        if (first) assert.ok(isRefused(invite(world, call)));
      }
    });

    test("who is refused at a share is refused at any greater one", () => {
      const [less, more] = [overloaded(0.3, config), overloaded(0.6, config)];
      for (let call = 0; call < 300; call++) {
        if (isRefused(invite(less, call))) assert.ok(isRefused(invite(more, call)));
      }
    });
  });

  describe(`never refused, ${name}`, () => {
    test("a call that is up: re-INVITE, UPDATE, INFO, ACK, BYE of either side", () => {
      const call = new ScriptedCall(new ProxyWorld(config)).up();
      call.world.proxy.shed(1, 5);
      for (const method of ["ACK", "INVITE", "UPDATE", "INFO"]) call.byCaller(method);
      call.byCallee("INVITE", 1);
      call.answered(call.byCallee("BYE", 2), 200);
      assert.equal(call.account.endedBy, "callee");
    });

    test("a call that rings: its answers, its retransmission, its next target", () => {
      const call = new ScriptedCall(new ProxyWorld(config));
      const { world } = call;
      world.proxy.shed(1, 5);
      const again = world.receive(request("INVITE", { via: viaOf("invite-call-1@192.0.2.1") }));
      assert.deepEqual(outline(again), ["100 caller"]);
      const second = only(call.answers(503), "INVITE");
      assert.deepEqual(outline(call.answers(180, {}, second)), ["180 caller"]);
      assert.deepEqual(outline(call.answers(200, {}, second)), ["200 caller"]);
    });

    test("CANCEL", () => {
      const call = new ScriptedCall(new ProxyWorld(config));
      const { world } = call;
      call.answers(180);
      world.proxy.shed(1, 5);
      const cancel = request("CANCEL", { via: viaOf("invite-call-1@192.0.2.1") });
      assert.deepEqual(outline(world.receive(cancel)), ["200 caller", "CANCEL pbx1"]);
      assert.deepEqual(outline(call.answers(487)), ["ACK pbx1", "487 caller"]);
    });

    test("requests that begin no call", () => {
      const world = overloaded(1, config);
      for (const method of ["OPTIONS", "MESSAGE", "SUBSCRIBE"]) {
        const { message } = only(world.receive(request(method, { via: viaOf(method) })), method);
        assert.equal(only(world.receive(answer(message, 200), pbx(1)), "200").flow.address, CALLER.address);
      }
    });

    test("a call that was refused is, when it comes again from the caller who had no answer yet: it would ring for nobody", () => {
      const world = overloaded(1, config);
      const { message } = only(invite(world, 1), "503");
      world.proxy.shed(0, 5);
      assert.deepEqual(
        invite(world, 1).map(({ text }) => text),
        [message.raw],
        "the same answer (§8.2.7)",
      );
      world.pass(31_999);
      assert.ok(isRefused(invite(world, 1)), "for 64*T1");
      only(invite(world, 1, "shed-anew"), "INVITE"); // another attempt of the caller
      world.pass(32_001);
      world.pass(32_001);
      only(invite(world, 1), "INVITE");
    });

    test("anybody, once it is over", () => {
      const world = overloaded(1, config);
      world.proxy.shed(0, 5);
      assert.equal(only(invite(world, 1), "INVITE").flow.address, pbx(1).address);
    });
  });
}

test("emergency calls are never refused, and the others beside them are", () => {
  const world = overloaded(1, WITH_EMERGENCY);
  for (let call = 0; call < 50; call++) {
    const parts = { callId: `sos-${call}`, via: viaOf(`sos-${call}`), uri: "sip:112@198.51.100.10" };
    only(world.receive(request("INVITE", parts)), "INVITE");
    assert.ok(isRefused(invite(world, call)));
  }
  assert.equal(world.calls.size, 50);
});

test("what a stranger sends is refused as such where that can be told as cheaply", () => {
  const world = overloaded(1, WITH_EMERGENCY);
  const sent = world.receive(request("INVITE"), { ...CALLER, address: "203.0.113.9" });
  assert.deepEqual(
    sent.map(({ message }) => message.status),
    [403],
  );
});
