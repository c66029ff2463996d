// The real health table over simulated days: nothing stuck, no flapping beyond the bound, probes on time, faults seen in time.
// `TARGETS=1000 DAYS=7 SEED=4711 npm run test:simulation` runs another history.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Random } from "../fuzz/random.ts";
import { DEFAULT_POLICY, HealthRun } from "../support/health-run.ts";
import { HealthWorld } from "./health-world.ts";

const DAY_MS = 86_400_000;
const { SEED, TARGETS, DAYS } = process.env;

const asked = TARGETS !== undefined || DAYS !== undefined;
const histories = asked
  ? [{ targets: Number(TARGETS ?? 1_000), days: Number(DAYS ?? 7), policy: {} }]
  : [
      { targets: 1_000, days: 0.05, policy: {} },
      { targets: 20, days: 3, policy: {} },
      {
        targets: 20,
        days: 0.5,
        policy: { intervalMs: 2_000, fastIntervalMs: 500, timeoutMs: 500, fall: 2, rise: 3 },
      },
      {
        targets: 20,
        days: 0.5,
        policy: { intervalMs: 30_000, fastIntervalMs: 4_000, timeoutMs: 4_000, fall: 5, rise: 1 },
      },
    ];

describe("health, simulated", () => {
  for (const [index, { targets, days, policy }] of histories.entries()) {
    const seed = SEED === undefined ? index + 1 : Number(SEED);
    const keys = Object.keys(policy).length > 0 ? `, ${JSON.stringify(policy)}` : "";
    test(`${targets} targets for ${days} days, seed ${seed}${keys}`, (context) => {
      const world = new HealthWorld(targets, { ...DEFAULT_POLICY, ...policy }, seed);
      world.run(days * DAY_MS);
      world.heal();
      const { tally } = world;
      context.diagnostic(JSON.stringify(tally));
      assert.deepEqual(world.faults, []);
      assert.deepEqual(world.notUp(), [], "everything is up where everything is well");
      assert.ok(tally.detections > 0 && tally.recoveries > 0 && tally.lossyProbes > 0);
      // Two tries a probe, (1 - 0.95²)² each lost, three in a row: one in a million.
      if (Object.keys(policy).length === 0) assert.ok(tally.lossyDowns <= 3 + 3e-6 * tally.lossyProbes);
    });
  }
});

describe("planted faults, each found by the rule that it breaks", () => {
  const faults = [
    { planted: { intervalMs: 11_000 }, found: /a probe after \d+ ms while it is up/ },
    { planted: { fastIntervalMs: 2_000 }, found: /a probe after \d+ ms while it is failing/ },
    { planted: { fall: 6 }, found: /failing \d+ ms after it became dead/ },
    { planted: { rise: 12 }, found: /recovering after its return, and not held/ },
    { planted: { holdDownMs: 0 }, found: /times down in a window/ },
  ];
  for (const { planted, found } of faults) {
    test(JSON.stringify(planted), () => {
      const world = new HealthWorld(50, DEFAULT_POLICY, 1, planted);
      world.run(0.3 * DAY_MS);
      assert.ok(
        world.faults.some((fault) => found.test(fault)),
        world.faults.slice(0, 3).join("\n"),
      );
    });
  }
});

test("5% loss each way and a round trip of 200 ms: of 20 targets none is marked down in ten minutes, 300 times over", () => {
  const random = new Random(SEED === undefined ? 1 : Number(SEED));
  const arrives = (): boolean => random.below(100) >= 5 && random.below(100) >= 5;
  // T1 apart within the time-out of 1 s: what is sent at 1,000 ms is answered too late.
  const answer = () => {
    const sent = [0, 500].find(arrives);
    return sent === undefined ? null : { status: 200, afterMs: sent + 200 };
  };
  let [downs, failing, probes] = [0, 0, 0];
  for (let target = 0; target < 20 * 300; target++) {
    const run = new HealthRun({}, answer, random.next());
    run.until(600_000);
    probes += run.probes.length;
    downs += run.changes.filter(({ to }) => to === "down").length;
    failing += run.changes.filter(({ to }) => to === "failing").length;
  }
  // (1 - 0.95²)² = 0.95% of the probes fail; three in a row one in a million: 0.3 expected of 360,000.
  assert.ok(Math.abs(failing / probes - 0.0095) < 0.001, String(failing / probes));
  assert.ok(downs <= 3, `${downs} of ${probes} probes`);
});
