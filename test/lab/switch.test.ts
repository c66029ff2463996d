// A switch by hand, through a real Redis: the active is killed, another engine goes on from its records on the same address.
// RATE=200 TALK_S=11 ROUNDS=50 npm run test:lab -- test/lab/switch.test.ts: 2,000 talk and 200 ring at each of 50 switches.
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { setTimeout as wait } from "node:timers/promises";
import { readCdrs } from "./cdr-lines.ts";
import { Lab } from "./lab.ts";
import type { Program } from "./program.ts";
import { labObstacle } from "./requirements.ts";
import { type Sipp, startCaller, startPbx } from "./sipp.ts";

/** Calls a second in all. */
const RATE = Number(process.env["RATE"] ?? 80);
const ROUNDS = Number(process.env["ROUNDS"] ?? 1);
const REDIS_PORT = 6379;
/** How long a call talks; it is switched when the first have talked as long, and calls begin for two seconds more. */
const TALK_S = Number(process.env["TALK_S"] ?? 3);
const OFFERED_S = TALK_S + 2;
const KINDS = [
  { scenario: "uac-reinvite", number: "1000", rate: RATE * 0.6, calls: RATE * 0.6 * OFFERED_S },
  { scenario: "uac-call", number: "1002", rate: RATE * 0.4, calls: RATE * 0.4 * OFFERED_S },
] as const;
/** They ring when the switch comes, and are cancelled after it. */
const CANCELLED = { scenario: "uac-cancel", number: "1001", rate: RATE, calls: RATE } as const;
/** What is not stored yet when a node dies: a commit each 5 ms, and what a loaded machine adds. */
const UNSEEN_S_MAX = 0.1;
const TALK_MS = 1_000 * TALK_S;
const RING_MS = 2_500;
/** From the first call to the switch: the first have talked by then, the last have not begun. */
const SWITCH_AFTER_MS = TALK_MS;

const skip = labObstacle(["sipp"]) || labObstacle(["redis-server"]);
const program = join(import.meta.dirname, "switch-node.ts");

interface Round {
  readonly redisToo: boolean;
}

