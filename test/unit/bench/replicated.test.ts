// The table of replicated calls: what a pair spends, and its share of the rival's.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { REPLICATION_RATES, type ReplicationResults } from "../../bench/calls/replicated.ts";
import { replicationMarkdown } from "../../bench/calls/replicated-report.ts";
import { addressesOf, type SubjectName } from "../../bench/calls/subject.ts";

const MACHINE = {
  date: "2030-01-02",
  processor: "P",
  cores: 2,
  kernel: "6",
  node: "24",
  kamailio: "5",
  sipp: "3",
};

function window(name: SubjectName, userUs: number, besideUs: Readonly<Record<string, number>>) {
  const answers = { answerP50Ms: Number.NaN, answerP99Ms: Number.NaN, loop: null };
  const beside = Object.entries(besideUs).map(([title, us]) => ({ title, us }));
  const clean = { failed: 0, retransmissions: 0, disturbed: 0 };
  const lagsMs = name === "tandem-redis" ? [1, 2, 9] : [];
  return REPLICATION_RATES.map((rate) => ({
    name,
    figures: { rate, userUs, kernelUs: 50, ...clean, ...answers, beside, lagsMs },
  }));
}

const RESULTS: ReplicationResults = {
  windows: [
    ...window("tandem", 100, {}),
    ...window("tandem-redis", 150, { standby: 40, Redis: 10 }),
    ...window("tandem-redis", 140, { standby: 60, Redis: 20 }),
    ...window("tandem-redis", 160, { standby: 50, Redis: 30 }),
    ...window("kamailio-dmq", 350, { standby: 100 }),
  ],
  cleanRates: [
    { name: "tandem-redis", found: { rate: 3_600, above: false } },
    { name: "kamailio-dmq", found: { rate: 3_500, above: true } },
  ],
  held: [{ name: "tandem-redis", held: { rate: 3_300, seconds: 60 } }],
  memory: [
    {
      name: "tandem-redis",
      bytesACall: 2_000,
      residentBytes: 1e8,
      afterworkUs: 1,
      beside: [
        { title: "standby", bytesACall: 1_500 },
        { title: "Redis", bytesACall: 900 },
      ],
    },
  ],
};

describe("the table of replicated calls", () => {
  const text = replicationMarkdown(RESULTS, MACHINE);
  const lines = text.split("\n");
  const has = (line: string): void => assert.ok(lines.includes(line), text);

  test("a pair: the active, the whole with its parts, both as a share of the rival's", () =>
    has(
      `| Tandem, replicated by Redis |${" 200 (190–210) | 270 (250–290)<br>standby 50, Redis 20 | 0.50, 0.54 |".repeat(3)}`,
    ));
  test("one that is alone has no pair", () => has(`| Tandem |${" 150 | – | 0.38, – |".repeat(3)}`));
  test("the rival is the measure", () =>
    has(`| Kamailio, fm, replicated by DMQ |${" 400 | 500<br>standby 100 | 1 |".repeat(3)}`));
  test("what replication adds", () =>
    has(
      "To Tandem's active node replication adds 50 µs a call at 500 calls/s, 50 µs a call at 1,000 calls/s, 50 µs a call at 2,000 calls/s.",
    ));
  test("how far the standby was behind", () =>
    has(
      "Tandem's standby was behind by p50 2.0 ms, p99 9.0 ms, worst 9.0 ms at 500 calls/s; p50 2.0 ms, p99 9.0 ms, worst 9.0 ms at 1,000 calls/s; p50 2.0 ms, p99 9.0 ms, worst 9.0 ms at 2,000 calls/s.",
    ));
  test("rates, found and held", () => {
    has("| highest clean rate, calls/s | – | 3,600 | at least 3,500 |");
    has("| held for 60 s, calls/s | – | 3,300 | – |");
  });
  test("memory of each part", () => {
    has("| memory an open call, standby, bytes | – | 1,500 | – |");
    has("| memory an open call, Redis, bytes | – | 900 | – |");
  });
  test("a clean and undisturbed run has no remarks", () =>
    assert.doesNotMatch(text, /Not carried|Something else/));

  test("a short run has no second table, and no difference where one of the two is missing", () => {
    const short = {
      ...RESULTS,
      windows: window("kamailio-dmq", 350, { standby: 100 }),
      cleanRates: [],
      memory: [],
    };
    const told = replicationMarkdown(short, MACHINE);
    assert.doesNotMatch(told, /highest clean rate|replication adds|was behind/);
  });

  test("a window that was not clean, a core that was not ours: both are said", () => {
    const bad = RESULTS.windows.map((each) => ({
      ...each,
      figures: { ...each.figures, failed: 0.01, disturbed: 0.2 },
    }));
    const told = replicationMarkdown({ ...RESULTS, windows: bad }, MACHINE);
    assert.match(told, /Not carried cleanly/);
    assert.match(told, /in 15 of the 15 windows/);
  });
});

test("addresses of one subject differ, and from another's", () => {
  const all = [0, 1, 250].flatMap((number) => Object.values(addressesOf(number)));
  assert.equal(new Set(all).size, all.length);
});
