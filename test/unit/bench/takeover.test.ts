// What `npm run bench:takeover` makes of its rounds: times, shares, tables, the chart; and its command line.
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { withGenerated } from "../../bench/calls/document.ts";
import { firstAnswerMs, longestGapMs } from "../../bench/takeover/first-answer.ts";
import { parseTakeoverOptions } from "../../bench/takeover/options.ts";
import type { FaultKind, PairName } from "../../bench/takeover/pair-under-test.ts";
import {
  TAKEOVER_MARKS,
  takeoverChart,
  takeoverMarkdown,
  takeoverSummaries,
} from "../../bench/takeover/report.ts";
import { keepRound, keptRounds } from "../../bench/takeover/results.ts";
import type { Round } from "../../bench/takeover/round.ts";

const MACHINE = {
  date: "2030-01-02",
  processor: "P",
  cores: 2,
  kernel: "6",
  node: "24",
  kamailio: "5",
  keepalived: "2",
  sipp: "3",
};
const SIZE = { rate: 200, talking: 2_000, ringing: 300 };

function round(pair: PairName, fault: FaultKind, firstMs: number, cancelled: number): Round {
  return {
    pair,
    fault,
    outageMs: firstMs,
    outcome: {
      newCalls: { done: 1_199, of: 1_200 },
      reinvited: { done: 2_000, of: 2_000 },
      hungUp: { done: 2_000, of: 2_000 },
      ringingAnswered: { done: 100, of: 100 },
      declined: { done: 0, of: 100 },
      cancelled: { done: cancelled, of: 100 },
      movedOn: { done: cancelled, of: 100 },
    },
    recorded: { done: 3_600, of: 3_600 },
    twoOwnersMs: fault === "link" ? 1_234.4 : null,
  };
}

const ROUNDS = [
  round("kamailio", "kill", 400, 0),
  round("kamailio", "kill", 380, 0),
  round("kamailio", "kill", 450, 0),
  round("tandem", "kill", 90, 100),
  round("tandem", "kill", 110, 100),
  round("tandem", "link", Number.NaN, 99),
];

describe("the first new call answered", () => {
  const line = (seconds: number, direction: "S" | "R", call: string, start: string): string =>
    `2030-01-02\t00:00:00\t${seconds}\t${direction}\t${call}\tCSeq:1 INVITE\t${start}`;
  const invite = "INVITE sip:1000@10.77.0.200:5060 SIP/2.0";
  const rows = [
    {
      name: "one that was sent after the fault",
      lines: [line(10.1, "S", "a", invite), line(10.35, "R", "a", "SIP/2.0 200 OK")],
      ms: 350,
    },
    {
      name: "not one that was sent before it, though it was sent again after it",
      lines: [
        line(9.9, "S", "a", invite),
        line(10.4, "S", "a", invite),
        line(10.41, "R", "a", "SIP/2.0 200 OK"),
        line(10.5, "S", "b", invite),
        line(10.52, "R", "b", "SIP/2.0 200 OK"),
      ],
      ms: 520,
    },
    {
      name: "not by a provisional response or a refusal",
      lines: [
        line(10.1, "S", "a", invite),
        line(10.2, "R", "a", "SIP/2.0 180 Ringing"),
        line(10.3, "R", "a", "SIP/2.0 503 Service Unavailable"),
      ],
      ms: Number.NaN,
    },
    { name: "an empty record", lines: [""], ms: Number.NaN },
  ];
  for (const { name, lines, ms } of rows) {
    test(name, () => {
      const found = firstAnswerMs(lines.join("\n"), 10_000);
      if (Number.isNaN(ms)) assert.ok(Number.isNaN(found));
      else assert.ok(Math.abs(found - ms) < 1e-6, `${found}`);
    });
  }
});

describe("the longest time without an answer", () => {
  const answers = (...seconds: number[]): string =>
    seconds.map((at) => `2030-01-02\t00:00:00\t${at}\tR\tc${at}\tCSeq:1 INVITE\tSIP/2.0 200 OK`).join("\n");
  test("from the last answer before the switchover on, not before that", () =>
    assert.equal(Math.round(longestGapMs(answers(8, 9.9, 9.95, 10.05, 10.06, 10.2), 10_000)), 140));
  test("none after it", () => assert.ok(Number.isNaN(longestGapMs(answers(9, 9.5), 10_000))));
});

