/** The machine of one target: what counts, and when it is up or down. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { TEXT_CHARACTERS_MAX } from "../../../src/health/health-machine.ts";
import type { HealthPolicy } from "../../../src/health/health-policy.ts";
import { RETRY_UNPROBED_MS } from "../../../src/health/probe-plan.ts";
import type { HealthEvent, Observed } from "../../../src/health/target-health.ts";
import { type Answer, HealthRun } from "../../support/health-run.ts";

const OK: Answer = { status: 200 };
const answered = (status: number, retryAfterS: number | null = null): HealthEvent => ({
  kind: "call-answered",
  status,
  retryAfterS,
});
const SILENT: HealthEvent = { kind: "call-silent" };
const REFUSED: HealthEvent = { kind: "call-failed", failure: "connection refused" };

/** Changes at the second; the defaults, without jitter in the first probe: it begins at 0. */
interface Row {
  readonly name: string;
  readonly policy?: Partial<HealthPolicy>;
  /** What it answers to a probe that begins at this second. */
  readonly probes: (second: number) => Answer;
  readonly calls?: readonly (readonly [number, HealthEvent])[];
  /** State at a time in seconds. */
  readonly states: readonly (readonly [number, Observed])[];
  readonly never?: Observed;
}

const every = (
  from: number,
  to: number,
  gap: number,
  event: HealthEvent,
): (readonly [number, HealthEvent])[] =>
  Array.from(
    { length: Math.floor((to - from) / gap) + 1 },
    (_, index) => [from + index * gap, event] as const,
  );

const ALIVE = [200, 202, 301, 401, 403, 404, 405, 407, 480, 486, 488, 500, 501, 600];

