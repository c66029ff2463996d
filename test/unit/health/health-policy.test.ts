/** Policies: what several groups make of a target that they share, and how soon a fault is seen. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { parseConfig } from "../../../src/config/load-config.ts";
import {
  detectionMs,
  type HealthPolicy,
  holdMs,
  policyOf,
  recoveryMs,
  strictest,
} from "../../../src/health/health-policy.ts";
import { DEFAULT_POLICY } from "../../support/health-run.ts";

const policy = (changes: Partial<HealthPolicy>): HealthPolicy => ({ ...DEFAULT_POLICY, ...changes });

describe("the policy of a group", () => {
  test("is its configuration, classes written out", () => {
    const text = `listen: [udp://10.0.0.1]
groups:
  pbx:
    targets: [sip:10.0.0.2]
    probe: { enabled: false, interval: 20s, fastInterval: 2s, timeout: 1500ms, fall: 4, rise: 5, downOn: [4xx, 503, 404] }
    health: { passive: false, retryAfterMax: 5s, earlyRecovery: true, slowStart: 1s, flaps: 4, flapWindow: 1m, holdDown: 2s, holdDownMax: 3s, panic: false }
routes: [{ from: pbx, to: pbx }]
`;
    const [group] = parseConfig(text, { file: "edge.yaml", env: {} }).groups;
    assert.ok(group !== undefined);
    assert.deepEqual(policyOf(group.probe, group.health), {
      probed: false,
      intervalMs: 20_000,
      fastIntervalMs: 2_000,
      timeoutMs: 1_500,
      fall: 4,
      rise: 5,
      downOn: new Set([...Array.from({ length: 100 }, (_, index) => 400 + index), 503]),
      passive: false,
      retryAfterMaxMs: 5_000,
      earlyRecovery: true,
      slowStartMs: 1_000,
      flaps: 4,
      flapWindowMs: 60_000,
      holdDownMs: 2_000,
      holdDownMaxMs: 3_000,
    });
    assert.equal(group.health.panic, false);
  });
});

describe("how soon", () => {
  const rows = [
    { name: "defaults", changes: {}, detection: 13_500, recovery: 12_500 },
    {
      name: "the quick example of docs/health.md",
      changes: { intervalMs: 2_000, fastIntervalMs: 500, timeoutMs: 500 },
      detection: 3_600,
      recovery: 3_100,
    },
    { name: "one failure", changes: { fall: 1, rise: 1 }, detection: 11_500, recovery: 11_500 },
    { name: "not probed", changes: { probed: false }, detection: null, recovery: null },
  ];
  for (const { name, changes, detection, recovery } of rows) {
    test(name, () => {
      assert.deepEqual([detectionMs(policy(changes)), recoveryMs(policy(changes))], [detection, recovery]);
    });
  }

  test("a hold doubles up to its bound", () => {
    const lengths = [0, 1, 2, 3, 4, 5, 6, 7, 30].map((level) => holdMs(DEFAULT_POLICY, level) / 1_000);
    assert.deepEqual(lengths, [0, 30, 60, 120, 240, 480, 600, 600, 600]);
  });
});

describe("the strictest of several", () => {
  test("one is itself", () => assert.deepEqual(strictest([DEFAULT_POLICY]), DEFAULT_POLICY));

  test("the sooner to see a failure, the slower to trust again", () => {
    const other: Partial<HealthPolicy> = {
      intervalMs: 5_000,
      fall: 5,
      rise: 4,
      downOn: new Set([500]),
      passive: false,
      retryAfterMaxMs: 0,
      earlyRecovery: true,
      slowStartMs: 60_000,
      flaps: 2,
      holdDownMs: 0,
    };
    const expected = policy({ intervalMs: 5_000, rise: 4, slowStartMs: 60_000, flaps: 2 });
    assert.deepEqual(strictest([DEFAULT_POLICY, policy(other)]), {
      ...expected,
      downOn: new Set([408, 503, 500]),
    });
    assert.deepEqual(strictest([policy(other), DEFAULT_POLICY]), {
      ...expected,
      downOn: new Set([500, 408, 503]),
    });
  });

  test("a group that does not probe has no say in the times of the others", () => {
    const silent = policy({ probed: false, intervalMs: 1_000, fastIntervalMs: 100, timeoutMs: 50 });
    const { probed, intervalMs, fastIntervalMs, timeoutMs } = strictest([silent, DEFAULT_POLICY]);
    assert.deepEqual([probed, intervalMs, fastIntervalMs, timeoutMs], [true, 10_000, 1_000, 1_000]);
  });

  test("timeout <= fastInterval <= interval of each gives the same of all", () => {
    const a = policy({ intervalMs: 30_000, fastIntervalMs: 500, timeoutMs: 500 });
    const b = policy({ intervalMs: 4_000, fastIntervalMs: 4_000, timeoutMs: 2_000 });
    const { intervalMs, fastIntervalMs, timeoutMs } = strictest([a, b]);
    assert.deepEqual([intervalMs, fastIntervalMs, timeoutMs], [4_000, 500, 500]);
  });

  test("none is a mistake of ours", () => assert.throws(() => strictest([]), RangeError));
});
