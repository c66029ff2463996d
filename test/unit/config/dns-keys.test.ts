/** The `dns` block. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { DnsConfig } from "../../../src/config/config.ts";
import { DNS_SERVERS_MAX } from "../../../src/config/dns-schema.ts";
import { parseConfig } from "../../../src/config/load-config.ts";
import { ConfigError } from "../../../src/config/problem.ts";

const parse = (dns: string): DnsConfig =>
  parseConfig(`listen: [udp://10.255.0.1]\n${dns}`, { file: "edge.yaml", env: {} }).dns;

function faults(dns: string): string[] {
  try {
    parse(dns);
    return [];
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error));
    return error.problems.map(({ key, expected }) => `${key}: ${expected}`);
  }
}

test("without the block", () => {
  assert.deepEqual(parse(""), {
    servers: [],
    timeoutMs: null,
    attempts: null,
    minTtlMs: 1_000,
    maxTtlMs: 3_600_000,
    negativeTtlMs: 60_000,
    staleForMs: 86_400_000,
    firstAnswerWithinMs: 2_000,
  });
});

test("with all keys", () => {
  const dns = `dns:
  servers: [10.0.0.53, "10.0.0.54:5353", "2001:DB8::53", "[2001:db8::54]:5353", "[2001:db8::55]"]
  timeout: 500ms
  attempts: 3
  minTtl: 5s
  maxTtl: 10m
  negativeTtl: 30s
  staleFor: 0ms
  firstAnswerWithin: 1s
`;
  assert.deepEqual(parse(dns), {
    servers: [
      { address: "10.0.0.53", port: 53 },
      { address: "10.0.0.54", port: 5353 },
      { address: "2001:db8::53", port: 53 },
      { address: "2001:db8::54", port: 5353 },
      { address: "2001:db8::55", port: 53 },
    ],
    timeoutMs: 500,
    attempts: 3,
    minTtlMs: 5_000,
    maxTtlMs: 600_000,
    negativeTtlMs: 30_000,
    staleForMs: 0,
    firstAnswerWithinMs: 1_000,
  });
});

describe("refused", () => {
  const servers = (count: number): string =>
    `dns: { servers: [${Array.from({ length: count }, (_, i) => `10.0.0.${i + 1}`).join(", ")}] }`;
  const server = /^dns\.servers\[0\]: the address of a DNS server/;
  const rows = [
    { name: "a name", dns: "dns: { servers: [ns.example] }", fault: server },
    { name: "a wildcard", dns: "dns: { servers: [0.0.0.0] }", fault: server },
    { name: "multicast", dns: "dns: { servers: [224.0.0.251] }", fault: server },
    {
      name: "a port beyond 65535",
      dns: 'dns: { servers: ["10.0.0.1:65536"] }',
      fault: /a port from 1 to 65535/,
    },
    {
      name: "one server too many",
      dns: servers(DNS_SERVERS_MAX + 1),
      fault: /^dns\.servers: at most 8 entries/,
    },
    {
      name: "maxTtl below minTtl",
      dns: "dns: { minTtl: 10s, maxTtl: 5s }",
      fault: /^dns\.maxTtl: maxTtl no shorter/,
    },
    {
      name: "minTtl above the default of maxTtl, by its own bound",
      dns: "dns: { minTtl: 2h }",
      fault: /^dns\.minTtl/,
    },
    { name: "attempts", dns: "dns: { attempts: 6 }", fault: /^dns\.attempts: a whole number from 1 to 5/ },
    { name: "an unknown key", dns: "dns: { serves: [] }", fault: /^dns\.serves/ },
  ];
  for (const { name, dns, fault } of rows) {
    test(name, () => {
      const [first, second] = faults(dns);
      assert.match(first ?? "", fault);
      assert.equal(second, undefined);
    });
  }

  test("not: as many servers as there may be", () => assert.deepEqual(faults(servers(DNS_SERVERS_MAX)), []));
});
