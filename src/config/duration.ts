/** Durations as users write them: "200ms", "5s", "3m", "1h". Inside they are milliseconds. */
import { bad, type Checked, good } from "./checked.ts";

/** As a JSON schema pattern, too. */
export const DURATION_PATTERN = "^\\d{1,9}(\\.\\d{1,3})?(ms|s|m|h)$";

const SHAPE = /^(\d{1,9}(?:\.\d{1,3})?)(ms|s|m|h)$/;
const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

/** @returns whole milliseconds, or null where the text is no duration */
export function parseDuration(text: string): number | null {
  const match = SHAPE.exec(text);
  if (match === null) return null;
  const ms = Number(match[1]) * (UNIT_MS[match[2] ?? ""] ?? Number.NaN);
  return Math.round(ms);
}

/** Reads a duration that has to lie in a range; the bounds are durations themselves and belong to it. */
export function checkDuration(text: string, range: { min: string; max: string }): Checked<number> {
  const ms = parseDuration(text);
  const expected = expectedDuration(range);
  if (ms === null) {
    return bad(
      expected,
      /^\d+$/.test(text)
        ? `add the unit: ${text}s or ${text}ms`
        : `write a number and ms, s, m or h, such as ${range.min}`,
    );
  }
  const [min, max] = [parseDuration(range.min) ?? 0, parseDuration(range.max) ?? 0];
  if (ms < min) return bad(expected, `${range.min} is the least`);
  if (ms > max) return bad(expected, `${range.max} is the most`);
  return good(ms);
}

/** The words for a duration in a range. */
export function expectedDuration(range: { min: string; max: string }): string {
  return `a duration from ${range.min} to ${range.max}`;
}
