// The command line of the benchmark.
import { parseArgs } from "node:util";
import { SUBJECT_TITLES, type SubjectName } from "./subject.ts";

export interface BenchOptions {
  /** A short round at 1,000 calls a second, no documents. */
  quick: boolean;
  /** Highest clean rate and what is left at twice that, no documents. */
  overload: boolean;
  /** The pairs that replicate their calls; with `quick` one short round, no documents. */
  replication: boolean;
  /** Profile Tandem at 1,000 calls a second, no documents. */
  profile: boolean;
  /** What to measure; null: what the kind of run measures by default. */
  only: readonly SubjectName[] | null;
  /** Where the Tandem called `other` is. */
  other: string | undefined;
}

export const USAGE = `usage: npm run bench -- [--quick] [--overload] [--replication] [--profile] [--only NAMES] [--other FOLDER]

  --quick         a minute and a half: Tandem and Kamailio (fm) at 1,000 calls a second, twice each
  --overload      two minutes: Tandem's highest clean rate on half a core, and the calls completed when twice that is offered
  --replication   a quarter of an hour: what replicated calls cost, beside Kamailio with DMQ; with --quick one short round
  --profile       profiles Tandem at 1,000 calls a second and prints where the time goes
  --only NAMES    of ${Object.keys(SUBJECT_TITLES).join(", ")}, with commas between them; docs/ is then left as it is
  --other FOLDER  another checkout of Tandem, to be compared: --quick --only tandem,other
`;

function isSubject(name: string): name is SubjectName {
  return Object.hasOwn(SUBJECT_TITLES, name);
}

/** @throws Error with a sentence for a person */
export function parseOptions(argv: readonly string[]): BenchOptions {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      quick: { type: "boolean", default: false },
      overload: { type: "boolean", default: false },
      replication: { type: "boolean", default: false },
      profile: { type: "boolean", default: false },
      only: { type: "string" },
      other: { type: "string" },
    },
  });
  const names = values.only?.split(",") ?? null;
  const unknown = names?.find((name) => !isSubject(name));
  if (unknown !== undefined)
    throw new Error(`no such proxy: ${unknown}; there are ${Object.keys(SUBJECT_TITLES).join(", ")}`);
  const only = names?.filter(isSubject) ?? null;
  return {
    quick: values.quick,
    overload: values.overload,
    replication: values.replication,
    profile: values.profile,
    only,
    other: values.other,
  };
}
