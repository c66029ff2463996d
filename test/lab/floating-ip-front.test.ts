// The link of the floating IP on the real kernel: what is announced and when, who has an address, carrier and witnesses.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { Front, type FrontOptions } from "../../src/floating-ip/front.ts";
import { unplug } from "./faults.ts";
import { FrameLog } from "./frame-log.ts";
import type { Host } from "./host.ts";
import { programIn } from "./host-program.ts";
import { Lab } from "./lab.ts";
import { labObstacle } from "./requirements.ts";
import { until } from "./until.ts";

const skip = labObstacle(["socat"]);
const FLOATING = [
  { address: "10.77.0.200", family: 4 as const },
  { address: "fd77:1::200", family: 6 as const },
];
const ABSENT = [
  { address: "10.77.0.99", family: 4 as const },
  { address: "fd77:1::99", family: 6 as const },
];
const ANNOUNCEMENTS = "arp src host 10.77.0.200 or (icmp6 and ip6[40] == 136 and ip6 dst ff02::1)";

let lab: Lab;
let edge: Host;
let peer: Host;
let caller: Host;
const told: string[] = [];
const open: { readonly front: Front; readonly turns: NodeJS.Timeout }[] = [];

async function frontOf(host: Host, options: Partial<FrontOptions> = {}): Promise<Front> {
  told.length = 0;
  const front = new Front({
    interface: "eth0",
    addresses: FLOATING,
    witnesses: [],
    witnessSilenceMs: 300,
    mayAnnounce: () => true,
    events: {
      onFront: (state, reason) => told.push(`${state}: ${reason}`),
      onConflict: ({ address, hardware }) => told.push(`conflict: ${address} ${hardware}`),
      onFault: (reason) => told.push(`fault: ${reason}`),
    },
    programs: { ip: programIn(host, "ip"), socat: programIn(host, "socat") },
    ...options,
  });
  open.push({ front, turns: setInterval(() => front.turn(), 100) });
  await front.start();
  return front;
}

async function closeAll(): Promise<void> {
  await Promise.all(
    open.splice(0).map(({ front, turns }) => {
      clearInterval(turns);
      return front.close();
    }),
  );
}

function hardwareOf(host: Host): string {
  return host.run(["cat", "/sys/class/net/eth0/address"]).trim();
}

/** The neighbour entry that a host has for an address. */
function neighbour(host: Host, address: string): string {
  return host.run(["ip", "neighbour", "show", address, "dev", "eth0"]);
}

before(() => {
  if (skip !== false) return;
  lab = new Lab();
  edge = lab.host("edge", { number: 10 });
  peer = lab.host("peer", { number: 11 });
  caller = lab.host("caller", { number: 30 });
});
after(async () => {
  await closeAll();
  lab?.close();
});

describe("announcements", { skip }, () => {
  test("leave five times within 150 ms as ARP request, ARP reply and advertisement, and correct what a neighbour has", async () => {
    const front = await frontOf(edge);
    for (const { address } of FLOATING) {
      const wrong = ["lladdr", "02:00:00:00:00:99", "nud", "stale", "dev", "eth0"];
      peer.run(["ip", "neighbour", "replace", address, ...wrong]);
    }
    const frames = await FrameLog.start(lab.switchHost(), "br-front", ANNOUNCEMENTS);
    const begun = performance.now();
    front.announce();
    await delay(300);
    front.withdraw();
    await delay(1_000);
    const lines = await frames.stop();
    const count = (pattern: RegExp): number => lines.filter((line) => pattern.test(line)).length;
    assert.deepEqual(
      [count(/Request who-has 10\.77\.0\.200/), count(/Reply 10\.77\.0\.200 is-at/), count(/advertisement/)],
      [5, 5, 5],
      lines.join("\n"),
    );
    assert.ok(lines.every((line) => line.includes(hardwareOf(edge))));
    const times = lines.map((line) => Number(line.split(" ")[0]) * 1_000);
    assert.ok(Math.max(...times) - Math.min(...times) < 400, `${performance.now() - begun} ms`);
    for (const { address } of FLOATING) assert.match(neighbour(peer, address), new RegExp(hardwareOf(edge)));
    await closeAll();
  });

  test("are not made by a node that may not serve", async () => {
    const front = await frontOf(edge, { mayAnnounce: () => false });
    const frames = await FrameLog.start(lab.switchHost(), "br-front", ANNOUNCEMENTS);
    front.announce();
    await delay(300);
    assert.deepEqual(await frames.stop(), []);
    await closeAll();
  });

  test("are made again when the link was lost and is back", async () => {
    const front = await frontOf(edge);
    front.announce();
    const heal = unplug(edge);
    await until("the loss", 2_000, () => (front.state.front === "lost" ? true : null));
    const frames = await FrameLog.start(lab.switchHost(), "br-front", ANNOUNCEMENTS);
    heal();
    await until("the link", 2_000, () => (front.state.front === "ok" ? true : null));
    await delay(300);
    const requests = (await frames.stop()).filter((line) => /Request who-has 10\.77\.0\.200/.test(line));
    assert.ok(requests.length >= 4, requests.join("\n"));
    assert.deepEqual(told, ["lost: the interface has no carrier", "ok: the link is up"]);
    await closeAll();
  });

  test("answer another node's claim to the address at once, and say whose it was", async () => {
    const front = await frontOf(edge);
    front.announce();
    const other = await frontOf(peer);
    caller.run([
      "ip",
      "neighbour",
      "replace",
      "10.77.0.200",
      "lladdr",
      hardwareOf(peer),
      "nud",
      "stale",
      "dev",
      "eth0",
    ]);
    other.announce();
    const conflict = `conflict: 10.77.0.200 ${hardwareOf(peer)}`;
    await until(
      "the defence",
      2_000,
      () => (told.includes(conflict) ? true : null),
      () => told.join("\n"),
    );
    other.withdraw();
    await until("the caller to have it right", 5_000, () =>
      neighbour(caller, "10.77.0.200").includes(hardwareOf(edge)) ? true : null,
    );
    await closeAll();
  });
});

