// The benchmark: `npm run bench`. Tandem beside Kamailio and a bare forwarder, in one run, on one core.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { BenchHost } from "./bench-host.ts";
import { barChart } from "./chart.ts";
import { BENCH_MARKS, EMPTY_DOCUMENT, type Marks, REPLICATION_MARKS, withGenerated } from "./document.ts";
import { fullRun } from "./full.ts";
import { thisMachine } from "./machine.ts";
import { type BenchOptions, parseOptions, USAGE } from "./options.ts";
import { overloadRun, profileRun, quickRun } from "./quick.ts";
import { REPLICATION_SUBJECTS, replicationRun, SHORT_PLAN, WHOLE_PLAN } from "./replicated.ts";
import { replicationMarkdown } from "./replicated-report.ts";
import { markdown, type Summary, summaries } from "./report.ts";
import { SUBJECT_TITLES, type SubjectName } from "./subject.ts";

const DOCS = join(import.meta.dirname, "../../../docs");
const TURNS: readonly SubjectName[] = ["tandem", "kamailio-fm", "kamailio", "forwarder"];
const COLORS: Readonly<Record<SubjectName, string>> = {
  tandem: "#0b6e99",
  "tandem-redis": "#0b6e99",
  other: "#4fb3bf",
  "kamailio-fm": "#c2702d",
  "kamailio-dmq": "#c2702d",
  kamailio: "#8a5a9c",
  forwarder: "#8c8c8c",
};

function chartOf(all: readonly Summary[]): string {
  const rates = all[0]?.byRate.map(({ rate }) => rate) ?? [];
  return barChart({
    title: "Processor time a call, microseconds",
    subtitle: "One core, INVITE to BYE over UDP. Full colour: user time; pale: kernel time. Less is better.",
    groups: rates.map((rate, index) => ({
      title: `${rate.toLocaleString("en-US")} calls a second`,
      bars: all.map(({ name, byRate }) => ({
        label: SUBJECT_TITLES[name],
        color: COLORS[name],
        lower: byRate[index]?.kernelUs ?? Number.NaN,
        upper: byRate[index]?.userUs ?? Number.NaN,
      })),
    })),
  });
}

function tell(generated: string): void {
  process.stdout.write(`\n${generated.replaceAll("<br>", ", ")}\n`);
}

function writeGenerated(generated: string, marks: Marks): void {
  const file = join(DOCS, "performance.md");
  const before = existsSync(file) ? readFileSync(file, "utf8") : EMPTY_DOCUMENT;
  writeFileSync(file, withGenerated(before, generated, marks));
}

async function measureReplication(host: BenchHost, { quick, only }: BenchOptions): Promise<void> {
  const plan = quick ? SHORT_PLAN : WHOLE_PLAN;
  const results = await replicationRun(host, only ?? REPLICATION_SUBJECTS, plan);
  const generated = replicationMarkdown(results, thisMachine());
  tell(generated);
  if (quick || only !== null) return;
  writeGenerated(generated, REPLICATION_MARKS);
  process.stdout.write("\nwritten: docs/performance.md\n");
}

async function measureAll(host: BenchHost, only: BenchOptions["only"]): Promise<void> {
  const results = await fullRun(host, only ?? TURNS);
  const generated = markdown(results, thisMachine());
  tell(generated);
  if (only !== null) return;
  writeGenerated(generated, BENCH_MARKS);
  writeFileSync(join(DOCS, "performance.svg"), chartOf(summaries(results)));
  process.stdout.write("\nwritten: docs/performance.md, docs/performance.svg\n");
}

async function bench(options: BenchOptions): Promise<void> {
  const host = new BenchHost({ otherCheckout: options.other });
  try {
    if (!host.twoCores) process.stdout.write("Only one core: the proxy and the load share it.\n");
    if (options.profile) await profileRun(host);
    else if (options.overload) await overloadRun(host, options.only ?? ["tandem"]);
    else if (options.replication) await measureReplication(host, options);
    else if (options.quick) await quickRun(host, options.only ?? ["tandem", "kamailio-fm"]);
    else await measureAll(host, options.only);
  } finally {
    host.close();
  }
}

function optionsOrExit(): BenchOptions {
  try {
    return parseOptions(process.argv.slice(2));
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n\n${USAGE}`);
    process.exit(2);
  }
}

await bench(optionsOrExit());