const rows: Row[] = [
  {
    name: "one answer makes a new target up",
    probes: () => OK,
    states: [
      [0, "unknown"],
      [0.1, "up"],
      [60, "up"],
    ],
  },
  ...ALIVE.map((status): Row => {
    return {
      name: `alive is any final response: ${status}`,
      probes: () => ({ status }),
      states: [[1, "up"]],
    };
  }),
  ...[408, 503].map((status): Row => {
    const name = `${status} three times is down`;
    return {
      name,
      probes: () => ({ status }),
      states: [
        [0.5, "failing"],
        [1.5, "failing"],
        [2.5, "down"],
      ],
    };
  }),
  {
    name: "who wants 2xx only may have it: downOn [3xx, 4xx, 5xx, 6xx]",
    policy: { downOn: new Set(Array.from({ length: 400 }, (_, index) => 300 + index)) },
    probes: () => ({ status: 404 }),
    states: [[2.5, "down"]],
  },
  {
    name: "a received 408 may be taken off downOn, and silence is still a failure",
    policy: { downOn: new Set([503]) },
    probes: (second) => (second < 100 ? { status: 408 } : null),
    states: [
      [50, "up"],
      [115, "down"],
    ],
  },
  {
    name: "silence three times is down",
    probes: () => null,
    states: [
      [0.9, "unknown"],
      [1.1, "failing"],
      [2.9, "failing"],
      [3.1, "down"],
    ],
  },
  {
    name: "a transport error three times is down, each known at once",
    probes: () => ({ failure: "no route to host" }),
    states: [
      [0.5, "failing"],
      [1.5, "failing"],
      [2.1, "down"],
    ],
  },
  {
    name: "two failures and a success are no fall",
    probes: (second) => (second > 9 && second < 11.6 ? null : OK),
    states: [[30, "up"]],
  },
  {
    name: "an answer after the time-out is none",
    probes: () => ({ status: 200, afterMs: 1_200 }),
    states: [
      [0.9, "unknown"],
      [3.1, "down"],
      [60, "down"],
    ],
  },
  {
    name: "up again after two successes in a row",
    probes: (second) => (second < 20 ? null : OK),
    states: [
      [19, "down"],
      [33, "up"],
    ],
  },
  {
    name: "a failure while it is recovering: down again, and the count begins anew",
    policy: { rise: 3 },
    probes: (second) => (second < 5 || (second > 14.5 && second < 17) ? null : OK),
    states: [
      [3.5, "down"],
      [60, "up"],
    ],
  },
  {
    name: "calls without an answer take it down between probes",
    probes: (second) => (second < 1 ? OK : null),
    calls: every(3, 3.04, 0.02, SILENT),
    states: [
      [2.9, "up"],
      [3.01, "failing"],
      [3.05, "down"],
    ],
  },
  {
    name: "200 calls a second, and the host falls silent at 5 s: no new call after 7.3 s",
    probes: (second) => (second < 5 ? OK : null),
    calls: [...every(0.1, 5, 0.005, answered(200)), ...every(7, 7.5, 0.005, SILENT)],
    states: [
      [4.99, "up"],
      [7.02, "down"],
    ],
  },
  {
    name: "200 calls a second, and the host refuses from 5 s on: no new call after 5.02 s",
    probes: (second) => (second < 5 ? OK : { failure: "connection refused" }),
    calls: [...every(0.1, 5, 0.005, answered(200)), ...every(5.005, 5.5, 0.005, REFUSED)],
    states: [
      [5, "up"],
      [5.02, "down"],
    ],
  },
  {
    name: "one call without an answer, and the probe that follows at once is answered: up",
    probes: () => OK,
    calls: [[3, SILENT]],
    states: [
      [3.001, "failing"],
      [3.1, "up"],
    ],
  },
  {
    name: "one call is lost, others are answered meanwhile: never down",
    policy: { probed: false },
    probes: () => null,
    calls: [
      [1, answered(180)],
      [3, SILENT],
      [3.1, answered(100)],
      [5, SILENT],
      [5.1, answered(200)],
      [7, SILENT],
    ],
    states: [
      [2, "up"],
      [3.2, "up"],
      [5.2, "up"],
      [7.1, "failing"],
    ],
  },
  {
    name: "a refusing host at a low rate of calls: the first one has it probed, and it is down within two more probes",
    probes: (second) => (second < 1 ? OK : { failure: "connection refused" }),
    calls: [[3, REFUSED]],
    states: [
      [3.001, "failing"],
      [4.1, "down"],
    ],
  },
  {
    name: "a call's 503 counts, its 100 before does not hide it",
    probes: (second) => (second < 1 ? OK : null),
    calls: [2, 2.1, 2.2].flatMap(
      (at) =>
        [
          [at, answered(100)],
          [at + 0.01, answered(503)],
        ] as const,
    ),
    states: [
      [2.05, "failing"],
      [2.3, "down"],
    ],
  },
  {
    name: "OPTIONS answered 200 do not hide that calls get 503",
    probes: () => OK,
    calls: every(2, 12, 3, answered(503)),
    states: [
      [5.5, "failing"],
      [8.5, "down"],
    ],
  },
  {
    name: "a call's 503 is forgotten where probes are answered and no more calls come",
    probes: () => OK,
    calls: [[2, answered(503)]],
    states: [
      [5, "failing"],
      [14, "up"],
    ],
  },
  {
    name: "OPTIONS answered 503 by a target that drains: calls that it still answers do not hide it",
    probes: (second) => (second < 1 ? OK : { status: 503 }),
    calls: every(0.5, 30, 0.1, answered(200)),
    states: [
      [0.4, "up"],
      [15, "down"],
      [29, "down"],
    ],
  },
  {
    name: "a call's 408 or 500 is the callee's, who may be further on",
    policy: { downOn: new Set([408, 500, 503]), probed: false },
    probes: () => null,
    calls: [...every(1, 2, 0.1, answered(408)), ...every(2, 3, 0.1, answered(500))],
    states: [
      [2, "unknown"],
      [3.5, "unknown"],
    ],
  },
  {
    name: "a trunk that answers calls and no OPTIONS stays up as long as calls come",
    probes: () => null,
    calls: every(0.05, 40, 0.5, answered(200)),
    states: [[0.1, "up"]],
    never: "down",
  },
  {
    name: "panic: two calls answered bring a target back that answers no probe, provisional answers do not",
    probes: () => null,
    calls: [
      ...every(5, 5.5, 0.1, answered(100)),
      ...every(5.55, 5.95, 0.1, answered(180)),
      [7, answered(200)],
      [7.1, answered(200)],
    ],
    states: [
      [4, "down"],
      [6, "down"],
      [7.05, "recovering"],
      [7.15, "up"],
    ],
  },
  {
    name: "without passive detection calls say nothing",
    policy: { passive: false },
    probes: () => OK,
    calls: [...every(2, 3, 0.1, SILENT), ...every(3, 4, 0.1, answered(503, 30))],
    states: [
      [3, "up"],
      [4, "up"],
    ],
  },
  {
    name: "not probed: out of use after silent calls, and tried again after 30 s",
    policy: { probed: false },
    probes: () => null,
    calls: [
      [1, SILENT],
      [1.1, SILENT],
      [1.2, SILENT],
      [40, answered(180)],
    ],
    states: [
      [0.5, "unknown"],
      [1.3, "down"],
      [31, "down"],
      [32, "unknown"],
      [41, "up"],
    ],
  },
  {
    name: "not probed: one silent call is forgotten after 30 s",
    policy: { probed: false },
    probes: () => null,
    calls: [[1, SILENT]],
    states: [
      [1.1, "failing"],
      [30.9, "failing"],
      [31.1, "unknown"],
    ],
  },
  {
    name: "Retry-After is obeyed at the first 503 of a probe (RFC 3261 §21.5.4)",
    probes: (second) => (second < 1 || second > 12 ? OK : { status: 503, retryAfterS: 30 }),
    states: [
      [0.9, "up"],
      [10.1, "down"],
      [30, "recovering"],
      [45, "up"],
    ],
  },
  {
    name: "and at the first 503 of a call",
    probes: () => OK,
    calls: [[5, answered(503, 20)]],
    states: [
      [5.1, "down"],
      [24.9, "recovering"],
      [25.1, "up"],
    ],
  },
  {
    name: "a Retry-After of 300 s is capped to 60",
    probes: () => OK,
    calls: [[5, answered(503, 300)]],
    states: [
      [5.1, "down"],
      [64.9, "recovering"],
      [65.1, "up"],
    ],
  },
  {
    name: "with earlyRecovery two answered probes end it",
    policy: { earlyRecovery: true },
    probes: () => OK,
    calls: [[5, answered(503, 60)]],
    states: [
      [5.1, "down"],
      [30, "up"],
    ],
  },
  {
    name: "with a cap of 0 it is a failure like others",
    policy: { retryAfterMaxMs: 0 },
    probes: () => OK,
    calls: [[5, answered(503, 60)]],
    states: [
      [5.1, "failing"],
      [20, "up"],
    ],
  },
  {
    name: "Retry-After with another code is not obeyed",
    probes: () => OK,
    calls: [
      [5, answered(486, 60)],
      [6, answered(480, 60)],
    ],
    states: [
      [5.1, "up"],
      [6.1, "up"],
    ],
  },
  {
    name: "asked for more time while it is held: the later end counts",
    probes: () => OK,
    calls: [
      [5, answered(503, 20)],
      [20, answered(503, 20)],
    ],
    states: [
      [26, "down"],
      [39.9, "recovering"],
      [41, "up"],
    ],
  },
];

