// The Linux driver on the real kernel: what was measured of it, and each trap that the driver has to know.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { LinuxDriver } from "../../src/floating-ip/linux-driver.ts";
import { FrameLog } from "./frame-log.ts";
import type { Host } from "./host.ts";
import { programIn } from "./host-program.ts";
import { Lab } from "./lab.ts";
import type { Program } from "./program.ts";
import { labObstacle } from "./requirements.ts";
import { until } from "./until.ts";

const skip = labObstacle(["socat"]);
const IP4 = "10.77.0.200";
const IP6 = "fd77:1::200";
const ADDRESSES = [
  { address: IP4, family: 4 as const },
  { address: IP6, family: 6 as const },
];
/** Whatever says that an address of ours is somewhere. */
const ANNOUNCEMENTS = `arp src host ${IP4} or (icmp6 and ip6[40] == 136)`;
/** Two busy cores: the kernel's own times, and our looking each 20 ms. */
const SLACK_MS = 250;

let lab: Lab;
let host: Host;

function has(address: string): boolean {
  return host.run(["ip", "-o", "address", "show", "dev", "eth0"]).includes(` ${address}/`);
}

function hasAny(): boolean {
  return has(IP4) || has(IP6);
}

async function untilGone(address: string): Promise<number> {
  const begun = performance.now();
  await until(`${address} to go`, 6_000, () => (has(address) ? null : true));
  return performance.now() - begun;
}

function driverFor(
  options: { faults?: string[]; lifetimeS?: number; interface?: string; program?: string } = {},
): LinuxDriver {
  return new LinuxDriver({
    addresses: ADDRESSES.map((each) => ({ ...each, interface: options.interface ?? "eth0" })),
    lifetimeS: options.lifetimeS ?? 1,
    events: { onFault: (reason) => options.faults?.push(reason) },
    program: options.program ?? programIn(host, "ip"),
  });
}

/** The process `ip -batch` that a process has started. */
function ipOf(parent: number): number {
  const found = spawnSync("pgrep", ["-P", String(parent), "-f", "ip -force -json -batch"], {
    encoding: "utf8",
  });
  return Number(found.stdout.trim().split("\n")[0]);
}

function clean(): void {
  for (const [address, bits] of [
    [IP4, 32],
    [IP6, 128],
  ] as const)
    if (has(address)) host.run(["ip", "address", "delete", `${address}/${bits}`, "dev", "eth0"]);
}

before(() => {
  if (skip !== false) return;
  lab = new Lab({ networks: ["front", "back"] });
  host = lab.host("edge", { number: 10 });
  lab.host("phone", { number: 20 });
});
after(() => lab?.close());

describe("facts of this kernel that the driver relies on", { skip }, () => {
  const lifetimes = [
    { seconds: 1, least: 900, most: 1_200 },
    { seconds: 2, least: 1_800, most: 2_700 },
    { seconds: 3, least: 2_800, most: 3_700 },
  ];
  for (const { seconds, least, most } of lifetimes) {
    test(`valid_lft ${seconds} removes an address ${least} to ${most} ms after its last renewal, IPv6 too`, async () => {
      const lines = [
        `address replace ${IP4}/32 dev eth0 valid_lft ${seconds} preferred_lft ${seconds}\n`,
        `address replace ${IP6}/128 dev eth0 nodad valid_lft ${seconds} preferred_lft 0\n`,
      ].join("");
      host.run(["ip", "-batch", "-"], lines);
      await delay(500);
      host.run(["ip", "-batch", "-"], lines);
      const [four, six] = await Promise.all([untilGone(IP4), untilGone(IP6)]);
      for (const took of [four, six])
        assert.ok(took >= least - 50 && took <= most + SLACK_MS, `gone after ${took} ms`);
    });
  }

  test("an address that is added first in its subnet takes later ones with it; as /32 it does not", () => {
    const add = (address: string): string => host.run(["ip", "address", "add", address, "dev", "eth0"]);
    const remove = (address: string): string => host.run(["ip", "address", "delete", address, "dev", "eth0"]);
    add("10.99.0.1/24");
    add("10.99.0.2/24");
    remove("10.99.0.1/24");
    assert.equal(has("10.99.0.2"), false);
    add("10.99.0.1/32");
    add("10.99.0.2/24");
    remove("10.99.0.1/32");
    assert.equal(has("10.99.0.2"), true);
    remove("10.99.0.2/24");
  });

  test("ip -batch ends at its first error; with -force it goes on and says which line it was", () => {
    const lines = `address delete ${IP4}/32 dev eth0\naddress show dev lo\n`;
    const batch = (...flags: string[]) =>
      spawnSync("ip", ["netns", "exec", host.namespace, "ip", ...flags, "-batch", "-"], {
        input: lines,
        encoding: "utf8",
      });
    assert.doesNotMatch(batch().stdout, /LOOPBACK/);
    assert.match(batch("-force").stdout, /LOOPBACK/);
    assert.match(batch("-force").stderr, /Command failed -:1/);
  });

  test("ip address change makes an address that is absent", () => {
    host.run(["ip", "address", "change", `${IP4}/32`, "dev", "eth0", "valid_lft", "5", "preferred_lft", "5"]);
    assert.equal(has(IP4), true);
    clean();
  });
});

