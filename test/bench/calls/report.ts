// The figures of a run as Markdown: medians, and in brackets the smallest and the largest of the runs.
import { median, type Sample, sample } from "./figures.ts";
import { RATES, type Results, TOLD_RATE } from "./full.ts";
import { TROUBLE_MAX, type WindowFigures } from "./measure.ts";
import { SUBJECT_TITLES, type SubjectName } from "./subject.ts";

/** Beyond it something else was busy on the machine. */
export const DISTURBED_MAX = 0.03;

/** What the run was made on. */
export interface Machine {
  date: string;
  processor: string;
  cores: number;
  kernel: string;
  node: string;
  kamailio: string;
  sipp: string;
}

export function machineLine({ date, processor, cores, kernel, node, kamailio, sipp }: Machine): string {
  return `Measured on ${date}: ${processor}, ${cores} cores, Linux ${kernel}, Node ${node}, Kamailio ${kamailio}, SIPp ${sipp}.`;
}

/** What is told of one proxy. */
export interface Summary {
  name: SubjectName;
  byRate: { rate: number; total: Sample | null; userUs: number; kernelUs: number; clean: boolean }[];
  cleanRate: Sample | null;
  /** The proxy could do more than that. */
  cleanRateAbove: boolean;
  /** On half a core: the highest clean rate, and at twice that what was offered and what was completed, as shares of it. */
  halfRate: Sample | null;
  offered: Sample | null;
  completed: Sample | null;
  answerP50: Sample | null;
  answerP99: Sample | null;
  memory: Sample | null;
  afterwork: Sample | null;
  pause: Sample | null;
}

export function isClean({ failed, retransmissions }: WindowFigures): boolean {
  return failed + retransmissions < TROUBLE_MAX;
}

function summarise(name: SubjectName, results: Results): Summary {
  const windows = results.windows.filter((each) => each.name === name).map((each) => each.figures);
  const told = windows.filter((each) => each.rate === TOLD_RATE);
  const rates = results.cleanRates.filter((each) => each.name === name).map((each) => each.found);
  const overloads = results.overloads.filter((each) => each.name === name).map((each) => each.figures);
  const memory = results.memory.filter((each) => each.name === name);
  return {
    name,
    byRate: RATES.map((rate) => {
      const some = windows.filter((each) => each.rate === rate);
      return {
        rate,
        total: sample(some.map((each) => each.userUs + each.kernelUs)),
        userUs: median(some.map((each) => each.userUs)),
        kernelUs: median(some.map((each) => each.kernelUs)),
        clean: some.every(isClean),
      };
    }),
    cleanRate: sample(rates.map((each) => each.rate)),
    cleanRateAbove: rates.some((each) => each.above),
    halfRate: sample(overloads.map((each) => each.cleanRate)),
    offered: sample(overloads.map((each) => each.offered)),
    completed: sample(overloads.map((each) => each.completed)),
    answerP50: sample(told.map((each) => each.answerP50Ms)),
    answerP99: sample(told.map((each) => each.answerP99Ms)),
    memory: sample(memory.map((each) => each.bytesACall)),
    afterwork: sample(memory.map((each) => each.afterworkUs)),
    pause: sample(told.map((each) => each.loop?.maxMs ?? Number.NaN)),
  };
}

/** One summary for each proxy that was measured, in the order of the titles. */
export function summaries(results: Results): Summary[] {
  const names = Object.keys(SUBJECT_TITLES) as SubjectName[];
  return names
    .filter((name) => results.windows.some((each) => each.name === name))
    .map((name) => summarise(name, results));
}

