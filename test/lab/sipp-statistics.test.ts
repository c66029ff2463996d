import assert from "node:assert/strict";
import { test } from "node:test";
import { parseSippStatistics } from "./sipp-statistics.ts";

const NAMES =
  "StartTime;IncomingCall(C);OutgoingCall(P);OutgoingCall(C);CurrentCall;SuccessfulCall(C);FailedCall(C);answered(P);answered(C);\n";
const EARLY = "2026-01-01;0;5;5;5;0;0;3;3;\n";
const LATE = "2026-01-01;0;5;10;2;7;1;4;9;\n";

test("SIPp statistics: the newest complete line counts", () => {
  const late = { offered: 10, current: 2, successful: 7, failed: 1, counters: { answered: 9 } };
  assert.deepEqual(parseSippStatistics(NAMES + EARLY + LATE), late);
  assert.equal(parseSippStatistics(`${NAMES}${EARLY}${LATE.slice(0, 20)}`)?.offered, 5);
});

test("SIPp statistics: nothing yet is null", () => {
  assert.equal(parseSippStatistics(""), null);
  assert.equal(parseSippStatistics(NAMES), null);
});