describe("the Linux driver", { skip }, () => {
  test("adds both addresses, keeps them past three lifetimes by renewals, and removes them, read back", async () => {
    const faults: string[] = [];
    const driver = driverFor({ faults });
    await driver.start();
    const { tookMs } = await driver.add();
    assert.ok(tookMs < 250, `${tookMs} ms`);
    const end = performance.now() + 3_200;
    while (performance.now() < end) {
      assert.match(driver.renew(), /^(renewed|early)$/);
      assert.ok(has(IP4) && has(IP6));
      await delay(100);
    }
    assert.deepEqual(await driver.status(), [
      { address: IP4, held: true, validS: 1 },
      { address: IP6, held: true, validS: 1 },
    ]);
    const removed = await driver.remove();
    assert.equal(removed.confirmed, true);
    assert.equal(hasAny(), false);
    assert.equal(driver.renew(), "absent");
    assert.deepEqual(faults, []);
    await driver.close();
  });

  test("an IPv6 address can be bound at once, and is never chosen for the node's own connections", async () => {
    const driver = driverFor();
    await driver.start();
    await driver.add();
    const bind = `const s = require("dgram").createSocket("udp6"); s.bind(0, "${IP6}", () => process.exit(0));`;
    host.run([process.execPath, "-e", bind]);
    assert.match(host.run(["ip", "-6", "route", "get", "fd77:1::20"]), new RegExp(`src ${host.ip6} `));
    await driver.remove();
    await driver.close();
  });

  test("no renewal for a lifetime, as by a freeze: the next one is refused, and the address is removed and stays so", async () => {
    const driver = driverFor();
    await driver.start();
    await driver.add();
    await delay(1_010);
    assert.equal(driver.renew(), "lapsed");
    assert.equal(driver.renew(), "absent");
    await delay(300);
    assert.equal(hasAny(), false);
    await driver.close();
  });

  test("a left-over address is removed at the start, also one that has no lifetime", async () => {
    host.run(["ip", "address", "add", `${IP4}/32`, "dev", "eth0"]);
    const driver = driverFor();
    await driver.start();
    assert.equal(has(IP4), false);
    await driver.close();
  });

  test("an address that others have put there with another prefix is refused by name, and left alone", async () => {
    host.run(["ip", "address", "add", `${IP4}/24`, "dev", "eth0"]);
    const driver = driverFor();
    await assert.rejects(driver.start(), {
      code: "FLOATING_IP_FOREIGN",
      message: /10\.77\.0\.200\/24 on eth0/,
    });
    const removed = await driver.remove();
    assert.equal(removed.confirmed, false);
    assert.match(removed.reason, /still there: 10\.77\.0\.200\/24/);
    assert.equal(has(IP4), true);
    host.run(["ip", "address", "delete", `${IP4}/24`, "dev", "eth0"]);
    await driver.close();
  });

  test("a removal while the address is added wins", async () => {
    const driver = driverFor();
    await driver.start();
    const adding = driver.add();
    const removing = driver.remove();
    await assert.rejects(adding, { code: "FLOATING_IP_SUPERSEDED" });
    assert.equal((await removing).confirmed, true);
    assert.equal(hasAny(), false);
    await driver.add();
    assert.equal(has(IP4), true);
    assert.equal((await driver.remove()).confirmed, true);
    await driver.close();
  });

  test("addresses on two interfaces come and go together; one whose interface is gone takes none", async () => {
    const both = lab.host("two-homed", { number: 40, networks: ["front", "back"] });
    const inside = { address: "10.77.1.200", family: 4 as const, interface: "eth1" };
    const outside = { address: IP4, family: 4 as const, interface: "eth0" };
    const open = (...addresses: (typeof inside)[]): LinuxDriver =>
      new LinuxDriver({
        addresses,
        lifetimeS: 1,
        events: { onFault: () => undefined },
        program: programIn(both, "ip"),
      });
    const shown = (): string => both.run(["ip", "-o", "-4", "address", "show"]);
    const driver = open(outside, inside);
    await driver.start();
    await driver.add();
    assert.match(shown(), /eth0 +inet 10\.77\.0\.200\/32/);
    assert.match(shown(), /eth1 +inet 10\.77\.1\.200\/32/);
    assert.equal((await driver.remove()).confirmed, true);
    await driver.close();
    const broken = open(outside, { ...inside, interface: "eth7" });
    await assert.rejects(broken.add(), { code: "FLOATING_IP_INTERFACE" });
    assert.doesNotMatch(shown(), /\.200\//);
    await broken.close();
  });

  for (const { name, signal } of [
    { name: "killed", signal: "SIGKILL" },
    { name: "frozen", signal: "SIGSTOP" },
  ] as const) {
    test(`its ip process is ${name}: it is replaced, and the address never goes`, async () => {
      const faults: string[] = [];
      const driver = driverFor({ faults });
      await driver.start();
      await driver.add();
      process.kill(ipOf(process.pid), signal);
      const end = performance.now() + 2_500;
      while (performance.now() < end) {
        assert.match(driver.renew(), /^(renewed|early)$/);
        assert.ok(has(IP4) && has(IP6));
        await delay(50);
      }
      assert.ok(faults.length > 0);
      assert.equal((await driver.remove()).confirmed, true);
      await driver.close();
    });
  }

  test("its ip process is frozen when the address is given up: a new one removes it, the old one never wakes", async () => {
    const driver = driverFor();
    await driver.start();
    await driver.add();
    const old = ipOf(process.pid);
    process.kill(old, "SIGSTOP");
    driver.renew();
    const removed = await driver.remove();
    assert.equal(removed.confirmed, true);
    assert.throws(() => process.kill(old, "SIGCONT"));
    assert.equal(hasAny(), false);
    await driver.close();
  });
});

describe("what is missing is said at the start", { skip }, () => {
  test("no CAP_NET_ADMIN", async () => {
    const file = programIn(host, "setpriv --bounding-set -net_admin --inh-caps -all -- ip");
    const driver = driverFor({ program: file });
    await assert.rejects(driver.start(), { code: "FLOATING_IP_PRIVILEGE", message: /CAP_NET_ADMIN/ });
    await driver.close();
  });

  test("a user with the ambient capability may", async () => {
    const caps = "--inh-caps +net_admin --ambient-caps +net_admin";
    const file = programIn(host, `setpriv --reuid 65534 --regid 65534 --clear-groups ${caps} -- ip`);
    const driver = driverFor({ program: file });
    await driver.start();
    await driver.add();
    assert.equal((await driver.remove()).confirmed, true);
    await driver.close();
  });

  test("no ip", async () => {
    const driver = driverFor({ program: join(lab.directory, "no-such-program") });
    await assert.rejects(driver.start(), { code: "FLOATING_IP_PROGRAM", message: /iproute2/ });
    await driver.close();
  });

  test("no such interface", async () => {
    const driver = driverFor({ interface: "eth9" });
    await assert.rejects(driver.start(), { code: "FLOATING_IP_INTERFACE", message: /eth9/ });
    await driver.close();
  });
});

describe("a process that holds the address", { skip }, () => {
  const owner = join(import.meta.dirname, "address-owner.ts");

  async function startOwner(): Promise<Program> {
    const program = host.start("owner", [process.execPath, owner, IP4, IP6]);
    await program.untilOutput(/"added"/, 10_000);
    return program;
  }

  test("killed: the kernel takes the address away within the lifetime", async () => {
    const program = await startOwner();
    await delay(300);
    program.kill("SIGKILL");
    const took = await untilGone(IP4);
    assert.ok(took < 1_100 + SLACK_MS, `${took} ms`);
    await untilGone(IP6);
  });

  test("frozen for 3 s and woken: gone within the lifetime, removed on waking, and nothing is announced", async () => {
    const program = await startOwner();
    await delay(300);
    program.freeze();
    const took = await untilGone(IP4);
    assert.ok(took < 1_100 + SLACK_MS, `${took} ms`);
    await delay(2_000);
    const frames = await FrameLog.start(lab.switchHost(), "br-front", ANNOUNCEMENTS);
    program.thaw();
    await program.untilOutput(/"removed","why":"lapsed"/, 3_000);
    await delay(1_500);
    assert.deepEqual(await frames.stop(), []);
    assert.equal(hasAny(), false);
    program.kill("SIGKILL");
    await program.exited;
  });

  test("a line left in the pipe of a frozen ip brings the address back on waking; the owner's delete follows it", async () => {
    const program = await startOwner();
    const ip = ipOf(program.pid);
    process.kill(ip, "SIGSTOP");
    await delay(250); // a renewal is written
    program.freeze();
    await untilGone(IP4);
    process.kill(ip, "SIGCONT");
    await until("the stale line", 500, () => (has(IP4) ? true : null));
    program.thaw();
    await program.untilOutput(/"removed","why":"lapsed","confirmed":true/, 3_000);
    assert.equal(hasAny(), false);
    await delay(1_200);
    assert.equal(hasAny(), false);
    program.kill("SIGKILL");
    await program.exited;
  });
});
