/** The times of a group's `probe` and `health` that depend on each other. */
import { parseDuration } from "./duration.ts";
import { valueAt } from "./found.ts";
import { healthSchema, probeSchema } from "./health-schema.ts";
import type { Report } from "./outline.ts";
import type { KeyPath } from "./problem.ts";

const PROBE = probeSchema.parse({});
const HEALTH = healthSchema.parse({});

interface Order {
  readonly map: "probe" | "health";
  readonly short: string;
  readonly long: string;
  /** Of the two keys, in milliseconds. */
  readonly defaults: readonly [number, number];
  readonly why: string;
}

const ORDERS: readonly Order[] = [
  {
    map: "probe",
    short: "timeout",
    long: "fastInterval",
    defaults: [PROBE.timeout, PROBE.fastInterval],
    why: "a probe is over before the next one begins",
  },
  {
    map: "probe",
    short: "fastInterval",
    long: "interval",
    defaults: [PROBE.fastInterval, PROBE.interval],
    why: "a target that is failing is asked more often",
  },
  {
    map: "health",
    short: "holdDown",
    long: "holdDownMax",
    defaults: [HEALTH.holdDown, HEALTH.holdDownMax],
    why: "the doubling of holdDown ends at holdDownMax",
  },
];

/** @param group path of the group; values that are no durations are the schema's business */
export function checkHealthTimes(data: unknown, group: KeyPath, report: Report): void {
  for (const { map, short, long, defaults, why } of ORDERS) {
    const given = [short, long].map((key) => valueAt(data, [...group, map, key]));
    const [shortMs, longMs] = given.map((value, index) => msOf(value, defaults[index] ?? 0));
    if (shortMs == null || longMs == null || shortMs <= longMs) continue;
    const expected = `${short} no longer than ${long}`;
    // At least one of the two stands in the file.
    if (given[0] === undefined) {
      const remedy = `${why}: make ${long} at least ${text(shortMs)}, or set ${short}, too`;
      report([...group, map, long], { expected, remedy });
    } else {
      const remedy = `${why}: make ${short} at most ${text(longMs)}, or set ${long}, too`;
      report([...group, map, short], { expected, remedy });
    }
  }
}

/** null: no duration */
function msOf(value: unknown, fallback: number): number | null {
  if (value === undefined) return fallback;
  return typeof value === "string" ? parseDuration(value.trim()) : null;
}

function text(ms: number): string {
  return ms % 1_000 === 0 ? `${ms / 1_000}s` : `${ms}ms`;
}
