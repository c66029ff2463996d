// A call at its longest duration: BYE to both sides, each as if the other had sent it (RFC 3261 §12.2.1.1, §15.1.1).
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  linesOf,
  ProxyWorld,
  type RequestParts,
  type Sent,
  WORLD_CONFIG,
} from "../../support/proxy-world.ts";
import { ScriptedCall } from "../../support/scripted-call.ts";

const CONFIG = WORLD_CONFIG.replace("setupTimeout: 10m", "maxDuration: 60s");
const MINUTE = 60_000;

/** A call that reaches its longest duration. */
function overdue(
  parts: {
    invite?: Partial<RequestParts>;
    answer?: { headers?: string; contact?: string };
    meanwhile?: (call: ScriptedCall) => void;
  } = {},
) {
  const call = new ScriptedCall(new ProxyWorld(CONFIG), parts.invite);
  call.answers(200, parts.answer);
  parts.meanwhile?.(call);
  const since = call.world.now - 1_000;
  call.world.pass(MINUTE - since - 1);
  assert.equal(call.world.calls.size, 1);
  const sent = call.world.pass(1);
  const [toCallee, toCaller] = sent;
  assert.ok(toCallee && toCaller && sent.length === 2, `${sent.length} messages`);
  return { call, toCallee, toCaller };
}

/** What of a BYE its receiver looks at. */
function essence({ to, message }: Sent) {
  const [from] = linesOf(message, "from");
  const [toLine] = linesOf(message, "to");
  const [callId] = linesOf(message, "call-id");
  const [cseq] = linesOf(message, "cseq");
  return { to, uri: message.uri, from, toLine, callId, cseq, routes: linesOf(message, "route") };
}

const CALLER_SIDE = "<sip:alice@192.0.2.1>;tag=a1";
const CALLEE_SIDE = "<sip:bob@edge.example>;tag=b1";

