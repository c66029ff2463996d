// How much of the new calls is refused, from what is seen of the load.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { nextLevel, waitingIn } from "../../../src/node/overload.ts";

const BOUNDS = { loopDelayMs: 100, queueBytes: 500_000 };
const QUIET = { loopDelayMs: 0, queueBytes: 0 };

describe("the next level", () => {
  const rows: { name: string; level: number; loopDelayMs?: number; queueBytes?: number; next: number }[] = [
    { name: "nothing waits", level: 0, next: 0 },
    { name: "the loop is late by its bound", level: 0, loopDelayMs: 100, next: 0 },
    { name: "by more", level: 0, loopDelayMs: 101, next: 0.1 },
    { name: "the queue is at its bound", level: 0, queueBytes: 500_000, next: 0 },
    { name: "above it", level: 0, queueBytes: 500_001, next: 0.1 },
    { name: "both above", level: 0.5, loopDelayMs: 900, queueBytes: 900_000, next: 0.6 },
    { name: "one above, one far below", level: 0.5, loopDelayMs: 900, next: 0.6 },
    { name: "above, and nearly all is refused: some are let in", level: 0.9, loopDelayMs: 900, next: 0.95 },
    { name: "above, at the highest", level: 0.95, loopDelayMs: 900, next: 0.95 },
    { name: "between half the bound and the bound it stays", level: 0.4, loopDelayMs: 51, next: 0.4 },
    { name: "the queue between half and bound: it stays", level: 0.4, queueBytes: 300_000, next: 0.4 },
    { name: "at half it falls, slower than it rose", level: 0.4, loopDelayMs: 50, next: 0.37 },
    { name: "never below nothing", level: 0.02, next: 0 },
  ];
  for (const { name, level, next, ...seen } of rows) {
    test(`${name}: ${level} to ${next}`, () => {
      assert.ok(Math.abs(nextLevel(level, { ...QUIET, ...seen }, BOUNDS) - next) < 1e-9);
    });
  }

  test("an overload is met in a second, and forgotten in four at most", () => {
    let level = 0;
    let looks = 0;
    for (; level < 0.95; looks++) level = nextLevel(level, { ...QUIET, loopDelayMs: 200 }, BOUNDS);
    assert.ok(looks <= 10, `${looks} looks`);
    for (looks = 0; level > 0; looks++) level = nextLevel(level, QUIET, BOUNDS);
    assert.ok(looks <= 40, `${looks} looks`);
  });
});

describe("bytes that wait in a socket, from a line of /proc/net/udp", () => {
  const V4 =
    "  412: 0A0100C6:13C4 00000000:0000 07 00000000:00034500 00:00000000 00000000     0        0 4711 2 0000000000000000 0";
  const V6 =
    "  413: B80D01200000000000000000100000000:13C4 00000000000000000000000000000000:0000 07 00000010:0000FF00 00:00000000 00000000     0        0 4712 2 0 3";
  const rows: { name: string; line: string; port?: number; bytes: number }[] = [
    { name: "ours", line: V4, bytes: 0x34500 },
    { name: "IPv6, and what waits to be sent does not count", line: V6, bytes: 0xff00 },
    { name: "another port", line: V4, port: 5061, bytes: 0 },
    { name: "an empty queue", line: V4.replace("00034500", "00000000"), bytes: 0 },
    {
      name: "the heading",
      line: "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when",
      bytes: 0,
    },
    { name: "no line", line: "", bytes: 0 },
    { name: "cut off", line: V4.slice(0, 45), bytes: 0 },
    { name: "no number", line: V4.replace("00034500", "zzzzzzzz"), bytes: 0 },
  ];
  for (const { name, line, port, bytes } of rows) {
    test(name, () => assert.equal(waitingIn(line, new Set([port ?? 5060])), bytes));
  }
});
