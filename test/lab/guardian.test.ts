// The guardian on the real kernel: its engine killed, frozen, blocked; itself killed; what the address and the peer see.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { after, afterEach, before, beforeEach, describe, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import type { Host } from "./host.ts";
import { Lab } from "./lab.ts";
import type { Program } from "./program.ts";
import { labObstacle } from "./requirements.ts";
import { until } from "./until.ts";

const skip = labObstacle(["socat"]);
const ADDRESS = "10.77.0.200";
/** Two busy cores, and our looking each 20 ms. */
const SLACK_MS = 250;
const SILENT_MS = 500;

let lab: Lab;
let edge: Host;
let peer: Host;
let heard: Program;

function hasAddress(): boolean {
  return edge.run(["ip", "-o", "address", "show", "dev", "eth0"]).includes(` ${ADDRESS}/`);
}

/** What the peer has received, a datagram a line: time in milliseconds and words. */
function resignations(): string[] {
  return readFileSync(heard.stdoutFile, "utf8")
    .split("\n")
    .filter((line) => line !== "");
}

interface Guarded {
  readonly guardian: Program;
  /** Of the engine that holds the address. */
  readonly engine: number;
}

async function start(...how: string[]): Promise<Guarded> {
  const marker = join(lab.directory, "marker");
  rmSync(marker, { force: true });
  const program = join(import.meta.dirname, "guardian-process.ts");
  const argv = [process.execPath, program, ADDRESS, peer.ip4, edge.ip4, marker, ...how];
  const guardian = edge.start("guardian", argv);
  const [, engine] = await guardian.untilOutput(/"event":"active","pid":(\d+)/, 10_000);
  await delay(200);
  assert.equal(hasAddress(), true);
  return { guardian, engine: Number(engine) };
}

async function untilGone(): Promise<number> {
  const begun = performance.now();
  await until("the address to go", 5_000, () => (hasAddress() ? null : true));
  return performance.now() - begun;
}

/** @returns milliseconds from now until the peer has heard the first resignation */
async function untilResigned(words: string): Promise<number> {
  const begun = Date.now();
  await until("the resignation", 5_000, () => (resignations().length >= 5 ? true : null));
  assert.equal(resignations().length, 5);
  for (const line of resignations()) assert.equal(line.replace(/^\d+ /, ""), words);
  return Number(resignations()[0]?.split(" ")[0]) - begun;
}

function running(pid: number): boolean {
  const status = spawnSync("cat", [`/proc/${pid}/status`], { encoding: "utf8" }).stdout;
  return status !== "" && !/^State:\s+Z/m.test(status);
}

before(() => {
  if (skip !== false) return;
  lab = new Lab();
  edge = lab.host("edge", { number: 10 });
  peer = lab.host("peer", { number: 11 });
});
beforeEach(async () => {
  if (skip !== false) return;
  const listener = `const s = require("dgram").createSocket("udp4");
    s.on("message", (m) => console.log(Date.now() + " " + m)); s.bind(7060, () => console.error("listening"));`;
  heard = peer.start("listener", [process.execPath, "-e", listener]);
  await heard.untilOutput(/listening/, 5_000);
});
afterEach(async () => {
  heard?.kill();
  await heard?.exited;
});
after(() => lab?.close());

async function end({ guardian }: Guarded): Promise<void> {
  const { code } = await guardian.stop();
  assert.equal(code, 0, guardian.output());
}

