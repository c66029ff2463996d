// The examples of config/ with real callers, PBXs and carriers: each does what its comments say. The addresses of the files, all on
// the loopback network, are those of hosts of the lab here; nothing else of them is changed but where the node keeps its files.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { Capture } from "./capture.ts";
import { DnsServer } from "./dns-server.ts";
import { Edge } from "./edge.ts";
import type { Host } from "./host.ts";
import { Lab } from "./lab.ts";
import { labObstacle } from "./requirements.ts";
import { CallBook, type TracedCall } from "./sip-trace.ts";
import { type Sipp, startCaller, startPbx } from "./sipp.ts";
import { untilTarget } from "./target-rows.ts";

const ROOT = join(import.meta.dirname, "../..");

/** A lab with the hosts of an example, and a node that runs it. */
class Example implements Disposable {
  readonly lab = new Lab();
  readonly caller = this.lab.host("caller", { number: 10 });
  readonly edge = this.lab.host("edge-a", { number: 2 });
  readonly #running = new Map<Host, Sipp>();
  #capture: Capture | null = null;

  /** A host for each address of the file that a target has. */
  hosts(...numbers: number[]): Host[] {
    return numbers.map((number) => this.lab.host(`far-${number}`, { number }));
  }

  async answer(...hosts: Host[]): Promise<void> {
    for (const host of hosts) this.#running.set(host, await startPbx(host, { scenario: "uas-answer" }));
  }

  async answerByTcp(host: Host): Promise<void> {
    this.#running.set(host, await startPbx(host, { scenario: "uas-answer", transport: "tcp" }));
  }

  kill(host: Host): void {
    this.#running.get(host)?.program.kill("SIGKILL");
  }

  /** @param changes further texts of the file, and what they are here */
  async start(file: string, changes: Readonly<Record<string, string>> = {}): Promise<Edge> {
    let text = readFileSync(join(ROOT, "config", file), "utf8");
    const own = { "127.0.0.1/32": `${this.caller.ip4}/32`, "127.0.0.1:": `${this.edge.ip4}:`, ...changes };
    for (const [from, to] of Object.entries(own)) {
      assert.ok(text.includes(from), `${file} has ${from} no more`);
      text = text.replaceAll(from, to);
    }
    const network = this.edge.ip4.slice(0, this.edge.ip4.lastIndexOf("."));
    text = text.replaceAll(/\b127\.0\.0\.(\d+)/g, `${network}.$1`);
    return await Edge.start(
      this.edge,
      `${text}\nstate: { directory: ${join(this.edge.directory, "state")} }\n`,
    );
  }

  async isUp(...hosts: Host[]): Promise<void> {
    const socket = join(this.edge.directory, "edge-a.sock");
    for (const { ip4 } of hosts)
      await untilTarget(socket, `udp:${ip4}:5060`, { state: "up", withinMs: 15_000 });
  }