export function number(value: number, digits = 0): string {
  return value.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

/** "156 (150–161)"; "–" for what was not measured. */
export function spread(value: Sample | null, digits = 0): string {
  if (value === null) return "–";
  const middle = number(value.median, digits);
  return value.runs === 1 ? middle : `${middle} (${number(value.min, digits)}–${number(value.max, digits)})`;
}

export function table(head: readonly string[], rows: readonly string[][]): string {
  return [head, head.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}

function timeTable(all: readonly Summary[]): string {
  const head = ["µs of the processor a call", ...RATES.map((rate) => `${number(rate)} calls/s`)];
  const rows = all.map(({ name, byRate }) => [
    SUBJECT_TITLES[name],
    ...byRate.map(({ total, userUs, kernelUs, clean }) =>
      total === null
        ? "–"
        : `${spread(total)}${clean ? "" : " *"}<br>user ${number(userUs)}, kernel ${number(kernelUs)}`,
    ),
  ]);
  return table(head, rows);
}

function ratioTable(all: readonly Summary[]): string | null {
  const tandem = all.find(({ name }) => name === "tandem");
  const rivals = all.filter(({ name }) => name !== "tandem");
  if (tandem === undefined || rivals.length === 0) return null;
  const head = ["Tandem's time a call, as a share of", ...RATES.map((rate) => `${number(rate)} calls/s`)];
  const rows = rivals.map(({ name, byRate }) => [
    SUBJECT_TITLES[name],
    ...byRate.map(({ total }, index) => {
      const own = tandem.byRate[index]?.total;
      return total === null || own === null || own === undefined ? "–" : number(own.median / total.median, 2);
    }),
  ]);
  return table(head, rows);
}

function otherTable(all: readonly Summary[]): string {
  const rows = [
    {
      title: "highest clean rate, calls/s",
      cell: (one: Summary) => `${one.cleanRateAbove ? "at least " : ""}${spread(one.cleanRate)}`,
    },
    { title: "the same on half a core", cell: (one: Summary) => spread(one.halfRate) },
    {
      title: "offered twice that there: times it that were begun",
      cell: (one: Summary) => spread(one.offered, 2),
    },
    { title: "and share of it that was completed", cell: (one: Summary) => spread(one.completed, 2) },
    { title: "answer delay at 1,000 calls/s, p50, ms", cell: (one: Summary) => spread(one.answerP50, 2) },
    { title: "answer delay at 1,000 calls/s, p99, ms", cell: (one: Summary) => spread(one.answerP99, 2) },
    {
      title: "memory an open call, bytes (from 5,000 to 20,000)",
      cell: (one: Summary) => spread(one.memory),
    },
    { title: "work after a call's last message, µs", cell: (one: Summary) => spread(one.afterwork, 1) },
    { title: "longest pause of the loop at 1,000 calls/s, ms", cell: (one: Summary) => spread(one.pause, 1) },
  ];
  return table(
    ["", ...all.map(({ name }) => SUBJECT_TITLES[name])],
    rows.map(({ title, cell }) => [title, ...all.map(cell)]),
  );
}

function remarks(results: Results, all: readonly Summary[]): string[] {
  const windows = [...results.windows, ...results.overloads];
  const disturbed = windows.filter(({ figures }) => figures.disturbed > DISTURBED_MAX).length;
  const lines: string[] = [];
  if (all.some(({ byRate }) => byRate.some(({ clean }) => !clean)))
    lines.push("\\* Not carried cleanly: calls failed or messages were sent again.");
  if (all.some(({ cleanRateAbove }) => cleanRateAbove))
    lines.push("\"At least\": the load's own core was full before the proxy's.");
  if (disturbed > 0) {
    lines.push(
      `**Something else had more than ${100 * DISTURBED_MAX}% of the proxy's core in ${disturbed} of the ${windows.length} windows: repeat the run on a quiet machine.**`,
    );
  }
  return lines;
}

/** The generated part of docs/performance.md. */
export function markdown(results: Results, machine: Machine): string {
  const all = summaries(results);
  const ratios = ratioTable(all);
  return [
    machineLine(machine),
    "Medians of the runs, in brackets the least and the most. Compare ratios of one run, never microseconds of two machines.",
    "![Processor time a call](performance.svg)",
    timeTable(all),
    ...(ratios === null ? [] : [ratios]),
    otherTable(all),
    ...remarks(results, all),
  ].join("\n\n");
}
