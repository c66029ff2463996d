/** The number in a user part: what a route's pattern sees, and how `strip` and `prefix` rewrite it. */

/** Longest number that rules look at: numbers have 15 digits (E.164), names are longer. */
export const NUMBER_CHARACTERS_MAX = 256;

export interface CalledNumber {
  /** Without parameters, escapes and visual separators (RFC 3966 §5.1.1). */
  readonly digits: string;
  /** Parameters of the user part, from the first `;` (RFC 3261 §19.1.6); "" for none. */
  readonly params: string;
  /** Is it made of digits, and not a name? */
  readonly dialled: boolean;
}

export interface Rewrite {
  readonly strip: number;
  readonly prefix: string;
}

const DIALLED = /^\+?[0-9*#().-]+$/;
const SEPARATORS = /[().-]/g;
/** Reads a user part. @returns null where it is longer than any number, so that no rule for numbers matches */
export function calledNumber(user: string): CalledNumber | null {
  const semicolon = user.indexOf(";");
  const head = semicolon < 0 ? user : user.slice(0, semicolon);
  if (head.length > NUMBER_CHARACTERS_MAX) return null;
  const plain = head.includes("%") ? unescapeUser(head) : head;
  const dialled = DIALLED.test(plain);
  const digits = dialled ? plain.replace(SEPARATORS, "") : plain;
  return { digits, dialled, params: semicolon < 0 ? "" : user.slice(semicolon) };
}

/**
 * Takes digits off the front and puts others there. A leading + is no digit: it goes with the first one taken.
 * @returns the new user part, or null for a name, a number with fewer digits, and one of which nothing would be left
 */
export function rewriteNumber(number: CalledNumber, rewrite: Rewrite): string | null {
  const { strip, prefix } = rewrite;
  if (!number.dialled) return null;
  let rest = number.digits;
  if (strip > 0) {
    const bare = rest.startsWith("+") ? rest.slice(1) : rest;
    if (bare.length < strip) return null;
    rest = bare.slice(strip);
  }
  const digits = prefix + rest;
  if (digits === "") return null;
  // A global number has no context (RFC 3966 §5.1.5).
  const params = digits.startsWith("+") ? number.params.replace(/;phone-context=[^;]*/i, "") : number.params;
  return digits.replaceAll("#", "%23") + params; // the one digit that a user part can't have as it is
}

function unescapeUser(text: string): string {
  return text.replace(/%([0-9A-Fa-f]{2})/g, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
}
