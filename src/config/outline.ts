/** The groups of a file that may be wrong in places: what can be read of them. */
import { valueAt } from "./found.ts";
import { checkNetwork, hostNetwork } from "./ip-address.ts";
import type { KeyPath } from "./problem.ts";
import { checkTargetUri, type TargetAddress } from "./target-uri.ts";

/** Notes one fault; `found` is the value at the path where it is left out. */
export type Report = (path: KeyPath, words: { expected: string; remedy: string; found?: string }) => void;

/** Everything about a group that the checks of others need. */
export interface GroupOutline {
  readonly name: string;
  readonly targets: readonly { readonly path: KeyPath; readonly address: TargetAddress }[];
  /** Entries of `targets`, right or wrong. */
  readonly targetCount: number;
  /** Networks that speak as the group, with the key that says so; of the targets where `sources` is absent. */
  readonly sources: readonly {
    readonly path: KeyPath;
    readonly network: string;
    readonly implied: boolean;
  }[];
  /** `sources: []`, or neither sources nor targets. */
  readonly mute: boolean;
}

/** Reads one group of the file. */
export function outline(data: unknown, name: string): GroupOutline {
  const path: KeyPath = ["groups", name];
  const entries = asList(valueAt(data, [...path, "targets"]));
  const targets = entries.flatMap((entry, index) => {
    const inMap = typeof entry === "object" && entry !== null;
    const own: KeyPath = [...path, "targets", index, ...(inMap ? ["uri"] : [])];
    const uri = valueAt(data, own);
    const checked = typeof uri === "string" ? checkTargetUri(uri.trim()) : null;
    return checked?.ok ? [{ path: own, address: checked.value }] : [];
  });
  const given = valueAt(data, [...path, "sources"]);
  if (given === undefined) {
    const numeric = targets.filter((target) => target.address.numeric);
    const networks = new Map(numeric.map((target) => [hostNetwork(target.address.host), target.path]));
    const sources = [...networks].map(([network, own]) => ({ path: own, network, implied: true }));
    return { name, targets, targetCount: entries.length, sources, mute: entries.length === 0 };
  }
  const sources = asList(given).flatMap((text, index) => {
    const checked = typeof text === "string" ? checkNetwork(text.trim()) : null;
    return checked?.ok ? [{ path: [...path, "sources", index], network: checked.value, implied: false }] : [];
  });
  return {
    name,
    targets,
    targetCount: entries.length,
    sources,
    mute: Array.isArray(given) && given.length === 0,
  };
}

/** The keys of a map, nothing for anything else. */
export function asMap(value: unknown): Readonly<Record<string, unknown>> {
  const isMap = typeof value === "object" && value !== null && !Array.isArray(value);
  return isMap ? (value as Readonly<Record<string, unknown>>) : {};
}

/** The entries of a list, nothing for anything else. */
export function asList(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
