import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Packet } from "./pcap.ts";
import { PcapReader } from "./pcap.ts";
import { answeringPbx, CallBook, messagesIn, percentile, ringingPbxs, wasMoved } from "./sip-trace.ts";

/** A UDP packet over Ethernet, IPv4 or IPv6 by the kind of its addresses (given as bytes). */
function frame(from: number[], to: number[], text: string): Buffer {
  const udp = Buffer.alloc(8 + text.length);
  udp.writeUInt16BE(5060, 0);
  udp.writeUInt16BE(5070, 2);
  udp.write(text, 8, "latin1");
  const ethernet = Buffer.alloc(14);
  ethernet.writeUInt16BE(from.length === 4 ? 0x0800 : 0x86dd, 12);
  if (from.length === 4) {
    const ip = Buffer.alloc(12);
    ip[0] = 0x45;
    ip.writeUInt16BE(20 + udp.length, 2);
    ip[9] = 17;
    return Buffer.concat([ethernet, ip, Buffer.from([...from, ...to]), udp]);
  }
  const ip = Buffer.alloc(8);
  ip[0] = 0x60;
  ip.writeUInt16BE(udp.length, 4);
  ip[6] = 17;
  return Buffer.concat([ethernet, ip, Buffer.from([...from, ...to]), udp]);
}

function capture(frames: readonly Buffer[], order: "LE" | "BE", magic: number): Buffer {
  const words = (values: number[]): Buffer => {
    const bytes = Buffer.alloc(values.length * 4);
    for (const [i, value] of values.entries()) {
      if (order === "LE") bytes.writeUInt32LE(value, i * 4);
      else bytes.writeUInt32BE(value, i * 4);
    }
    return bytes;
  };
  const header = words([magic, 0, 0, 0, 262_144, 1]);
  const records = frames.map((each) =>
    Buffer.concat([words([1_700, 500_000, each.length, each.length]), each]),
  );
  return Buffer.concat([header, ...records]);
}

const ip4 = frame([10, 77, 0, 1], [10, 77, 0, 2], "hello");
const v6 = (last: number): number[] => [0xfd, 0x77, 0, 1, ...Array<number>(11).fill(0), last];
const ip6 = frame(v6(0x1a), v6(2), "hello six");

describe("pcap reader", () => {
  const rows = [
    { name: "little endian, microseconds", order: "LE", magic: 0xa1b2c3d4, timeMs: 1_700_500 },
    { name: "big endian, microseconds", order: "BE", magic: 0xa1b2c3d4, timeMs: 1_700_500 },
    { name: "little endian, nanoseconds", order: "LE", magic: 0xa1b23c4d, timeMs: 1_700_000.5 },
  ] as const;
  for (const { name, order, magic, timeMs } of rows) {
    test(`${name}, in pieces of any size`, () => {
      const file = capture([ip4, ip6], order, magic);
      for (const size of [1, 7, 40, file.length]) {
        const reader = new PcapReader();
        const packets: Packet[] = [];
        for (let at = 0; at < file.length; at += size)
          packets.push(...reader.push(file.subarray(at, at + size)));
        const seen = packets.map((each) => [
          each.timeMs,
          each.from,
          each.to,
          each.toPort,
          each.payload.toString(),
        ]);
        assert.deepEqual(seen, [
          [timeMs, "10.77.0.1", "10.77.0.2", 5070, "hello"],
          [timeMs, "fd77:1::1a", "fd77:1::2", 5070, "hello six"],
        ]);
      }
    });
  }

  test("what is no capture is refused", () => {
    assert.throws(() => new PcapReader().push(Buffer.alloc(24)), /not a pcap file/);
  });
});

function packet(timeMs: number, from: string, to: string, startLine: string, method = "INVITE"): Packet {
  const text = `${startLine}\r\nCall-ID: a@b\r\nCSeq: 1 ${method}\r\nContent-Length: 2\r\n\r\nxx`;
  const payload = Buffer.from(text, "latin1");
  return { timeMs, protocol: "udp", from, to, fromPort: 5060, toPort: 5060, payload };
}

describe("call book", () => {
  const INVITE = "INVITE sip:1@x SIP/2.0";

  test("a call that moved: who rang, who answered, when", () => {
    const book = new CallBook({ callers: ["c"], pbxs: ["p1", "p2"] }).addAll([
      packet(0, "c", "e", INVITE),
      packet(1, "e", "c", "SIP/2.0 100 Trying"),
      packet(1, "e", "p1", INVITE),
      packet(2_001, "e", "p2", INVITE),
      packet(2_002, "p2", "e", "SIP/2.0 180 Ringing"),
      packet(2_003, "p2", "e", "SIP/2.0 200 OK"),
      packet(2_004, "e", "c", "SIP/2.0 200 OK"),
      packet(2_005, "c", "e", "BYE sip:1@x SIP/2.0", "BYE"),
      packet(2_006, "e", "c", "SIP/2.0 200 OK", "BYE"),
    ]);
    const [call] = book.list();
    assert.ok(call !== undefined);
    assert.deepEqual([call.tryingAt, call.finalStatus, call.byeStatus], [1, 200, 200]);
    assert.deepEqual([ringingPbxs(call), answeringPbx(call), wasMoved(call)], [["p2"], "p2", true]);
  });

  test("two messages in one segment are two messages", () => {
    const one = packet(0, "c", "e", INVITE);
    const two = { ...one, protocol: "tcp" as const, payload: Buffer.concat([one.payload, one.payload]) };
    assert.equal(messagesIn(two).length, 2);
  });

  test("nearest-rank percentiles", () => {
    assert.deepEqual(
      [percentile([3, 1, 2], 50), percentile([1, 2, 3, 4], 99), percentile([], 50)],
      [2, 4, Number.NaN],
    );
  });
});