describe("the health of a target", () => {
  for (const { name, policy = {}, probes, calls = [], states, never } of rows) {
    test(name, () => {
      const run = new HealthRun(policy, (now) => probes(now / 1_000));
      const steps = [
        ...calls.map(([at, event]) => ({ at, event, state: null })),
        ...states.map(([at, state]) => ({ at, event: null, state })),
      ].sort((a, b) => a.at - b.at);
      for (const { at, event, state } of steps) {
        if (event !== null) run.feed(at * 1_000, event);
        else run.until(at * 1_000);
        if (state !== null) assert.equal(run.health.observed, state, `at ${at} s: ${run.health.reason}`);
      }
      assert.deepEqual(
        run.changes.filter(({ to }) => to === never),
        [],
      );
    });
  }
});

describe("flap damping", () => {
  /** Down by three silent calls at each of these seconds, and answering its probes: the seconds that each spell lasts. */
  const spells = (
    policy: Partial<HealthPolicy>,
    seconds: readonly number[],
  ): { spells: number[]; run: HealthRun } => {
    const run = new HealthRun({ retryAfterMaxMs: 0, fall: 1, ...policy }, () => OK);
    for (const second of seconds) run.feed(second * 1_000, SILENT);
    run.until((seconds.at(-1) ?? 0) * 1_000 + 3_600_000);
    const ends = run.changes.filter(({ to }) => to === "up").slice(1);
    const starts = run.changes.filter(({ to }) => to === "down");
    return { spells: ends.map(({ at }, index) => Math.round((at - (starts[index]?.at ?? 0)) / 1_000)), run };
  };

  test("the third time within 10 minutes it is held down for 30 s, then for 60, 120, 240, 480, 600, 600", () => {
    const falls = [60, 120, 180, 260, 380, 560, 860, 1_400, 2_100];
    const [first = 0, second = 0, ...held] = spells({}, falls).spells;
    assert.ok(first <= 13 && second <= 13);
    assert.deepEqual(held, [30, 60, 120, 240, 480, 600, 600]);
  });

  test("it says so", () => {
    const { run } = spells({}, [60, 120, 180]);
    assert.equal(
      run.changes.filter(({ to }) => to === "down").at(-1)?.reason,
      "1 failure: a call got no answer in time; 3 times down within 600 s: held down for 30 s, next time 60 s",
    );
  });

  test("three times in more than the window is no flapping", () => {
    const { spells: lengths } = spells({}, [60, 500, 700, 1_200]);
    assert.ok(
      lengths.every((length) => length <= 13),
      String(lengths),
    );
  });

  test("ten minutes in service, and all is forgiven", () => {
    const { spells: lengths } = spells({}, [60, 120, 180, 260, 1_000, 1_060, 1_120]);
    assert.deepEqual(
      lengths.map((length) => length > 13),
      [false, false, true, true, false, false, true],
    );
    assert.equal(lengths.at(-1), 30);
  });

  test("holdDown 0s: never held", () => {
    const { spells: lengths } = spells({ holdDownMs: 0 }, [60, 120, 180, 260, 380]);
    assert.ok(lengths.every((length) => length <= 13));
  });

  test("earlyRecovery is for Retry-After, not for damping", () => {
    const { spells: lengths } = spells({ earlyRecovery: true }, [60, 120, 180]);
    assert.equal(lengths.at(-1), 30);
  });
});

