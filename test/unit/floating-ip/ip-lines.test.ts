// What ip is told, and what its answers mean.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { keepLines, removeLines, showLine } from "../../../src/floating-ip/ip-lines.ts";
import { failedLine, failureKind, findAddresses, parseShown } from "../../../src/floating-ip/ip-reply.ts";

const ADDRESSES = [
  { address: "198.51.100.10", family: 4 as const, interface: "eth0" },
  { address: "2001:db8::10", family: 6 as const, interface: "eth0" },
];
const TARGET = { addresses: ADDRESSES, lifetimeS: 1 };

test("an address is kept as a single one with a lifetime; IPv6 without duplicate detection, and deprecated", () => {
  assert.deepEqual(keepLines(TARGET), [
    "address replace 198.51.100.10/32 dev eth0 valid_lft 1 preferred_lft 1",
    "address replace 2001:db8::10/128 dev eth0 nodad valid_lft 1 preferred_lft 0",
  ]);
  assert.deepEqual(removeLines(TARGET), [
    "address delete 198.51.100.10/32 dev eth0",
    "address delete 2001:db8::10/128 dev eth0",
  ]);
  assert.deepEqual([showLine(null), showLine("eth0")], ["address show", "address show dev eth0"]);
});

const SHOWN = JSON.stringify([
  {
    ifindex: 2,
    ifname: "eth0",
    flags: ["BROADCAST", "MULTICAST", "UP", "LOWER_UP"],
    link_type: "ether",
    address: "02:00:00:00:00:01",
    addr_info: [
      { family: "inet", local: "198.51.100.10", prefixlen: 32, valid_life_time: 1 },
      { family: "inet", local: "198.51.100.2", prefixlen: 24, valid_life_time: 4_294_967_295 },
      { family: "inet6", local: "2001:db8::10", prefixlen: 128, tentative: true, valid_life_time: 1 },
      { family: "inet6" },
    ],
  },
  {},
  {
    ifindex: 1,
    ifname: "lo",
    flags: ["LOOPBACK", "UP", "LOWER_UP"],
    link_type: "loopback",
    address: "00:00:00:00:00:00",
  },
]);

describe("what ip shows", () => {
  test("links and addresses, lifetimes, and what can't be bound yet", () => {
    const shown = parseShown(SHOWN);
    assert.deepEqual(shown?.links, [
      { interface: "eth0", index: 2, hardware: "02:00:00:00:00:01", carrier: true },
      { interface: "lo", index: 1, hardware: "", carrier: true },
    ]);
    const at = { interface: "eth0" };
    assert.deepEqual(shown?.addresses, [
      { ...at, address: "198.51.100.10", prefix: 32, validS: 1, tentative: false },
      { ...at, address: "198.51.100.2", prefix: 24, validS: Number.POSITIVE_INFINITY, tentative: false },
      { ...at, address: "2001:db8::10", prefix: 128, validS: 1, tentative: true },
    ]);
  });

  for (const flags of [["UP", "NO-CARRIER"], ["LOWER_UP"], []]) {
    test(`no carrier: ${flags.join(" ") || "no flags"}`, () => {
      assert.equal(parseShown(JSON.stringify([{ ifname: "eth0", flags }]))?.links[0]?.carrier, false);
    });
  }

  for (const text of ["", "[{", "null", '{"a":1}', "RTNETLINK answers: File exists"])
    test(`no answer: ${JSON.stringify(text)}`, () => assert.equal(parseShown(text), null));
});

describe("our addresses among what is shown", () => {
  const own = { address: "198.51.100.10", prefix: 32, interface: "eth0", validS: 1, tentative: false };
  const rows = [
    { name: "held", shown: own, want: { held: 1, tentative: 0, foreign: 0, missing: 1 } },
    {
      name: "not usable yet",
      shown: { ...own, tentative: true },
      want: { held: 0, tentative: 1, foreign: 0, missing: 1 },
    },
    {
      name: "with another prefix",
      shown: { ...own, prefix: 24 },
      want: { held: 0, tentative: 0, foreign: 1, missing: 2 },
    },
    {
      name: "on another interface",
      shown: { ...own, interface: "eth1" },
      want: { held: 0, tentative: 0, foreign: 1, missing: 2 },
    },
    {
      name: "another one",
      shown: { ...own, address: "198.51.100.11" },
      want: { held: 0, tentative: 0, foreign: 0, missing: 2 },
    },
    {
      name: "in another spelling",
      shown: { ...own, address: "2001:DB8:0::10", prefix: 128 },
      want: { held: 1, tentative: 0, foreign: 0, missing: 1 },
    },
  ];
  for (const { name, shown, want } of rows) {
    test(name, () => {
      const found = findAddresses([shown], ADDRESSES);
      const counts = Object.fromEntries(Object.entries(found).map(([key, list]) => [key, list.length]));
      assert.deepEqual(counts, want);
    });
  }
});

describe("what ip complains of", () => {
  const rows = [
    { words: "RTNETLINK answers: Operation not permitted", want: "forbidden" },
    { words: 'Cannot find device "eth9"', want: "no-interface" },
    { words: 'Device "eth9" does not exist.', want: "no-interface" },
    { words: "RTNETLINK answers: Cannot assign requested address", want: "absent" },
    { words: "Error: ipv4: Address not found.", want: "absent" },
    { words: "RTNETLINK answers: No buffer space available", want: "other" },
  ];
  for (const { words, want } of rows) test(words, () => assert.equal(failureKind(words), want));

  test("the line that failed", () => {
    assert.equal(failedLine("Command failed -:12"), 12);
    assert.equal(failedLine("Error: ipv4: Address not found."), null);
  });
});
