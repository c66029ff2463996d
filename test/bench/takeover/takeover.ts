// The measurement of takeovers: `npm run bench:takeover`. Pairs in turns, the same faults, the same calls.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { withGenerated } from "../calls/document.ts";
import { thisMachine, versionOf } from "../calls/machine.ts";
import { parseTakeoverOptions, type TakeoverOptions, USAGE } from "./options.ts";
import { FAULT_TITLES, PAIR_TITLES } from "./pair-under-test.ts";
import { TAKEOVER_MARKS, takeoverChart, takeoverMarkdown } from "./report.ts";
import { keepRound, keptRounds } from "./results.ts";
import { playRound, type Round } from "./round.ts";

const TRIES_MAX = 3;
const DOCS = join(import.meta.dirname, "../../../docs");

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

function describe({ pair, fault, outageMs, outcome, recorded, twoOwnersMs }: Round): string {
  const owners = twoOwnersMs === null ? "" : `  two owners for ${twoOwnersMs.toFixed(0)} ms`;
  const parts = Object.entries({ ...outcome, recorded }).map(
    ([name, { done, of }]) => `${name} ${done}/${of}`,
  );
  return `${PAIR_TITLES[pair].padEnd(22)} ${FAULT_TITLES[fault].padEnd(30)} ${outageMs.toFixed(0).padStart(6)} ms  ${parts.join("  ")}${owners}`;
}

/** A round that says something: one in which the pair stood until the fault. @throws Error after three that did not */
async function playSound(
  { pair, fault }: Pick<Round, "pair" | "fault">,
  options: Pick<TakeoverOptions, "size" | "keep">,
): Promise<{ round: Round; spoilt: number }> {
  for (let spoilt = 0; ; spoilt++) {
    const round = await playRound(pair, fault, options);
    if (!("spoilt" in round)) return { round, spoilt };
    say(`${PAIR_TITLES[pair].padEnd(22)} ${round.spoilt}: once more`);
    if (spoilt + 1 === TRIES_MAX) throw new Error(`${TRIES_MAX} spoilt rounds in a row\n${round.output}`);
  }
}

async function measure(options: TakeoverOptions): Promise<void> {
  const { rounds, pairs, faults, size, keep, results, written } = options;
  const played = results === null ? [] : keptRounds(results, size);
  let spoilt = 0;
  for (let round = 1; round <= rounds; round++) {
    for (const fault of faults) {
      for (const pair of pairs) {
        const result = await playSound({ pair, fault }, { size, keep });
        played.push(result.round);
        if (results !== null) keepRound(results, result.round, size);
        spoilt += result.spoilt;
        say(describe(result.round));
      }
    }
  }
  const machine = { ...thisMachine(), keepalived: versionOf("keepalived") };
  const generated = takeoverMarkdown(played, { size, machine, spoilt });
  say(`\n${generated}`);
  if (!written) return;
  const file = join(DOCS, "takeover-figures.md");
  if (!existsSync(file)) throw new Error("docs/takeover-figures.md is missing");
  writeFileSync(file, withGenerated(readFileSync(file, "utf8"), generated, TAKEOVER_MARKS));
  writeFileSync(join(DOCS, "takeover-figures.svg"), takeoverChart(played));
  say("\nwritten: docs/takeover-figures.md, docs/takeover-figures.svg");
}

function optionsOrExit(): TakeoverOptions {
  try {
    return parseTakeoverOptions(process.argv.slice(2));
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n\n${USAGE}`);
    process.exit(2);
  }
}

await measure(optionsOrExit());
