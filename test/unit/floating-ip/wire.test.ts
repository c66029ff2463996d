// How socat is told what to open, and how what it dumps is read.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { wireArguments } from "../../../src/floating-ip/wire-command.ts";
import { EMPTY_DUMP, readDump } from "../../../src/floating-ip/wire-dump.ts";

describe("socat's arguments", () => {
  test("ARP alone is received, and a frame is read as a whole (packet(7))", () => {
    const address = "x08060201000000000006ffffffffffff0000";
    assert.deepEqual(wireArguments({ kind: "arp", interface: "eth0", index: 258, littleEndian: true }), [
      "-dd",
      "-x",
      "-b",
      "60",
      "STDIO",
      `SOCKET-DATAGRAM:17:3:1544:${address},bind=${address}`,
    ]);
  });

  test("a machine of the other byte order", () => {
    const last = wireArguments({ kind: "arp", interface: "eth0", index: 258, littleEndian: false }).at(-1);
    assert.match(last ?? "", /^SOCKET-DATAGRAM:17:3:2054:x080600000102/);
  });

  test("of IPv6, advertisements alone are received (RFC 3542 section 3.2); frames go out by a socket that receives nothing", () => {
    const last = wireArguments({ kind: "neighbour", interface: "eth1", index: 3, littleEndian: true }).at(-1);
    const filter = `x${"ff".repeat(17)}fe${"ff".repeat(14)}`;
    const address = "x00000300000000000006ffffffffffff0000";
    assert.equal(
      last,
      `IP6-RECV:58,setsockopt-listen=58:1:${filter},so-bindtodevice=eth1!!SOCKET-DATAGRAM:17:3:0:${address},bind=${address}`,
    );
  });
});

const DUMP = [
  "2026/11/25 22:29:17 socat[1] N starting data transfer loop with FDs [0,1] and [5,5]",
  "> 2026/11/25 22:29:17.000707483  length=2 from=0 to=1",
  " 0a 0b",
  "< 2026/11/25 22:29:17.000707848  length=3 from=0 to=2",
  " 26 c9 3d",
  "--",
  "< 2026/11/25 22:29:17.000707911  length=1 from=3 to=3",
  " ff",
  "",
].join("\n");

describe("socat's dump", () => {
  test("datagrams received, without what was sent, and its own words", () => {
    const { datagrams, words } = readDump(EMPTY_DUMP, DUMP);
    assert.deepEqual(
      datagrams.map((each) => [...each]),
      [[0x26, 0xc9, 0x3d], [0xff]],
    );
    assert.equal(words.length, 1);
  });

  test("does not depend on where the pipe cuts it", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(DUMP.length), { maxLength: 8 }), (cuts) => {
        let dump = EMPTY_DUMP;
        const datagrams: number[][] = [];
        const at = [0, ...cuts.sort((a, b) => a - b), DUMP.length];
        for (const [index, end] of at.slice(1).entries()) {
          const read = readDump(dump, DUMP.slice(at[index], end));
          dump = read.dump;
          datagrams.push(...read.datagrams.map((each) => [...each]));
        }
        assert.deepEqual(datagrams, [[0x26, 0xc9, 0x3d], [0xff]]);
      }),
    );
  });

  test("a line without an end is not kept without bounds", () => {
    let dump = EMPTY_DUMP;
    for (let round = 0; round < 100; round++) dump = readDump(dump, "a".repeat(1_000)).dump;
    assert.ok(dump.rest.length <= 4_096);
  });

  const header = "< 2026/11/25 22:29:17.000000000  length=9 from=0 to=8\n";
  for (const { bytes, want } of [
    { bytes: 341, want: 1 },
    { bytes: 342, want: 0 },
  ])
    test(`${bytes} bytes: ${want === 1 ? "read" : "no frame of ours, dropped"}`, () => {
      assert.equal(readDump(EMPTY_DUMP, `${header}${" 00".repeat(bytes)}\n`).datagrams.length, want);
    });
});
