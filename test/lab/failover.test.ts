// The first target does not take the call: how soon the second one has it, and what becomes of the first.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { Capture } from "./capture.ts";
import { Edge } from "./edge.ts";
import { deafen, silenceIcmp, unplug } from "./faults.ts";
import { Lab } from "./lab.ts";
import { labObstacle } from "./requirements.ts";
import { CallBook, percentile, type TracedCall } from "./sip-trace.ts";
import { startCaller, startPbx } from "./sipp.ts";

const SHORT_NO_ANSWER_MS = 500;
const LATE_BY_MS = 1_000;
/** "Must show" of the issue: silence, with the default of 2 s for noAnswerAfter. */
const SILENT_LIMIT_MS = 2_100;
const REFUSED_LIMIT_MS = 50;

const skip = labObstacle(["sipp"]);

describe("failover to the next target", { skip }, () => {
  if (skip !== false) return;
  const lab = new Lab();
  const caller = lab.host("caller", { number: 10 });
  const edge = lab.host("edge-a", { number: 2 });
  const first = lab.host("pbx-1", { number: 11 });
  const walled = lab.host("pbx-walled", { number: 13 });
  const unplugged = lab.host("pbx-unplugged", { number: 14 });
  const second = lab.host("pbx-2", { number: 12 });
  let node: Edge;

  const rows = [
    {
      number: "1001",
      name: "silent (packets dropped)",
      uri: `sip:${first.ip4}:5071`,
      withinMs: SILENT_LIMIT_MS,
    },
    { number: "1002", name: "nobody there, no ICMP", uri: `sip:${walled.ip4}`, withinMs: SILENT_LIMIT_MS },
    { number: "1003", name: "cable pulled", uri: `sip:${unplugged.ip4}`, withinMs: SILENT_LIMIT_MS },
    {
      number: "1004",
      name: "port closed, ICMP says so",
      uri: `sip:${first.ip4}:5074`,
      withinMs: REFUSED_LIMIT_MS,
    },
    {
      number: "1005",
      name: "TCP connection refused",
      uri: `sip:${first.ip4}:5074;transport=tcp`,
      withinMs: REFUSED_LIMIT_MS,
    },
    { number: "1006", name: "answers 503", uri: `sip:${first.ip4}:5076`, withinMs: REFUSED_LIMIT_MS },
    {
      number: "1007",
      name: "IPv6, ICMP says so",
      uri: `sip:[${first.ip6}]:5074`,
      withinMs: REFUSED_LIMIT_MS,
    },
  ];
  const late = [
    { number: "1008", uri: `sip:${first.ip4}:5078` },
    { number: "1009", uri: `sip:${first.ip4}:5079` },
  ];
  const group = (number: string, uri: string, failover: string): string => `
  pbx-${number}:
    sources: []
    targets:
      - { uri: "${uri}", priority: 1 }
      - { uri: "sip:${second.ip4}", priority: 2 }${failover}`;
  const config = `
node: edge-a
listen: ["udp://${edge.ip4}:5060", "tcp://${edge.ip4}:5060", "udp://[${edge.ip6}]:5060"]
identity:
  secret: [a-secret-of-the-lab-only]
groups:
  carriers: { sources: [${caller.ip4}] }
${rows.map(({ number, uri }) => group(number, uri, "")).join("")}
${late.map(({ number, uri }) => group(number, uri, `\n    failover: { noAnswerAfter: ${SHORT_NO_ANSWER_MS}ms }`)).join("")}
routes:
${[...rows, ...late].map(({ number }) => `  - { from: carriers, number: "^${number}$", to: pbx-${number} }`).join("\n")}
log: { level: info }
`;

  before(async () => {
    deafen(first, "udp", 5071);
    silenceIcmp(walled);
    unplug(unplugged);
    await startPbx(second, { scenario: "uas-ring-answer" });
    await startPbx(first, { scenario: "uas-unavailable", port: 5076 });
    await startPbx(first, { scenario: "uas-late-answer", port: 5078, pauseMs: LATE_BY_MS });
    await startPbx(first, { scenario: "uas-late-ringing", port: 5079, pauseMs: LATE_BY_MS });
    node = await Edge.start(edge, config);
  });
  after(async () => {
    try {
      assert.deepEqual(node.complaints(), []);
      await node.stop();
    } finally {
      lab.close();
    }
  });

  /** Offers calls to this number and follows them on the switch. All of them must succeed. */
  async function offer(number: string, calls: number, talkMs = 0): Promise<TracedCall[]> {
    const capture = await Capture.start(lab.switchHost(), {
      interface: "br-front",
      filter: "portrange 5060-5079",
    });
    const options = {
      scenario: "uac-call",
      remote: { address: edge.ip4 },
      calls,
      rate: 10,
      talkMs,
      number,
    } as const;
    const { code, errors } = await startCaller(caller, options).finished();
    const pbxs = [first, walled, unplugged, second].map((host) => host.ip4);
    const book = new CallBook({ callers: [caller.ip4], pbxs }).addAll(await capture.stop());
    assert.equal(code, 0, errors);
    assert.equal(book.calls.size, calls);
    return book.list();
  }

  for (const { number, name, withinMs } of rows) {
    test(`${name}: the next one has the INVITE within ${withinMs} ms`, async (t) => {
      // Five: the kernel sends six ICMP errors in a row to one address, and then one a second.
      const calls = await offer(number, 5);
      const waits = calls.map(
        (call) => (call.legs.get(second.ip4)?.invitedAt ?? Number.NaN) - call.offeredAt,
      );
      t.diagnostic(`waited ms: ${waits.map((wait) => wait.toFixed(1)).join(", ")}`);
      assert.ok(percentile(waits, 100) <= withinMs, `waited ${waits.join(", ")} ms`);
    });
  }

  test("a late 200 of the abandoned target is ended by ACK and BYE, and nobody hears of it", async () => {
    const calls = await offer("1008", 5, 2 * LATE_BY_MS);
    for (const call of calls) {
      const abandoned = call.legs.get(first.ip4);
      assert.ok(abandoned?.answeredAt, "the first target answered late");
      assert.ok(abandoned.ackedAt, "and got an ACK");
      assert.ok(abandoned.byeAt, "and a BYE");
      assert.ok(abandoned.byeAt < (call.legs.get(second.ip4)?.byeAt ?? 0), "before the call itself ended");
      assert.equal(call.finalStatus, 200);
    }
  });

  test("a late 180 of the abandoned target is answered by CANCEL", async () => {
    const calls = await offer("1009", 5, 2 * LATE_BY_MS);
    for (const call of calls) {
      const abandoned = call.legs.get(first.ip4);
      assert.ok(abandoned?.rangAt, "the first target rang late");
      assert.ok(abandoned.cancelledAt, "and got a CANCEL");
      assert.ok(abandoned.ackedAt, "and an ACK for its 487");
      assert.equal(abandoned.answeredAt, null);
    }
  });
});
