// CDRs of real calls: a line each, with what happened in it; across a rotation, and with a full disk.
import assert from "node:assert/strict";
import { existsSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { SmallDisk, smallDiskObstacle } from "../support/small-disk.ts";
import { type CdrRecord, readCdrs, untilCdrs } from "./cdr-lines.ts";
import { Edge } from "./edge.ts";
import { Lab } from "./lab.ts";
import { labObstacle } from "./requirements.ts";
import { type ScenarioName, startCaller, startPbx } from "./sipp.ts";
import { until } from "./until.ts";

const CALLS = 60;
const RATE = 60;
const TALK_MS = 200;
const RING_MS = 100;
/** A loaded machine is late; nothing here is early by more than the rounding of two clocks. */
const EARLY_MS = 5;
const LATE_MS = 2_000;
const DISK_KIB = 1_024;

interface Row {
  name: string;
  number: string;
  caller: ScenarioName;
  /** In the order to try: port of the PBX, and the status that it gives; 0: nobody is there. */
  targets: readonly { port: number; status: number }[];
  endedBy: string;
  status: number;
  rings: boolean;
  answered: boolean;
}

const refusing = { rings: false, answered: false, endedBy: "refused" } as const;
const answered = { status: 200, answered: true } as const;
const ROWS: readonly Row[] = [
  {
    ...{ name: "the caller hangs up", number: "1000", caller: "uac-call" },
    ...{ ...answered, targets: [{ port: 5060, status: 200 }], endedBy: "caller", rings: true },
  },
  {
    ...{ name: "the callee hangs up", number: "1003", caller: "uac-callee-hangs-up" },
    ...{ ...answered, targets: [{ port: 5063, status: 200 }], endedBy: "callee", rings: false },
  },
  {
    ...{ name: "the caller gives up while it rings", number: "1001", caller: "uac-cancel" },
    ...{
      targets: [{ port: 5061, status: 487 }],
      endedBy: "cancel",
      status: 487,
      rings: true,
      answered: false,
    },
  },
  {
    ...{ name: "busy", number: "1002", caller: "uac-declined" },
    ...{ ...refusing, targets: [{ port: 5062, status: 486 }], status: 486 },
  },
  {
    ...{ name: "the first target is not there, the second refuses, the third takes it", number: "2000" },
    ...{ ...answered, caller: "uac-call", endedBy: "caller", rings: true },
    targets: [
      { port: 5069, status: 0 },
      { port: 5064, status: 503 },
      { port: 5060, status: 200 },
    ],
  },
];

const PBXS = [
  { scenario: "uas-ring-answer", port: 5060, pauseMs: RING_MS },
  { scenario: "uas-ring-only", port: 5061, pauseMs: 0 },
  { scenario: "uas-busy", port: 5062, pauseMs: 0 },
  { scenario: "uas-hangs-up", port: 5063, pauseMs: TALK_MS },
  { scenario: "uas-unavailable", port: 5064, pauseMs: 0 },
] as const;

const skip = labObstacle(["sipp"]) || smallDiskObstacle();

describe("CDRs of calls through a node", { skip }, () => {
  if (skip !== false) return;
  const lab = new Lab();
  const disk = new SmallDisk(DISK_KIB);
  const file = join(disk.directory, "cdr.jsonl");
  const caller = lab.host("caller", { number: 10 });
  const edge = lab.host("edge-a", { number: 2 });
  const pbx = lab.host("pbx", { number: 11 });
  let node: Edge;

  const config = `
node: edge-a
listen: ["udp://${edge.ip4}:5060"]
identity:
  secret: [a-secret-of-the-lab-only]
groups:
  carriers: { sources: [${caller.ip4}] }
${ROWS.map(({ number, targets }) => {
  const list = targets.map(({ port }, index) => `{ uri: "sip:${pbx.ip4}:${port}", priority: ${index + 1} }`);
  // The one that is not there is to be tried by each call.
  const blind = "probe: { enabled: false }, health: { passive: false }";
  return `  pbx-${number}: { sources: [], targets: [${list.join(", ")}], ${blind} }`;
}).join("\n")}
routes:
${ROWS.map(({ number }) => `  - { from: carriers, number: "^${number}$", to: pbx-${number} }`).join("\n")}
cdr: { file: "${file}" }
log: { level: info }
`;

  before(async () => {
    for (const options of PBXS) await startPbx(pbx, options);
    node = await Edge.start(edge, config);
  });

  after(async () => {
    try {
      assert.deepEqual(await node.stop(), { code: 0, signal: null });
    } finally {
      lab.close();
      disk.close();
    }
  });

  /** Calls that SIPp finds good, every one of them. */
  async function makeCalls(scenario: ScenarioName, number: string, calls = CALLS): Promise<void> {
    const options = { remote: { address: edge.ip4 }, calls, rate: RATE, talkMs: TALK_MS, scenario, number };
    const { code, errors, statistics } = await startCaller(caller, options).finished();
    assert.equal(code, 0, errors);
    assert.equal(statistics?.successful, calls);
  }

  function target(port: number): string {
    return `udp:${pbx.ip4}:${port}`;
  }

  /** Everything in a line that does not depend on when. */
  function expected(row: Row): Partial<CdrRecord> {
    return {
      node: "edge-a",
      from: `sip:caller@${caller.ip4}:5060`,
      to: `sip:${row.number}@${edge.ip4}:5060`,
      requested: `sip:${row.number}@${edge.ip4}:5060`,
      ingress: "carriers",
      source: `${caller.ip4}:5060`,
      target: target(row.targets[row.targets.length - 1]?.port ?? 0),
      status: row.status,
      endedBy: row.endedBy,
    };
  }

  for (const row of ROWS) {
    test(row.name, async () => {
      const from = Date.now();
      await makeCalls(row.caller, row.number);
      const cdrs = await untilCdrs(CALLS, row.number, file);
      assert.equal(cdrs.length, CALLS);
      assert.equal(new Set(cdrs.map(({ id }) => id)).size, CALLS);
      assert.equal(new Set(cdrs.map(({ callId }) => callId)).size, CALLS);
      const fields = expected(row);
      for (const cdr of cdrs) {
        assert.deepEqual({ ...cdr, ...fields }, cdr);
        const tried = cdr.attempts.map((attempt) => ({ target: attempt.target, status: attempt.status }));
        assert.deepEqual(
          tried,
          row.targets.map(({ port, status }) => ({ target: target(port), status })),
        );
        checkTimes(cdr, row, { from, to: Date.now() });
      }
    });
  }

  test("a rotation under load: a line a call, in one file or the other", async () => {
    const old = `${file}.1`;
    const before = readCdrs(file).length;
    const calls = makeCalls("uac-call", "1000", CALLS * 4);
    await untilCdrs(CALLS * 3, "1000", file);
    renameSync(file, old);
    node.program.kill("SIGHUP");
    await calls;
    const found = await untilCdrs(CALLS * 5, "1000", old, file);
    assert.equal(found.length, CALLS * 5);
    const all = readCdrs(old, file);
    assert.equal(all.length, before + CALLS * 4);
    assert.equal(new Set(all.map(({ id }) => id)).size, all.length);
    assert.ok(readCdrs(file).length > 0, "the new file is written");
    assert.deepEqual(node.complaints(), []);
  });

  test("a rotation while the configuration has a mistake: the old file is let go all the same", async () => {
    writeFileSync(join(edge.directory, "edge-a.yaml"), "lisen: []\n");
    renameSync(file, `${file}.2`);
    node.program.kill("SIGHUP");
    await until("the new file", 20_000, () => (existsSync(file) ? true : null));
    await makeCalls("uac-call", "1000", 5);
    assert.equal((await untilCdrs(5, "1000", file)).length, 5);
  });

  test("a full disk affects no call; the log says it once; when there is room every line is there", async () => {
    const before = readCdrs(file).length;
    disk.fill();
    await makeCalls("uac-call", "1000", CALLS * 2);
    const held = readCdrs(file).length;
    assert.ok(held < before + CALLS * 2, "the disk was full");
    const said = node.logs().filter(({ msg }) => String(msg).startsWith("CDRs"));
    assert.deepEqual(
      said.map(({ msg, reason }) => [msg, reason]),
      [["CDRs can't be written and wait in memory", "the disk is full"]],
    );
    disk.free();
    await untilCdrs(before + CALLS * 2, "1000", file);
    const all = readCdrs(file);
    assert.equal(all.length, before + CALLS * 2);
    assert.equal(new Set(all.map(({ id }) => id)).size, all.length);
  });
});

function checkTimes(cdr: CdrRecord, row: Row, test: { from: number; to: number }): void {
  const { start, ringing, answer, end, attempts, durationMs } = cdr;
  const text = JSON.stringify(cdr);
  assert.equal(answer !== null, row.answered, text);
  if (row.rings) assert.ok(ringing !== null, text);
  const order = [start, ...attempts.map(({ at }) => at), ringing, answer, end].filter(
    (time) => time !== null,
  );
  const times = order.map((time) => Date.parse(time));
  assert.deepEqual(
    times,
    [...times].sort((a, b) => a - b),
    text,
  );
  assert.ok(
    (times[0] ?? 0) >= test.from - EARLY_MS && (times[times.length - 1] ?? 0) <= test.to + EARLY_MS,
    text,
  );
  const span = answer === null ? 0 : Date.parse(end) - Date.parse(answer);
  assert.ok(Math.abs(durationMs - span) <= EARLY_MS, text);
  if (row.answered) assert.ok(durationMs >= TALK_MS - EARLY_MS && durationMs < TALK_MS + LATE_MS, text);
  for (const { ms } of attempts) assert.ok(ms >= 0 && ms < RING_MS + LATE_MS, text);
}
