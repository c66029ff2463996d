// The resolver against a real DNS server: truncation, chains, loops, servers that die, records that change.
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { DnsServer } from "./dns-server.ts";
import type { Host } from "./host.ts";
import { Lab } from "./lab.ts";
import type { Program } from "./program.ts";
import { labObstacle } from "./requirements.ts";
import { until } from "./until.ts";

const main = join(import.meta.dirname, "../../src/main.ts");
const watcher = join(import.meta.dirname, "dns-watch.ts");

interface Server {
  readonly address: string;
  readonly priority: number;
}

interface Change {
  readonly at: number;
  readonly age: number | null;
  readonly status: string;
  readonly servers: readonly Server[];
  readonly reason: string;
}

interface Told {
  readonly steps: readonly {
    question: { type: string; name: string };
    server: string;
    transport: string;
    answer: string[];
  }[];
  readonly location: {
    readonly status: string;
    readonly reason: string;
    readonly servers: readonly Server[];
  };
}

const dnsConfig = (...servers: string[]): string =>
  `listen: [udp://127.0.0.1, tcp://127.0.0.1]\ndns: { servers: [${servers.join(", ")}], timeout: 200ms, attempts: 2 }\n`;

/** `tandem resolve` in a host. */
async function resolve(host: Host, name: string, config: string): Promise<Told> {
  const file = join(host.directory, `${host.name}-dns.yaml`);
  writeFileSync(file, config);
  const program = host.start("resolve", [process.execPath, main, "resolve", name, "--json", "-c", file]);
  const { code } = await program.exited;
  assert.ok(code === 0 || code === 1, program.output());
  return JSON.parse(readFileSync(program.stdoutFile, "utf8")) as Told;
}

class Watch {
  readonly program: Program;

  constructor(host: Host, name: string, config: string) {
    this.program = host.start("watch", [process.execPath, watcher, config, name, "udp"]);
  }

  changes(): Change[] {
    const lines = readFileSync(this.program.stdoutFile, "utf8").split("\n");
    return lines.slice(0, -1).map((line) => JSON.parse(line) as Change);
  }

  /** The first change after `from` that fits. */
  async until(what: string, timeoutMs: number, fits: (change: Change) => boolean): Promise<Change> {
    const found = await until(
      what,
      timeoutMs,
      () => this.changes().find(fits) ?? null,
      () => this.program.output(),
    );
    assert.equal(readFileSync(this.program.stderrFile, "utf8"), "");
    return found;
  }
}

const addresses = (servers: readonly Server[]): string[] => servers.map(({ address }) => address);

