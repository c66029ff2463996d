/** What a reload changes, and what waits for a restart. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Config } from "../../../src/config/config.ts";
import { parseConfig } from "../../../src/config/load-config.ts";
import { compareConfigs, unreachableTarget } from "../../../src/node/config-change.ts";

const SECRET = "the-first-secret-of-all";
const BASE = {
  node: "edge-a",
  listen: ["udp://10.0.0.1"],
  identity: { secret: [SECRET] },
  groups: { pbx: { targets: ["sip:10.0.0.2"] }, phones: { sources: ["10.2.0.0/16"] } },
  routes: [{ from: "phones", to: "pbx" }],
};

/** JSON is YAML. */
const parse = (keys: object): Config =>
  parseConfig(JSON.stringify({ ...BASE, ...keys }), { file: "edge.yaml", env: {}, uid: 0 });

const current = parse({});
const rows: { name: string; keys: object; changed: string[]; needsRestart: string[] }[] = [
  { name: "nothing", keys: {}, changed: [], needsRestart: [] },
  {
    name: "a group more, one less, one changed",
    keys: {
      groups: { pbx: { targets: ["sip:10.0.0.3"] }, new: { targets: ["sip:10.0.0.4"] } },
      routes: [{ from: "pbx", to: "new" }],
    },
    changed: ["groups.pbx", "groups.phones", "groups.new", "routes"],
    needsRestart: [],
  },
  {
    name: "the order of groups",
    keys: { groups: { phones: BASE.groups.phones, pbx: BASE.groups.pbx } },
    changed: [],
    needsRestart: [],
  },
  {
    name: "aliases",
    keys: { identity: { secret: [SECRET], aliases: ["a.example"] } },
    changed: ["identity.aliases"],
    needsRestart: [],
  },
  {
    name: "a secret in front of the old one",
    keys: { identity: { secret: ["another-secret-of-ours", SECRET] } },
    changed: ["identity.secret"],
    needsRestart: [],
  },
  {
    name: "a secret in place of the old one",
    keys: { identity: { secret: ["another-secret-of-ours"] } },
    changed: [],
    needsRestart: ["identity.secret"],
  },
  { name: "no secret", keys: { identity: {} }, changed: [], needsRestart: ["identity.secret"] },
  {
    name: "timers",
    keys: { timers: { t1: "200ms", c: "200s" } },
    changed: ["timers.t1", "timers.c"],
    needsRestart: [],
  },
  {
    name: "limits on calls",
    keys: { limits: { maxCalls: 5, maxCallsPerSecond: 2 } },
    changed: ["limits.maxCalls", "limits.maxCallsPerSecond"],
    needsRestart: [],
  },
  {
    name: "limits of sockets",
    keys: { limits: { connections: 5, tcpIdle: "1m" } },
    changed: [],
    needsRestart: ["limits.connections", "limits.tcpIdle"],
  },
  {
    name: "calls and overload",
    keys: { calls: { maxDuration: "1h" }, overload: { loopDelay: "50ms", retryAfter: "9s" } },
    changed: ["calls.maxDuration", "overload.loopDelay", "overload.retryAfter"],
    needsRestart: [],
  },
  { name: "the log", keys: { log: { level: "debug" } }, changed: ["log.level"], needsRestart: [] },
  { name: "call records", keys: { cdr: { file: "/tmp/cdr" } }, changed: [], needsRestart: ["cdr.file"] },
  { name: "DNS", keys: { dns: { minTtl: "5s" } }, changed: [], needsRestart: ["dns.minTtl"] },
  {
    name: "the name, and with it the control socket",
    keys: { node: "edge-b" },
    changed: [],
    needsRestart: ["node", "state.directory", "control.socket"],
  },
  {
    name: "the state directory",
    keys: { state: { directory: "/tmp/state" } },
    changed: [],
    needsRestart: ["state.directory"],
  },
  {
    name: "a cluster, its Redis and its hook",
    keys: {
      listen: ["udp://10.0.0.200"],
      cluster: {
        name: "edge",
        secret: [SECRET],
        floatingIp: { address: "10.0.0.200", driver: "none" },
        paths: [{ "edge-a": "10.1.0.1:7060", "edge-b": "10.1.0.2:7060" }],
      },
      redis: { url: "redis://10.1.0.5" },
      role: { hook: ["/usr/local/sbin/on-role"] },
    },
    changed: ["identity.aliases"],
    needsRestart: ["listen", "cluster", "redis", "role.hook"],
  },
  {
    name: "listen",
    keys: { listen: ["udp://10.0.0.1", "tcp://10.0.0.1"] },
    changed: [],
    needsRestart: ["listen"],
  },
];

describe("from one configuration to the next", () => {
  for (const { name, keys, changed, needsRestart } of rows) {
    test(name, () => {
      const change = compareConfigs(current, parse(keys));
      assert.deepEqual([...change.changed].sort(), [...changed].sort());
      assert.deepEqual([...change.needsRestart].sort(), [...needsRestart].sort());
    });
  }

  test("what needs a restart keeps its value, and is named again the next time", () => {
    const next = parse({ node: "edge-b", limits: { connections: 5, maxCalls: 7 }, log: { level: "warn" } });
    const { effective } = compareConfigs(current, next);
    assert.equal(effective.node, "edge-a");
    assert.deepEqual(effective.control, current.control);
    assert.deepEqual(effective.limits, { ...current.limits, maxCalls: 7 });
    assert.equal(effective.log.level, "warn");
    const again = compareConfigs(effective, next);
    assert.deepEqual(again.changed, []);
    assert.deepEqual(again.needsRestart, ["node", "limits.connections", "state.directory", "control.socket"]);
  });

  test("each section of the configuration has a place", () => {
    const told = new Set(
      rows
        .flatMap(({ changed, needsRestart }) => [...changed, ...needsRestart])
        .map((key) => key.split(".")[0]),
    );
    assert.deepEqual([...told].sort(), Object.keys(current).sort());
  });
});

describe("targets that the old listeners can't reach", () => {
  const listen = ["udp://10.0.0.1", "tcp://10.0.0.1", "udp://[2001:db8::1]"];
  const unreachable = (uri: string): string | null => {
    const next = parse({ listen, groups: { ...BASE.groups, pbx: { targets: [uri] } } });
    return unreachableTarget(compareConfigs(current, next).effective);
  };
  test("are told", () => {
    assert.match(
      unreachable("sip:10.0.0.2;transport=tcp") ?? "",
      /^groups\.pbx: 10\.0\.0\.2 needs a listener of tcp over IPv4/,
    );
    assert.match(unreachable("sip:[2001:db8::2]") ?? "", /\[2001:db8::2\] needs a listener of udp over IPv6/);
  });
  test("others are fine", () => assert.equal(unreachable("sip:10.0.0.9"), null));
});
