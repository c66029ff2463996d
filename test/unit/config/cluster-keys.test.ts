/** `cluster`, `redis` and `role`: what is built from them, and what is refused in which words. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import type { Config } from "../../../src/config/config.ts";
import { parseConfig } from "../../../src/config/load-config.ts";
import { ConfigError } from "../../../src/config/problem.ts";

const PAIR = readFileSync(new URL("../../../config/pair.yaml", import.meta.url), "utf8");

function parse(text: string): Config {
  return parseConfig(text, { file: "pair.yaml", env: { TANDEM_SECRET: "a-secret-of-the-cluster" } });
}

function faults(text: string): string[] {
  try {
    parse(text);
    return [];
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error));
    return error.problems.map(
      ({ key, expected, found, remedy }) => `${key}: ${expected}; ${found}; ${remedy}`,
    );
  }
}

test("config/pair.yaml is good, and has the defaults of the contract", () => {
  const { cluster, redis, role } = parse(PAIR);
  assert.deepEqual(cluster, {
    name: "edge",
    secret: ["a-secret-of-the-cluster"],
    floatingIp: {
      driver: "linux",
      addresses: [{ address: "198.51.100.10", interface: "eth0" }],
      lifetimeMs: 1_000,
      command: [],
      timeoutMs: 10_000,
      tries: 3,
    },
    heartbeat: { intervalMs: 100, deadAfterMs: 300 },
    lease: { ttlMs: 400, renewMs: 100 },
    paths: [{ "edge-a": { address: "10.0.0.2", port: 7060 }, "edge-b": { address: "10.0.0.3", port: 7060 } }],
    priority: { "edge-a": 10, "edge-b": 20 },
    witnesses: ["198.51.100.1"],
    withoutRedis: "takeover",
    bootWaitMs: 5_000,
    failback: "manual",
    stableForMs: 300_000,
    fence: { command: [] },
  });
  assert.ok(redis !== null);
  assert.deepEqual(role, { hook: [] });
});

test("the cluster's secret signs branches and tokens, and its floating IPs are us", () => {
  const { identity } = parse(PAIR);
  assert.deepEqual(identity, { aliases: ["198.51.100.10"], secret: ["a-secret-of-the-cluster"] });
  const own = parse(
    `${PAIR}identity: { secret: [a-secret-of-its-own], aliases: [edge.example.com] }\n`,
  ).identity;
  assert.deepEqual(own, { aliases: ["edge.example.com", "198.51.100.10"], secret: ["a-secret-of-its-own"] });
});

describe("a mistake in a cluster is told with its remedy", () => {
  const rows: readonly [name: string, from: string | RegExp, to: string, told: RegExp][] = [
    ["no redis", /^redis:\n.*\n/m, "", /^cluster: a cluster with redis; no key redis; add redis/],
    [
      "this node is in no path",
      "node: edge-a",
      "node: edge-c",
      /^cluster.paths\[0\]: .*edge-c, in each path/,
    ],
    [
      "a wildcard listener",
      "udp://198.51.100.10:5060",
      "udp://0.0.0.0:5060",
      /^listen\[0\]: a floating IP or/,
    ],
    [
      "no listener on the floating IP",
      /198\.51\.100\.10:5060/g,
      "10.1.0.2:5060",
      /^listen: udp:\/\/ on a floating IP/,
    ],
    ["one node", ', edge-b: "10.0.0.3:7060"', "", /two nodes or more/],
    [
      "a priority of nobody",
      "edge-b: 20",
      "edge-d: 20",
      /^cluster.priority.edge-d: a node of the paths.*edge-a, edge-b/,
    ],
    ["a prefix that is too wide", "198.51.100.10/32", "198.51.100.10/24", /write 198.51.100.10\/32/],
    ["no interface", ", interface: eth0", "", /^cluster.floatingIp: the interface/],
    ["a driver that there is not", "interface: eth0", "driver: linus", /did you mean linux/],
    [
      "the driver script without its command",
      "interface: eth0",
      "driver: script",
      /the command of the driver script/,
    ],
    [
      "a command without its driver",
      "interface: eth0",
      "interface: eth0, command: [/x]",
      /only with driver: script/,
    ],
    ["a lifetime of half a second", "interface: eth0", "interface: eth0, lifetime: 500ms", /whole seconds/],
    ["a lifetime of 1.5 s", "interface: eth0", "interface: eth0, lifetime: 1500ms", /whole seconds/],
    ["a short secret", /secret: .*/, "secret: [short]", /^cluster.secret\[0\]: a secret of at least 16/],
    ["no secret", /secret: .*/, "secret: []", /^cluster.secret: /],
    [
      "the same secret twice",
      /secret: .*/,
      "secret: [0123456789abcdef, 0123456789abcdef]",
      /each entry once/,
    ],
    [
      "lost later than the lease",
      "  paths:",
      "  heartbeat: { deadAfter: 500ms }\n  paths:",
      /deadAfter no longer than/,
    ],
    ["one lost datagram", "  paths:", "  heartbeat: { interval: 200ms }\n  paths:", /half of deadAfter/],
    ["two looks at the lease", "  paths:", "  lease: { renew: 200ms }\n  paths:", /a third of ttl/],
    ["a path without a port", "10.0.0.2:7060", "10.0.0.2", /an address and a port/],
    ["a witness by name", "[198.51.100.1]", "[router]", /cluster.witnesses\[0\]/],
  ];
  for (const [name, from, to, told] of rows) {
    test(name, () => {
      const text = PAIR.replace(from, to);
      assert.notEqual(text, PAIR);
      const found = faults(text);
      assert.ok(
        found.some((fault) => told.test(fault)),
        found.join("\n"),
      );
    });
  }
});

describe("bounds: good at the limit, named one past it", () => {
  const rows: readonly [key: string, inside: string, outside: string][] = [
    ["lifetime", "60s", "61s"],
    ["lifetime", "1s", "0s"],
    ["timeout", "100ms", "99ms"],
    ["timeout", "60s", "61s"],
    ["tries", "1", "0"],
    ["tries", "10", "11"],
  ];
  for (const [key, inside, outside] of rows) {
    test(`cluster.floatingIp.${key}: ${inside}, not ${outside}`, () => {
      const withValue = (value: string) =>
        PAIR.replace("interface: eth0", `interface: eth0, ${key}: ${value}`);
      assert.deepEqual(faults(withValue(inside)), []);
      assert.match(faults(withValue(outside)).join(), new RegExp(`^cluster.floatingIp.${key}: `));
    });
  }

  test("16 floating IPs, not 17", () => {
    const list = (count: number): string => {
      const entries = Array.from(
        { length: count },
        (_, i) => `{ address: 198.51.100.${10 + i}, interface: eth0 }`,
      );
      return PAIR.replace(/floatingIp: .*/, `floatingIp: [${entries.join(", ")}]`);
    };
    assert.deepEqual(faults(list(16)), []);
    assert.match(faults(list(17)).join(), /^cluster.floatingIp: at most 16/);
  });
});
