/** Keys that belong to the design and come with a later version: refused in words of their own, never ignored. */
import type { KeyPath } from "./problem.ts";

interface LaterKey {
  /** `*` stands for any key or index. */
  readonly at: readonly string[];
  readonly what: string;
}

const LATER_KEYS: readonly LaterKey[] = [
  { at: ["admin"], what: "the admin API" },
  { at: ["tls"], what: "TLS" },
];

/** @returns what the key is for, where a later version will have it; else null */
export function laterKey(path: KeyPath): string | null {
  const found = LATER_KEYS.find(
    ({ at }) => at.length === path.length && at.every((part, index) => part === "*" || part === path[index]),
  );
  return found?.what ?? null;
}