describe("the guardian", { skip }, () => {
  test("its engine is killed: the address goes, the peer hears five times that it is gone, a standby is started", async () => {
    const guarded = await start();
    process.kill(guarded.engine, "SIGKILL");
    const [gone, told] = await Promise.all([untilGone(), untilResigned("gone")]);
    assert.ok(gone < SLACK_MS, `address after ${gone} ms`);
    assert.ok(told < SLACK_MS, `resignation after ${told} ms`);
    await guarded.guardian.untilOutput(/"event":"standby"/, 5_000);
    assert.equal(hasAddress(), false);
    await end(guarded);
  });

  for (const { name, signal } of [
    { name: "is frozen", signal: "SIGSTOP" },
    { name: "blocks its loop", signal: "SIGUSR2" },
  ] as const) {
    test(`its engine ${name}: killed after ${SILENT_MS} ms, and the same follows`, async () => {
      const guarded = await start();
      process.kill(guarded.engine, signal);
      const told = await untilResigned("gone");
      assert.ok(told >= SILENT_MS - 100 && told < SILENT_MS + 150 + SLACK_MS, `${told} ms`);
      assert.equal(hasAddress(), false);
      assert.equal(running(guarded.engine), false);
      await guarded.guardian.untilOutput(/"event":"standby"/, 5_000);
      await end(guarded);
    });
  }

  test("an ip of the engine that is frozen with a renewal in its pipe ends with the engine, before the address is removed", async () => {
    const guarded = await start();
    const ip = Number(
      spawnSync("pgrep", ["-P", `${guarded.engine}`], { encoding: "utf8" }).stdout.split("\n")[0],
    );
    process.kill(ip, "SIGSTOP");
    await delay(250);
    process.kill(guarded.engine, "SIGKILL");
    await untilResigned("gone");
    assert.equal(running(ip), false);
    await delay(300);
    assert.equal(hasAddress(), false);
    await end(guarded);
  });

  test("an address that can't be removed is resigned as not sure", async () => {
    const guarded = await start();
    edge.run(["ip", "address", "add", `${ADDRESS}/24`, "dev", "eth0"]);
    process.kill(guarded.engine, "SIGKILL");
    await untilResigned("not sure");
    edge.run(["ip", "address", "delete", `${ADDRESS}/24`, "dev", "eth0"]);
    await end(guarded);
  });

  test("is killed itself: its engine gives the address up and ends", async () => {
    const guarded = await start();
    guarded.guardian.kill("SIGKILL");
    const gone = await untilGone();
    assert.ok(gone < SLACK_MS, `${gone} ms`);
    await until("the engine's end", 2_000, () => (running(guarded.engine) ? null : true));
    assert.match(guarded.guardian.output(), /"removed".*"why":"guardian lost","confirmed":true/);
  });

  test("is killed together with its engine: the kernel takes the address away within its lifetime", async () => {
    const guarded = await start();
    process.kill(guarded.engine, "SIGKILL");
    guarded.guardian.kill("SIGKILL");
    const gone = await untilGone();
    assert.ok(gone < 1_100 + SLACK_MS, `${gone} ms`);
    assert.deepEqual(resignations(), []);
  });

  test("is frozen together with its engine for 3 s: nothing holds the address afterwards, and nobody is killed for it", async () => {
    const guarded = await start();
    guarded.guardian.freeze();
    process.kill(guarded.engine, "SIGSTOP");
    const gone = await untilGone();
    assert.ok(gone < 1_100 + SLACK_MS, `${gone} ms`);
    await delay(2_000);
    guarded.guardian.thaw();
    process.kill(guarded.engine, "SIGCONT");
    await guarded.guardian.untilOutput(/"why":"lapsed"/, 2_000);
    await delay(1_000);
    assert.equal(running(guarded.engine), true);
    assert.equal(hasAddress(), false);
    await end(guarded);
  });

  test("is told to stop: the engine gives the address up, and both end with code 0, without a resignation", async () => {
    const guarded = await start();
    await end(guarded);
    assert.equal(hasAddress(), false);
    assert.deepEqual(resignations(), []);
  });

  test("is told to stop, and its engine hangs but for its beats: killed when its time is over, the address goes", async () => {
    const { guardian, engine } = await start("hangs");
    const begun = performance.now();
    guardian.kill("SIGTERM");
    await guardian.exited;
    const took = performance.now() - begun;
    assert.deepEqual([hasAddress(), running(engine)], [false, false]);
    assert.ok(took > 900 && took < 3_000, `${took} ms`);
  });

  test("an engine that refuses its configuration ends the guardian with its code", async () => {
    const program = join(import.meta.dirname, "guardian-process.ts");
    const guardian = edge.start("guardian", [process.execPath, program, "refuse"]);
    assert.deepEqual(await guardian.exited, { code: 2, signal: null });
  });
});
