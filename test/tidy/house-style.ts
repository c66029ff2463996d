// House rules on a single file: its length, its name, its exports.
import type { Sources } from "./layers.ts";

const LINES_MAX = 500;
const EMPTY_NAMES = new Set(["utils", "util", "helpers", "helper", "common", "manager", "misc"]);

/** @returns one sentence for each file that is too long. */
export function lengthFaults(sources: Sources): string[] {
  return [...sources]
    .map(([path, text]) => ({ path, lines: text.replace(/\n$/, "").split("\n").length }))
    .filter(({ lines }) => lines > LINES_MAX)
    .map(({ path, lines }) => `${path}: ${lines} lines, the limit is ${LINES_MAX}: split it`);
}

/** @returns one sentence for each path that says nothing about what is in it. */
export function nameFaults(paths: Iterable<string>): string[] {
  const faults: string[] = [];
  for (const path of paths) {
    const empty = path.split(/[/.-]/).find((word) => EMPTY_NAMES.has(word));
    if (empty !== undefined) faults.push(`${path}: "${empty}" names no concept`);
  }
  return faults;
}

/** @returns one sentence for each default export. */
export function defaultExportFaults(sources: Sources): string[] {
  return [...sources]
    .filter(([, text]) => /^export\s+default\b|^export\s*\{[^}]*\bas\s+default\b/m.test(text))
    .map(([path]) => `${path}: has a default export; name it`);
}