describe("DNS by Knot", { skip: labObstacle(["knotd", "knotc"]) }, () => {
  test("each kind of answer", async (t) => {
    using lab = new Lab();
    const [edge, ns] = [lab.host("edge-a", { number: 2 }), lab.host("ns", { number: 53 })];
    const many = Array.from({ length: 50 }, (_, i) => i + 1);
    await DnsServer.start(ns, {
      "carrier.example": `
        @ NAPTR 20 10 "s" "SIP+D2T" "" _sip._tcp
        @ NAPTR 10 10 "s" "SIP+D2U" "" _sip._udp
        @ NAPTR 5 10 "s" "SIPS+D2T" "" _sips._tcp
        _sip._udp SRV 10 1 5060 a
        _sip._udp SRV 20 1 5060 b
        _sip._udp SRV 30 1 5060 c
        _sip._tcp SRV 0 0 5060 a
        a A 192.0.2.1
        b A 192.0.2.2
        c CNAME c1
        c1 CNAME c2.other.example.
        loop CNAME loop2
        loop2 CNAME loop
        away CNAME back.other.example.
        _sip._udp.closed SRV 0 0 0 .
        ${many.map((i) => `big A 198.51.100.${i}`).join("\n")}
        ${many.map((i) => `_sip._udp.wide SRV ${i} 1 5060 a-long-name-to-make-the-answer-large-${i}`).join("\n")}
        ${many.map((i) => `a-long-name-to-make-the-answer-large-${i} A 203.0.113.${i}`).join("\n")}
      `,
      "other.example": "c2 A 192.0.2.3\nback CNAME away.carrier.example.",
    });
    const config = dnsConfig(ns.ip4);
    const rows = [
      {
        name: "NAPTR, then three SRV priorities, a CNAME chain over two zones",
        of: "carrier.example",
        places: ["10 192.0.2.1", "20 192.0.2.2", "30 192.0.2.3", "65536 192.0.2.1"],
      },
      {
        name: "50 SRV records: truncated, then whole by TCP",
        of: "wide.carrier.example",
        places: many.map((i) => `${i} 203.0.113.${i}`),
        byTcp: "SRV",
      },
      { name: "50 addresses", of: "big.carrier.example:5060", count: 50 },
      { name: "a loop in one zone", of: "loop.carrier.example:5060", places: [], reason: /CNAME loop/ },
      { name: "a loop over two zones", of: "away.carrier.example:5060", places: [], reason: /CNAME loop/ },
      {
        name: "no such name",
        of: "gone.carrier.example",
        places: [],
        reason: /gone\.carrier\.example does not exist/,
      },
      {
        name: "not offered",
        of: "sip:closed.carrier.example;transport=udp",
        places: [],
        status: "not-offered",
      },
      {
        name: "a domain that the server has not",
        of: "x.elsewhere.example:5060",
        places: [],
        reason: /REFUSED/,
      },
    ];
    for (const { name, of, places, byTcp, count, reason, status } of rows) {
      await t.test(name, async () => {
        const { steps, location } = await resolve(edge, of, config);
        const found = location.servers.map(({ priority, address }) => `${priority} ${address}`);
        if (places !== undefined) assert.deepEqual(found, places, location.reason);
        assert.equal(found.length, count ?? found.length);
        if (reason !== undefined) assert.match(location.reason, reason);
        if (status !== undefined) assert.equal(location.status, status);
        const streams = steps
          .filter(({ transport }) => transport === "tcp")
          .map(({ question }) => question.type);
        assert.deepEqual(streams, byTcp === undefined ? [] : [byTcp]);
      });
    }
  });

  test("the server is killed: the last answer serves, as stale with its age; then it is fresh again", async (t) => {
    using lab = new Lab();
    const [edge, ns] = [lab.host("edge-a", { number: 2 }), lab.host("ns", { number: 53 })];
    const server = await DnsServer.start(ns, { "pbx.example": "_sip._udp SRV 10 1 5060 a\na A 192.0.2.1" });
    const watch = new Watch(edge, "pbx.example", dnsConfig(ns.ip4));
    await watch.until("a first answer", 10_000, ({ status }) => status === "fresh");
    server.program.kill("SIGKILL");
    const stale = await watch.until("a stale answer", 5_000, ({ status }) => status === "stale");
    assert.deepEqual(addresses(stale.servers), ["192.0.2.1"]);
    assert.ok(stale.age !== null && stale.age >= 0 && stale.age < 100, `age ${stale.age} ms`);
    assert.match(stale.reason, /expired/);
    await server.restart();
    const backAt = Date.now();
    const back = await watch.until(
      "a fresh answer",
      10_000,
      ({ at, status }) => at > stale.at && status === "fresh",
    );
    t.diagnostic(`fresh ${back.at - backAt} ms after the server was back`);
    assert.deepEqual(addresses(back.servers), ["192.0.2.1"]);
  });

  test("the first server is killed or frozen: the second one takes over, nothing becomes stale", async () => {
    using lab = new Lab();
    const edge = lab.host("edge-a", { number: 2 });
    const hosts = [lab.host("ns-1", { number: 53 }), lab.host("ns-2", { number: 54 })] as const;
    const hostsOf = "a A 192.0.2.1\nb A 192.0.2.2\nc A 192.0.2.3";
    const zones = { "pbx.example": `_sip._udp SRV 10 1 5060 a\n${hostsOf}` };
    // It is asked for again a tenth of this before its end or earlier: of that the silence of the first server takes some.
    const options = { ttlS: 8, negativeTtlS: 8 };
    const [first, second] = [
      await DnsServer.start(hosts[0], zones, options),
      await DnsServer.start(hosts[1], zones, options),
    ];
    const config = dnsConfig(hosts[0].ip4, hosts[1].ip4);
    const watch = new Watch(edge, "pbx.example", config);
    await watch.until("a first answer", 10_000, ({ status }) => status === "fresh");
    first.program.freeze();
    second.change("pbx.example", `_sip._udp SRV 10 1 5060 b\n${hostsOf}`);
    await watch.until(
      "the second server's answer",
      12_000,
      ({ servers }) => addresses(servers)[0] === "192.0.2.2",
    );
    const { steps } = await resolve(edge, "sip:pbx.example;transport=udp", config);
    assert.deepEqual([...new Set(steps.map(({ server }) => server))], [`${hosts[1].ip4}:53`]);
    first.program.kill("SIGKILL");
    second.change("pbx.example", `_sip._udp SRV 10 1 5060 c\n${hostsOf}`);
    await watch.until("its next one", 12_000, ({ servers }) => addresses(servers)[0] === "192.0.2.3");
    assert.deepEqual([...new Set(watch.changes().map(({ status }) => status))], ["fresh"]);
  });

  test("a record with a TTL of 5 s is changed: seen within 6 s", async (t) => {
    using lab = new Lab();
    const [edge, ns] = [lab.host("edge-a", { number: 2 }), lab.host("ns", { number: 53 })];
    const server = await DnsServer.start(
      ns,
      { "pbx.example": "_sip._udp SRV 10 1 5060 a\na A 192.0.2.1" },
      { ttlS: 5 },
    );
    const watch = new Watch(edge, "pbx.example", dnsConfig(ns.ip4));
    await watch.until("a first answer", 10_000, ({ status }) => status === "fresh");
    server.change("pbx.example", "_sip._udp SRV 10 1 5060 a\na A 192.0.2.2");
    const changedAt = Date.now();
    const seen = await watch.until(
      "the change",
      6_000,
      ({ servers }) => addresses(servers)[0] === "192.0.2.2",
    );
    t.diagnostic(`seen after ${seen.at - changedAt} ms`);
    assert.ok(seen.at - changedAt < 6_000);
  });
});
