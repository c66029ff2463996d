/** What stands in the file, in words; a secret is never shown. */
import type { ConfigDocument } from "./document.ts";
import type { KeyPath } from "./problem.ts";

const SHOWN_CHARACTERS_MAX = 60;

/** The value at a path of plain data; undefined where there is none. */
export function valueAt(data: unknown, path: KeyPath): unknown {
  let value: unknown = data;
  for (const part of path) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, part)) return undefined;
    value = (value as Readonly<Record<string | number, unknown>>)[part];
  }
  return value;
}

/** Does the path lead to something that must not be printed? */
export function isSecretPath(path: KeyPath): boolean {
  return path.some((part) => typeof part === "string" && /secret|token|password/i.test(part));
}

/** The value at a path, in words that fit behind "found". */
export function describeFound(document: ConfigDocument, path: KeyPath): string {
  const value = valueAt(document.data, path);
  if (value === undefined) return path.length === 0 ? "an empty file" : "no such key";
  if (value === null) return path.length === 0 ? "an empty file" : "nothing after the key";
  if (Array.isArray(value)) return value.length === 0 ? "an empty list" : `a list of ${value.length}`;
  if (typeof value === "object") return describeMap(Object.keys(value));
  if (isSecretPath(path)) return `${String(value).length} characters, not shown here`;
  if (typeof value === "string") return JSON.stringify(shortened(value));
  return `${typeof value === "boolean" ? "" : "the number "}${document.sourceOf(path) || String(value)}`;
}

function describeMap(keys: readonly string[]): string {
  if (keys.length === 0) return "an empty map";
  return `a map with ${shortened(keys.join(", "))}`;
}

function shortened(text: string): string {
  return text.length <= SHOWN_CHARACTERS_MAX ? text : `${text.slice(0, SHOWN_CHARACTERS_MAX)}...`;
}
