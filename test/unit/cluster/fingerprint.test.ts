// The fingerprint of a configuration: what two nodes must have in common.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { configFingerprint } from "../../../src/cluster/fingerprint.ts";

const config = {
  node: "edge-a",
  listen: [
    { transport: "udp", address: "198.51.100.10", port: 5060 },
    { transport: "udp", address: "10.0.0.2", port: 5070 },
  ],
  groups: [{ name: "pbx", targets: ["sip:10.1.0.11"] }],
  admin: { listen: "10.0.0.2:8060", token: "t" },
  cluster: {
    name: "edge",
    secret: ["one"],
    floatingIp: { addresses: [{ address: "198.51.100.10", interface: "eth0" }] },
  },
};
const shared = new Set(["198.51.100.10"]);
const own = configFingerprint(config, shared);

const listen = (address: string, port: number) => [config.listen[0], { transport: "udp", address, port }];

const rows = [
  { name: "the node's name", same: true, other: { ...config, node: "edge-b" } },
  { name: "admin.listen", same: true, other: { ...config, admin: { listen: "10.0.0.3:8060", token: "t" } } },
  { name: "the log", same: true, other: { ...config, log: { level: "debug" } } },
  { name: "a listener's own address", same: true, other: { ...config, listen: listen("10.0.0.3", 5070) } },
  {
    name: "the secret, which signatures compare",
    same: true,
    other: { ...config, cluster: { ...config.cluster, secret: ["two"] } },
  },
  {
    name: "the name of the interface",
    same: true,
    other: {
      ...config,
      cluster: {
        ...config.cluster,
        floatingIp: { addresses: [{ address: "198.51.100.10", interface: "ens3" }] },
      },
    },
  },
  { name: "the order of keys", same: true, other: Object.fromEntries(Object.entries(config).reverse()) },
  { name: "a listener's port", same: false, other: { ...config, listen: listen("10.0.0.3", 5071) } },
  { name: "the other token", same: false, other: { ...config, admin: { listen: "x", token: "u" } } },
  {
    name: "a target",
    same: false,
    other: { ...config, groups: [{ name: "pbx", targets: ["sip:10.1.0.12"] }] },
  },
  {
    name: "the floating IP",
    same: false,
    other: {
      ...config,
      cluster: {
        ...config.cluster,
        floatingIp: { addresses: [{ address: "198.51.100.11", interface: "eth0" }] },
      },
    },
  },
  { name: "the order of a list", same: false, other: { ...config, listen: [...config.listen].reverse() } },
];

describe("the fingerprint", () => {
  test("is short and plain", () => assert.match(own, /^[\w-]{16}$/));
  for (const { name, same, other } of rows) {
    test(`${same ? "passes over" : "counts"}: ${name}`, () =>
      assert.equal(configFingerprint(other, shared) === own, same));
  }
});
