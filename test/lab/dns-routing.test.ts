// Calls that follow DNS: a node that asks a real DNS server for its targets, PBXs behind the names, and what new and running calls
// do when records change, servers die and PBXs die. Which PBX had which call is read from a capture on the switch.
// TANDEM_LAB_LONG=1: 10,000 calls for the shares, and five minutes without a DNS server.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { Capture } from "./capture.ts";
import { DnsServer } from "./dns-server.ts";
import { Edge } from "./edge.ts";
import type { Host } from "./host.ts";
import { Lab } from "./lab.ts";
import { isLong, labObstacle } from "./requirements.ts";
import { CallBook, type TracedCall } from "./sip-trace.ts";
import { type Sipp, startCaller, startPbx } from "./sipp.ts";
import { nameRows, targetRows, untilTarget } from "./target-rows.ts";

const ROOT = join(import.meta.dirname, "../..");
const TTL_S = 5;
/** Of the groups' own probes: 1.05 s, twice 0.5 s, and 0.5 s. */
const FORMULA_MS = 2_550;
const SLACK_MS = 250;
const MANY = Array.from({ length: 50 }, (_, index) => index + 1);

/** Where a call was tried, in this order. */
function tries(call: TracedCall): string[] {
  return [...call.legs]
    .sort(([, a], [, b]) => (a.invitedAt ?? 0) - (b.invitedAt ?? 0))
    .map(([address]) => address);
}

