// Which addresses can float, and when two spellings are one.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  addressBytes,
  parseFloatingAddress,
  sameAddress,
} from "../../../src/floating-ip/floating-address.ts";

describe("an address that can float", () => {
  const rows = [
    { text: "198.51.100.10/32", want: { address: "198.51.100.10", family: 4 } },
    { text: "198.51.100.10", want: { address: "198.51.100.10", family: 4 } },
    { text: "2001:DB8:0:0::10/128", want: { address: "2001:db8::10", family: 6 } },
    { text: "fd00::1", want: { address: "fd00::1", family: 6 } },
  ];
  for (const { text, want } of rows) test(text, () => assert.deepEqual(parseFloatingAddress(text), want));
});

describe("what can't float is refused, and says why", () => {
  const rows = [
    { text: "198.51.100.10/24", why: /single address, \/32/ },
    { text: "2001:db8::10/64", why: /single address, \/128/ },
    { text: "198.51.100.10/032", why: /single address/ },
    { text: "198.51.100.10/32/32", why: /no IP address/ },
    { text: "198.51.100.300", why: /no IP address/ },
    { text: "edge.example", why: /no IP address/ },
    { text: "", why: /no IP address/ },
    { text: "198.51.100", why: /four numbers/ },
    { text: "0xc6336410", why: /four numbers/ },
    { text: "127.0.0.1", why: /loopback/ },
    { text: "0.0.0.0", why: /unspecified/ },
    { text: "224.0.0.1", why: /multicast/ },
    { text: "255.255.255.255", why: /broadcast/ },
    { text: "::", why: /unspecified/ },
    { text: "ff02::1", why: /multicast/ },
    { text: "fe80::1", why: /linkLocal/ },
    { text: "fe80::1%eth0", why: /zone/ },
    { text: "::ffff:198.51.100.10", why: /ipv4Mapped/ },
  ];
  for (const { text, why } of rows) {
    test(`"${text}"`, () => {
      const result = parseFloatingAddress(text);
      assert.match("fault" in result ? result.fault : "", why);
    });
  }
});

test("two spellings of one address are the same, and nothing equals what is no address", () => {
  assert.equal(sameAddress("2001:db8::10", "2001:DB8:0:0:0:0:0:10"), true);
  assert.equal(sameAddress("10.0.0.1", "10.0.0.2"), false);
  assert.equal(sameAddress("10.0.0.1", "::ffff:10.0.0.1"), false);
  assert.equal(sameAddress("10.0.0.1", "x"), false);
  assert.deepEqual([...addressBytes("10.0.0.1")], [10, 0, 0, 1]);
  assert.equal(addressBytes("fd00::1").length, 16);
});
