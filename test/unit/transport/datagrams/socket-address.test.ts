import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ADDRESSES_MAX, SocketAddresses } from "../../../../src/transport/datagrams/socket-address.ts";

function bytesOf(words: Uint32Array, at: number, length: number): string {
  return Buffer.from(words.buffer, at * 4, length).toString("hex");
}

describe("socket addresses as the kernel has them", () => {
  const rows = [
    { address: "127.0.0.1", port: 5060, bytes: "020013c47f000001" + "0".repeat(16) },
    { address: "255.254.253.252", port: 65_535, bytes: "0200fffffffefdfc" + "0".repeat(16) },
    { address: "10.0.0.1", port: 1, bytes: "020000010a000001" + "0".repeat(16) },
    { address: "::1", port: 5061, bytes: "0a0013c500000000" + "0".repeat(30) + "01" + "00000000" },
    {
      address: "2001:db8::ff:0:1",
      port: 256,
      bytes: "0a000100" + "00000000" + "20010db80000000000" + "0000ff00000001" + "00000000",
    },
    {
      address: "fe80::1%258",
      port: 9,
      bytes: "0a000009" + "00000000" + "fe80" + "0".repeat(24) + "0001" + "02010000",
    },
  ];
  for (const { address, port, bytes } of rows)
    test(`${address} ${port}`, () => {
      const addresses = new SocketAddresses();
      const words = new Uint32Array(16).fill(0);
      for (const at of [0, 8]) {
        const length = addresses.write(words, at, address, port);
        assert.equal(length, bytes.length / 2);
        assert.equal(bytesOf(words, at, length), bytes);
        assert.equal(addresses.address(words, at), address);
        assert.equal(addresses.port(words, at), port);
      }
    });

  for (const address of ["", "pbx.example", "1.2.3.4.5", "::g", "127.1", "fe80::1%eth0"])
    test(`"${address}" is no address`, () => {
      assert.equal(new SocketAddresses().write(new Uint32Array(8), 0, address, 5060), 0);
    });

  test("more remotes than are remembered are told apart all the same", () => {
    const addresses = new SocketAddresses();
    const words = new Uint32Array(8);
    for (let round = 0; round < 2; round++)
      for (let number = 0; number <= ADDRESSES_MAX; number++) {
        const address = `10.1.${number >> 8}.${number & 255}`;
        addresses.write(words, 0, address, 5060);
        assert.equal(addresses.address(words, 0), address);
      }
  });
});
