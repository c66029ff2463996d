// The script driver with real processes: what it is given, retries, time-outs, what is never believed.
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { until } from "../../lab/until.ts";
import { ScriptFolder, scriptDriver } from "./script.ts";

/** A script that does as told, and notes what it was told. */
const WELL = `
read -r line
echo "$1 $line" >>"$LOG"
case $1 in
  add) echo true >"$STATE" ;;
  remove) echo false >"$STATE" ;;
  status) echo "{\\"held\\": $(cat "$STATE" 2>/dev/null || echo false)}" ;;
esac`;

/** Gone, or dead and only not yet waited for. */
function isGone(pid: number): boolean {
  const status = `/proc/${pid}/status`;
  return !existsSync(status) || /^State:\s+Z/m.test(readFileSync(status, "latin1"));
}

describe("the script driver", () => {
  test("adds, says what it holds, removes; the script is given JSON, the action and the environment", async () => {
    using folder = new ScriptFolder();
    const script = folder.write(
      "move",
      `echo "$TANDEM_ACTION $TANDEM_NODE $TANDEM_ADDRESSES" >>"$LOG"${WELL}`,
    );
    const driver = scriptDriver([script]);
    await driver.start();
    assert.equal(driver.renew(), "absent");
    await driver.add();
    assert.equal(driver.renew(), "early");
    assert.deepEqual(await driver.status(), [{ address: "198.51.100.10", held: true, validS: null }]);
    const removed = await driver.remove();
    assert.equal(removed.confirmed, true);
    assert.equal(driver.renew(), "absent");
    await driver.close();
    const log = folder.read("log");
    assert.match(log, /^add edge-a 198\.51\.100\.10$/m);
    assert.match(log, /^remove \{"version":1,"action":"remove","node":"edge-a","interface":"eth0",/m);
  });

  test("a left-over address is removed at the start", async () => {
    using folder = new ScriptFolder();
    folder.put("state", "true");
    await scriptDriver([folder.write("move", WELL)]).start();
    assert.equal(folder.read("state"), "false\n");
  });

  test("a failure is tried again, up to the limit and no further", async () => {
    for (const { failures, works } of [
      { failures: 2, works: true },
      { failures: 3, works: false },
    ]) {
      using folder = new ScriptFolder();
      const fails = `if [ "$1" = add ]; then echo >>"$LOG.n"; [ $(wc -l <"$LOG.n") -gt ${failures} ] || { echo busy >&2; exit 1; }; fi`;
      const faults: string[] = [];
      const driver = scriptDriver([folder.write("move", fails + WELL)], { faults });
      if (works) await driver.add();
      else
        await assert.rejects(driver.add(), {
          code: "FLOATING_IP_FAILED",
          message: "add ended with code 1: busy",
        });
      assert.equal(folder.read("log.n").length, 3);
      assert.deepEqual(faults, Array(2).fill("add ended with code 1: busy; it is tried again"));
    }
  });

  test("a wrong configuration (78) is not tried again", async () => {
    using folder = new ScriptFolder();
    const driver = scriptDriver([folder.write("move", 'echo >>"$LOG"; exit 78')]);
    await assert.rejects(driver.add(), { message: "add ended with code 78" });
    assert.equal(folder.read("log").length, 1);
  });

  test("one that hangs is killed with all that it started, and a removal says that it is not confirmed", async () => {
    using folder = new ScriptFolder();
    const driver = scriptDriver([folder.write("move", 'sleep 30 & echo $! >"$STATE"; wait')], {
      timeoutMs: 300,
      triesMax: 1,
    });
    const begun = performance.now();
    const removed = await driver.remove();
    assert.equal(removed.confirmed, false);
    assert.match(removed.reason, /took too long and was killed/);
    assert.ok(performance.now() - begun < 5_000);
    const child = Number(folder.read("state"));
    assert.ok(child > 0);
    await until("its child to end", 2_000, () => (isGone(child) ? true : null));
  });

  const lies = [
    { name: "add that did nothing", body: 'echo "{\\"held\\": false}"', message: /not here after add/ },
    { name: "status that prints something else", body: "echo yes", message: /status has to print/ },
    { name: "status without an end", body: '[ "$1" != status ] || yes', message: /status took too long/ },
  ];
  for (const { name, body, message } of lies) {
    test(`not believed: ${name}`, async () => {
      using folder = new ScriptFolder();
      const driver = scriptDriver([folder.write("move", body)], { timeoutMs: 500 });
      await assert.rejects(driver.add(), { code: "FLOATING_IP_FAILED", message });
    });
  }

  test("a removal that left it there is not confirmed", async () => {
    using folder = new ScriptFolder();
    const removed = await scriptDriver([folder.write("move", 'echo "{\\"held\\": true}"')]).remove();
    assert.deepEqual([removed.confirmed, removed.reason], [false, "the script says that it is still here"]);
  });

  test("a removal overtakes an add that is being tried", async () => {
    using folder = new ScriptFolder();
    const driver = scriptDriver([folder.write("move", `[ "$1" != add ] || exit 1\n${WELL}`)], {
      triesMax: 10,
    });
    const adding = driver.add();
    const removing = driver.remove();
    await assert.rejects(adding, { code: "FLOATING_IP_SUPERSEDED" });
    assert.equal((await removing).confirmed, true);
  });

  test("a script that is not there is said at the start", async () => {
    await assert.rejects(scriptDriver(["/nowhere/move"]).start(), {
      code: "FLOATING_IP_PROGRAM",
      message: /can't be run: .*ENOENT/,
    });
  });
});