describe("calls follow DNS", { skip: labObstacle(["sipp", "knotd", "knotc"]) }, () => {
  const lab = new Lab();
  const caller = lab.host("caller", { number: 10 });
  const edge = lab.host("edge-a", { number: 2 });
  const ns = lab.host("ns", { number: 53 });
  const pbxs = [1, 2, 3].map((index) => lab.host(`pbx-${index}`, { number: 10 + index }));
  const [one, two, three] = pbxs as [Host, Host, Host];
  const socket = join(edge.directory, "edge-a.sock");
  const running = new Map<Host, Sipp>();
  const hostRecords = `a A ${one.ip4}\nb A ${two.ip4}\nc A ${three.ip4}`;
  const records = {
    tiers:
      "_sip._udp.tiers SRV 10 1 5060 a\n_sip._udp.tiers SRV 20 1 5060 b\n_sip._udp.tiers SRV 30 1 5060 c",
    shares:
      "_sip._udp.shares SRV 1 70 5060 a\n_sip._udp.shares SRV 1 20 5060 b\n_sip._udp.shares SRV 1 10 5060 c",
    moves: "_sip._udp.moves SRV 1 1 5060 a",
    // An answer far beyond a datagram, of which one server in fifty is there, behind a chain of aliases over two zones.
    wide: MANY.map(
      (each) =>
        `_sip._udp.wide SRV ${each} 1 ${each === 1 ? 5060 : 6_000 + each} a-name-that-makes-the-answer-large-${each}`,
    ).join("\n"),
    chain: MANY.map((each) => `a-name-that-makes-the-answer-large-${each} CNAME chain-${each}`).join("\n"),
    end: MANY.map((each) => `chain-${each} CNAME c.other.example.`).join("\n"),
  };
  const zone = (changed: Partial<typeof records> = {}): string =>
    Object.values({ ...records, ...changed, hostRecords }).join("\n");
  let dns: DnsServer;
  let node: Edge;

  /** Calls to a number, and what became of them. */
  async function load(options: {
    number: string;
    calls: number;
    rate: number;
    talkMs?: number;
    meanwhile?: () => Promise<void>;
  }): Promise<{ calls: TracedCall[]; code: number | null; errors: string }> {
    const { number, calls, rate, talkMs = 0, meanwhile } = options;
    const capture = await Capture.start(lab.switchHost(), { interface: "br-front", filter: "udp port 5060" });
    const remote = { address: edge.ip4 };
    const sipp = startCaller(caller, { scenario: "uac-patient", remote, number, calls, rate, talkMs });
    await meanwhile?.();
    const { code, errors } = await sipp.finished();
    const book = new CallBook({ callers: [caller.ip4], pbxs: pbxs.map(({ ip4 }) => ip4) });
    const traced = book.addAll(await capture.stop()).list();
    return { calls: traced, code, errors };
  }

  const answeredAll = ({ calls, code, errors }: Awaited<ReturnType<typeof load>>, count: number): void => {
    assert.equal(code, 0, errors);
    assert.equal(calls.length, count);
    const lost = calls.filter(({ finalStatus, byeStatus }) => finalStatus !== 200 || byeStatus !== 200);
    assert.deepEqual(
      lost.map(({ callId, finalStatus, byeStatus }) => ({ callId, finalStatus, byeStatus })),
      [],
    );
  };

  before(async () => {
    for (const host of pbxs) running.set(host, await startPbx(host, { scenario: "uas-answer" }));
    dns = await DnsServer.start(
      ns,
      { "pbx.example": zone(), "other.example": `c A ${three.ip4}` },
      { ttlS: TTL_S },
    );
    const quick =
      "probe: { interval: 1s, fastInterval: 500ms, timeout: 500ms }, health: { slowStart: 0s, holdDown: 0s }";
    const group = (name: string): string =>
      `  ${name}: { sources: [], targets: ["sip:${name}.pbx.example"], ${quick}, failover: { noAnswerAfter: 500ms } }`;
    const names = ["tiers", "shares", "moves", "wide"];
    node = await Edge.start(
      edge,
      `
node: edge-a
listen: ["udp://${edge.ip4}:5060"]
identity: { secret: [a-secret-of-the-lab-only] }
state: { directory: ${join(edge.directory, "state")} }
dns: { servers: [${ns.ip4}], timeout: 200ms }
groups:
  carriers: { sources: [${caller.ip4}] }
${names.map(group).join("\n")}
routes:
${names.map((name, index) => `  - { from: carriers, number: ^${index + 1}, to: ${name} }`).join("\n")}
log: { level: info }
`,
      { ownMachine: true },
    );
    for (const host of pbxs)
      await untilTarget(socket, `udp:${host.ip4}:5060`, { state: "up", withinMs: 5_000 });
  });
  after(async () => {
    try {
      assert.deepEqual(await node.stop(), { code: 0, signal: null });
      assert.deepEqual(node.complaints(), []);
    } finally {
      lab.close();
    }
  });

  const sharesOf = isLong ? 10_000 : 1_000;
  const within = isLong ? 0.02 : 0.06; // four standard deviations of 1,000 draws
  test(`SRV weights 70, 20, 10: shares of ${sharesOf} calls within ${100 * within} points`, async (t) => {
    const loaded = await load({ number: "2000", calls: sharesOf, rate: 200 });
    answeredAll(loaded, sharesOf);
    const got = pbxs.map(
      ({ ip4 }) => loaded.calls.filter((call) => tries(call)[0] === ip4).length / sharesOf,
    );
    t.diagnostic(`${got.map((share) => (100 * share).toFixed(1)).join("% ")}%`);
    for (const [index, want] of [0.7, 0.2, 0.1].entries()) {
      const share = got[index] ?? 0;
      assert.ok(Math.abs(share - want) < within, `${share} is not ${want}`);
    }
  });

  test("a truncated answer of 50 servers behind chains of aliases: calls go through", async () => {
    const loaded = await load({ number: "4000", calls: 50, rate: 50 });
    answeredAll(loaded, 50);
    assert.deepEqual([...new Set(loaded.calls.flatMap(tries))], [three.ip4]);
    const wide = [...(await targetRows(socket)).values()].filter(
      ({ name }) => name === "sip:wide.pbx.example",
    );
    assert.equal(wide.length, 49 + 1);
  });

  test("SRV priorities 10, 20, 30: 10 dies, then 20, 10 is back: calls follow, tried by priority", async (t) => {
    const rate = 50;
    const seconds = 12;
    const at = { firstDied: 0, secondDied: 0, firstBack: 0 };
    const kill = (host: Host): number => {
      running.get(host)?.program.kill("SIGKILL");
      return Date.now();
    };
    const { calls } = await load({
      number: "1000",
      calls: rate * seconds,
      rate,
      meanwhile: async () => {
        await delay(1_000);
        at.firstDied = kill(one);
        await delay(3_000);
        at.secondDied = kill(two);
        await delay(3_500);
        running.set(one, await startPbx(one, { scenario: "uas-answer" }));
        at.firstBack = Date.now();
      },
    });
    running.set(two, await startPbx(two, { scenario: "uas-answer" }));
    const lost = calls.filter(({ finalStatus }) => finalStatus !== 200);
    assert.deepEqual(
      lost.map(({ callId }) => callId),
      [],
    );
    const order = [one.ip4, two.ip4, three.ip4];
    for (const call of calls) {
      const tried = tries(call);
      assert.deepEqual(
        tried,
        order.filter((address) => tried.includes(address)),
        "tried by priority",
      );
    }
    const invited = (host: Host): number[] =>
      calls.flatMap((call) => call.legs.get(host.ip4)?.invitedAt ?? []);
    const leftFirst = Math.max(...invited(one).filter((time) => time < at.firstBack)) - at.firstDied;
    const leftSecond = Math.max(...invited(two)) - at.secondDied;
    const back = Math.min(...invited(one).filter((time) => time > at.firstBack)) - at.firstBack;
    t.diagnostic(
      `10 left ${leftFirst.toFixed(0)} ms after its death, 20 after ${leftSecond.toFixed(0)} ms, 10 again after ${back.toFixed(0)} ms; ` +
        `by probes alone within ${FORMULA_MS} ms`,
    );
    for (const tookMs of [leftFirst, leftSecond, back])
      assert.ok(tookMs <= FORMULA_MS + SLACK_MS, `${tookMs} ms`);
    const late = calls.filter(({ offeredAt }) => offeredAt > at.firstBack + FORMULA_MS + SLACK_MS);
    assert.ok(late.length > 0);
    assert.deepEqual([...new Set(late.flatMap(tries))], [one.ip4]);
    const alone = calls.filter(
      ({ offeredAt }) => offeredAt > at.secondDied + FORMULA_MS && offeredAt < at.firstBack,
    );
    assert.ok(alone.length > 0);
    assert.deepEqual([...new Set(alone.flatMap(tries))], [three.ip4]);
  });

  test("a record with a TTL of 5 s is changed: new calls follow within 6 s, running calls are untouched", async (t) => {
    let changedAt = 0;
    const rate = 20;
    const loaded = await load({
      number: "3000",
      calls: rate * 12,
      rate,
      talkMs: 8_000,
      meanwhile: async () => {
        await delay(2_000);
        changedAt = Date.now();
        dns.change("pbx.example", zone({ moves: "_sip._udp.moves SRV 1 1 5060 b" }));
      },
    });
    answeredAll(loaded, rate * 12);
    const last = Math.max(...loaded.calls.flatMap((call) => call.legs.get(one.ip4)?.invitedAt ?? []));
    t.diagnostic(`the last new call to the old place ${(last - changedAt).toFixed(0)} ms after the change`);
    assert.ok(last - changedAt <= 6_000);
    const ended = loaded.calls.filter((call) => (call.legs.get(one.ip4)?.byeAt ?? 0) > changedAt + 6_000);
    assert.ok(ended.length > 0, "calls that were up at the change ended at the old place");
    assert.ok(loaded.calls.some((call) => tries(call)[0] === two.ip4));
  });

  const deadForS = isLong ? 300 : 12;
  test(`the DNS server is dead for ${deadForS} s, the TTL is ${TTL_S} s: no call is lost, and that it is stale is shown`, async (t) => {
    const rate = isLong ? 20 : 50;
    let shown = "";
    const loaded = await load({
      number: "1000",
      calls: rate * (deadForS + 5),
      rate,
      meanwhile: async () => {
        await delay(1_000);
        dns.program.kill("SIGKILL");
        await delay(deadForS * 1_000 - 1_000);
        const { stdout } = spawnSync("npx", ["tandem", "targets", "--socket", socket], {
          cwd: ROOT,
          encoding: "utf8",
        });
        shown = stdout;
        await dns.restart();
      },
    });
    answeredAll(loaded, rate * (deadForS + 5));
    const line = /^tiers\.pbx\.example: stale for .*$/m.exec(shown)?.[0] ?? "";
    t.diagnostic(`${loaded.calls.length} calls; ${line}`);
    assert.notEqual(line, "", shown);
    const tooLate = performance.now() + 35_000;
    while ((await nameRows(socket)).some(({ status }) => status !== "fresh")) {
      assert.ok(performance.now() < tooLate, "fresh again");
      await delay(100);
    }
  });
});
