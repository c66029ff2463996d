// What the benchmark reads from the files of SIPp.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { completedWithin, parseAnswerTimes, parseCounts } from "../../bench/calls/sipp-files.ts";

const NAMES =
  "StartTime;CurrentTime;IncomingCall(C);OutgoingCall(P);OutgoingCall(C);CurrentCall;FailedCall(C);Retransmissions(P);Retransmissions(C);completed(C)";
const START = "2026-11-23\t09:29:08.596686\t1000.5";
const row = (now: string, ...counts: number[]): string =>
  [START, `2026-11-23\tx\t${now}`, ...counts].join(";");

describe("SIPp's statistics", () => {
  test("the newest line counts, totals and not periods", () => {
    const text = `${[NAMES, row("1001.5", 0, 9, 9, 4, 0, 1, 1, 2), row("1003.5", 0, 7, 30, 2, 3, 0, 5, 25)].join("\n")}\n`;
    assert.deepEqual(parseCounts(text), {
      calls: 30,
      current: 2,
      failed: 3,
      retransmissions: 5,
      completed: 25,
      elapsedS: 3,
    });
  });

  const within = [
    { seconds: 0.9, completed: 0 },
    { seconds: 1, completed: 2 },
    { seconds: 2.9, completed: 2 },
    { seconds: 3, completed: 25 },
  ];
  for (const { seconds, completed } of within) {
    test(`calls completed within ${seconds} s: ${completed}`, () => {
      const lines = [NAMES, row("1001.5", 0, 9, 9, 4, 0, 1, 1, 2), row("1003.5", 0, 7, 30, 2, 3, 0, 5, 25)];
      assert.equal(completedWithin(`${lines.join("\n")}\n`, seconds), completed);
    });
  }

  test("a line that is still being written is left out", () => {
    const text = `${NAMES}\n${row("1001.5", 8, 0, 0, 4, 0, 1, 1)}\n${row("1003.5", 9)}`;
    assert.equal(parseCounts(text)?.calls, 8);
  });

  const nothing = [
    { name: "no file yet", text: "" },
    { name: "only names", text: `${NAMES}\n` },
    { name: "names and half a line", text: `${NAMES}\n${START};` },
  ];
  for (const { name, text } of nothing) {
    test(`none: ${name}`, () => assert.equal(parseCounts(text), null));
  }

  test("a column that is missing counts nothing", () => {
    assert.equal(parseCounts("CurrentCall\n3\n")?.retransmissions, 0);
  });
});

describe("SIPp's short messages", () => {
  const line = (
    seconds: string,
    direction: "S" | "R",
    call: string,
    start: string,
    cseq = "1 INVITE",
  ): string => ["2026-11-23", "09:29:38.6", seconds, direction, call, `CSeq:${cseq}`, start].join("\t");
  const INVITE = "INVITE sip:a@b SIP/2.0";
  const OK = "SIP/2.0 200 OK";
  const rows = [
    {
      name: "two calls that cross",
      lines: [
        line("10.000", "S", "1", INVITE),
        line("10.001", "S", "2", INVITE),
        line("10.002", "R", "1", "SIP/2.0 180 Ringing"),
        line("10.004", "R", "2", OK),
        line("10.010", "R", "1", OK),
      ],
      times: [3, 10],
    },
    {
      name: "an INVITE sent again counts from the first",
      lines: [line("1.0", "S", "1", INVITE), line("1.5", "S", "1", INVITE), line("1.6", "R", "1", OK)],
      times: [600],
    },
    {
      name: "a 200 sent again counts once",
      lines: [line("1.0", "S", "1", INVITE), line("1.2", "R", "1", OK), line("1.7", "R", "1", OK)],
      times: [200],
    },
    {
      name: "the 200 of a BYE is none",
      lines: [line("1.0", "S", "1", INVITE), line("1.2", "R", "1", OK, "2 BYE")],
      times: [],
    },
    {
      name: "a refused call has no time",
      lines: [line("1.0", "S", "1", INVITE), line("1.1", "R", "1", "SIP/2.0 503 No")],
      times: [],
    },
    { name: "an empty file", lines: [""], times: [] },
  ];
  for (const { name, lines, times } of rows) {
    test(name, () => assert.deepEqual(parseAnswerTimes(lines.join("\n")).map(Math.round), times));
  }
});
