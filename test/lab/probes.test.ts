// Probes in the lab, without calls: what each answer means, how soon a death is seen, how much loss is no death, what a thousand
// targets cost. TANDEM_LAB_LONG=1 runs the ten minutes that docs/health.md speaks of.
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { Edge } from "./edge.ts";
import { losePackets, packetsLost } from "./faults.ts";
import type { Host } from "./host.ts";
import { Lab } from "./lab.ts";
import { ALIVE, OptionsResponder, SILENT } from "./options-responder.ts";
import { isLong, labObstacle } from "./requirements.ts";
import { targetRows, untilTarget } from "./target-rows.ts";
import { until } from "./until.ts";

const FIRST_PORT = 20_000;
const DEFAULT_DETECTION_MS = 13_500;
const HERTZ = 100; // USER_HZ of Linux on every machine that Node runs on
/** Waits longer than the timers' tick for a log line to be written, on a machine whose cores are shared. */
const SLACK_MS = 250;

function portsFrom(first: number, count: number): number[] {
  return Array.from({ length: count }, (_, index) => first + index);
}

function socketOf(edge: Host): string {
  return join(edge.directory, `${edge.name}.sock`);
}

/** A node whose groups have these targets, at most 250 a group. */
function configOf(edge: Host, places: readonly string[], rest = ""): string {
  const groups = Array.from({ length: Math.ceil(places.length / 250) }, (_, index) => {
    const uris = places.slice(index * 250, (index + 1) * 250).map((place) => `"sip:${place}"`);
    return `  group-${index}: { sources: [], targets: [${uris.join(", ")}]${rest} }`;
  });
  const names = groups.map((_, index) => `group-${index}`);
  return `
node: edge-a
listen: ["udp://${edge.ip4}:5060"]
identity: { secret: [a-secret-of-the-lab-only] }
state: { directory: ${join(edge.directory, "state")} }
groups:
  callers: { sources: [192.0.2.1] }
${groups.join("\n")}
routes: [{ from: callers, to: [${names.join(", ")}] }]
log: { level: info }
`;
}

/** Processor seconds of a process, user and kernel. */
function processorS(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "latin1")
    .replace(/^.*\) /, "")
    .split(" ");
  return (Number(fields[11]) + Number(fields[12])) / HERTZ;
}

const QUICK =
  ", probe: { interval: 1s, fastInterval: 500ms, timeout: 500ms }, health: { slowStart: 0s, holdDown: 2s, retryAfterMax: 3s }";

