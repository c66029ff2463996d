// What a node of a cluster keeps on its disk, and the programs of the operator that it runs.
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { runBounded } from "../../../src/node/cluster/bounded-command.ts";
import { ClusterError } from "../../../src/node/cluster/cluster-error.ts";
import { ClusterFile } from "../../../src/node/cluster/cluster-file.ts";
import { RoleHook } from "../../../src/node/cluster/role-hook.ts";

const folder = mkdtempSync(join(tmpdir(), "tandem-cluster-"));
after(() => rmSync(folder, { recursive: true }));

describe("the epoch on the disk", () => {
  test("is 0 at first, is never lowered, and is there for the next life", async () => {
    const path = join(folder, "new", "cluster.json");
    const first = new ClusterFile(path);
    assert.deepEqual([first.epoch, first.maintenance], [0, false]);
    assert.equal(await first.storeEpoch(7), null);
    assert.equal(await first.storeEpoch(5), null);
    assert.equal(await first.storeMaintenance(true), null);
    const next = new ClusterFile(path);
    assert.deepEqual([next.epoch, next.maintenance], [7, true]);
  });

  test("that could not be stored is not said to be there, and goes with the next write", async () => {
    const path = join(folder, "full", "cluster.json");
    const file = new ClusterFile(path);
    assert.equal(await file.storeEpoch(5), null);
    mkdirSync(`${path}.new`);
    for (let tries = 0; tries < 2; tries++) assert.match((await file.storeEpoch(7)) ?? "", /EISDIR/);
    assert.match((await file.storeMaintenance(true)) ?? "", /EISDIR/);
    assert.deepEqual([file.epoch, file.maintenance], [5, false], "what the disk has");
    rmdirSync(`${path}.new`);
    assert.equal(await file.storeEpoch(6), null);
    assert.deepEqual([file.epoch, file.maintenance], [7, true]);
    const next = new ClusterFile(path);
    assert.deepEqual([next.epoch, next.maintenance], [7, true]);
  });

  test("while a write is under way it is that of the disk", async () => {
    const file = new ClusterFile(join(folder, "slow", "cluster.json"));
    const writing = file.storeEpoch(7);
    assert.equal(file.epoch, 0);
    await writing;
    assert.equal(file.epoch, 7);
  });

  for (const [name, text] of [
    ["no JSON", "epoch 7"],
    ["another version", '{"version":2,"epoch":7,"maintenance":false}'],
    ["half a number", '{"version":1,"epoch":7.5,"maintenance":false}'],
  ] as const) {
    test(`${name}: the node does not start, and the file is left as it is`, () => {
      const path = join(folder, "bad.json");
      writeFileSync(path, text);
      assert.throws(
        () => new ClusterFile(path),
        (error) => error instanceof ClusterError && error.code === "CLUSTER_STATE",
      );
      assert.equal(readFileSync(path, "utf8"), text);
    });
  }

  test("a directory that can't be written: the node does not start", () => {
    assert.throws(() => new ClusterFile(join(folder, "bad.json", "cluster.json")), ClusterError);
  });
});

describe("a program of the operator's", () => {
  const rows = [
    { name: "ends well", script: "echo fine", ok: true, reason: /^exit code 0: fine$/ },
    {
      name: "fails",
      script: "echo no such outlet >&2; exit 3",
      ok: false,
      reason: /^exit code 3: no such outlet$/,
    },
    { name: "gets the role", script: 'echo "$1 $TANDEM_ROLE"', ok: true, reason: /: active active$/ },
  ];
  for (const { name, script, ok, reason } of rows) {
    test(name, async () => {
      const end = await runBounded(["sh", "-c", script, "sh", "active"], { TANDEM_ROLE: "active" });
      assert.equal(end.ok, ok);
      assert.match(end.reason, reason);
    });
  }

  test("that hangs is killed with all that it started", async () => {
    const file = join(folder, "survivor");
    const end = await runBounded(["sh", "-c", `(sleep 1; echo > ${file}) & sleep 60`], {}, 200);
    assert.equal(end.ok, false);
    assert.match(end.reason, /did not end within 200 ms/);
    await new Promise((resolve) => setTimeout(resolve, 1_200));
    assert.throws(() => readFileSync(file));
  });

  test("that there is not: told, not thrown", async () => {
    assert.match((await runBounded(["/no/such/program"], {})).reason, /ENOENT/);
  });
});

describe("role.hook", () => {
  const slow = ["sh", "-c", 'sleep "$DELAY"; echo "$1 $TANDEM_NODE $TANDEM_ROLE" >>"$FILE"', "hook"];
  const linesOf = (file: string): string[] => readFileSync(file, "utf8").split("\n").filter(Boolean);

  function hook(name: string, delay: string): { hook: RoleHook; file: string; ends: string[] } {
    const file = join(folder, name);
    writeFileSync(file, "");
    const ends: string[] = [];
    const command = ["env", `FILE=${file}`, `DELAY=${delay}`, ...slow];
    const told = (role: string, { ok, reason }: { ok: boolean; reason: string }): void => {
      ends.push(`${role} ${ok ? "ok" : reason}`);
    };
    return { hook: new RoleHook(command, "edge-a", told), file, ends };
  }

  async function until(enough: () => boolean): Promise<void> {
    while (!enough()) await new Promise((resolve) => setTimeout(resolve, 20));
  }

  test("runs at each change, one after the other", async () => {
    const { hook: ours, file, ends } = hook("in-order", "0.05");
    ours.run("taking-over");
    ours.run("active");
    await until(() => ends.length === 2);
    assert.deepEqual(linesOf(file), ["taking-over edge-a taking-over", "active edge-a active"]);
  });

  test("what waits when the process ends is started at once", async () => {
    const { hook: ours, ends } = hook("at-once", "0.3");
    const begun = performance.now();
    for (const role of ["active", "stepping-down", "standby"] as const) ours.run(role);
    ours.flush();
    await until(() => ends.length === 3);
    assert.ok(performance.now() - begun < 800);
  });

  test("sixteen changes wait; of seventeen the oldest is left out, and said", async () => {
    const { hook: ours, ends } = hook("too-many", "0");
    for (let i = 0; i < 17; i++) ours.run("active");
    assert.deepEqual(ends, []);
    ours.run("standby");
    assert.deepEqual(ends, ["active too many changes were waiting"]);
    await until(() => ends.length === 18);
  });
});
