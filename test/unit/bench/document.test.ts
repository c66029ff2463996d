// What the benchmark writes into docs/: tables, chart, and nothing over what people wrote.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { barChart, gridStep } from "../../bench/calls/chart.ts";
import { BENCH_MARKS, EMPTY_DOCUMENT, REPLICATION_MARKS, withGenerated } from "../../bench/calls/document.ts";
import type { Results } from "../../bench/calls/full.ts";
import { markdown, spread } from "../../bench/calls/report.ts";
import type { SubjectName } from "../../bench/calls/subject.ts";

const MACHINE = {
  date: "2030-01-02",
  processor: "P",
  cores: 2,
  kernel: "6",
  node: "24",
  kamailio: "5",
  sipp: "3",
};

function figures(name: SubjectName, rate: number, userUs: number) {
  const clean = { failed: 0, retransmissions: 0, disturbed: 0, beside: [], lagsMs: [] };
  const answers = {
    answerP50Ms: 1.25,
    answerP99Ms: 3.5,
    loop: name === "tandem" ? { maxMs: 12, p99Ms: 2 } : null,
  };
  return { name, figures: { rate, userUs, kernelUs: 50, ...clean, ...answers } };
}

const RESULTS: Results = {
  windows: [200, 1_000, 2_000].flatMap((rate) => [
    figures("kamailio-fm", rate, 150),
    figures("tandem", rate, 100),
    figures("tandem", rate, 120),
    figures("tandem", rate, 110),
  ]),
  cleanRates: [
    { name: "tandem", found: { rate: 6_500, above: false } },
    { name: "kamailio-fm", found: { rate: 8_000, above: true } },
  ],
  overloads: [
    { name: "tandem", figures: { cleanRate: 3_000, offered: 2, completed: 0.9, disturbed: 0 } },
    { name: "tandem", figures: { cleanRate: 3_000, offered: 1.9, completed: 0.8, disturbed: 0 } },
  ],
  memory: [{ name: "tandem", bytesACall: 1_500.4, residentBytes: 1e8, afterworkUs: 3, beside: [] }],
};

describe("the tables", () => {
  const lines = markdown(RESULTS, MACHINE).split("\n");
  const has = (line: string): void => assert.ok(lines.includes(line), lines.join("\n"));

  test("median, least and most, kernel and user apart", () =>
    has(`| Tandem |${" 160 (150–170)<br>user 110, kernel 50 |".repeat(3)}`));
  test("a single run has no spread", () =>
    has(`| Kamailio, fm |${" 200<br>user 150, kernel 50 |".repeat(3)}`));
  test("ratios within the run", () => has(`| Kamailio, fm |${" 0.80 |".repeat(3)}`));
  test("rates", () => has("| highest clean rate, calls/s | 6,500 | at least 8,000 |"));
  test("on half a core: the clean rate, and at twice that what was offered, and what was completed", () => {
    has("| the same on half a core | 3,000 (3,000–3,000) | – |");
    has("| offered twice that there: times it that were begun | 1.95 (1.90–2.00) | – |");
    has("| and share of it that was completed | 0.85 (0.80–0.90) | – |");
  });
  test("memory", () => has("| memory an open call, bytes (from 5,000 to 20,000) | 1,500 | – |"));
  test("pauses", () => has("| longest pause of the loop at 1,000 calls/s, ms | 12.0 (12.0–12.0) | – |"));
  test("nothing is said of disturbance when there was none", () =>
    assert.doesNotMatch(lines.join("\n"), /Something else|Not carried/));

  test("a rate that was not clean, a core that was not ours: both are said", () => {
    const bad = { ...figures("tandem", 200, 90), name: "tandem" as const };
    const text = markdown(
      {
        ...RESULTS,
        windows: [{ ...bad, figures: { ...bad.figures, failed: 0.01, disturbed: 0.2 } }],
        overloads: [],
      },
      MACHINE,
    );
    assert.match(text, /140 \*<br>/);
    assert.match(text, /Not carried cleanly/);
    assert.match(text, /in 1 of the 1 windows/);
  });

  test("nothing measured", () => assert.equal(spread(null), "–"));
});

describe("the document", () => {
  const { begin, end } = BENCH_MARKS;
  test("what people wrote stays, what was generated goes", () => {
    const document = `# Ours\n${begin}\nold\n${end}\n## What helped\nmuch\n`;
    const once = withGenerated(document, "new", BENCH_MARKS);
    assert.equal(once, `# Ours\n${begin}\n\nnew\n\n${end}\n## What helped\nmuch\n`);
    assert.equal(withGenerated(once, "new", BENCH_MARKS), once);
  });
  test("the first one has its marks, and a run writes between its own alone", () => {
    const first = withGenerated(EMPTY_DOCUMENT, "the-first-part", BENCH_MARKS);
    const both = withGenerated(first, "the-second-part", REPLICATION_MARKS);
    assert.ok(both.indexOf("the-first-part") < both.indexOf("the-second-part"));
    assert.match(withGenerated(both, "anew", BENCH_MARKS), /anew[\s\S]*the-second-part/);
  });
  test("without marks nothing is written", () => {
    assert.throws(() => withGenerated("# Ours\n", "new", BENCH_MARKS), /lacks the marks/);
    assert.throws(() => withGenerated(`${end}${begin}`, "new", BENCH_MARKS), /lacks the marks/);
  });
});

describe("the chart", () => {
  const bar = (label: string, lower: number, upper: number) => ({ label, color: "#123456", lower, upper });
  const chart = (...bars: ReturnType<typeof bar>[]): string =>
    barChart({ title: "A <b> & 'c'", subtitle: "s", groups: [{ title: "g", bars }] });
  const heights = (svg: string): number[] =>
    [...svg.matchAll(/height='([\d.]+)' fill='#123456'/g)].map((match) => Number(match[1]));

  test("bars are as high as their values, the parts stacked", () => {
    const [legend, upper = 0, lower = 0] = heights(chart(bar("one", 100, 300)));
    assert.equal(legend, 12);
    assert.ok(Math.abs(upper / lower - 3) < 0.01);
  });

  test("text is escaped", () => {
    const svg = chart(bar("<x>", 1, 1));
    assert.doesNotMatch(svg, /<b>|<x>/);
    assert.match(svg, /A &#60;b&#62; &#38; &#39;c&#39;/);
  });

  test("each element is closed: what is opened is one svg, title and texts", () => {
    const svg = chart(bar("one", 1, 2), bar("two", Number.NaN, 2));
    const opened = [...svg.matchAll(/<([a-z]+)(?:\s[^<>]*[^/<>])?>/g)].map((match) => match[1]).sort();
    const closed = [...svg.matchAll(/<\/([a-z]+)>/g)].map((match) => match[1]).sort();
    assert.deepEqual(opened, closed);
    assert.doesNotMatch(svg, /NaN/);
  });

  test("no bars at all", () =>
    assert.match(barChart({ title: "t", subtitle: "s", groups: [] }), /<\/svg>\n$/));

  test("grid steps are round and reach the largest value", () => {
    const rows = [
      [390, 100],
      [400, 100],
      [401, 200],
      [1_000, 250],
      [7, 2],
      [0.3, 0.1],
    ] as const;
    for (const [largest, step] of rows) assert.ok(Math.abs(gridStep(largest) - step) < 1e-9, `${largest}`);
  });
});
