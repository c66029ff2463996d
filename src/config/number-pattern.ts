/** The pattern of a route's `number`, in RE2's syntax: matched in linear time whatever a caller dials. */
import { RE2JS } from "re2js";
import { bad, type Checked, good } from "./checked.ts";

/** Longest pattern: beyond it a list of prefixes is being written as a pattern. */
export const PATTERN_CHARACTERS_MAX = 1_024;

/** Reads a number pattern. Back-references do not exist in RE2. */
export function checkNumberPattern(text: string): Checked<string> {
  const expected = "a regular expression such as ^\\+?1\\d{10}$";
  if (text === "") return bad(expected, "leave the key out to match every number");
  if (text.length > PATTERN_CHARACTERS_MAX) {
    return bad(
      `a regular expression of at most ${PATTERN_CHARACTERS_MAX} characters`,
      "split it over several routes",
    );
  }
  try {
    RE2JS.compile(text);
    return good(text);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    return bad(expected, `mend the expression (RE2 syntax): ${reason}`);
  }
}