describe("who has an address", { skip }, () => {
  test("the peer's, by its hardware address, within 50 ms; both families", async () => {
    const front = await frontOf(edge);
    for (const [address, family] of [
      [peer.ip4, 4],
      [peer.ip6, 6],
    ] as const) {
      const holder = await front.whoHas({ address, family });
      assert.equal(holder.kind, "answered");
      if (holder.kind !== "answered") continue;
      assert.equal(holder.hardware, hardwareOf(peer));
      assert.ok(holder.tookMs < 50, `${holder.tookMs} ms`);
    }
    await closeAll();
  });

  test("nobody's: told after 100 ms, not after a second", async () => {
    const front = await frontOf(edge);
    for (const address of ABSENT) {
      const holder = await front.whoHas(address);
      assert.equal(holder.kind, "unanswered");
      if (holder.kind === "unanswered")
        assert.ok(holder.tookMs >= 99 && holder.tookMs < 200, `${holder.tookMs} ms`);
    }
    await closeAll();
  });

  test("a frozen host's kernel answers for it: its programs are asked by other means", async () => {
    const front = await frontOf(edge);
    peer.run(["ip", "address", "add", "10.77.0.200/32", "dev", "eth0"]);
    const holder = await front.whoHas(FLOATING[0] ?? { address: "", family: 4 });
    peer.run(["ip", "address", "delete", "10.77.0.200/32", "dev", "eth0"]);
    assert.equal(holder.kind, "answered");
    await closeAll();
  });

  test("without a carrier it can't be told", async () => {
    const front = await frontOf(edge);
    const heal = unplug(edge);
    await until("the loss", 2_000, () => (front.state.front === "lost" ? true : null));
    assert.equal((await front.whoHas({ address: peer.ip4, family: 4 })).kind, "cut-off");
    heal();
    await closeAll();
  });
});

describe("the front", { skip }, () => {
  test("is lost within 250 ms of its cable", async () => {
    const front = await frontOf(edge);
    const begun = performance.now();
    const heal = unplug(edge);
    await until("the loss", 2_000, () => (front.state.front === "lost" ? true : null));
    const tookMs = performance.now() - begun;
    heal();
    assert.ok(tookMs < 250, `${tookMs} ms`);
    await closeAll();
  });

  for (const family of [4, 6] as const) {
    test(`is lost within 700 ms when the witness is cut off and the carrier stays, IPv${family}`, async () => {
      const witness = { address: family === 4 ? peer.ip4 : peer.ip6, family };
      const front = await frontOf(edge, { witnesses: [witness] });
      await until("the witness", 2_000, () => (front.state.witness === true ? true : null));
      const begun = performance.now();
      const heal = unplug(peer);
      await until("the loss", 2_000, () => (front.state.front === "lost" ? true : null));
      const tookMs = performance.now() - begun;
      assert.ok(tookMs < 700, `${tookMs} ms`);
      assert.equal(front.state.carrier, true);
      assert.equal(front.state.witness, false);
      heal();
      await until("the witness again", 3_000, () => (front.state.front === "ok" ? true : null));
      await closeAll();
    });
  }

  test("its helpers are started again when they end", async () => {
    const front = await frontOf(edge, { witnesses: [{ address: peer.ip4, family: 4 }] });
    await until("the witness", 2_000, () => (front.state.witness === true ? true : null));
    for (const pid of edge.run(["ip", "netns", "pids", edge.namespace]).trim().split("\n")) {
      try {
        process.kill(Number(pid), "SIGKILL");
      } catch {
        // the listing itself was one of them
      }
    }
    await until("a fault to be told", 2_000, () =>
      told.some((line) => line.startsWith("fault")) ? true : null,
    );
    const deadline = performance.now() + 5_000;
    const asked = { address: peer.ip4, family: 4 } as const;
    assert.notEqual((await front.whoHas(asked)).kind, "answered");
    while ((await front.whoHas(asked)).kind !== "answered") {
      assert.ok(performance.now() < deadline, told.join("\n"));
      await delay(50);
    }
    await until("the witness again", 2_000, () => (front.state.front === "ok" ? true : null));
    await closeAll();
  });
});

describe("what is missing is said at the start", { skip }, () => {
  const ip = (): string => programIn(edge, "ip");
  const rows = [
    {
      name: "no socat",
      socat: () => "/nowhere/socat",
      code: "FLOATING_IP_PROGRAM",
      message: /Debian package socat/,
    },
    {
      name: "no CAP_NET_RAW",
      socat: () => programIn(edge, "setpriv --bounding-set -net_raw --inh-caps -all -- socat"),
      code: "FLOATING_IP_PRIVILEGE",
      message: /CAP_NET_RAW/,
    },
  ];
  for (const { name, socat, code, message } of rows) {
    test(name, async () => {
      await assert.rejects(frontOf(edge, { programs: { ip: ip(), socat: socat() } }), { code, message });
      await closeAll();
    });
  }

  test("no such interface, and one without a hardware address", async () => {
    await assert.rejects(frontOf(edge, { interface: "eth9" }), {
      code: "FLOATING_IP_INTERFACE",
      message: /eth9/,
    });
    await assert.rejects(frontOf(edge, { interface: "lo" }), {
      code: "FLOATING_IP_INTERFACE",
      message: /hardware address/,
    });
    await closeAll();
  });
});
