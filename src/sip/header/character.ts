/** Character classes of RFC 3261 §25.1, one table look a character. */
export const TOKEN = 1; // token
export const USER = 2; // unreserved | user-unreserved, and password's; escapes come apart
export const PARAM = 4; // param-unreserved | unreserved
export const HEX = 8;
export const HOST = 16; // hostname and IPv4address
export const IPV6 = 32; // inside an IPv6reference
export const DIGIT = 64;
export const URI_HEADER = 128; // hnv-unreserved | unreserved, '=' and '&'

export const SCHEME = 256; // ALPHA / DIGIT / "+" / "-" / "."
export const SCHEME_START = 512; // ALPHA

const CLASS = new Uint16Array(256);

function add(bits: number, characters: string): void {
  for (let i = 0; i < characters.length; i++) {
    const code = characters.charCodeAt(i);
    CLASS[code] = (CLASS[code] ?? 0) | bits;
  }
}

const LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
const DIGITS = "0123456789";
const MARK = "-_.!~*'()";
add(TOKEN, `${LETTERS}${DIGITS}-.!%*_+\`'~`);
add(USER, `${LETTERS}${DIGITS}${MARK}&=+$,;?/`);
add(PARAM, `${LETTERS}${DIGITS}${MARK}[]/:&+$`);
add(URI_HEADER, `${LETTERS}${DIGITS}${MARK}[]/?:+$=&`);
add(HEX, "0123456789abcdefABCDEF");
add(HOST, `${LETTERS}${DIGITS}-._`); // '_' is not of the RFC, and names in use have it
add(IPV6, "0123456789abcdefABCDEF:.");
add(DIGIT, DIGITS);
add(SCHEME, `${LETTERS}${DIGITS}+-.`);
add(SCHEME_START, LETTERS);

/** Is the character with this code in (one of) the classes `bits`? */
export function isIn(bits: number, code: number): boolean {
  return ((CLASS[code] ?? 0) & bits) !== 0;
}

/** First index in [from, to) whose character is not in `bits`; `to` where all are. */
export function spanOf(bits: number, text: string, from: number, to: number): number {
  let at = from;
  while (at < to && isIn(bits, text.charCodeAt(at))) at++;
  return at;
}

/** Like {@link spanOf}, and takes escapes (`%` HEX HEX) as well. An incomplete escape ends the span. */
export function spanEscaped(bits: number, text: string, from: number, to: number): number {
  let at = from;
  while (at < to) {
    const code = text.charCodeAt(at);
    if (code === 37) {
      if (at + 2 >= to || !isIn(HEX, text.charCodeAt(at + 1)) || !isIn(HEX, text.charCodeAt(at + 2)))
        return at;
      at += 3;
    } else if (isIn(bits, code)) at++;
    else return at;
  }
  return at;
}

/** First index in [from, to) that is neither space, tab nor part of a line fold (RFC 3261 §7.3.1). */
export function skipSpace(text: string, from: number, to: number): number {
  let at = from;
  while (at < to) {
    const code = text.charCodeAt(at);
    if (code !== 32 && code !== 9 && code !== 13 && code !== 10) return at;
    at++;
  }
  return at;
}

/** Index after the last character in [from, to) that is not white space. */
export function trimEnd(text: string, from: number, to: number): number {
  let end = to;
  while (end > from) {
    const code = text.charCodeAt(end - 1);
    if (code !== 32 && code !== 9 && code !== 13 && code !== 10) return end;
    end--;
  }
  return end;
}

/**
 * Index after the quoted-string that opens at `from` (RFC 3261 §25.1: `\` takes the next character with it).
 * @returns -1 where it does not end before `to`
 */
export function skipQuoted(text: string, from: number, to: number): number {
  for (let at = from + 1; at < to; at++) {
    const code = text.charCodeAt(at);
    if (code === 34) return at + 1;
    if (code === 92) at++;
  }
  return -1;
}

/**
 * Reads a whole decimal number.
 * @returns -1 where [from, to) is empty, holds another character, or the number passes `max`
 */
export function decimal(text: string, from: number, to: number, max: number): number {
  if (from >= to) return -1;
  let value = 0;
  for (let at = from; at < to; at++) {
    const digit = text.charCodeAt(at) - 48;
    if (digit < 0 || digit > 9) return -1;
    value = value * 10 + digit;
    if (value > max) return -1;
  }
  return value;
}
