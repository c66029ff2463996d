// The lease as a standby observes it, and the settings that make it safe.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  type LeaseReading,
  leaseSight,
  nextEpoch,
  type Observation,
  observe,
} from "../../../src/cluster/lease.ts";
import { LEASE_READS_MIN, settingsFaults } from "../../../src/cluster/settings.ts";
import { settings } from "./example.ts";

function reading(counter: number | null, source = "run 1"): LeaseReading {
  const record = counter === null ? null : { holder: "edge-a", boot: "boot-a", epoch: 3, counter, ask: null };
  return { source, record };
}

const rows: readonly {
  readonly name: string;
  /** Time, and what was read; undefined: an error. */
  readonly reads: readonly (readonly [number, (number | null)?, string?])[];
  readonly want: string;
}[] = [
  {
    name: "unchanged in three reads over the time to live",
    reads: [
      [0, 7],
      [200, 7],
      [400, 7],
    ],
    want: "expired",
  },
  {
    name: "one millisecond less",
    reads: [
      [0, 7],
      [200, 7],
      [399, 7],
    ],
    want: "unknown",
  },
  {
    name: "two reads are too few, however far apart",
    reads: [
      [0, 7],
      [5_000, 7],
    ],
    want: "unknown",
  },
  {
    name: "no record in as many",
    reads: [
      [0, null],
      [200, null],
      [400, null],
    ],
    want: "free",
  },
  {
    name: "it moved",
    reads: [
      [0, 7],
      [200, 7],
      [400, 8],
    ],
    want: "unknown",
  },
  { name: "an error starts it anew", reads: [[0, 7], [200, 7], [300], [400, 7]], want: "unknown" },
  {
    name: "another run_id starts it anew",
    reads: [
      [0, 7],
      [200, 7],
      [400, 7, "run 2"],
    ],
    want: "unknown",
  },
  {
    name: "and may expire there",
    reads: [
      [0, 7],
      [400, 7, "run 2"],
      [600, 7, "run 2"],
      [800, 7, "run 2"],
    ],
    want: "expired",
  },
];

describe("the lease, observed", () => {
  for (const { name, reads, want } of rows) {
    test(name, () => {
      let observation: Observation | null = null;
      let now = 0;
      for (const [at, counter, source] of reads) {
        now = at;
        observation = observe(observation, counter === undefined ? null : reading(counter, source), at);
      }
      assert.equal(leaseSight(observation, { now, ttlMs: 400, moved: false }), want);
    });
  }

  test("held: its counter was seen to move", () => {
    assert.equal(leaseSight(observe(null, reading(1), 0), { now: 10, ttlMs: 400, moved: true }), "held");
  });

  test("an ask of somebody's does not disturb the observation", () => {
    const asked = { source: "run 1", record: { ...reading(7).record, ask: "edge-b" } } as LeaseReading;
    assert.equal(observe(observe(null, reading(7), 0), asked, 100)?.reads, 2);
  });

  test("a new epoch is above all that is known", () => assert.equal(nextEpoch([3, 9, 0]), 10));
  test("the first epoch is 1", () => assert.equal(nextEpoch([]), 1));
  test("three reads", () => assert.equal(LEASE_READS_MIN, 3));
});

describe("settings that make the rules unsafe are named", () => {
  test("the defaults are safe", () => assert.deepEqual(settingsFaults(settings()), []));
  const bad = [
    { name: "deadAfter above ttl", set: { deadAfterMs: 401 }, key: /heartbeat.deadAfter/ },
    { name: "an interval above half of deadAfter", set: { heartbeatMs: 151 }, key: /heartbeat.interval/ },
    { name: "fewer than three renewals a ttl", set: { leaseRenewMs: 134 }, key: /lease.renew/ },
    { name: "a ttl that the margin eats up", set: { leaseMarginMs: 300 }, key: /lease.ttl/ },
    { name: "a node of no cluster", set: { node: "edge-x" }, key: /edge-x/ },
  ];
  for (const { name, set, key } of bad) {
    test(name, () => {
      const faults = settingsFaults(settings(set));
      assert.equal(faults.length, 1);
      assert.match(faults[0] ?? "", key);
    });
  }
  const good = [
    { name: "deadAfter of exactly ttl", set: { deadAfterMs: 400 } },
    { name: "an interval of exactly half of deadAfter", set: { heartbeatMs: 150 } },
  ];
  for (const { name, set } of good) test(name, () => assert.deepEqual(settingsFaults(settings(set)), []));
});