describe("bounds", () => {
  test(`a failure's text of ${TEXT_CHARACTERS_MAX} characters is kept, one more is cut`, () => {
    for (const more of [0, 1]) {
      const run = new HealthRun({}, () => ({ failure: "x".repeat(TEXT_CHARACTERS_MAX + more) }));
      run.until(100);
      assert.equal(run.health.lastProbe, `OPTIONS failed: ${"x".repeat(TEXT_CHARACTERS_MAX)}`);
    }
  });

  test("without probes a target that is down is tried again after 30 s, not before", () => {
    const run = new HealthRun({ probed: false, fall: 1 }, () => null);
    run.feed(0, SILENT);
    run.until(RETRY_UNPROBED_MS - 1);
    assert.equal(run.health.observed, "down");
    run.until(RETRY_UNPROBED_MS);
    assert.equal(run.health.observed, "unknown");
  });

  test("however many calls fail and succeed, probes begin no closer together than fastInterval", () => {
    const run = new HealthRun({}, () => OK);
    for (let at = 100; at < 20_000; at += 7) run.feed(at, at % 2 === 0 ? SILENT : answered(200));
    const gaps = run.probes.slice(1).map((at, index) => at - (run.probes[index] ?? 0));
    assert.ok(gaps.length > 15 && Math.min(...gaps) >= 1_000, String(gaps));
  });
});
