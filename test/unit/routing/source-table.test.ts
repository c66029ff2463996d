import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { CLASSIFIED_ADDRESSES_MAX, SourceTable } from "../../../src/routing/source-table.ts";

const table = (): SourceTable =>
  new SourceTable([
    { network: "10.0.0.0/8", group: "wide" },
    { network: "10.1.0.0/16", group: "narrow" },
    { network: "10.1.2.3/32", group: "one" },
    { network: "172.16.0.0/12", group: "phones" },
    { network: "2001:db8::/32", group: "six" },
    { network: "2001:db8:1::1/128", group: "six-one" },
  ]);

describe("classification by source address", () => {
  const rows: [string, string | null][] = [
    ["10.9.9.9", "wide"],
    ["10.1.9.9", "narrow"],
    ["10.1.2.3", "one"],
    ["172.31.255.255", "phones"],
    ["172.32.0.0", null],
    ["172.15.255.255", null],
    ["11.0.0.1", null],
    ["2001:db8::5", "six"],
    ["2001:db8:1::1", "six-one"],
    ["2001:db9::5", null],
    ["::ffff:10.1.2.3", "one"],
    ["::ffff:a01:203", "one"],
    ["fe80::1%eth0", null],
    ["", null],
    ["10.1", null],
    ["10.1.2.3.4", null],
    ["edge.example.com", null],
    ["x".repeat(1_000), null],
  ];
  for (const [address, group] of rows) {
    test(`${address.slice(0, 40)} speaks as ${group}`, () => {
      const sources = table();
      assert.equal(sources.classify(address), group);
      assert.equal(sources.classify(address), group, "from the cache");
    });
  }

  test("0.0.0.0/0 takes all of IPv4 and nothing of IPv6", () => {
    const sources = new SourceTable([{ network: "0.0.0.0/0", group: "all" }]);
    assert.deepEqual([sources.classify("8.8.8.8"), sources.classify("2001:db8::1")], ["all", null]);
  });

  test("the cache holds its limit and not one more, and forgets the oldest", () => {
    const sources = table();
    const address = (index: number): string =>
      `10.${(index >> 16) & 255}.${(index >> 8) & 255}.${index & 255}`;
    for (let index = 0; index < CLASSIFIED_ADDRESSES_MAX; index++) sources.classify(address(index));
    assert.equal(sources.remembered, CLASSIFIED_ADDRESSES_MAX);
    sources.classify("172.16.0.1");
    assert.equal(sources.remembered, CLASSIFIED_ADDRESSES_MAX);
    assert.equal(sources.classify(address(0)), "wide");
    assert.equal(sources.classify("172.16.0.1"), "phones");
  });

  test("is what a scan of all networks says", () => {
    const network = fc.tuple(fc.nat(0xffffffff), fc.integer({ min: 0, max: 32 })).map(([value, bits]) => {
      const mask = bits === 0 ? 0 : (-1 << (32 - bits)) >>> 0;
      return { value: (value & mask) >>> 0, bits, mask };
    });
    const dotted = (value: number): string =>
      [24, 16, 8, 0].map((shift) => (value >>> shift) & 255).join(".");
    fc.assert(
      fc.property(
        fc.uniqueArray(network, { selector: ({ value, bits }) => `${value}/${bits}` }),
        fc.nat(0xffffffff),
        (networks, value) => {
          const sources = networks.map((each) => ({
            network: `${dotted(each.value)}/${each.bits}`,
            group: `${each.bits}`,
          }));
          const hits = networks.filter((each) => (value & each.mask) >>> 0 === each.value);
          const wanted = hits.length === 0 ? null : String(Math.max(...hits.map(({ bits }) => bits)));
          assert.equal(new SourceTable(sources).classify(dotted(value)), wanted);
        },
      ),
    );
  });
});
