// The command line of `npm run bench:takeover`.
import { parseArgs } from "node:util";
import type { LoadSize } from "./load.ts";
import { FAULT_TITLES, type FaultKind, PAIR_TITLES, type PairName } from "./pair-under-test.ts";

export interface TakeoverOptions {
  /** Of each fault and pair. */
  rounds: number;
  pairs: readonly PairName[];
  faults: readonly FaultKind[];
  size: LoadSize;
  /** What the programs of each round wrote is kept below this directory, with a capture of the SIP network; null: not at all. */
  keep: string | null;
  /** Rounds are added to this file, and those that are in it count; null: neither. */
  results: string | null;
  /** The figures are written into the documentation. */
  written: boolean;
}

const ROUNDS = 20;
const ROUNDS_MAX = 1_000;
const CALLS_MAX = 10_000;
const DEFAULT_PAIRS: readonly PairName[] = ["kamailio", "tandem"];
const DEFAULT_FAULTS: readonly FaultKind[] = ["kill", "link", "freeze", "cut", "switchover"];
const DEFAULT_SIZE: LoadSize = { rate: 200, talking: 2_000, ringing: 200 };

export const USAGE = `usage: npm run bench:takeover -- [--rounds N] [--pairs NAMES] [--faults NAMES] [--rate N] [--talking N] [--ringing N] [--keep DIRECTORY] [--results FILE] [--write]

  --rounds N       of each fault and pair, some 22 seconds each; default ${ROUNDS}
  --pairs NAMES    of ${Object.keys(PAIR_TITLES).join(", ")}; default ${DEFAULT_PAIRS.join(",")}
  --faults NAMES   of ${Object.keys(FAULT_TITLES).join(", ")}; default ${DEFAULT_FAULTS.join(",")}
  --rate N         new calls a second while the fault comes; default ${DEFAULT_SIZE.rate}
  --talking N      calls that talk then; default ${DEFAULT_SIZE.talking}
  --ringing N      calls that ring then; default ${DEFAULT_SIZE.ringing}
  --keep DIRECTORY logs, histories and a capture of each round are left there
  --results FILE   each round is added to it, and those that are in it already count: a run may be ended and gone on with
  --write          docs/takeover-figures.md is written, as it is when neither --pairs nor --faults is given
`;

function namesOf<T extends string>(titles: Readonly<Record<T, string>>, text: string): T[] {
  const isName = (name: string): name is T => Object.hasOwn(titles, name);
  const names = text.split(",");
  const unknown = names.find((name) => !isName(name));
  if (unknown !== undefined)
    throw new Error(`not known: ${unknown}; there are ${Object.keys(titles).join(", ")}`);
  return names.filter(isName);
}

function wholeNumber(
  name: string,
  text: string | undefined,
  { otherwise, max }: { otherwise: number; max: number },
): number {
  const value = Number(text ?? otherwise);
  if (!Number.isInteger(value) || value < 1 || value > max)
    throw new Error(`--${name} is a whole number from 1 to ${max}, not ${text}`);
  return value;
}

/** @throws Error with a sentence for a person */
export function parseTakeoverOptions(argv: readonly string[]): TakeoverOptions {
  const text = { type: "string" } as const;
  const { values } = parseArgs({
    args: [...argv],
    options: {
      rounds: text,
      pairs: text,
      faults: text,
      rate: text,
      talking: text,
      ringing: text,
      keep: text,
      results: text,
      write: { type: "boolean" },
    },
  });
  const calls = (name: keyof LoadSize): number =>
    wholeNumber(name, values[name], { otherwise: DEFAULT_SIZE[name], max: CALLS_MAX });
  return {
    rounds: wholeNumber("rounds", values.rounds, { otherwise: ROUNDS, max: ROUNDS_MAX }),
    pairs: namesOf(PAIR_TITLES, values.pairs ?? DEFAULT_PAIRS.join(",")),
    faults: namesOf(FAULT_TITLES, values.faults ?? DEFAULT_FAULTS.join(",")),
    size: { rate: calls("rate"), talking: calls("talking"), ringing: calls("ringing") },
    keep: values.keep ?? null,
    results: values.results ?? null,
    written: values.write === true || (values.pairs === undefined && values.faults === undefined),
  };
}
