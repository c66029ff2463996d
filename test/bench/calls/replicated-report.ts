// The figures of replicated calls as Markdown.
import { median, percentile, type Sample, sample } from "./figures.ts";
import type { WindowFigures } from "./measure.ts";
import { REPLICATION_RATES, type ReplicationResults } from "./replicated.ts";
import { DISTURBED_MAX, isClean, type Machine, machineLine, number, spread, table } from "./report.ts";
import { SUBJECT_TITLES, type SubjectName } from "./subject.ts";

const RIVAL: SubjectName = "kamailio-dmq";

interface Cost {
  /** µs a call of the node that carries it. */
  active: Sample | null;
  /** The same and all that stands beside it. */
  whole: Sample | null;
  beside: { title: string; us: number }[];
  clean: boolean;
}

function activeUs({ userUs, kernelUs }: WindowFigures): number {
  return userUs + kernelUs;
}

function wholeUs(figures: WindowFigures): number {
  return figures.beside.reduce((sum, { us }) => sum + us, activeUs(figures));
}

function costOf(results: ReplicationResults, name: SubjectName, rate: number): Cost {
  const windows = results.windows
    .filter((each) => each.name === name && each.figures.rate === rate)
    .map(({ figures }) => figures);
  const titles = windows[0]?.beside.map(({ title }) => title) ?? [];
  return {
    active: sample(windows.map(activeUs)),
    whole: sample(windows.map(wholeUs)),
    beside: titles.map((title) => ({
      title,
      us: median(windows.map(({ beside }) => beside.find((each) => each.title === title)?.us ?? Number.NaN)),
    })),
    clean: windows.every(isClean),
  };
}

function ratio(own: Sample | null, rival: Sample | null): string {
  return own === null || rival === null ? "–" : number(own.median / rival.median, 2);
}

function costTable(results: ReplicationResults, names: readonly SubjectName[]): string {
  const head = [
    "µs of the processor a call",
    ...REPLICATION_RATES.flatMap((rate) => [
      `${number(rate)} calls/s: active`,
      "the whole pair",
      "share of Kamailio's active, pair",
    ]),
  ];
  const rows = names.map((name) => [
    SUBJECT_TITLES[name],
    ...REPLICATION_RATES.flatMap((rate) => {
      const { active, whole, beside, clean } = costOf(results, name, rate);
      const rival = costOf(results, RIVAL, rate);
      const parts = beside.map(({ title, us }) => `${title} ${number(us)}`).join(", ");
      const isRival = name === RIVAL;
      return [
        `${spread(active)}${clean ? "" : " *"}`,
        beside.length === 0 ? "–" : `${spread(whole)}<br>${parts}`,
        isRival
          ? "1"
          : `${ratio(active, rival.active)}, ${beside.length === 0 ? "–" : ratio(whole, rival.whole)}`,
      ];
    }),
  ]);
  return table(head, rows);
}

function otherTable(results: ReplicationResults, names: readonly SubjectName[]): string | null {
  if (results.cleanRates.length + results.memory.length === 0) return null;
  const rates = (name: SubjectName) => results.cleanRates.filter((each) => each.name === name);
  const memory = (name: SubjectName) => results.memory.filter((each) => each.name === name);
  const rows = [
    {
      title: "highest clean rate, calls/s",
      cell: (name: SubjectName) => {
        const above = rates(name).some(({ found }) => found.above) ? "at least " : "";
        return `${above}${spread(sample(rates(name).map(({ found }) => found.rate)))}`;
      },
    },
    {
      title: "held for 60 s, calls/s",
      cell: (name: SubjectName) => {
        const held = results.held.find((each) => each.name === name)?.held;
        return held === undefined ? "–" : number(held.rate);
      },
    },
    {
      title: "memory an open call, active, bytes",
      cell: (name: SubjectName) => spread(sample(memory(name).map(({ bytesACall }) => bytesACall))),
    },
    ...["standby", "Redis"].map((part) => ({
      title: `memory an open call, ${part}, bytes`,
      cell: (name: SubjectName) =>
        spread(
          sample(
            memory(name).map(
              ({ beside }) => beside.find(({ title }) => title === part)?.bytesACall ?? Number.NaN,
            ),
          ),
        ),
    })),
  ];
  return table(
    ["", ...names.map((name) => SUBJECT_TITLES[name])],
    rows.map(({ title, cell }) => [title, ...names.map(cell)]),
  );
}

/** "Replication adds 41 µs a call at 1,000 calls/s, 38 µs at 2,000": null where one of the two was not measured. */
function addedLine(results: ReplicationResults): string | null {
  const parts = REPLICATION_RATES.flatMap((rate) => {
    const [on, off] = (["tandem-redis", "tandem"] as const).map((name) => costOf(results, name, rate).active);
    if (on === null || on === undefined || off === null || off === undefined) return [];
    return [`${number(on.median - off.median)} µs a call at ${number(rate)} calls/s`];
  });
  return parts.length === 0 ? null : `To Tandem's active node replication adds ${parts.join(", ")}.`;
}

/** How far the standby was behind at each rate: null where none says so. */
function lagLine(results: ReplicationResults): string | null {
  const parts = REPLICATION_RATES.flatMap((rate) => {
    const lags = results.windows
      .filter(({ figures }) => figures.rate === rate)
      .flatMap(({ figures }) => figures.lagsMs)
      .filter(Number.isFinite);
    if (lags.length === 0) return [];
    const [middle, late, worst] = [0.5, 0.99, 1].map((share) => number(percentile(lags, share), 1));
    return [`p50 ${middle} ms, p99 ${late} ms, worst ${worst} ms at ${number(rate)} calls/s`];
  });
  return parts.length === 0 ? null : `Tandem's standby was behind by ${parts.join("; ")}.`;
}

function remarks(results: ReplicationResults): string[] {
  const windows = results.windows.map(({ figures }) => figures);
  const disturbed = windows.filter((each) => each.disturbed > DISTURBED_MAX).length;
  const lines: string[] = [];
  if (!windows.every(isClean))
    lines.push("\\* Not carried cleanly: calls failed or messages were sent again.");
  if (disturbed > 0) {
    lines.push(
      `**Something else had more than ${100 * DISTURBED_MAX}% of the proxy's core in ${disturbed} of the ${windows.length} windows: repeat the run on a quiet machine.**`,
    );
  }
  return lines;
}

/** The generated part about replication of docs/performance.md. */
export function replicationMarkdown(results: ReplicationResults, machine: Machine): string {
  const names = (Object.keys(SUBJECT_TITLES) as SubjectName[]).filter((name) =>
    results.windows.some((each) => each.name === name),
  );
  const other = otherTable(results, names);
  const added = addedLine(results);
  const lag = lagLine(results);
  return [
    machineLine(machine),
    "Medians of the runs, in brackets the least and the most. Standby and Redis share the load's core; their time is counted apart, and makes up the whole pair with the active's.",
    costTable(results, names),
    ...(added === null ? [] : [added]),
    ...(lag === null ? [] : [lag]),
    ...(other === null ? [] : [other]),
    ...remarks(results),
  ].join("\n\n");
}
