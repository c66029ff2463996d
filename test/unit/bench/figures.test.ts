// The arithmetic of the benchmark, its search for the highest rate, and its command line.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { median, percentile, sample } from "../../bench/calls/figures.ts";
import { parseOptions } from "../../bench/calls/options.ts";
import { highestCleanRate, type Verdict } from "../../bench/calls/rate-search.ts";

describe("figures", () => {
  test("percentiles by nearest rank", () => {
    const values = Array.from({ length: 200 }, (_, index) => 200 - index);
    assert.equal(percentile(values, 0.5), 100);
    assert.equal(percentile(values, 0.99), 198);
    assert.equal(percentile(values, 1), 200);
    assert.equal(percentile([7], 0.01), 7);
    assert.ok(Number.isNaN(percentile([], 0.5)));
  });

  test("medians", () => {
    assert.equal(median([3, 1, 2]), 2);
    assert.equal(median([4, 1, 2, 3]), 2.5);
    assert.ok(Number.isNaN(median([])));
  });

  test("samples leave out what was not measured", () => {
    assert.deepEqual(sample([5, Number.NaN, 1, 3]), { median: 3, min: 1, max: 5, runs: 3 });
    assert.equal(sample([Number.NaN]), null);
  });
});

describe("the highest clean rate", () => {
  const search = { start: 2_000, max: 9_000, factor: 1.25, resolution: 1.06, probesMax: 20 };
  /** A proxy that is clean up to its capacity; the load up to its own. */
  const world =
    (capacity: number, load = Number.POSITIVE_INFINITY) =>
    async (rate: number): Promise<Verdict> =>
      rate > load ? "load" : rate > capacity ? "bad" : "clean";

  const rows = [
    { name: "above the start", capacity: 4_200, from: 3_960, to: 4_200, above: false },
    { name: "below the start", capacity: 900, from: 840, to: 900, above: false },
    { name: "above the range", capacity: 20_000, from: 9_000, to: 9_000, above: true },
    { name: "the load gives up first", capacity: 20_000, load: 6_000, from: 5_600, to: 6_000, above: true },
  ];
  for (const { name, capacity, load, from, to, above } of rows) {
    test(name, async () => {
      const found = await highestCleanRate(search, world(capacity, load));
      assert.ok(found.rate >= from && found.rate <= to, `${found.rate}`);
      assert.equal(found.above, above);
    });
  }

  test("a proxy that carries nothing: zero, after a bounded number of probes", async () => {
    let probes = 0;
    const found = await highestCleanRate({ ...search, probesMax: 7 }, async () => {
      probes += 1;
      return "bad";
    });
    assert.deepEqual(found, { rate: 0, above: false });
    assert.ok(probes <= 7);
  });
});

describe("the command line", () => {
  test("nothing: the whole benchmark", () => {
    assert.deepEqual(parseOptions([]), {
      quick: false,
      overload: false,
      replication: false,
      profile: false,
      only: null,
      other: undefined,
    });
  });
  test("some proxies", () => {
    assert.deepEqual(parseOptions(["--quick", "--only", "tandem,kamailio-fm"]).only, [
      "tandem",
      "kamailio-fm",
    ]);
  });
  test("an unknown proxy, an unknown option", () => {
    assert.throws(() => parseOptions(["--only", "tandem,toString"]), /no such proxy: toString/);
    assert.throws(() => parseOptions(["--fast"]), /--fast/);
  });
});