describe("longest duration", () => {
  test("BYE to both: Request-URI, From, To, tags, Call-ID, CSeq, Reason", () => {
    const { call, toCallee, toCaller } = overdue();
    const callId = "call-1@192.0.2.1";
    assert.deepEqual(essence(toCallee), {
      ...{ to: "udp:10.1.0.11:5060", uri: "sip:bob@10.1.0.11:5060", routes: [] },
      ...{ from: CALLER_SIDE, toLine: CALLEE_SIDE, callId, cseq: "2 BYE" },
    });
    assert.deepEqual(essence(toCaller), {
      ...{ to: "udp:192.0.2.1:5060", uri: "sip:alice@192.0.2.1:5060", routes: [] },
      ...{ from: CALLEE_SIDE, toLine: CALLER_SIDE, callId, cseq: "1 BYE" },
    });
    for (const { message } of [toCallee, toCaller]) {
      assert.deepEqual(linesOf(message, "reason"), ['SIP;cause=408;text="Maximum duration reached"']);
      assert.equal(linesOf(message, "via").length, 1);
      assert.deepEqual(linesOf(message, "max-forwards"), ["70"]);
    }
    assert.notEqual(toCallee.message.topVia.branch, toCaller.message.topVia.branch);
    assert.deepEqual([call.account.endedBy, call.account.durationMs], ["max-duration", MINUTE]);
  });

  test("CSeq goes on from the last that each side used", () => {
    const { toCallee, toCaller } = overdue({
      invite: { cseq: 100 },
      meanwhile: (call) => {
        call.answered(call.byCaller("INFO", { cseq: 101 }), 200);
        call.answered(call.byCaller("INVITE", { cseq: 108 }), 488);
        call.answered(call.byCallee("INFO", 7_000), 200);
      },
    });
    assert.deepEqual([toCallee.message.cseqNumber, toCaller.message.cseqNumber], [109, 7_001]);
  });

  test("route sets: of proxies before and behind us, from us on", () => {
    const before = ["<sip:192.0.2.8;lr>", '"edge, inner" <sip:192.0.2.9:5070;lr;x=1>'];
    const { call, toCallee, toCaller } = overdue({
      invite: { more: before.map((value) => `Record-Route: ${value}`) },
    });
    assert.deepEqual(essence(toCallee).routes, []);
    assert.deepEqual(essence(toCaller).routes, before);
    assert.equal(toCaller.to, "udp:192.0.2.8:5060");
    assert.equal(toCaller.message.uri, "sip:alice@192.0.2.1:5060");
    call.answered(toCallee, 200);
    call.answered(toCaller, 200);
    call.assertGone();
  });

  test("route set behind us, as the 2xx shows it", () => {
    const world = new ProxyWorld(CONFIG);
    const call = new ScriptedCall(world);
    const ours = linesOf(call.invite.message, "record-route");
    const behind = ["<sip:10.1.0.2;lr>", "<sip:10.1.0.3:5066;lr>"];
    const text = [
      "SIP/2.0 200 OK",
      ...linesOf(call.invite.message, "via").map((value) => `Via: ${value}`),
      // Nearest to the callee first (§12.1.1): both behind us, then ours, then nobody.
      ...[behind[1], behind[0], ...ours].map((value) => `Record-Route: ${value}`),
      `From: ${CALLER_SIDE}`,
      `To: ${CALLEE_SIDE}`,
      "Call-ID: call-1@192.0.2.1",
      "CSeq: 1 INVITE",
      "Contact: <sip:bob@10.1.0.77:5080;x=y>;expires=60",
      "Content-Length: 0",
    ];
    world.receive(`${text.join("\r\n")}\r\n\r\n`, call.invite.flow);
    const [toCallee] = world.pass(MINUTE);
    assert.ok(toCallee);
    assert.deepEqual(
      [toCallee.to, toCallee.message.uri, linesOf(toCallee.message, "route")],
      ["udp:10.1.0.2:5060", "sip:bob@10.1.0.77:5080;x=y", behind],
    );
  });

  test("a strict router before us gets its own URI, and the caller's Contact goes last (§16.6 item 6)", () => {
    const { toCaller } = overdue({ invite: { more: ["Record-Route: <sip:192.0.2.8>"] } });
    assert.deepEqual(
      [toCaller.to, toCaller.message.uri, essence(toCaller).routes],
      ["udp:192.0.2.8:5060", "sip:192.0.2.8", ["<sip:alice@192.0.2.1:5060>"]],
    );
  });

  for (const method of ["INVITE", "UPDATE"]) {
    test(`${method} has moved both ends since: the new Contacts (§12.2)`, () => {
      const { toCallee, toCaller } = overdue({
        meanwhile: (call) => {
          call.answered(call.byCaller(method), 200, "", "<sip:bob@10.1.0.78:5090>");
          const moved = call.byCallee(method, 1, ["Contact: sip:bob@10.1.0.79;expires=5"]);
          call.answered(moved, 200, "", "<sip:alice@192.0.2.78>");
        },
      });
      assert.deepEqual(
        [toCallee.to, toCallee.message.uri, toCaller.to, toCaller.message.uri],
        ["udp:10.1.0.79:5060", "sip:bob@10.1.0.79", "udp:192.0.2.78:5060", "sip:alice@192.0.2.78"],
      );
    });
  }

  test("a re-INVITE that was refused has moved nobody", () => {
    const { toCallee } = overdue({
      meanwhile: (call) => call.answered(call.byCaller("INVITE"), 488, "", "<sip:bob@10.1.0.78:5090>"),
    });
    assert.equal(toCallee.message.uri, "sip:bob@10.1.0.11:5060");
  });

  test("each is repeated until it is answered, whatever the answer (§17.1.2)", () => {
    const { call, toCallee, toCaller } = overdue();
    const { world } = call;
    const again = world.pass(500);
    assert.deepEqual(
      again.map(({ text }) => text),
      [toCallee.text, toCaller.text],
    );
    call.answered(toCallee, 200);
    assert.deepEqual(
      world.pass(1_000).map(({ text }) => text),
      [toCaller.text],
    );
    call.answered(toCaller, 481);
    assert.deepEqual(world.pass(40_000), []);
    call.assertGone();
  });

  test("nobody answers: given up after 64*T1, and nothing is left", () => {
    const { call, toCallee } = overdue();
    const sent = call.world.pass(32_000);
    assert.equal(sent.filter(({ to }) => to === toCallee.to).length, 10);
    call.assertGone();
  });

  test("a BYE of the ends that crosses ours is forwarded, and makes no second account", () => {
    const { call } = overdue();
    assert.equal(call.answered(call.byCaller("BYE"), 481).length, 1);
    assert.equal(call.account.endedBy, "max-duration");
    call.assertGone();
  });

  test("an end whose Contact is a name gets it where its INVITE went, as its in-dialog requests do", () => {
    const { toCallee } = overdue({ answer: { contact: "<sip:bob@pbx.invalid>" } });
    assert.deepEqual([toCallee.to, toCallee.message.uri], ["udp:10.1.0.11:5060", "sip:bob@pbx.invalid"]);
  });

  test("a caller on TCP gets it by the connection that it opened, wherever its Contact is (RFC 5626 §5.3)", () => {
    const flow = {
      transport: "tcp",
      listener: 1,
      address: "192.0.2.1",
      port: 40_077,
      connection: 7,
    } as const;
    const world = new ProxyWorld(CONFIG);
    world.open.add("192.0.2.1:40077");
    const call = new ScriptedCall(world, { via: "SIP/2.0/TCP 192.0.2.1:5060;branch=z9hG4bKtcp;rport" }, flow);
    call.answers(200);
    const [, toCaller] = world.pass(MINUTE);
    assert.ok(toCaller);
    assert.deepEqual([toCaller.to, toCaller.message.topVia.transport], ["tcp:192.0.2.1:40077", "TCP"]);
  });

  const unreachable = ["Contact: <nonsense>", "X-None: 1"];
  for (const header of unreachable) {
    test(`an end that can't be reached (${header}) is counted, and the other hung up`, () => {
      const world = new ProxyWorld(CONFIG);
      const call = new ScriptedCall(world);
      const [, contact] = /^Contact: (.*)$/.exec(header) ?? [];
      call.answers(200, { contact: contact ?? "" });
      const sent = world.pass(MINUTE);
      assert.ok(sent.some(({ to }) => to === "udp:192.0.2.1:5060"));
      assert.equal(call.account.endedBy, "max-duration");
      call.assertGone();
    });
  }
});
