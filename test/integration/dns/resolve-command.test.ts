// `tandem resolve` against a DNS server on this machine.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { main } from "../../../src/cli/main.ts";
import { answerTo, DnsResponder } from "../../support/dns-responder.ts";
import { cli, withFile } from "../../unit/cli/cli-double.ts";

describe("tandem resolve", () => {
  let server: DnsResponder;
  before(async () => {
    server = await DnsResponder.start(({ type, name }, query) => {
      const srv = { priority: 10, weight: 70, port: 5070, target: "pbx.example" };
      if (type === "SRV" && name === "_sip._udp.example.com") {
        return [answerTo(query, [{ type, name, ttl: 30, data: srv }])];
      }
      if (type === "A" && name === "pbx.example") {
        return [answerTo(query, [{ type, name, ttl: 20, data: "192.0.2.1" }])];
      }
      return [answerTo(query, [])];
    });
  });
  after(() => server.close());

  async function run(name: string, ...options: string[]) {
    const { environment, seen } = cli();
    const yaml = `listen: [udp://127.0.0.1, tcp://127.0.0.1]\ndns: { servers: ["127.0.0.1:${server.port}"] }\n`;
    let code: number | null = null;
    await withFile(yaml, async (file) => {
      code = await main(["node", "tandem", "resolve", name, "-c", file, ...options], environment);
    });
    return { code, ...seen };
  }

  test("each step with server and TTL, then the order", async () => {
    const { code, out, err } = await run("example.com");
    assert.deepEqual([code, err], [0, ""]);
    const at = `127\\.0\\.0\\.1:${server.port} by udp, \\d+\\.\\d ms`;
    const expected = [
      `NAPTR example\\.com \\(${at}, TTL 3 s\\)`,
      "    no NAPTR record",
      `SRV _sip\\._udp\\.example\\.com \\(${at}, TTL 30 s\\)`,
      "    priority 10, weight 70, pbx\\.example:5070",
      `SRV _sip\\._tcp\\.example\\.com \\(${at}, TTL 3 s\\)`,
      "    no SRV record",
      `A pbx\\.example \\(${at}, TTL 20 s\\)`,
      "    192\\.0\\.2\\.1",
      "1 server \\(by SRV of _sip\\._udp\\.example\\.com\\), tried in this order:",
      "    priority 10: udp:192\\.0\\.2\\.1:5070 \\(pbx\\.example\\)",
    ];
    assert.match(out, new RegExp(`^${expected.join("\n")}\n$`));
  });

  test("--json", async () => {
    const { out } = await run("sip:pbx.example:5080;transport=tcp", "--json");
    const { query, steps, location } = JSON.parse(out) as Record<string, unknown>;
    assert.deepEqual(query, { host: "pbx.example", port: 5080, transport: "tcp", secure: false });
    assert.ok(Array.isArray(steps) && steps.length === 1);
    assert.deepEqual(location, {
      servers: [
        { transport: "tcp", address: "192.0.2.1", port: 5080, priority: 0, weight: 1, host: "pbx.example" },
      ],
      status: "fresh",
      reason: "by the addresses of pbx.example",
    });
  });

  const rows = [
    { name: "gone.example:5060", code: 1, said: /failed: gone\.example has no A record\n$/ },
    { name: "sips:example.com", code: 1, said: /^not-offered: sips: asks for TLS/ },
    { name: "192.0.2.9", code: 0, said: /^1 server \(a numeric host/ },
    { name: "[2001:DB8::1]:5070", code: 0, said: /udp:\[2001:db8::1\]:5070/ },
    { name: "Example.COM.", code: 0, said: /udp:192\.0\.2\.1:5070/ },
  ];
  for (const { name, code, said } of rows) {
    test(name, async () => {
      const result = await run(name);
      assert.equal(result.code, code, result.err);
      assert.match(result.out, said);
    });
  }

  test("what is no name", async () => {
    for (const name of ["tel:+123", "a b", "sip:"]) assert.equal((await run(name)).code, 1, name);
  });

  test("a file with a mistake: exit code 2", async () => {
    const { environment, seen } = cli();
    await withFile("dns: { servers: [ns.example] }\n", async (file) => {
      assert.equal(await main(["node", "tandem", "resolve", "x", "-c", file], environment), 2);
    });
    assert.match(seen.err, /dns\.servers\[0\]/);
  });
});
