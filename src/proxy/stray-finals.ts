/** Finals of INVITEs that have no transaction here: where one has gone up, no other target's is to follow it (RFC 3261 §16.7 item 5). */
import type { Core } from "./core.ts";
import type { ResponseContext } from "./response-context.ts";

/** Finals that are remembered so that no other target's follows. */
const STRAY_FINALS_MAX = 10_000;

/** @param key of the INVITE's server transaction */
export function keepFinal(core: Core, key: string, final: { answer: string; until: number }): void {
  for (const [old, { until }] of core.strayFinals) {
    if (until > core.now && core.strayFinals.size < STRAY_FINALS_MAX) break; // oldest first, as a Map keeps its order
    core.strayFinals.delete(old);
  }
  core.strayFinals.set(key, final);
}

/**
 * An INVITE of our own is over, and a target that it was sent to has not answered yet. While finals of unknown INVITEs are taken for those
 * of the node before, that target's would be learned as a second call.
 */
export function keepOwnFinal(core: Core, { key, branches }: ResponseContext): void {
  const { unknownUntil } = core.restored;
  if (core.now < unknownUntil && branches.some(({ final }) => GIVEN.has(final)))
    keepFinal(core, key, { answer: "", until: unknownUntil });
}

/** A final that a branch may have been given by us, and not by its target. */
const GIVEN: ReadonlySet<number> = new Set([0, 408, 487, 503]);
