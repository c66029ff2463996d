// Reloads under load: the configuration changes while calls come in, and none of them fails.
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { setPriority } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { askNode } from "../../src/admin/control-client.ts";
import { Edge } from "./edge.ts";
import { Lab } from "./lab.ts";
import { labObstacle } from "./requirements.ts";
import { type Sipp, startCaller, startPbx } from "./sipp.ts";
import { until } from "./until.ts";

/** TANDEM_RELOADS=100 TANDEM_RELOAD_RATE=500 is the whole measurement; without them a short one. */
const RELOADS = Number(process.env["TANDEM_RELOADS"] ?? 20);
const RATE = Number(process.env["TANDEM_RELOAD_RATE"] ?? 200);
/** Caller and PBXs have the processor before others, as the node has: a call must not fail because one of them waits. */
const OWN_MACHINE_NICENESS = -15;
const RELOAD_EVERY_MS = 250;
const TALK_MS = 300;
/** More calls than the reloads take: the caller is told when to stop. */
const CALLS_MAX = 1_000_000;

const skip = labObstacle(["sipp"]);

describe("reload", { skip }, () => {
  if (skip !== false) return;
  const lab = new Lab();
  const caller = lab.host("caller", { number: 10 });
  const edge = lab.host("edge-a", { number: 2 });
  const pbxs = [lab.host("pbx-1", { number: 11 }), lab.host("pbx-2", { number: 12 })];
  const [file, socket] = [join(edge.directory, "edge-a.yaml"), join(edge.directory, "control.sock")];
  const running: Sipp[] = [];
  let node: Edge;

  /** Each round has other targets in another order, another group, a route more or less, and another timer. */
  const config = (round: number): string => `
node: edge-a
listen: ["udp://${edge.ip4}:5060"]
identity: { secret: [a-secret-of-the-lab-only], aliases: [round-${round}.example] }
groups:
  carriers: { sources: [${caller.ip4}] }
  pbx-${round % 3}:
    balance: ${round % 2 === 0 ? "weighted" : "round-robin"}
    targets: [${[[0], [1], [0, 1]][round % 3]?.map((index) => `"sip:${pbxs[index]?.ip4}"`).join(", ")}]
routes:
  - { from: carriers, to: pbx-${round % 3} }
timers: { t1: ${500 + (round % 5)}ms }
control: { socket: ${socket} }
overload: { loopDelay: 10s, queueBytes: 67108864 } # what is shown is the reload, not how busy this machine is
log: { level: info }
`;

  before(async () => {
    for (const pbx of pbxs) running.push(await startPbx(pbx, { scenario: "uas-ring-answer", pauseMs: 50 }));
    for (const { program } of running) setPriority(program.pid, OWN_MACHINE_NICENESS);
    node = await Edge.start(edge, config(0), { ownMachine: true });
  });
  after(async () => {
    try {
      assert.deepEqual(await node.stop(), { code: 0, signal: null });
    } finally {
      lab.close();
    }
  });

  const remote = { address: edge.ip4 };
  const reload = (): ReturnType<typeof askNode> => askNode(socket, { command: "reload" });

  test(`${RELOADS} times under ${RATE} calls a second, by the socket and by SIGHUP: no call fails`, async (t) => {
    const load = startCaller(caller, {
      scenario: "uac-call",
      remote,
      calls: CALLS_MAX,
      rate: RATE,
      talkMs: TALK_MS,
    });
    setPriority(load.program.pid, OWN_MACHINE_NICENESS);
    const started = performance.now();
    for (let round = 1; round <= RELOADS; round++) {
      await pause(RELOAD_EVERY_MS);
      writeFileSync(file, config(round));
      const before = reloads();
      if (round % 2 === 0) assert.deepEqual(answered(await reload()), { ok: true, needsRestart: [] });
      else process.kill(node.program.pid, "SIGHUP");
      await until("the reload", 30_000, () => (reloads() > before ? true : null));
    }
    const seconds = (performance.now() - started) / 1_000;
    load.program.kill("SIGUSR1"); // no new calls; those that are up may end
    const { code, statistics, errors } = await load.finished();
    assert.ok(statistics !== null);
    const { offered, successful, failed } = statistics;
    t.diagnostic(`${reloads()} reloads, ${offered} calls in ${seconds.toFixed(1)} s, ${failed} failed`);
    assert.equal(code, 0, errors);
    assert.deepEqual([successful, failed], [offered, 0]);
    assert.ok(offered > (RATE * seconds) / 2, `${offered} calls in ${seconds} s were no load`);
    assert.equal(reloads(), RELOADS);
    const taken = running.map((pbx) => pbx.statistics()?.offered ?? 0);
    assert.ok(Math.min(...taken) > 0, `both PBXs had calls: ${taken.join(", ")}`);
    assert.deepEqual(node.complaints(), []);
  });

  test("calls that are up finish under the old file, new ones follow the new", async () => {
    const single = { scenario: "uac-call", remote, calls: 1, rate: 1 } as const;
    writeFileSync(file, config(0));
    assert.equal((await reload()).ok, true);
    const offered = (): number[] => running.map((pbx) => pbx.statistics()?.offered ?? 0);
    const before = offered();
    const long = startCaller(caller, { ...single, talkMs: 4_000 });
    await until("the first call", 20_000, () => ((offered()[0] ?? 0) > (before[0] ?? 0) ? true : null));
    writeFileSync(file, config(1)); // the first PBX is in no group any more
    assert.equal((await reload()).ok, true);
    const short = await startCaller(caller, { ...single, port: 5070 }).finished();
    assert.equal(short.code, 0, short.errors);
    const first = await long.finished();
    assert.equal(first.code, 0, first.errors);
    await until("the second call at the other PBX", 20_000, () =>
      (offered()[1] ?? 0) > (before[1] ?? 0) ? true : null,
    );
  });

  test("a bad file is refused whole, and calls go on", async () => {
    writeFileSync(file, `${config(2)}nonsense: true\n`);
    const answer = await reload();
    assert.equal(answer.ok, false);
    assert.match(JSON.stringify(answer["problems"]), /unknown key nonsense/);
    const call = startCaller(caller, { scenario: "uac-call", remote, calls: 5, rate: 20 });
    const { code, errors } = await call.finished();
    assert.equal(code, 0, errors);
  });

  function reloads(): number {
    return node.logs().filter((line) => line["msg"] === "reloaded").length;
  }

  function answered({ ok, needsRestart }: Awaited<ReturnType<typeof reload>>): object {
    return { ok, needsRestart };
  }
});
