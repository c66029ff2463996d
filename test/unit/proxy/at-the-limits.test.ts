// What is let in at its limits leaves a few lines longer: what is made of the copy later must not depend on those limits.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Core } from "../../../src/proxy/core.ts";
import { CONTEXTS_MAX } from "../../../src/proxy/receive-request.ts";
import { HEAD_BYTES_MAX, HEADERS_MAX, MESSAGE_BYTES_MAX } from "../../../src/sip/message/limits.ts";
import { parseMessage, parseOwn } from "../../../src/sip/message/sip-message.ts";
import type { Flow } from "../../../src/transport/flow.ts";
import { answer, linesOf, only, outline, ProxyWorld, pbx, request } from "../../support/proxy-world.ts";

/** A world whose wire takes what is longer than we would let in. */
class LooseWorld extends ProxyWorld {
  protected override record(flow: Flow, text: string): void {
    const to = `${flow.transport}:${flow.address}:${flow.port}`;
    this.sent.push({ at: this.now, to, flow, text, message: parseOwn(text) });
  }
}

const HEADERS_OF_A_REQUEST = 8;
const manyHeaders = Array.from({ length: HEADERS_MAX - 2 - HEADERS_OF_A_REQUEST }, (_, n) => `X-${n}: 1`);
const bareHead = parseMessage(request("INVITE", { more: ["X-Long: "] })).headersEnd;
const longHead = [`X-Long: ${"x".repeat(HEAD_BYTES_MAX - bareHead)}`];

describe("the largest requests that are let in", () => {
  for (const [name, more] of [
    [`${HEADERS_MAX - 2} headers`, manyHeaders],
    [`a head of ${HEAD_BYTES_MAX} bytes`, longHead],
  ] as const) {
    const invited = (): { world: LooseWorld; first: ReturnType<LooseWorld["invite"]> } => {
      const world = new LooseWorld();
      const first = world.invite({ more });
      assert.throws(() => parseMessage(first.text), "the copy is beyond the limits, or this tests nothing");
      return { world, first };
    };

    test(`§9.1: ${name}, a 100 and then nothing: CANCEL, the next target, and nothing is left in the end`, () => {
      const { world, first } = invited();
      world.receive(answer(first.message, 100), pbx(1));
      assert.deepEqual(outline(world.pass(20_000)), ["CANCEL pbx1", "INVITE pbx2"]);
      world.pass(300_000);
      assert.ok(world.idle);
    });

    test(`§9.2: ${name}, cancelled by the caller after a 180: CANCEL, ACK, 487`, () => {
      const { world, first } = invited();
      world.receive(answer(first.message, 180), pbx(1));
      assert.deepEqual(outline(world.receive(request("CANCEL"))), ["200 caller", "CANCEL pbx1"]);
      const last = world.receive(answer(first.message, 487), pbx(1));
      assert.deepEqual(outline(last), ["ACK pbx1", "487 caller"]);
      world.receive(request("ACK"));
      world.pass(40_000);
      assert.ok(world.idle);
    });

    test(`§17.1.1.3: ${name}, 180 and 486: ACK, 486 up, nothing is left in the end`, () => {
      const { world, first } = invited();
      world.receive(answer(first.message, 180), pbx(1));
      const last = world.receive(answer(first.message, 486), pbx(1));
      assert.deepEqual(outline(last), ["ACK pbx1", "486 caller"]);
      world.receive(request("ACK"));
      world.pass(40_000);
      assert.ok(world.idle);
    });
  }

  test("§16.9: a datagram too large concerns the branch that was, not the others at that target", () => {
    const world = new LooseWorld();
    world.invite();
    const bare = request("INVITE", { callId: "large", via: LARGE_VIA });
    const body = "x".repeat(MESSAGE_BYTES_MAX - bare.length - 10);
    const large = world.invite({ callId: "large", via: LARGE_VIA, body });
    assert.ok(large.text.length > 65_507);
    const next = only(world.fail(pbx(1), "too-large"), "INVITE");
    assert.deepEqual([next.to, next.message.callId], ["udp:10.1.0.12:5060", "large"]);
    world.fail(pbx(2), "too-large");
    const refused = only(world.fail(pbx(3), "too-large"), "503");
    assert.equal(refused.message.callId, "large");
    assert.equal(world.proxy.status().pending, 1, "the small one waits for its answer");
  });
});

test("transactions are bounded: the next request is refused 503 with Retry-After; those that run go on", () => {
  const world = new ProxyWorld();
  const { message } = world.invite();
  // Half a million contexts would be slow here; only their number is made up.
  const core: Core = Reflect.get(world.proxy, "core");
  Object.defineProperty(core.contexts, "size", { value: CONTEXTS_MAX });
  const refused = only(world.receive(request("INVITE", { callId: "one-more", via: LARGE_VIA })), "503");
  assert.deepEqual(linesOf(refused.message, "retry-after"), ["5"]);
  assert.equal(world.count("refused.503.transactions"), 1);
  assert.deepEqual(outline(world.receive(request("INVITE"))), ["100 caller"]);
  assert.deepEqual(outline(world.receive(answer(message, 200), pbx(1))), ["200 caller"]);
});

const LARGE_VIA = "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKlarge;rport";
