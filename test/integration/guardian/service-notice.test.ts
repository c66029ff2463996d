// What systemd is told, by its own program, on a socket as it makes one; and the unit file of config/systemd.
import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { ServiceNotice } from "../../../src/guardian/service-notice.ts";
import { until } from "../../lab/until.ts";

const ROOT = join(import.meta.dirname, "../../..");
const UNIT = join(ROOT, "config/systemd/tandem.service");

function obstacle(...programs: string[]): string | false {
  const missing = programs.filter((program) => spawnSync("sh", ["-c", `command -v ${program}`]).status !== 0);
  return missing.length > 0 && `programs are not installed: ${missing.join(", ")}`;
}

const notify = obstacle("systemd-notify", "socat");
let folder: string;
before(() => {
  folder = mkdtempSync(join(tmpdir(), "tandem-notice-"));
});
after(() => rmSync(folder, { recursive: true, force: true }));

describe("notices to systemd (sd_notify(3))", () => {
  test("arrive on its socket", { skip: notify }, async () => {
    const socket = join(folder, "notify");
    const manager = spawn("socat", ["-u", `UNIX-RECV:${socket}`, "STDOUT"], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    after(() => manager.kill("SIGKILL"));
    let heard = "";
    manager.stdout.setEncoding("utf8").on("data", (text: string) => {
      heard += text;
    });
    await until("the socket", 5_000, () => (existsSync(socket) ? true : null));
    const faults: string[] = [];
    const notice = new ServiceNotice({ NOTIFY_SOCKET: socket }, (reason) => faults.push(reason));
    notice.send("READY=1", "STATUS=standby, in sync");
    await until("ready", 5_000, () => (/READY=1\nSTATUS=standby, in sync/.test(heard) ? true : null));
    notice.send("WATCHDOG=1");
    await until("the watchdog", 5_000, () => (heard.includes("WATCHDOG=1") ? true : null));
    assert.deepEqual(faults, []);
  });

  test("without a service manager nothing is run", () => {
    const faults: string[] = [];
    new ServiceNotice({}, (reason) => faults.push(reason), "/nowhere/notify").send("READY=1");
    assert.deepEqual(faults, []);
  });

  test("where they can't be sent it is said, once", async () => {
    const faults: string[] = [];
    const env = { NOTIFY_SOCKET: join(folder, "nobody") };
    const notice = new ServiceNotice(env, (reason) => faults.push(reason), "/nowhere/notify");
    notice.send("READY=1");
    await until("the fault", 2_000, () => (faults.length > 0 ? true : null));
    notice.send("READY=1");
    const other = new ServiceNotice(env, (reason) => faults.push(reason), "false");
    other.send("READY=1");
    await until("the other's fault", 2_000, () => (faults.length > 1 ? true : null));
    assert.match(faults[0] ?? "", /systemd can't be told: \/nowhere\/notify .*ENOENT/);
    assert.equal(faults[1], "systemd can't be told: false ended (exit code 1)");
  });
});

describe("the unit file", () => {
  const text = readFileSync(UNIT, "utf8");
  const value = (key: string): string => new RegExp(`^${key}=(.*)$`, "m").exec(text)?.[1] ?? "";

  test("says what the guardian relies on", () => {
    assert.equal(value("Type"), "notify");
    assert.equal(value("NotifyAccess"), "all");
    assert.equal(value("KillMode"), "mixed");
    assert.match(value("AmbientCapabilities"), /CAP_NET_ADMIN CAP_NET_RAW/);
    assert.match(value("RestrictAddressFamilies"), /AF_NETLINK AF_PACKET/);
    assert.ok(Number(value("TimeoutStopSec")) > 30);
    assert.ok(Number(value("TimeoutStartSec")) > 60);
  });

  test("is one that systemd takes", { skip: obstacle("systemd-analyze") }, () => {
    const file = join(folder, "tandem.service");
    const here = text.replaceAll("/usr/bin/tandem", "/bin/true").replace(/^User=.*/m, "User=root");
    writeFileSync(file, here);
    const { status, stderr } = spawnSync("systemd-analyze", ["verify", file], { encoding: "utf8" });
    assert.equal(status, 0, stderr);
    assert.equal(stderr.trim(), "");
  });
});
