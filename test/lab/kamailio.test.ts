// A PBX behind the node that stays in the path: in-dialog requests must pass both, in both directions.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Capture } from "./capture.ts";
import { Edge } from "./edge.ts";
import { startKamailio } from "./kamailio.ts";
import { Lab } from "./lab.ts";
import { labObstacle } from "./requirements.ts";
import { headerOf, messagesIn } from "./sip-trace.ts";
import { startCaller, startPbx } from "./sipp.ts";

const CALLS = 20;

describe("Kamailio as a record-routing PBX", { skip: labObstacle(["sipp", "kamailio"]) }, () => {
  test("re-INVITE, BYE from either side and CANCEL go through both proxies", async () => {
    using lab = new Lab();
    const caller = lab.host("caller", { number: 10 });
    const edge = lab.host("edge-a", { number: 2 });
    const pbx = lab.host("kamailio", { number: 31 });
    const phone = lab.host("phone", { number: 32 });
    await startKamailio(pbx, phone.ip4);
    await startPbx(phone, { scenario: "uas-ring-answer", pauseMs: 100 });
    await startPbx(phone, { scenario: "uas-hangs-up", port: 5061, pauseMs: 200 });
    await startPbx(phone, { scenario: "uas-ring-only", port: 5062 });
    const node = await Edge.start(
      edge,
      `
node: edge-a
listen: ["udp://${edge.ip4}:5060"]
identity:
  secret: [a-secret-of-the-lab-only]
groups:
  carriers: { sources: [${caller.ip4}] }
  pbx: { targets: ["sip:${pbx.ip4}"] }
routes:
  - { from: carriers, to: pbx }
log: { level: info }
`,
    );
    const capture = await Capture.start(lab.switchHost(), {
      interface: "br-front",
      filter: "udp portrange 5060-5062",
    });
    for (const [scenario, number] of [
      ["uac-reinvite", "1000"],
      ["uac-callee-hangs-up", "1001"],
      ["uac-cancel", "1002"],
    ] as const) {
      const options = {
        scenario,
        number,
        remote: { address: edge.ip4 },
        calls: CALLS,
        rate: 40,
        talkMs: 200,
      };
      const { code, errors } = await startCaller(caller, options).finished();
      assert.equal(code, 0, `${scenario}: ${errors}`);
    }
    const messages = (await capture.stop()).flatMap(messagesIn);
    const seen = (method: string, from: string, to: string): number => {
      const some = messages.filter((each) => each.status === 0 && each.method === method);
      const branches = some
        .filter((each) => each.from === from && each.to === to)
        .map((each) => headerOf(each, "Via", "v"));
      return new Set(branches).size; // a retransmission has the branch of its original
    };
    // Two INVITEs and ACKs for a call with a re-INVITE, one for the other kinds; the ACK of a 487 goes from hop to hop.
    for (const [from, to] of [
      [caller.ip4, edge.ip4],
      [edge.ip4, pbx.ip4],
      [pbx.ip4, phone.ip4],
    ] as const) {
      assert.equal(seen("INVITE", from, to), 4 * CALLS, `INVITE ${from} to ${to}`);
      assert.equal(seen("ACK", from, to), 4 * CALLS, `ACK ${from} to ${to}`);
      assert.equal(seen("CANCEL", from, to), CALLS, `CANCEL ${from} to ${to}`);
      assert.equal(seen("BYE", from, to), CALLS, `BYE ${from} to ${to}`);
      assert.equal(seen("BYE", to, from), CALLS, `BYE ${to} to ${from}`);
    }
    assert.deepEqual(node.complaints(), []);
  });
});
