/**
 * The text of a record: its schema version, and its fields in a fixed order, each with its length before it, so that a field
 * may hold any character (a SIP message with a binary body among them). "2;3:abc0:2:17". Pure.
 *
 * A later version only appends fields, or no longer fills one. So its neighbour reads it: what it does not know it does not
 * look at, and what is missing has the default that it asks for.
 */

export type FieldValue = string | number | boolean;

/** @param version of the record's kind, 1 or more */
export function writeRecord(version: number, fields: readonly FieldValue[]): string {
  let text = `${version};`;
  for (const field of fields) {
    if (typeof field === "string") text += textField(field);
    else text += typeof field === "number" ? numberField(field) : flagField(field);
  }
  return text;
}

/*
 * A record that is written for each call is one expression of the fields below: no list of them is made, and a short constant
 * beside another one is no piece of its own, of which V8 makes the text only when it is copied into the batch.
 */

export function textField(value: string): string {
  return `${value.length}:${value}`;
}

/** What is not finite is written as nothing: a deadline that never comes. */
export function numberField(value: number): string {
  if (value === 0) return "1:0";
  return Number.isFinite(value) ? textField(String(value)) : "0:";
}

export function flagField(value: boolean): string {
  return value ? "1:1" : "1:0";
}

/** What is left of a deadline, in whole milliseconds. */
export function leftField(at: number, now: number): string {
  return numberField(Math.round(at - now));
}

/** Fields a record may have: a bound for what garbage can make a reader do. */
const FIELDS_MAX = 4_096;

export interface RecordFields {
  readonly version: number;
  readonly count: number;
  /** "" where the record has no such field. */
  text(index: number): string;
  /** @param missing where the record has no such field, or an infinite one was written */
  number(index: number, missing: number): number;
  flag(index: number): boolean;
}

class Fields implements RecordFields {
  readonly version: number;
  private readonly values: readonly string[];

  constructor(version: number, values: readonly string[]) {
    this.version = version;
    this.values = values;
  }

  get count(): number {
    return this.values.length;
  }

  text(index: number): string {
    return this.values[index] ?? "";
  }

  number(index: number, missing: number): number {
    const value = this.values[index] ?? "";
    const read = Number(value);
    return value === "" || Number.isNaN(read) ? missing : read;
  }

  flag(index: number): boolean {
    return this.values[index] === "1";
  }
}

export type RecordFault = "garbage" | "newer";

/**
 * @param known the version that this program writes; its own, every earlier and the next one are read
 * @returns "newer": two versions ahead or more, whose fields may mean anything; "garbage": no record at all
 */
export function readRecord(text: string, known: number): RecordFields | RecordFault {
  const end = text.indexOf(";");
  const version = wholeNumber(text, 0, end);
  if (version < 1) return "garbage";
  if (version > known + 1) return "newer";
  const values: string[] = [];
  for (let at = end + 1; at < text.length; ) {
    const colon = text.indexOf(":", at);
    const length = wholeNumber(text, at, colon);
    const next = colon + 1 + length;
    if (length < 0 || next > text.length || values.length >= FIELDS_MAX) return "garbage";
    values.push(text.slice(colon + 1, next));
    at = next;
  }
  return new Fields(version, values);
}

/** One field alone, the others passed over. @returns "" where there is none, or no record */
export function readField(text: string, index: number): string {
  let at = text.indexOf(";") + 1;
  for (let field = 0; at > 0 && at < text.length; field++) {
    const colon = text.indexOf(":", at);
    const length = wholeNumber(text, at, colon);
    if (length < 0) return "";
    if (field === index) return text.slice(colon + 1, colon + 1 + length);
    at = colon + 1 + length;
  }
  return "";
}

/** The digits between two places, at most seven; -1 where anything else stands there. */
function wholeNumber(text: string, start: number, end: number): number {
  if (end <= start || end - start > 7) return -1;
  let value = 0;
  for (let at = start; at < end; at++) {
    const digit = text.charCodeAt(at) - 48;
    if (digit < 0 || digit > 9) return -1;
    value = value * 10 + digit;
  }
  return value;
}
