/** Building blocks of the schema: each carries the words for what it expects and an example that is right. */
import { z } from "zod";
import type { Checked } from "./checked.ts";
import { checkDuration, DURATION_PATTERN, expectedDuration } from "./duration.ts";

/** A string that a function reads; its refusal becomes the problem. */
export function readBy<T>(
  read: (text: string) => Checked<T>,
  words: { expected: string; example: string; pattern?: string },
) {
  const { expected, example, ...json } = words;
  return z
    .string({ error: expected })
    .meta({ examples: [example], ...json })
    .transform((text, context): T => {
      const checked = read(text.trim());
      if (checked.ok) return checked.value;
      context.addIssue({ code: "custom", message: checked.expected, params: { remedy: checked.remedy } });
      return z.NEVER;
    });
}

/** A duration in milliseconds; the bounds belong to the range. */
export function duration(range: { min: string; max: string; example?: string }) {
  return readBy((text) => checkDuration(text, range), {
    expected: expectedDuration(range),
    example: range.example ?? range.min,
    pattern: DURATION_PATTERN,
  });
}

/** A whole number; the bounds belong to the range. */
export function whole(range: { min: number; max: number; example?: number }) {
  const error = `a whole number from ${range.min} to ${range.max}`;
  return z
    .int({ error })
    .min(range.min, { error })
    .max(range.max, { error })
    .meta({ examples: [range.example ?? range.min] });
}

/** true or false. */
export function flag() {
  return z.boolean({ error: "true or false" });
}

/** One of a few words. */
export function oneOf<const Words extends readonly [string, ...string[]]>(words: Words) {
  return z.enum(words, { error: `one of ${words.join(", ")}` });
}

/** Text that matches a pattern. */
export function word(words: { expected: string; example: string; pattern: RegExp }) {
  return z
    .string({ error: words.expected })
    .regex(words.pattern, { error: words.expected })
    .meta({ examples: [words.example] });
}

/** A list with bounds on its length. */
export function listOf<Item extends z.ZodType>(
  item: Item,
  words: { expected: string; min: number; max: number },
) {
  const error = words.expected;
  const tooMany = `at most ${words.max} entries`;
  const list = z.array(item, { error }).max(words.max, { error: tooMany });
  return words.min === 0 ? list : list.min(words.min, { error });
}

/** One word, or a list of at least one. */
export function oneOrMore<Item extends z.ZodType<string, string>>(
  item: Item,
  words: { expected: string; max: number },
) {
  const { expected, max } = words;
  return z.union([item, listOf(item, { expected, min: 1, max })], { error: expected });
}

/** A map with exactly these keys. */
export function keys<Shape extends z.ZodRawShape>(shape: Shape, expected: string) {
  return z.strictObject(shape, { error: expected });
}