/** One round; what the callers saw, and the accounts of both nodes. */
async function round({ redisToo }: Round) {
  using lab = new Lab();
  const caller = lab.host("caller", { number: 10 });
  const edge = lab.host("edge", { number: 2 });
  const pbx = lab.host("pbx", { number: 11 });
  const config = (node: string): string => {
    const file = join(lab.directory, `${node}.yaml`);
    writeFileSync(
      file,
      `
node: ${node}
listen: ["udp://${edge.ip4}:5060"]
identity: { secret: [a-secret-of-the-lab-only] }
groups:
  carriers: { sources: [${caller.ip4}] }
  answering: { sources: [], targets: ["sip:${pbx.ip4}:5060"] }
  ringing: { sources: [], targets: ["sip:${pbx.ip4}:5061"] }
  slow: { sources: [], targets: ["sip:${pbx.ip4}:5062"] }
routes:
  - { from: carriers, number: "^1000$", to: answering }
  - { from: carriers, number: "^1001$", to: ringing }
  - { from: carriers, number: "^1002$", to: slow }
# The machine is shared with callers and PBXs: a call that is refused for its sake shows nothing of the switch.
overload: { loopDelay: 10s, queueBytes: 67108864 }
cdr: { file: ${join(lab.directory, `${node}.jsonl`)} }
state: { directory: ${join(lab.directory, `${node}-state`)} }
control: { socket: ${join(lab.directory, `${node}.sock`)} }
`,
    );
    return file;
  };
  await startPbx(pbx, { scenario: "uas-ring-answer", port: 5060, pauseMs: 100, isPatient: true });
  await startPbx(pbx, { scenario: "uas-ring-only", port: 5061 });
  await startPbx(pbx, { scenario: "uas-ring-answer", port: 5062, pauseMs: RING_MS, isPatient: true });
  const redis = edge.start("redis", [
    "redis-server",
    "--port",
    `${REDIS_PORT}`,
    "--save",
    "",
    "--appendonly",
    "no",
  ]);
  await redis.untilBound("tcp", REDIS_PORT);
  const start = (node: string, role: string): Program =>
    edge.start(node, ["nice", "-n", "-15", process.execPath, program, config(node), role, `${REDIS_PORT}`]);
  const active = start("edge-a", "active");
  await active.untilOutput(/"msg":"ready"/, 60_000);
  const standby = start("edge-b", "standby");
  await standby.untilOutput(/"msg":"warm"/, 60_000);
  const remote = { address: edge.ip4 };
  const callers = KINDS.map((kind, index) =>
    startCaller(caller, { ...kind, remote, talkMs: TALK_MS, port: 5060 + index, patienceMs: 20_000 }),
  );
  await wait(SWITCH_AFTER_MS - 1_500);
  callers.push(
    startCaller(caller, { ...CANCELLED, remote, talkMs: TALK_MS, port: 5070, patienceMs: 20_000 }),
  );
  await wait(1_500);
  if (redisToo) redis.kill();
  active.kill();
  await active.exited;
  standby.kill("SIGUSR2");
  const [line] = await standby.untilOutput(/\{[^\n]*"msg":"taken over"[^\n]*/, 10_000);
  const ends = await Promise.all(callers.map((each) => each.finished()));
  allWell(ends);
  const files = ["edge-a", "edge-b"].map((node) => join(lab.directory, `${node}.jsonl`));
  const offered = [...KINDS, CANCELLED].reduce((sum, { calls }) => sum + calls, 0);
  // Its calls are closed with it: those that ended on the first node in its last milliseconds are still up as far as it knows.
  await standby.stop();
  const cdrs = readCdrs(...files);
  return { taken: JSON.parse(line) as Taken, cdrs, offered };
}

interface Taken {
  readonly counts: Readonly<Record<string, number>>;
  readonly phases: Readonly<Record<string, number>>;
}

function allWell(ends: readonly Awaited<ReturnType<Sipp["finished"]>>[]): void {
  for (const { code, errors, statistics } of ends) assert.equal(code, 0, JSON.stringify(statistics) + errors);
}

describe("a switch by hand", { skip }, () => {
  if (skip !== false) return;

  const long = { timeout: 60_000 * (1 + ROUNDS) };
  test(
    `every call that talks or rings goes on, and is accounted for once (${ROUNDS} rounds)`,
    long,
    async (t) => {
      for (let n = 0; n < ROUNDS; n++) {
        const { taken, cdrs, offered } = await round({ redisToo: false });
        t.diagnostic(`${offered} calls; ${JSON.stringify(taken.counts)} ${JSON.stringify(taken.phases)}`);
        assert.ok((taken.counts["pending"] ?? 0) >= CANCELLED.calls, "those that ring were taken over");
        // A call of which nothing was stored yet goes on by its messages, and without an account.
        const missing = offered - new Set(cdrs.map(({ id }) => id)).size;
        t.diagnostic(`${missing} calls without an account`);
        assert.ok(
          missing >= 0 && missing <= RATE * UNSEEN_S_MAX,
          `${missing} of ${offered} accounts are missing`,
        );
        const unseen = cdrs.filter(
          ({ endedBy }) => endedBy === "node-stopped" || endedBy === "uncertain",
        ).length;
        t.diagnostic(`${cdrs.length - offered} accounts twice, with the same id; ${unseen} ends unseen`);
        assert.ok(unseen <= RATE * UNSEEN_S_MAX, `${unseen} ends unseen`);
      }
    },
  );

  test("with Redis killed just before, every call that was stored goes on", async (t) => {
    const { taken, cdrs, offered } = await round({ redisToo: true });
    t.diagnostic(`${offered} calls; ${JSON.stringify(taken.counts)} ${JSON.stringify(taken.phases)}`);
    t.diagnostic(`${offered - new Set(cdrs.map(({ id }) => id)).size} calls without an account`);
  });
});
