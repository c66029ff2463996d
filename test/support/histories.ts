/** How many histories a property runs: a few in `npm test`, and as many as `RUNS=` says, from `SEED=`, in a run of its own. */
import type { TestContext } from "node:test";
import fc from "fast-check";

const LONGEST_MS = 3_600_000;

/**
 * Options for `fc.assert`, told how many histories ran and from which seed.
 * @param few histories where `RUNS` is not set, stopped after `withinMs`
 */
export function histories<T>(t: TestContext, { few, withinMs }: { few: number; withinMs: number }) {
  const { RUNS: runs, SEED: seed } = process.env;
  return {
    numRuns: Number(runs ?? few),
    interruptAfterTimeLimit: runs === undefined ? withinMs : LONGEST_MS,
    markInterruptAsFailure: false,
    ...(seed === undefined ? {} : { seed: Number(seed) }),
    reporter: (details: fc.RunDetails<T>): void => {
      t.diagnostic(`${details.numRuns} histories, seed ${details.seed}`);
      const message = details.failed ? fc.defaultReportMessage(details) : undefined;
      if (message !== undefined) throw new Error(message, { cause: details.errorInstance });
    },
  };
}
