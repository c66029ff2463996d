// The figures of takeovers as Markdown and as a chart.
import { type Bar, barChart } from "../calls/chart.ts";
import type { Marks } from "../calls/document.ts";
import { median } from "../calls/figures.ts";
import { type Machine, number, table } from "../calls/report.ts";
import type { LoadSize, Outcome, Share } from "./load.ts";
import { FAULT_TITLES, type FaultKind, PAIR_TITLES, type PairName } from "./pair-under-test.ts";
import type { Round } from "./round.ts";

export const TAKEOVER_MARKS: Marks = {
  begin: "<!-- takeover:begin (npm run bench:takeover writes what is between these marks) -->",
  end: "<!-- takeover:end -->",
};

const COLORS: Readonly<Record<PairName, string>> = {
  tandem: "#0b6e99",
  "tandem-confirm": "#5b8c3a",
  kamailio: "#c2702d",
};

/** What is told of one pair under one fault. */
export interface TakeoverSummary {
  pair: PairName;
  fault: FaultKind;
  rounds: number;
  /** Milliseconds to the first new call answered; Infinity: in some round none was. */
  medianMs: number;
  worstMs: number;
  outcome: Outcome;
  recorded: Share;
  /** The worst; null: not watched. */
  twoOwnersMs: number | null;
}

function sum(shares: readonly Share[]): Share {
  return shares.reduce((all, { done, of }) => ({ done: all.done + done, of: all.of + of }), {
    done: 0,
    of: 0,
  });
}

function summarise(rounds: readonly Round[], of: { pair: PairName; fault: FaultKind }): TakeoverSummary {
  const times = rounds.map(({ outageMs }) => (Number.isNaN(outageMs) ? Number.POSITIVE_INFINITY : outageMs));
  const overlaps = rounds.flatMap(({ twoOwnersMs }) => (twoOwnersMs === null ? [] : [twoOwnersMs]));
  const total = (part: keyof Outcome): Share => sum(rounds.map(({ outcome }) => outcome[part]));
  return {
    ...of,
    rounds: rounds.length,
    medianMs: median(times),
    worstMs: Math.max(...times),
    outcome: {
      newCalls: total("newCalls"),
      reinvited: total("reinvited"),
      hungUp: total("hungUp"),
      ringingAnswered: total("ringingAnswered"),
      declined: total("declined"),
      cancelled: total("cancelled"),
      movedOn: total("movedOn"),
    },
    recorded: sum(rounds.map(({ recorded }) => recorded)),
    twoOwnersMs: overlaps.length === 0 ? null : Math.max(...overlaps),
  };
}

/** One summary for each fault and pair that was measured, in the order of the titles. */
export function takeoverSummaries(rounds: readonly Round[]): TakeoverSummary[] {
  const faults = Object.keys(FAULT_TITLES) as FaultKind[];
  const pairs = Object.keys(PAIR_TITLES) as PairName[];
  return faults.flatMap((fault) =>
    pairs.flatMap((pair) => {
      const some = rounds.filter((each) => each.fault === fault && each.pair === pair);
      return some.length === 0 ? [] : [summarise(some, { pair, fault })];
    }),
  );
}

function ms(value: number): string {
  return Number.isFinite(value) ? number(value) : "never";
}

/** "100% of 2,000", and the count where it is neither all nor none. */
function share({ done, of }: Share): string {
  if (of === 0) return "–";
  if (done === of) return `100% of ${number(of)}`;
  if (done === 0) return `**none** of ${number(of)}`;
  return `${((100 * done) / of).toFixed(1)}% (${number(done)} of ${number(of)})`;
}

function timeTable(all: readonly TakeoverSummary[]): string {
  return table(
    [
      "fault",
      "pair",
      "rounds",
      "first new call answered, ms: median",
      "worst",
      "new calls, repeated ones included",
    ],
    all.map(({ fault, pair, rounds, medianMs, worstMs, outcome }) => [
      FAULT_TITLES[fault],
      PAIR_TITLES[pair],
      `${rounds}`,
      ms(medianMs),
      ms(worstMs),
      share(outcome.newCalls),
    ]),
  );
}

function callTable(all: readonly TakeoverSummary[]): string {
  const parts = ["reinvited", "hungUp", "ringingAnswered", "declined", "cancelled", "movedOn"] as const;
  return table(
    [
      "fault",
      "pair",
      "talking: re-INVITE",
      "talking: BYE",
      "ringing: answered, hung up",
      "ringing: declined, its ACK arrives",
      "ringing: CANCEL reaches the phone",
      "waiting for a silent target: goes on to the next",
      "exactly one call record",
      "two owners of the address, ms",
    ],
    all.map(({ fault, pair, outcome, recorded, twoOwnersMs }) => [
      FAULT_TITLES[fault],
      PAIR_TITLES[pair],
      ...parts.map((part) => share(outcome[part])),
      share(recorded),
      twoOwnersMs === null ? "–" : number(twoOwnersMs),
    ]),
  );
}

export interface TakeoverMachine extends Machine {
  keepalived: string;
}

/** The generated part of docs/takeover-figures.md. */
export function takeoverMarkdown(
  rounds: readonly Round[],
  { size, machine, spoilt }: { size: LoadSize; machine: TakeoverMachine; spoilt: number },
): string {
  const all = takeoverSummaries(rounds);
  const { date, processor, cores, kernel, node, kamailio, keepalived, sipp } = machine;
  return [
    `Measured on ${date}: ${processor}, ${cores} cores, Linux ${kernel}, Node ${node}, Kamailio ${kamailio}, keepalived ${keepalived}, SIPp ${sipp}.`,
    `In each round ${number(size.rate)} new calls a second, ${number(size.talking)} calls that talked and ${number(size.ringing)} that rang when the fault came.`,
    "![From the fault to the first new call answered](takeover-figures.svg)",
    timeTable(all),
    callTable(all),
    ...(spoilt === 0
      ? []
      : [
          `Rounds that were repeated because the pair had changed its active node before the fault: ${spoilt}. On a quiet machine there are none.`,
        ]),
  ].join("\n\n");
}

/** Bars of the median, and on it what the worst round took more. */
export function takeoverChart(rounds: readonly Round[]): string {
  const all = takeoverSummaries(rounds);
  const pairs = (Object.keys(PAIR_TITLES) as PairName[]).filter((pair) =>
    all.some((each) => each.pair === pair),
  );
  const faults = (Object.keys(FAULT_TITLES) as FaultKind[]).filter((fault) =>
    all.some((each) => each.fault === fault),
  );
  return barChart({
    title: "From the fault to the first new call answered, milliseconds",
    subtitle:
      "Pale: median of the rounds; full colour: up to the worst round, whose figure is on the bar. Less is better.",
    groups: faults.map((fault) => ({
      title: FAULT_TITLES[fault],
      bars: pairs.map((pair): Bar => {
        const found = all.find((each) => each.fault === fault && each.pair === pair);
        const lower = found?.medianMs ?? Number.NaN;
        return {
          label: PAIR_TITLES[pair],
          color: COLORS[pair],
          lower,
          upper: (found?.worstMs ?? Number.NaN) - lower,
        };
      }),
    })),
  });
}