describe("the tables of takeovers", () => {
  const text = takeoverMarkdown(ROUNDS, { size: SIZE, machine: MACHINE, spoilt: 0 });
  const has = (line: string): void => assert.ok(text.split("\n").includes(line), text);

  test("median and worst, and what the new calls came to", () => {
    has("| proxy killed (kill -9) | Kamailio + keepalived | 3 | 400 | 450 | 99.9% (3,597 of 3,600) |");
    has("| proxy killed (kill -9) | Tandem | 2 | 100 | 110 | 99.9% (2,398 of 2,400) |");
  });
  test("a pair that never served again", () =>
    has("| link down | Tandem | 1 | never | never | 99.9% (1,199 of 1,200) |"));
  test("all, none, and something between", () => {
    has(
      "| proxy killed (kill -9) | Kamailio + keepalived | 100% of 6,000 | 100% of 6,000 | 100% of 300 | **none** of 300 | **none** of 300 | **none** of 300 | 100% of 10,800 | – |",
    );
    has(
      "| link down | Tandem | 100% of 2,000 | 100% of 2,000 | 100% of 100 | **none** of 100 | 99.0% (99 of 100) | 99.0% (99 of 100) | 100% of 3,600 | 1,234 |",
    );
  });
  test("one row for each fault and pair that was measured", () =>
    assert.equal(takeoverSummaries(ROUNDS).length, 3));
  test("rounds that were repeated are told", () => {
    assert.doesNotMatch(text, /repeated because/);
    const told = takeoverMarkdown(ROUNDS, { size: SIZE, machine: MACHINE, spoilt: 2 });
    assert.match(told, /before the fault: 2\./);
  });
  test("the page has their marks", () => {
    const page = readFileSync(new URL("../../../docs/takeover-figures.md", import.meta.url), "utf8");
    assert.match(withGenerated(page, "figures", TAKEOVER_MARKS), /figures/);
  });
});

describe("the chart of takeovers", () => {
  test("median and worst are its parts; never is no bar", () => {
    const svg = takeoverChart(ROUNDS);
    assert.match(svg, />450</);
    assert.match(svg, />110</);
    assert.doesNotMatch(svg, /NaN|Infinity/);
  });
});

describe("rounds in a file", () => {
  const file = join(mkdtempSync(join(tmpdir(), "tandem-rounds-")), "rounds");
  test("none yet", () => assert.deepEqual(keptRounds(file, SIZE), []));
  test("are those that were added, also one without an answer", () => {
    for (const each of ROUNDS) keepRound(file, each, SIZE);
    assert.deepEqual(keptRounds(file, SIZE), ROUNDS);
  });
  test("of other calls they are not mixed", () =>
    assert.throws(() => keptRounds(file, { ...SIZE, rate: 100 }), /rounds:1: a round of other calls/));
});

describe("the command line of bench:takeover", () => {
  test("nothing: everything, and it is written", () => {
    const { rounds, pairs, faults, size, written } = parseTakeoverOptions([]);
    assert.deepEqual(
      { rounds, pairs, faults, written },
      {
        rounds: 20,
        pairs: ["kamailio", "tandem"],
        faults: ["kill", "link", "freeze", "cut", "switchover"],
        written: true,
      },
    );
    assert.deepEqual(size, { rate: 200, talking: 2_000, ringing: 200 });
  });
  test("some of it: nothing is written", () => {
    const options = parseTakeoverOptions([
      "--rounds",
      "3",
      "--pairs",
      "kamailio",
      "--faults",
      "kill-both,link",
    ]);
    assert.deepEqual(
      [options.rounds, options.pairs, options.faults, options.written],
      [3, ["kamailio"], ["kill-both", "link"], false],
    );
  });
  test("some of it, to be written", () =>
    assert.equal(parseTakeoverOptions(["--pairs", "tandem", "--write"]).written, true));
  const bad = [
    { argv: ["--faults", "kill,toString"], error: /not known: toString; there are kill/ },
    { argv: ["--pairs", "opensips"], error: /not known: opensips/ },
    { argv: ["--rounds", "0"], error: /--rounds is a whole number from 1 to 1000/ },
    { argv: ["--talking", "10001"], error: /--talking is a whole number from 1 to 10000/ },
    { argv: ["--fast"], error: /--fast/ },
  ];
  for (const { argv, error } of bad)
    test(argv.join(" "), () => assert.throws(() => parseTakeoverOptions(argv), error));
});
