// A real phone: baresip is called by SIPp, and calls another baresip, through the node. Media goes past it.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { startPhone } from "./baresip.ts";
import { Capture } from "./capture.ts";
import { Edge } from "./edge.ts";
import { Lab } from "./lab.ts";
import { labObstacle } from "./requirements.ts";
import { startCaller } from "./sipp.ts";

/** A second of G.711 is 50 packets each way; half of it shows that they hear each other. */
const RTP_PACKETS_MIN = 25;

describe("baresip as a phone", { skip: labObstacle(["sipp", "baresip"]) }, () => {
  test("it is called, calls, talks and hangs up through the node", async () => {
    using lab = new Lab();
    const caller = lab.host("caller", { number: 10 });
    const edge = lab.host("edge-a", { number: 2 });
    const alice = lab.host("alice", { number: 41 });
    const bob = lab.host("bob", { number: 42 });
    const node = await Edge.start(
      edge,
      `
node: edge-a
listen: ["udp://${edge.ip4}:5060"]
identity:
  secret: [a-secret-of-the-lab-only]
groups:
  carriers: { sources: [${caller.ip4}] }
  phones: { sources: [${alice.ip4}] }
  bob: { targets: ["sip:${bob.ip4}"] }
routes:
  - { from: [carriers, phones], number: ^bob$, to: bob }
log: { level: info }
`,
    );
    const callee = await startPhone(bob, { user: "bob" });

    const options = { scenario: "uac-call", number: "bob", calls: 3, rate: 2, talkMs: 500 } as const;
    const { code, errors } = await startCaller(caller, {
      ...options,
      remote: { address: edge.ip4 },
    }).finished();
    assert.equal(code, 0, errors);

    const capture = await Capture.start(lab.switchHost(), {
      interface: "br-front",
      filter: "udp and not port 5060",
    });
    const dialled = await startPhone(alice, {
      user: "alice",
      outboundProxy: `sip:${edge.ip4}`,
      dial: `sip:bob@${edge.ip4}`,
      quitAfterS: 2,
    });
    await dialled.untilOutput(/Call established/, 5_000);
    assert.equal((await dialled.exited).code, 0);
    await callee.untilOutput(/alice@.*(?:terminated|session closed)/s, 5_000);
    const rtp = (await capture.stop()).filter((packet) => packet.payload.length === 172); // 12 + 160: 20 ms of G.711
    for (const [from, to] of [
      [alice.ip4, bob.ip4],
      [bob.ip4, alice.ip4],
    ]) {
      const heard = rtp.filter((packet) => packet.from === from && packet.to === to).length;
      assert.ok(heard >= RTP_PACKETS_MIN, `${heard} RTP packets from ${from} to ${to}`);
    }
    assert.deepEqual(node.complaints(), []);
  });
});
