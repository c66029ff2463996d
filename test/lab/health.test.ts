// Health in the lab: real targets that stop answering, refuse, flap and come back, and what new calls do. Which target had which
// call is read from a capture on the switch.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { askNode } from "../../src/admin/control-client.ts";
import type { TargetRow } from "../../src/admin/target-commands.ts";
import { Capture } from "./capture.ts";
import { Edge } from "./edge.ts";
import { deafen, silenceIcmp } from "./faults.ts";
import type { Host } from "./host.ts";
import { Lab } from "./lab.ts";
import { labObstacle } from "./requirements.ts";
import { CallBook } from "./sip-trace.ts";
import { type Sipp, startCaller, startPbx } from "./sipp.ts";

const RATE = 200;
const PBX = { scenario: "uas-ring-answer", pauseMs: 50 } as const;
const ROOT = join(import.meta.dirname, "../..");

/** Rows of the node's `targets` command, by address. */
async function rowsOf(socket: string): Promise<Map<string, TargetRow>> {
  const answer = await askNode(socket, { command: "targets" });
  const rows = answer["targets"] as TargetRow[];
  return new Map(rows.map((row) => [row.id, row]));
}

describe("health of targets", { skip: labObstacle(["sipp", "tcpdump", "nft"]) }, () => {
  const lab = new Lab();
  const caller = lab.host("caller", { number: 10 });
  const edge = lab.host("edge-a", { number: 2 });
  const pbxs = [lab.host("pbx-1", { number: 11 }), lab.host("pbx-2", { number: 12 })] as const;
  const socket = join(edge.directory, "edge-a.sock");
  const id = (host: Host): string => `udp:${host.ip4}:5060`;
  const running = new Map<Host, Sipp>();
  let node: Edge;

  const config = (probe: string): string => `
node: edge-a
listen: ["udp://${edge.ip4}:5060"]
identity: { secret: [a-secret-of-the-lab-only] }
state: { directory: ${join(edge.directory, "state")} }
groups:
  carriers: { sources: [${caller.ip4}] }
  pbx:
    targets: ["sip:${pbxs[0].ip4}", "sip:${pbxs[1].ip4}"]
    probe: { ${probe} }
    health: { slowStart: 0s, holdDown: 0s }
routes: [{ from: carriers, to: pbx }]
log: { level: info }
`;
  const becomes = async (host: Host, state: string, withinMs: number): Promise<TargetRow> => {
    const tooLate = performance.now() + withinMs;
    for (;;) {
      const row = (await rowsOf(socket)).get(id(host));
      if (row?.state === state) return row;
      assert.ok(
        performance.now() < tooLate,
        `${host.name} is ${row?.state} after ${withinMs} ms: ${row?.why}`,
      );
      await delay(20);
    }
  };
  const tandem = (...args: string[]) =>
    spawnSync("npx", ["tandem", "targets", ...args, "--socket", socket], { cwd: ROOT, encoding: "utf8" });

  before(async () => {
    for (const pbx of pbxs) running.set(pbx, await startPbx(pbx, PBX));
    node = await Edge.start(edge, config("interval: 1s, fastInterval: 500ms, timeout: 500ms"), {
      ownMachine: true,
    });
  });
  after(async () => {
    try {
      assert.deepEqual(await node.stop(), { code: 0, signal: null });
      assert.deepEqual(node.complaints(), []);
    } finally {
      lab.close();
    }
  });

  test("both are found to be up by their answers, whose Allow and round trip are kept", async () => {
    for (const pbx of pbxs) {
      const row = await becomes(pbx, "up", 5_000);
      assert.ok(row.rttMs !== null && row.rttMs < 100);
      assert.match(row.why, /200/);
    }
  });

  test("silent: probes alone find it within the formula that the command shows, and its return", async (t) => {
    const before = await becomes(pbxs[0], "up", 5_000);
    const undo = [silenceIcmp(pbxs[0]), deafen(pbxs[0], "udp", 5060)];
    const diedAt = performance.now();
    const row = await becomes(pbxs[0], "down", 10_000);
    const tookMs = performance.now() - diedAt;
    t.diagnostic(`down after ${Math.round(tookMs)} ms; the formula says ${before.detectionMs}`);
    assert.ok(tookMs <= (before.detectionMs ?? 0) + 250);
    assert.match(row.why, /3 failures in a row/);
    for (const heal of undo) heal();
    await becomes(pbxs[0], "up", 5_000);
  });

  test("tandem targets shows each with its reason, and JSON", async () => {
    const shown = tandem();
    assert.equal(shown.status, 0, shown.stderr);
    assert.match(shown.stdout, /^GROUP +TARGET +STATE/);
    assert.ok(shown.stdout.includes(id(pbxs[0])) && shown.stdout.includes("OPTIONS"));
    const { targets } = JSON.parse(tandem("--json").stdout) as { targets: TargetRow[] };
    assert.equal(targets.length, 2);
  });

  test("drained by command: no new call, and so after a restart; enabled again", async () => {
    assert.equal(tandem("drain", pbxs[0].ip4).status, 0);
    assert.equal((await becomes(pbxs[0], "draining", 1_000)).observed, "up");
    await callsGoTo(pbxs[1]);
    assert.deepEqual(await node.stop(), { code: 0, signal: null });
    node = await Edge.start(edge, config("interval: 1s, fastInterval: 500ms, timeout: 500ms"), {
      ownMachine: true,
    });
    assert.match((await becomes(pbxs[0], "draining", 1_000)).why, /draining by root/);
    await callsGoTo(pbxs[1]);
    assert.equal(tandem("enable", id(pbxs[0])).status, 0);
    await becomes(pbxs[0], "up", 5_000);
    const unknown = tandem("disable", "192.0.2.99");
    assert.equal(unknown.status, 1);
    assert.match(unknown.stderr, /no target is called 192\.0\.2\.99/);
  });

  async function callsGoTo(host: Host): Promise<void> {
    const capture = await Capture.start(lab.switchHost(), { interface: "br-front", filter: "udp port 5060" });
    const load = startCaller(caller, {
      scenario: "uac-call",
      remote: { address: edge.ip4 },
      calls: 20,
      rate: 100,
    });
    const { code, errors } = await load.finished();
    const invited = (await capture.stop()).filter(
      ({ payload, from }) => from.startsWith(edge.ip4) && payload.toString("latin1", 0, 7) === "INVITE ",
    );
    assert.equal(code, 0, errors);
    assert.deepEqual([...new Set(invited.map(({ to }) => to))], [host.ip4]);
  }

  const rows = [
    { name: "where the host refuses", silent: false, withinMs: 1_000 },
    { name: "where the host is silent", silent: true, withinMs: 2_300 },
  ];
  for (const { name, silent, withinMs } of rows) {
    test(`killed under ${RATE} calls a second ${name}: no new call to it after ${withinMs} ms, no caller refused`, async (t) => {
      const victim = pbxs[0];
      for (const pbx of pbxs) await becomes(pbx, "up", 15_000);
      const capture = await Capture.start(lab.switchHost(), {
        interface: "br-front",
        filter: "udp port 5060",
      });
      const load = startCaller(caller, {
        scenario: "uac-patient",
        remote: { address: edge.ip4 },
        calls: RATE * 7,
        rate: RATE,
        talkMs: 100,
      });
      await delay(2_000);
      const heal = silent ? silenceIcmp(victim) : () => {};
      running.get(victim)?.program.kill("SIGKILL");
      const diedAt = Date.now();
      const { code, statistics, errors } = await load.finished();
      const packets = await capture.stop();
      heal();
      running.set(victim, await startPbx(victim, PBX));
      const book = new CallBook({ callers: [caller.ip4], pbxs: pbxs.map((host) => host.ip4) });
      book.addAll(packets);
      const calls = book.list();
      const refused = calls.filter(
        (call) => call.finalStatus !== 200 && call.legs.get(victim.ip4)?.rangAt == null,
      );
      const late = calls
        .map((call) => call.legs.get(victim.ip4)?.invitedAt ?? Number.NEGATIVE_INFINITY)
        .filter((at) => at > diedAt);
      const lastMs = Math.max(0, ...late) === 0 ? 0 : Math.max(...late) - diedAt;
      t.diagnostic(
        `${calls.length} calls, ${late.length} went to the dead one, the last after ${lastMs.toFixed(0)} ms`,
      );
      assert.ok(statistics !== null, `${code}: ${errors}`);
      assert.deepEqual(
        refused.map((call) => [call.callId, call.finalStatus]),
        [],
      );
      assert.ok(late.length > 0 && lastMs <= withinMs, `the last new call went there after ${lastMs} ms`);
    });
  }
});
