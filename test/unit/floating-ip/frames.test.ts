// Frames byte for byte: ARP by RFC 826, neighbour discovery by RFC 4861.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import {
  ARP_FRAME_LENGTH,
  arpAnnouncements,
  arpRequest,
  hardwareBytes,
  hardwareText,
  parseArp,
} from "../../../src/floating-ip/arp-frame.ts";
import {
  NEIGHBOUR_FRAME_LENGTH,
  neighbourAnnouncement,
  neighbourSolicitation,
  parseAdvertisement,
} from "../../../src/floating-ip/neighbour-frame.ts";

const OWN = "02:00:00:00:00:0a";
const hex = (bytes: Uint8Array | undefined): string => Buffer.from(bytes ?? []).toString("hex");
const PAD = "00".repeat(18);

describe("ARP", () => {
  test("an announcement is a gratuitous request and a gratuitous reply, broadcast (RFC 5227 section 3, RFC 5944 section 4.6)", () => {
    const [request, reply] = arpAnnouncements("198.51.100.10", OWN);
    assert.equal(
      hex(request),
      `ffffffffffff02000000000a0806000108000604000102000000000ac633640a000000000000c633640a${PAD}`,
    );
    assert.equal(
      hex(reply),
      `ffffffffffff02000000000a0806000108000604000202000000000ac633640affffffffffffc633640a${PAD}`,
    );
    assert.equal(request?.length, ARP_FRAME_LENGTH);
  });

  test("a probe has no sender address (RFC 5227 section 2.1.1); a question from an address of ours has it", () => {
    assert.equal(
      hex(arpRequest("198.51.100.10", OWN, null)),
      `ffffffffffff02000000000a0806000108000604000102000000000a00000000000000000000c633640a${PAD}`,
    );
    assert.match(hex(arpRequest("198.51.100.10", OWN, "198.51.100.2")), /02000000000ac6336402/);
  });

  test("what is heard: who claims which address", () => {
    const [request] = arpAnnouncements("198.51.100.10", OWN);
    const claim = { address: "198.51.100.10", hardware: OWN, target: "198.51.100.10", operation: "request" };
    assert.deepEqual(parseArp(request ?? new Uint8Array()), claim);
    assert.deepEqual(parseArp((request ?? new Uint8Array()).subarray(0, 42)), claim);
    assert.equal(parseArp(arpRequest("198.51.100.10", OWN, null))?.address, null);
  });

  const whole = arpRequest("198.51.100.10", OWN, null);
  const rows = [
    { name: "a byte short", bytes: whole.subarray(0, 41) },
    { name: "empty", bytes: new Uint8Array() },
    { name: "another protocol", bytes: whole.with(13, 0x35) },
    { name: "another hardware type", bytes: whole.with(15, 6) },
    { name: "other lengths", bytes: whole.with(18, 8) },
    { name: "another operation", bytes: whole.with(21, 3) },
    { name: "an operation above 255", bytes: whole.with(20, 1) },
  ];
  for (const { name, bytes } of rows) test(`ignored: ${name}`, () => assert.equal(parseArp(bytes), null));

  for (const text of ["", "02:00:00:00:00", "02:00:00:00:00:0a:0b", "02:00:00:00:00:zz", "2:0:0:0:0:a"])
    test(`no hardware address: "${text}"`, () => assert.throws(() => hardwareBytes(text)));
});

/** The sum over pseudo-header and message, which is 0xffff where the checksum is right. */
function sumOf(frame: Uint8Array): number {
  const length = frame[19] ?? 0;
  const covered = [
    ...frame.subarray(22, 54),
    0,
    0,
    0,
    length,
    0,
    0,
    0,
    58,
    ...frame.subarray(54, 54 + length),
  ];
  let sum = 0;
  for (let at = 0; at < covered.length; at += 2) sum += (covered[at] ?? 0) * 256 + (covered[at + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return sum;
}

describe("neighbour discovery", () => {
  test("an announcement is an advertisement to all nodes with override, from the address itself (RFC 4861 section 7.2.6)", () => {
    const frame = neighbourAnnouncement("2001:db8::10", OWN);
    assert.equal(frame.length, NEIGHBOUR_FRAME_LENGTH);
    const address = "20010db8000000000000000000000010";
    assert.equal(hex(frame.subarray(0, 14)), "33330000000102000000000a86dd");
    assert.equal(hex(frame.subarray(14, 22)), "6000000000203aff");
    assert.equal(hex(frame.subarray(22, 54)), `${address}ff020000000000000000000000000001`);
    assert.equal(hex(frame.subarray(54, 56)), "8800");
    assert.equal(hex(frame.subarray(58)), `20000000${address}020102000000000a`);
    assert.equal(sumOf(frame), 0xffff);
  });

  test("a solicitation goes to the solicited-node group with our hardware address (section 7.2.2)", () => {
    const frame = neighbourSolicitation("2001:db8::1:2:3", OWN, "fe80::a");
    assert.equal(hex(frame.subarray(0, 6)), "3333ff020003");
    assert.equal(hex(frame.subarray(38, 54)), "ff0200000000000000000001ff020003");
    assert.equal(hex(frame.subarray(54, 56)), "8700");
    assert.equal(hex(frame.subarray(78)), "010102000000000a");
    assert.equal(sumOf(frame), 0xffff);
  });

  test("a solicitation from the unspecified address has no option (section 4.3) and is padded", () => {
    const frame = neighbourSolicitation("2001:db8::10", OWN, null);
    assert.equal(frame.length, NEIGHBOUR_FRAME_LENGTH);
    assert.equal(frame[19], 24);
    assert.equal(hex(frame.subarray(22, 38)), "00".repeat(16));
    assert.equal(sumOf(frame), 0xffff);
  });

  const advertisement = neighbourAnnouncement("2001:db8::10", OWN).subarray(54);
  const rows = [
    { name: "with its hardware address", bytes: advertisement, want: OWN },
    { name: "without the option", bytes: advertisement.subarray(0, 24), want: null },
    {
      name: "behind another option",
      bytes: Uint8Array.from([
        ...advertisement.subarray(0, 24),
        14,
        1,
        0,
        0,
        0,
        0,
        0,
        0,
        ...advertisement.subarray(24),
      ]),
      want: OWN,
    },
  ];
  for (const { name, bytes, want } of rows) {
    test(`heard: an advertisement ${name}`, () => {
      assert.deepEqual(parseAdvertisement(bytes), { address: "2001:db8::10", hardware: want });
    });
  }
  const ignored = [
    { name: "a byte short", bytes: advertisement.subarray(0, 23) },
    { name: "a solicitation", bytes: advertisement.with(0, 135) },
    { name: "code not 0", bytes: advertisement.with(1, 1) },
    { name: "an option of length 0 (section 7.1.2)", bytes: advertisement.with(25, 0) },
    { name: "an option past the end", bytes: advertisement.with(25, 2) },
  ];
  for (const { name, bytes } of ignored)
    test(`ignored: ${name}`, () => assert.equal(parseAdvertisement(bytes), null));
});

test("any bytes are read or ignored, never thrown at", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 120 }), (bytes) => {
      parseArp(bytes);
      parseAdvertisement(bytes);
    }),
  );
});

test("hardware addresses go to bytes and back", () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 6, maxLength: 6 }), (bytes) => {
      assert.deepEqual(hardwareBytes(hardwareText(bytes)), bytes);
    }),
  );
});
