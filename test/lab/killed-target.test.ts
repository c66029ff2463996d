// One of two targets is killed under 200 calls a second and comes back. What each caller and each PBX saw is read from a
// capture on the switch.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { Capture } from "./capture.ts";
import { Edge } from "./edge.ts";
import { silenceIcmp } from "./faults.ts";
import { Lab } from "./lab.ts";
import { labObstacle } from "./requirements.ts";
import { CallBook, percentile, ringingPbxs, wasMoved } from "./sip-trace.ts";
import { startCaller, startPbx } from "./sipp.ts";

const RATE = 200;
const OFFER_S = 10;
const KILL_AT_MS = 4_000;
const DEAD_FOR_MS = 3_000;
/** For so long its host does not say so: else a BYE or an ACK may tell of it before any call is tried there. */
const SILENT_MS = 300;
const RING_MS = 100;
const TRYING_P99_MS = 20;

describe("a target killed under load", { skip: labObstacle(["sipp"]) }, () => {
  test("no call that did not ring yet fails, none rings twice, 100 Trying comes at once", async (t) => {
    using lab = new Lab();
    const caller = lab.host("caller", { number: 10 });
    const edge = lab.host("edge-a", { number: 2 });
    const pbxs = [lab.host("pbx-1", { number: 11 }), lab.host("pbx-2", { number: 12 })] as const;
    const pbx = { scenario: "uas-ring-answer", pauseMs: RING_MS } as const;
    const victim = await startPbx(pbxs[0], pbx);
    await startPbx(pbxs[1], pbx);
    const node = await Edge.start(
      edge,
      `
node: edge-a
listen: ["udp://${edge.ip4}:5060"]
identity:
  secret: [a-secret-of-the-lab-only]
groups:
  carriers: { sources: [${caller.ip4}] }
  pbx: { targets: ["sip:${pbxs[0].ip4}", "sip:${pbxs[1].ip4}"] }
routes:
  - { from: carriers, to: pbx }
log: { level: info }
`,
      { ownMachine: true },
    );
    // A process that has just started runs code that is not compiled yet: a second of calls is its warm-up.
    const remote = { address: edge.ip4 };
    await startCaller(caller, { scenario: "uac-call", remote, calls: RATE, rate: RATE }).finished();
    const capture = await Capture.start(lab.switchHost(), { interface: "br-front", filter: "udp port 5060" });
    const sipp = startCaller(caller, {
      scenario: "uac-patient",
      remote,
      calls: RATE * OFFER_S,
      rate: RATE,
      talkMs: 200,
    });
    await delay(KILL_AT_MS);
    const speakAgain = silenceIcmp(pbxs[0]);
    victim.program.kill("SIGKILL");
    const killedAt = Date.now();
    await delay(SILENT_MS);
    speakAgain();
    await delay(DEAD_FOR_MS - SILENT_MS);
    await startPbx(pbxs[0], pbx);
    const { code, signal, statistics, errors } = await sipp.finished();
    assert.equal(statistics?.offered, RATE * OFFER_S, `SIPp ended by ${signal ?? `code ${code}`}: ${errors}`);
    const book = new CallBook({ callers: [caller.ip4], pbxs: pbxs.map((host) => host.ip4) });
    book.addAll(await capture.stop());

    const calls = book.list();
    const failed = calls.filter((call) => call.finalStatus !== 200);
    const rangBefore = failed.filter((call) => call.legs.get(pbxs[0].ip4)?.rangAt != null);
    const trying = calls.map((call) => (call.tryingAt ?? Number.NaN) - call.offeredAt);
    const moved = calls.filter(wasMoved);
    t.diagnostic(
      `${calls.length} calls, ${moved.length} moved, ${failed.length} failed (rang on the killed target)`,
    );
    t.diagnostic(
      `100 Trying: median ${percentile(trying, 50).toFixed(2)} ms, p99 ${percentile(trying, 99).toFixed(2)} ms, ` +
        `worst ${percentile(trying, 100).toFixed(2)} ms`,
    );
    assert.equal(calls.length, RATE * OFFER_S);
    assert.deepEqual(
      failed.filter((call) => !rangBefore.includes(call)).map((call) => [call.callId, call.finalStatus]),
      [],
    );
    for (const call of rangBefore)
      assert.ok(call.offeredAt < killedAt, "only calls from before the kill fail");
    assert.deepEqual(
      calls.filter((call) => ringingPbxs(call).length > 1).map((call) => call.callId),
      [],
    );
    const legs = calls.flatMap((call) => [...call.legs].map(([address, leg]) => ({ call, address, leg })));
    const unacknowledged = legs.filter(({ leg }) => leg.answeredAt !== null && leg.ackedAt === null);
    assert.deepEqual(
      unacknowledged.map(({ call, address }) => `${call.callId} at ${address}`),
      [],
      "each 200 of a PBX gets its ACK",
    );
    assert.ok(moved.length > 0, "the dead target was tried and left");
    assert.ok(percentile(trying, 99) < TRYING_P99_MS);
    assert.deepEqual(node.complaints(), []);
  });
});
