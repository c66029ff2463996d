import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { deafen, losePackets, silenceIcmp, unplug } from "./faults.ts";
import { Lab, removeLeftOvers } from "./lab.ts";
import { labObstacle } from "./requirements.ts";
import { until } from "./until.ts";

const skip = labObstacle();

/** What a lab of this id has left on the machine. */
function leftOf(id: string): string[] {
  const namespaces = existsSync("/run/netns") ? readdirSync("/run/netns") : [];
  return [...namespaces, ...readdirSync(tmpdir())].filter((name) => name.startsWith(id));
}

/** A process that opens a lab with a program in it, prints lab id and program's pid, and then does `deed`. */
async function openLabElsewhere(
  deed: string,
): Promise<{ child: ChildProcess; id: string; programPid: number }> {
  const code = `
    import { Lab } from ${JSON.stringify(join(import.meta.dirname, "lab.ts"))};
    const lab = new Lab();
    const program = lab.host("one", { number: 1 }).start("sleep", ["sleep", "600"]);
    setTimeout(() => { console.log(lab.id, program.pid); ${deed} }, 100);`;
  const argv = ["--input-type=module-typescript", "--eval", code];
  const child = spawn(process.execPath, argv, { stdio: ["ignore", "pipe", "ignore"] });
  const [chunk] = (await once(child.stdout, "data")) as [Buffer];
  const [id = "", pid] = chunk.toString().trim().split(" ");
  return { child, id, programPid: Number(pid) };
}

/** A zombie counts as gone: whether anybody waits for orphans is up to the machine's first process. */
async function untilGone(pid: number): Promise<void> {
  await until(`the end of process ${pid}`, 1_000, () => {
    const stat = existsSync(`/proc/${pid}/stat`) ? readFileSync(`/proc/${pid}/stat`, "latin1") : ") Z";
    return stat.includes(") Z") ? true : null;
  });
}

describe("lab: nothing stays behind", { skip }, () => {
  const rows = [
    { name: "at its end", deed: "lab.close()" },
    { name: "when its process exits without closing it", deed: "process.exit(3)" },
    { name: "when something throws", deed: "throw new Error('planned')" },
    { name: "on SIGINT", deed: "process.kill(process.pid, 'SIGINT')" },
    { name: "on SIGTERM", deed: "process.kill(process.pid, 'SIGTERM')" },
  ];
  for (const { name, deed } of rows) {
    test(name, async () => {
      const { child, id, programPid } = await openLabElsewhere(deed);
      if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
      assert.deepEqual(leftOf(id), []);
      await untilGone(programPid);
    });
  }

  test("after SIGKILL its programs are gone, and the rest at the start of the next lab", async () => {
    const { child, id, programPid } = await openLabElsewhere("process.kill(process.pid, 'SIGKILL')");
    if (child.signalCode === null) await once(child, "exit");
    assert.notDeepEqual(leftOf(id), []);
    removeLeftOvers();
    assert.deepEqual(leftOf(id), []);
    await untilGone(programPid);
  });

  test("a neighbour's lab that is in use is left alone", async () => {
    const { child, id } = await openLabElsewhere("setTimeout(() => {}, 60_000)");
    removeLeftOvers();
    assert.notDeepEqual(leftOf(id), []);
    child.kill("SIGTERM");
    await once(child, "exit");
  });
});

describe("lab: hosts and faults", { skip }, () => {
  if (skip !== false) return;
  const lab = new Lab({ networks: ["front", "back"] });
  after(() => lab.close());
  const one = lab.host("one", { number: 1, networks: ["front", "back"] });
  const two = lab.host("two", { number: 2, networks: ["front", "back"] });
  const CLOSED_PORT = 9;

  /** Sends a TCP SYN from one to two and says how it ended, by bash's own /dev/tcp. */
  function connect(address: string): "open" | "refused" | "silent" {
    const script = `timeout 0.4 bash -c '</dev/tcp/${address}/${CLOSED_PORT}' 2>&1; echo "code $?"`;
    const output = one.run(["bash", "-c", script]);
    if (output.includes("code 124")) return "silent";
    return output.includes("efused") ? "refused" : "open";
  }

  test("hosts reach each other over IPv4 and IPv6, on each network", () => {
    const back = two.attachment("back");
    for (const address of [two.ip4, two.ip6, back.ip4, back.ip6])
      assert.equal(connect(address), "refused", address);
  });

  test("each fault bites and is healed", () => {
    const faults = [
      () => deafen(two, "tcp", CLOSED_PORT),
      () => silenceIcmp(two),
      () => losePackets(two, 1),
      () => unplug(two),
    ];
    for (const fault of faults) {
      const heal = fault();
      assert.equal(connect(two.ip4), "silent", `${fault}`);
      assert.equal(connect(two.attachment("back").ip4), fault === faults[3] ? "refused" : "silent");
      heal();
      assert.equal(connect(two.ip4), "refused", `healed: ${fault}`);
    }
  });

  test("a frozen program stands still, a killed one is gone", async () => {
    const state = (pid: number): string => one.run(["ps", "-o", "state=", "-p", `${pid}`]).trim();
    const program = one.start("sleep", ["sleep", "600"]);
    program.freeze();
    assert.equal(state(program.pid), "T");
    program.thaw();
    assert.equal(state(program.pid), "S");
    program.kill();
    assert.deepEqual(await program.exited, { code: null, signal: "SIGKILL" });
  });
});
