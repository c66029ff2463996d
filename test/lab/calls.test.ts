// Calls of every kind through one node with nothing broken: UDP, TCP, IPv6, CANCEL, decline, re-INVITE, either side hanging up.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { Capture } from "./capture.ts";
import { Edge } from "./edge.ts";
import { Lab } from "./lab.ts";
import { labObstacle } from "./requirements.ts";
import { CallBook, ringingPbxs } from "./sip-trace.ts";
import { type CallerOptions, type ScenarioName, startCaller, startPbx } from "./sipp.ts";

const CALLS = 20;
const RATE = 40;
const TALK_MS = 200;

/** Each kind of PBX has a port of its own, and a number that leads there. */
const PBX_KINDS = [
  { number: "1000", scenario: "uas-ring-answer", port: 5060, pauseMs: 100 },
  { number: "1001", scenario: "uas-ring-only", port: 5061, pauseMs: 0 },
  { number: "1002", scenario: "uas-busy", port: 5062, pauseMs: 0 },
  { number: "1003", scenario: "uas-hangs-up", port: 5063, pauseMs: TALK_MS },
] as const;

/** Number, target's transport and address family. */
const OTHER_TARGETS = [
  { number: "2000", transport: "tcp", family: 4 },
  { number: "6000", transport: "udp", family: 6 },
  { number: "6001", transport: "tcp", family: 6 },
] as const;

const skip = labObstacle(["sipp"]);

describe("calls through a node", { skip }, () => {
  if (skip !== false) return;
  const lab = new Lab();
  const caller = lab.host("caller", { number: 10 });
  const stranger = lab.host("stranger", { number: 66 });
  const edge = lab.host("edge-a", { number: 2 });
  const pbx = lab.host("pbx", { number: 11 });
  let node: Edge;

  const groups = [
    ...PBX_KINDS.map(({ number, port }) => ({ number, uri: `sip:${pbx.ip4}:${port}` })),
    ...OTHER_TARGETS.map(({ number, transport, family }) => {
      const address = family === 4 ? pbx.ip4 : `[${pbx.ip6}]`;
      return { number, uri: `sip:${address}:5060;transport=${transport}` };
    }),
  ];
  const config = `
node: edge-a
listen:
  - udp://${edge.ip4}:5060
  - tcp://${edge.ip4}:5060
  - udp://[${edge.ip6}]:5060
  - tcp://[${edge.ip6}]:5060
identity:
  secret: [a-secret-of-the-lab-only]
groups:
  carriers: { sources: [${caller.ip4}, "${caller.ip6}"] }
${groups.map(({ number, uri }) => `  pbx-${number}: { sources: [], targets: ["${uri}"] }`).join("\n")}
routes:
${groups.map(({ number }) => `  - { from: carriers, number: "^${number}$", to: pbx-${number} }`).join("\n")}
log: { level: info }
`;

  before(async () => {
    for (const { scenario, port, pauseMs } of PBX_KINDS) await startPbx(pbx, { scenario, port, pauseMs });
    for (const { transport, family } of OTHER_TARGETS) {
      const address = family === 4 ? pbx.ip4 : pbx.ip6;
      await startPbx(pbx, { scenario: "uas-ring-answer", transport, address, pauseMs: 100 });
    }
    node = await Edge.start(edge, config);
  });

  after(async () => {
    try {
      assert.deepEqual(node.complaints(), []);
      assert.deepEqual(await node.stop(), { code: 0, signal: null });
    } finally {
      lab.close();
    }
  });

  const at4 = { address: edge.ip4 };
  const at6 = { address: edge.ip6 };
  const from6 = { address: caller.ip6 };
  const rows: {
    name: string;
    caller: Partial<CallerOptions> & { scenario: ScenarioName; number: string };
  }[] = [
    { name: "UDP to UDP", caller: { scenario: "uac-call", number: "1000" } },
    { name: "TCP to TCP", caller: { scenario: "uac-call", number: "2000", transport: "tcp" } },
    { name: "UDP to TCP", caller: { scenario: "uac-call", number: "2000" } },
    { name: "TCP to UDP", caller: { scenario: "uac-call", number: "1000", transport: "tcp" } },
    { name: "IPv6, UDP", caller: { scenario: "uac-call", number: "6000", remote: at6, ...from6 } },
    {
      name: "IPv6, TCP",
      caller: { scenario: "uac-call", number: "6001", remote: at6, ...from6, transport: "tcp" },
    },
    { name: "IPv6 to IPv4", caller: { scenario: "uac-call", number: "1000", remote: at6, ...from6 } },
    { name: "IPv4 to IPv6", caller: { scenario: "uac-call", number: "6000" } },
    { name: "re-INVITE", caller: { scenario: "uac-reinvite", number: "1000" } },
    { name: "re-INVITE, TCP to UDP", caller: { scenario: "uac-reinvite", number: "1000", transport: "tcp" } },
    { name: "CANCEL while it rings", caller: { scenario: "uac-cancel", number: "1001" } },
    {
      name: "CANCEL while it rings, TCP",
      caller: { scenario: "uac-cancel", number: "1001", transport: "tcp" },
    },
    { name: "declined by 486, its ACK arrives", caller: { scenario: "uac-declined", number: "1002" } },
    { name: "the callee hangs up", caller: { scenario: "uac-callee-hangs-up", number: "1003" } },
  ];
  for (const row of rows) {
    test(row.name, async () => {
      const capture = await Capture.start(pbx, { filter: "portrange 5060-5063" });
      const options = { remote: at4, calls: CALLS, rate: RATE, talkMs: TALK_MS, ...row.caller };
      const { code, errors, statistics } = await startCaller(caller, options).finished();
      const book = new CallBook({ callers: [edge.ip4, edge.ip6], pbxs: [pbx.ip4, pbx.ip6] });
      book.addAll(await capture.stop());
      assert.equal(code, 0, errors);
      assert.equal(statistics?.successful, CALLS);
      assert.equal(book.calls.size, CALLS);
      for (const call of book.list()) {
        assert.equal(ringingPbxs(call).length, 1, call.callId);
        const [leg] = call.legs.values();
        assert.notEqual(leg?.ackedAt ?? null, null, `${call.callId}: the PBX got an ACK`);
      }
    });
  }

  test("an unknown source gets 403 and nothing reaches a PBX", async () => {
    const capture = await Capture.start(pbx);
    const options = { scenario: "uac-refused", remote: at4, calls: 5, rate: 20 } as const;
    const { code, errors } = await startCaller(stranger, options).finished();
    const packets = await capture.stop();
    assert.equal(code, 0, errors);
    assert.deepEqual(
      packets.filter(
        ({ to, payload }) => to === pbx.ip4 && !payload.toString("latin1").startsWith("OPTIONS "),
      ),
      [],
    );
  });
});
