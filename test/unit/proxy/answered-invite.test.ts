import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { contextRecord } from "../../../src/node/context-record.ts";
import { AnsweredInvite } from "../../../src/proxy/answered-invite.ts";
import {
  type Branch,
  NO_CHALLENGES,
  NO_HOPS,
  NO_SCOPE,
  type ResponseContext,
} from "../../../src/proxy/response-context.ts";
import { TimerEntry } from "../../../src/sip/timer/timer-wheel.ts";
import type { Flow } from "../../../src/transport/flow.ts";
import { answer, outline, ProxyWorld, pbx, request } from "../../support/proxy-world.ts";

const NEVER = Number.POSITIVE_INFINITY;
const T1_64 = 32_000;
const UP: Flow = { transport: "udp", listener: 0, address: "192.0.2.1", port: 5060, connection: 0 };
const DOWN: Flow = { transport: "udp", listener: 1, address: "10.1.0.11", port: 5070, connection: 0 };
const policy = {
  noAnswerAfterMs: 2_000,
  noProgressAfterMs: 5_000,
  on: new Set([503]),
  afterProgress: true,
  maxAttempts: 3,
};

function branch(other: Partial<Branch> = {}): Branch {
  return {
    id: "z9hG4bKbranch",
    hop: { flow: DOWN, place: "udp:10.1.0.11:5070", target: null, policy, uriText: "", mayUseTcp: true },
    reliable: false,
    request: "",
    invite: { kind: "accepted", timerM: 40_000.25 },
    other: null,
    wanted: true,
    provisional: 180,
    final: 202,
    noAnswerAt: NEVER,
    noProgressAt: NEVER,
    timerC: NEVER,
    cancelWanted: false,
    cancel: null,
    cancelledBy: NEVER,
    ack: "",
    breadth: 30,
    isUnanswered: false,
    ...other,
  };
}

function context(other: Partial<ResponseContext> = {}): ResponseContext {
  return {
    key: "INVITE key",
    method: "INVITE",
    callId: "",
    request: "",
    callKey: "call tag",
    emergency: true,
    topVia: "",
    scope: NO_SCOPE,
    loop: "",
    reply: UP,
    replyReliable: false,
    ingress: { ...UP, port: 5062 },
    inDialog: true,
    group: "carriers",
    invite: { kind: "accepted", timerL: 40_000.25 },
    other: null,
    lastResponse: "",
    hops: NO_HOPS,
    nextHop: 0,
    attempts: 2,
    routes: "Route: <sip:next;lr>\r\n",
    breadthLeft: 60,
    branches: [branch()],
    best: null,
    challenges: NO_CHALLENGES,
    cancelled: false,
    cancelReason: "",
    strayAnswer: "",
    setupEndsAt: NEVER,
    tryingAt: NEVER,
    finalSent: 200,
    record: null,
    timer: new TimerEntry(() => {}),
    ...other,
  };
}

describe("an answered INVITE as one small object", () => {
  test("is its context again, and has the same record", () => {
    const { timer: _, ...whole } = context();
    const again = AnsweredInvite.of(context())?.context();
    assert.deepEqual(again, whole);
    assert.ok(again);
    assert.equal(contextRecord(again, 12_345), contextRecord(whole, 12_345));
  });
  for (const [what, other] of Object.entries({
    "another branch": { branches: [branch({ id: "lost" }), branch()] },
    "no branch": { branches: [] },
    "a branch that was cancelled": { branches: [branch({ cancelWanted: true })] },
    "a branch that is not wanted": { branches: [branch({ wanted: false })] },
    "a branch over TCP": { branches: [branch({ reliable: true })] },
    "a branch that was refused": { branches: [branch({ invite: { kind: "completed", timerD: 40_000 } })] },
    "a branch that was answered later": {
      branches: [branch({ invite: { kind: "accepted", timerM: 41_000 } })],
    },
    "a caller over TCP": { replyReliable: true },
    "a caller that has cancelled": { cancelled: true },
    "a second 2xx of another node's branch": { strayAnswer: "z9hG4bKother" },
    challenges: { challenges: ["WWW-Authenticate: Digest\r\n"] },
    "a request that is not forgotten": { request: "INVITE" },
    "no final yet": { invite: { kind: "proceeding" }, finalSent: 0 },
  } satisfies Record<string, Partial<ResponseContext>>))
    test(`${what}: its context stays`, () => {
      assert.equal(AnsweredInvite.of(context(other)), null);
    });
});

describe("an answered INVITE of a running proxy", () => {
  const answered = (): { world: ProxyWorld; ok: string } => {
    const world = new ProxyWorld();
    const ok = answer(world.invite().message, 200);
    world.receive(ok, pbx(1));
    return { world, ok };
  };
  const transactions = ({ proxy }: ProxyWorld): number[] => [
    proxy.status().contexts,
    proxy.status().branches,
  ];

  test("counts as a transaction until Timers L and M, and leaves nothing", () => {
    const { world } = answered();
    world.pass(T1_64 - 10);
    assert.deepEqual(transactions(world), [1, 1]);
    world.pass(20);
    assert.deepEqual(transactions(world), [0, 0]);
    assert.ok(world.idle);
  });
  test("what comes again and again fills nothing", () => {
    const { world, ok } = answered();
    for (let times = 0; times < 100; times++) {
      world.pass(1);
      world.receive(ok, pbx(1));
      world.receive(request("INVITE"));
    }
    assert.deepEqual(transactions(world), [1, 1]);
    assert.equal(world.wheel.size, 3, "its own, the one for what is kept, and the call's");
    world.pass(T1_64);
    assert.ok(world.idle);
  });
  test("what comes again finds it as often as it comes, among other calls", () => {
    const { world, ok } = answered();
    for (let times = 1; times <= 3; times++) {
      world.pass(1_000);
      assert.deepEqual(outline(world.receive(request("INVITE"))), []);
      assert.deepEqual(outline(world.receive(ok, pbx(1))), ["200 caller"]);
      assert.deepEqual(outline(world.receive(request("CANCEL"))), ["200 caller"]);
      const via = `SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKother${times};rport`;
      const other = world.invite({ callId: `other-${times}`, via });
      world.receive(answer(other.message, 200), pbx(1));
      assert.deepEqual(transactions(world), [times + 1, times + 1]);
    }
    assert.equal(world.count("retransmission.absorbed"), 3);
    world.pass(T1_64 - 2_900);
    assert.deepEqual(transactions(world), [3, 3]);
    world.pass(3_000);
    assert.ok(world.idle);
  });
});