  async watch(): Promise<void> {
    this.#capture = await Capture.start(this.lab.switchHost(), {
      interface: "br-front",
      filter: "port 5060",
    });
  }

  /** Calls from now to the end of the capture, each of which has to be answered and to end well. */
  async calls(options: {
    count: number;
    rate: number;
    number: string;
    talkMs?: number;
  }): Promise<TracedCall[]> {
    await this.watch();
    const { count, rate, number, talkMs = 0 } = options;
    const remote = { address: this.edge.ip4 };
    const load = startCaller(this.caller, {
      scenario: "uac-call",
      remote,
      calls: count,
      rate,
      number,
      talkMs,
    });
    const { code, errors } = await load.finished();
    assert.equal(code, 0, errors);
    const pbxs = [...this.#running.keys()].map(({ ip4 }) => ip4);
    const packets = (await this.#capture?.stop()) ?? [];
    const traced = new CallBook({ callers: [this.caller.ip4], pbxs }).addAll(packets).list();
    assert.equal(traced.length, count);
    return traced;
  }

  [Symbol.dispose](): void {
    this.lab.close();
  }
}

/** How many of the calls each host answered. */
function answeredBy(calls: readonly TracedCall[], hosts: readonly Host[]): number[] {
  return hosts.map(({ ip4 }) => calls.filter((call) => call.legs.get(ip4)?.answeredAt != null).length);
}

describe("the examples", { skip: labObstacle(["sipp", "knotd"]), concurrency: 2 }, () => {
  test("pbx-cluster.yaml: calls go where there are least for the weight, a dead PBX is left out, the spare waits for need", async (t) => {
    using example = new Example();
    const hosts = example.hosts(11, 12, 13, 14);
    const [first, second, third] = hosts as [Host, Host, Host, Host];
    await example.answer(...hosts);
    const node = await example.start("pbx-cluster.yaml", { "interval: 5s": "interval: 2s" });
    await example.isUp(...hosts);
    const load = { rate: 50, number: "1000", talkMs: 3_000 };
    const spread = answeredBy(await example.calls({ ...load, count: 150 }), hosts);
    t.diagnostic(`weights 100, 100, 50 and a spare: ${spread.join(", ")} calls`);
    for (const [index, want] of [60, 60, 30, 0].entries()) {
      assert.ok(Math.abs((spread[index] ?? 0) - want) <= 2, `${spread} is not 60, 60, 30, 0`);
    }
    example.kill(second);
    const left = answeredBy(await example.calls({ ...load, count: 100 }), hosts);
    t.diagnostic(`without the second: ${left.join(", ")}`);
    assert.equal(left[1], 0);
    assert.equal(left[3], 0, "the others can");
    assert.equal((left[0] ?? 0) + (left[2] ?? 0), 100);
    for (const host of [first, third]) example.kill(host);
    const spare = answeredBy(await example.calls({ ...load, count: 50 }), hosts);
    assert.deepEqual(spare, [0, 0, 0, 50], "none of the others can");
    await example.answer(first, second, third);
    await example.isUp(first, second, third);
    const again = answeredBy(await example.calls({ ...load, count: 50 }), hosts);
    assert.equal(again[3], 0, "they can again");
    assert.deepEqual(await node.stop(), { code: 0, signal: null });
    assert.deepEqual(node.complaints(), []);
  });

  test("trunk-failover.yaml: a carrier's servers in the order of its SRV records, then the other carrier", async () => {
    using example = new Example();
    const hosts = example.hosts(31, 32, 22);
    const [primary, secondary, other] = hosts as [Host, Host, Host];
    await example.answer(primary, secondary);
    await example.answerByTcp(other);
    const ns = example.lab.host("ns", { number: 53 });
    await DnsServer.start(ns, {
      "carrier.example": `
        @ NAPTR 10 10 "s" "SIP+D2U" "" _sip._udp
        _sip._udp SRV 20 1 5060 b
        _sip._udp SRV 10 1 5060 a
        a A ${primary.ip4}
        b A ${secondary.ip4}`,
    });
    const node = await example.start("trunk-failover.yaml", {
      "sip:localhost ": "sip:carrier.example ",
      "# servers: [10.0.0.53]": `servers: [${ns.ip4}]`,
    });
    await example.isUp(primary, secondary);
    const load = { count: 20, rate: 20, number: "442079460000" };
    assert.deepEqual(answeredBy(await example.calls(load), hosts), [20, 0, 0]);
    example.kill(primary);
    assert.deepEqual(answeredBy(await example.calls(load), hosts), [0, 20, 0]);
    example.kill(secondary);
    assert.deepEqual(answeredBy(await example.calls(load), hosts), [0, 0, 20], "by TCP");
    assert.deepEqual(await node.stop(), { code: 0, signal: null });
    assert.deepEqual(node.complaints(), []);
  });

  test("contact-center.yaml: a caller stays on one server while it lives, and what no server takes overflows", async () => {
    using example = new Example();
    const hosts = example.hosts(11, 12, 13, 31);
    const [, , , overflow] = hosts as [Host, Host, Host, Host];
    await example.answer(...hosts);
    const cdrs = join(example.edge.directory, "cdrs.jsonl");
    const node = await example.start("contact-center.yaml", { "/tmp/tandem-contact-center.jsonl": cdrs });
    await example.isUp(...hosts);
    const load = { count: 30, rate: 30, number: "5000" };
    const before = answeredBy(await example.calls(load), hosts);
    const at = before.indexOf(30);
    assert.ok(at >= 0 && at < 3, `${before}: SIPp is one caller, so one server has all`);
    const home = hosts[at] ?? overflow;
    example.kill(home);
    const moved = answeredBy(await example.calls(load), hosts);
    const second = moved.indexOf(30);
    assert.ok(second >= 0 && second < 3 && second !== at, `${moved}: all to one other server`);
    await example.answer(home);
    await example.isUp(home);
    await delay(10_000); // its slow start
    assert.deepEqual(answeredBy(await example.calls(load), hosts), before, "and home again");
    for (const host of hosts.slice(0, 3)) example.kill(host);
    assert.deepEqual(answeredBy(await example.calls(load), hosts), [0, 0, 0, 30]);
    assert.deepEqual(await node.stop(), { code: 0, signal: null });
    assert.equal(readFileSync(cdrs, "utf8").trim().split("\n").length, 120, "a record a call");
    assert.deepEqual(node.complaints(), []);
  });
});