describe("probes", { skip: labObstacle(), concurrency: true }, () => {
  test("each answer means what docs/health.md says", async () => {
    using lab = new Lab();
    const [edge, far] = [lab.host("edge-a", { number: 2 }), lab.host("far", { number: 11 })];
    const rows = [
      { name: "404: alive", answer: { status: "404 Not Found" }, state: "up", why: /404/ },
      { name: "405: alive", answer: { status: "405 Method Not Allowed" }, state: "up", why: /405/ },
      {
        name: "503: down",
        answer: { status: "503 Service Unavailable" },
        state: "down",
        why: /3 failures.*503/,
      },
      {
        name: "503 with Retry-After: down at once",
        answer: { status: "503 Service Unavailable", headers: "Retry-After: 2\r\n" },
        state: "down",
        why: /^1 failure: .*503; by its Retry-After not before 2 s/,
      },
      {
        name: "Retry-After beyond the cap",
        answer: { status: "503 Service Unavailable", headers: "Retry-After: 9999\r\n" },
        state: "down",
        why: /not before 3 s/,
      },
      { name: "late", answer: { status: "200 OK", delayMs: 700 }, state: "down", why: /OPTIONS/ },
      { name: "silent", answer: SILENT, state: "down", why: /3 failures in a row/ },
    ] as const;
    const ports = portsFrom(FIRST_PORT, rows.length + 1);
    const flapping = FIRST_PORT + rows.length;
    const responder = await OptionsResponder.start(far, { ports });
    const places = ports.map((port) => `${far.ip4}:${port}`);
    const node = await Edge.start(edge, configOf(edge, places, QUICK));
    const socket = socketOf(edge);
    const id = (port: number): string => `udp:${far.ip4}:${port}`;
    for (const port of ports) await untilTarget(socket, id(port), { state: "up", withinMs: 5_000 });
    for (const [index, { answer }] of rows.entries()) await responder.answer(FIRST_PORT + index, answer);
    for (const [index, { name, state, why }] of rows.entries()) {
      const port = FIRST_PORT + index;
      const row = await untilTarget(socket, id(port), { state, withinMs: 5_000 });
      if (state === "down") assert.match(row.why, why, name);
      else assert.match(await lastProbeOf(socket, id(port), why), why, name);
    }
    const late = await lastProbeOf(socket, id(FIRST_PORT + 5), /too late/);
    assert.match(late, /200 after 7\d\d ms, too late: the time-out is 500 ms/);
    for (const index of rows.keys()) await responder.answer(FIRST_PORT + index, ALIVE);
    for (const index of rows.keys())
      await untilTarget(socket, id(FIRST_PORT + index), { state: "up", withinMs: 10_000 });
    // Three times down within ten minutes: held, and the reason says for how long.
    for (let times = 1; times <= 3; times++) {
      await responder.answer(flapping, SILENT);
      const row = await untilTarget(socket, id(flapping), { state: "down", withinMs: 5_000 });
      if (times === 3) assert.match(row.why, /3 times down within 600 s: held down for 2 s, next time 4 s/);
      await responder.answer(flapping, ALIVE);
      const back = await untilTarget(socket, id(flapping), { state: "up", withinMs: 10_000 });
      assert.match(back.why, /successes in a row/);
    }
    const changes = node.logs().filter(({ target, to }) => target === id(flapping) && to === "down");
    assert.equal(changes.length, 3, "one line a change");
    assert.deepEqual(await node.stop(), { code: 0, signal: null });
    assert.deepEqual(node.complaints(), []);
    const lines = node.logs();
    const counters = lines.find(({ msg }) => msg === "stopped")?.["counters"] as Record<string, number>;
    for (const [counter, said] of [
      ["health.down", "target down"],
      ["health.back", "target back"],
      ["health.changed", "target changed"],
    ] as const) {
      assert.equal(counters[counter], lines.filter(({ msg }) => msg === said).length, counter);
    }
  });

  test("20 targets die, each at its own time: down within the formula, by the defaults", async (t) => {
    using lab = new Lab();
    const [edge, far] = [lab.host("edge-a", { number: 2 }), lab.host("far", { number: 11 })];
    const ports = portsFrom(FIRST_PORT, 20);
    const responder = await OptionsResponder.start(far, { ports });
    const places = ports.map((port) => `${far.ip4}:${port}`);
    const node = await Edge.start(edge, configOf(edge, places));
    const socket = socketOf(edge);
    for (const place of places) await untilTarget(socket, `udp:${place}`, { state: "up", withinMs: 10_000 });
    const first = (await targetRows(socket)).get(`udp:${places[0]}`);
    assert.equal(first?.detectionMs, DEFAULT_DETECTION_MS);
    await delay(11_000); // the second probes are spread over an interval
    const diedAt = new Map<string, number>();
    for (const port of ports) {
      await delay(Math.random() * 1_000);
      diedAt.set(`udp:${far.ip4}:${port}`, Date.now());
      await responder.answer(port, SILENT);
    }
    for (const id of diedAt.keys())
      await untilTarget(socket, id, { state: "down", withinMs: DEFAULT_DETECTION_MS + 2_000 });
    const tookMs = node
      .logs()
      .filter(({ msg }) => msg === "target down")
      .map((line) => Number(line["time"]) - (diedAt.get(String(line["target"])) ?? 0))
      .sort((a, b) => a - b);
    t.diagnostic(`down after ${tookMs.map((ms) => (ms / 1_000).toFixed(1)).join(" ")} s`);
    assert.equal(tookMs.length, 20);
    assert.ok(Math.max(...tookMs) <= DEFAULT_DETECTION_MS + SLACK_MS, `the last after ${tookMs.at(-1)} ms`);
  });

  const lossyS = isLong ? 600 : 40;
  test(`20 targets, 5% loss each way, a round trip of 200 ms, ${lossyS} s: none goes down by the defaults`, async (t) => {
    using lab = new Lab();
    const [edge, far] = [lab.host("edge-a", { number: 2 }), lab.host("far", { number: 11 })];
    const ports = portsFrom(FIRST_PORT, 20);
    const responder = await OptionsResponder.start(far, { ports, usual: { status: "200 OK", delayMs: 200 } });
    const places = ports.map((port) => `${far.ip4}:${port}`);
    const node = await Edge.start(edge, configOf(edge, places));
    for (const host of [edge, far]) losePackets(host, 0.05);
    await delay(lossyS * 1_000);
    const rows = [...(await targetRows(socketOf(edge))).values()];
    const lost = packetsLost(edge) + packetsLost(far);
    const { probes, datagrams } = await responder.stop();
    const downs = node.logs().filter(({ msg }) => msg === "target down");
    const doubts = node.logs().filter(({ to }) => to === "failing");
    t.diagnostic(
      `${probes} probes arrived, ${datagrams - probes} of them again, ${lost} packets lost; ${doubts.length} times failing, ${downs.length} down`,
    );
    assert.ok(lost > 0, "some were lost, or nothing was tested");
    assert.deepEqual(downs, []);
    assert.ok(rows.every(({ rttMs }) => rttMs !== null && rttMs >= 200));
  });

  test("1,000 targets probed each 10 s cost less than 2% of one core, beyond a node with one target", async (t) => {
    using lab = new Lab();
    const [edge, far] = [lab.host("edge-a", { number: 2 }), lab.host("far", { number: 11 })];
    const idle = lab.host("edge-b", { number: 3 });
    const ports = portsFrom(FIRST_PORT, 1_000);
    await OptionsResponder.start(far, { ports });
    const places = ports.map((port) => `${far.ip4}:${port}`);
    // A node runs for days: with a probe a second of each its code is compiled as it is after an hour by the defaults.
    const node = await Edge.start(edge, configOf(edge, places, ", probe: { interval: 1s }"));
    const twin = await Edge.start(idle, configOf(idle, places.slice(0, 1)));
    await delay(isLong ? 20_000 : 12_000);
    const file = join(edge.directory, `${edge.name}.yaml`);
    writeFileSync(file, readFileSync(file, "utf8").replaceAll(", probe: { interval: 1s }", ""));
    node.program.kill("SIGHUP");
    await until("the reload", 10_000, () => node.logs().find(({ msg }) => msg === "reloaded") ?? null);
    await delay(12_000); // each has been planned anew
    const forS = isLong ? 120 : 20;
    const before = [node, twin].map(({ program }) => processorS(program.pid));
    await delay(forS * 1_000);
    const [whole = 0, alone = 0] = [node, twin].map(
      ({ program }, index) => (processorS(program.pid) - (before[index] ?? 0)) / forS,
    );
    const share = whole - alone;
    const rows = [...(await targetRows(socketOf(edge))).values()];
    const percent = (of: number): string => `${(100 * of).toFixed(2)}%`;
    t.diagnostic(`${percent(share)} of one core for 1,000 targets; ${percent(alone)} for a node without`);
    assert.equal(rows.length, 1_000);
    assert.deepEqual(
      rows.filter(({ state }) => state !== "up").map(({ id, why }) => `${id}: ${why}`),
      [],
    );
    // Twenty seconds beside what the test machine does otherwise say less than the two minutes of the long run.
    assert.ok(share < (isLong ? 0.02 : 0.03), percent(share));
  });
});

/** Waits until the last probe of a target says this. */
async function lastProbeOf(socket: string, id: string, pattern: RegExp): Promise<string> {
  const tooLate = performance.now() + 5_000;
  for (;;) {
    const said = (await targetRows(socket)).get(id)?.lastProbe ?? "";
    if (pattern.test(said) || performance.now() > tooLate) return said;
    await delay(20);
  }
}
