// `npm run simulate -- --runs N --seed S`: more runs than the tests make, or one seed with its history.
import { parseArgs } from "node:util";
import { simulate } from "./simulate.ts";

const RUNS_DEFAULT = 10_000;

const USAGE = `npm run simulate -- [--runs ${RUNS_DEFAULT}] [--seed 1] [--trace] [--forgetful]
  --runs       how many seeds, from --seed on; 1 where only the seed is given
  --trace      what happened in each run, line by line
  --forgetful  disks never fill, and keep a node's own epochs only: the histories of the seeds that the tests keep`;

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

function main(): number {
  const { values } = parseArgs({
    options: {
      runs: { type: "string" },
      seed: { type: "string" },
      trace: { type: "boolean", default: false },
      forgetful: { type: "boolean", default: false },
    },
  });
  const first = Number(values.seed ?? 1);
  const runs = Number(values.runs ?? (values.seed === undefined ? RUNS_DEFAULT : 1));
  if (!Number.isSafeInteger(first) || !Number.isSafeInteger(runs) || runs < 1) {
    say(USAGE);
    return 2;
  }
  const start = performance.now();
  const failed: number[] = [];
  let takeovers = 0;
  let handOvers = 0;
  let ownersMs = 0;
  let servingMs = 0;
  for (let seed = first; seed < first + runs; seed++) {
    const outcome = simulate({ seed, trace: values.trace, forgetful: values.forgetful });
    for (const line of outcome.trace) say(line);
    takeovers += outcome.takeovers;
    handOvers += outcome.handOvers;
    ownersMs = Math.max(ownersMs, outcome.ownersMs);
    servingMs = Math.max(servingMs, outcome.servingMs);
    if (outcome.broken === null) continue;
    failed.push(seed);
    say(`seed ${seed}: ${outcome.broken}`);
  }
  const seconds = (performance.now() - start) / 1_000;
  say(
    `${runs} runs in ${seconds.toFixed(1)} s (${((1_000 * seconds) / runs).toFixed(1)} ms each), ${failed.length} broken`,
  );
  say(`${takeovers} takeovers, ${handOvers} of them handed over`);
  say(
    `longest with two owners of the address: ${ownersMs.toFixed(0)} ms, with two that serve: ${servingMs.toFixed(0)} ms`,
  );
  return failed.length === 0 ? 0 : 1;
}

process.exitCode = main();
