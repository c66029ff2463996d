// `npm run soak`: half a million calls of every kind through one node, and what they leave on its heap.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { parseArgs } from "node:util";
import { Edge } from "../lab/edge.ts";
import { deafen } from "../lab/faults.ts";
import type { Host } from "../lab/host.ts";
import { Lab } from "../lab/lab.ts";
import { type Heap, heapFault, measureHeap } from "./heap.ts";
import { offerCalls, type PhaseResult, soakConfig, startPbxs } from "./mix.ts";
import { inTurn } from "./turn.ts";

const USAGE = `npm run soak -- [--calls 500000] [--rate 500] [--within 5] [--slice 40000] [--lock FILE]
  --calls   calls in all, after a warm-up of a tenth as many
  --rate    calls a second: half of what the machine carries
  --within  how much the heap may have grown at the end, in percent of the start
  --slice   calls offered in one go
  --lock    holds the lock of this file (flock) while a slice is offered, and not while it waits: for machines that are shared`;

const MAIN = join(import.meta.dirname, "../../src/main.ts");
const HOOK = join(import.meta.dirname, "heap-hook.ts");
/** Transactions live 64*T1 after their last message (RFC 3261 §17); a branch that nobody answers, twice that. */
const DRAIN_MS = 72_000;
/** Failed calls that a busy machine may have; more is a fault. */
const FAILED_MAX = 0.001;
/** Warm-up: caches, hidden classes and compiled code settle. */
const WARM_UP_MIN = 5_000;

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

const megabytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(2)} MB`;

interface Soak {
  readonly caller: Host;
  readonly host: Host;
  readonly edge: Edge;
  readonly heapFile: string;
  readonly options: SoakOptions;
}

interface SoakOptions {
  readonly calls: number;
  readonly rate: number;
  readonly within: number;
  readonly slice: number;
  readonly lock: string | null;
}

/** Calls, slice by slice. */
async function offer(
  { caller, host, options }: Soak,
  calls: number,
): Promise<PhaseResult & { seconds: number }> {
  const { rate, slice, lock } = options;
  let [offered, successful, seconds] = [0, 0, 0];
  const failures: string[] = [];
  for (let left = calls; left > 0; left -= slice) {
    await inTurn(lock, async () => {
      const start = performance.now();
      const result = await offerCalls(caller, host, { calls: Math.min(left, slice), rate });
      seconds += (performance.now() - start) / 1_000;
      offered += result.calls;
      successful += result.successful;
      failures.push(...result.failures);
    });
  }
  return { calls: offered, successful, failures, seconds };
}

/** Calls, then silence until all timers have ended, then the heap. */
async function phase(soak: Soak, name: string, calls: number): Promise<{ heap: Heap; result: PhaseResult }> {
  const result = await offer(soak, calls);
  const { seconds } = result;
  for (const failure of result.failures) say(`  ${failure}`);
  await delay(DRAIN_MS);
  const heap = await measureHeap(soak.edge, soak.heapFile);
  say(
    `${name}: ${result.successful} of ${result.calls} calls as they should be in ${seconds.toFixed(0)} s ` +
      `(${(result.calls / seconds).toFixed(0)}/s); heap ${megabytes(heap.heapUsed)}, buffers ${megabytes(heap.external)}, ` +
      `resident ${megabytes(heap.rss)}`,
  );
  return { heap, result };
}

/** @returns what is wrong, a sentence each */
async function soak(lab: Lab, options: SoakOptions): Promise<string[]> {
  const caller = lab.host("caller", { number: 10 });
  const host = lab.host("edge", { number: 2 });
  const pbx = lab.host("pbx", { number: 20 });
  const heapFile = join(lab.directory, "heap.jsonl");
  const cdrFile = join(lab.directory, "cdr.jsonl");
  process.env["TANDEM_SOAK_HEAP"] = heapFile;
  process.env["TANDEM_LAB_COMMAND"] = [process.execPath, "--expose-gc", "--import", HOOK, MAIN].join(" ");
  deafen(pbx, "udp", 5067);
  await startPbxs(pbx);
  const edge = await Edge.start(host, soakConfig({ edge: host, caller, pbx, cdrFile }), { ownMachine: true });
  const parts: Soak = { caller, host, edge, heapFile, options };
  const warm = await phase(parts, "warm-up", Math.max(WARM_UP_MIN, options.calls / 10));
  const half = await phase(parts, "first half", options.calls / 2);
  const end = await phase(parts, "second half", options.calls / 2);
  const complaints = edge.complaints();
  const { code } = await edge.stop();
  const sizes = [warm, half, end].map(({ heap }) => heap.heapUsed + heap.external);
  const fault = heapFault([sizes[0] ?? 0, sizes[1] ?? 0, sizes[2] ?? 0], options.within);
  const offered = half.result.calls + end.result.calls;
  const failed = offered - half.result.successful - end.result.successful;
  const cdrs = existsSync(cdrFile) ? readFileSync(cdrFile, "latin1").split("\n").length - 1 : 0;
  const all = offered + warm.result.calls;
  say(`${failed} of ${offered} calls failed; ${cdrs} CDRs for ${all} calls, the warm-up among them`);
  return [
    ...(fault === null ? [] : [fault]),
    ...(failed > offered * FAILED_MAX ? [`${failed} of ${offered} calls failed`] : []),
    ...(cdrs < all ? [`${all - cdrs} CDRs are missing`] : []),
    ...(code === 0 ? [] : [`the node ended with ${code}`]),
    ...complaints,
  ];
}

const { values } = parseArgs({
  options: {
    calls: { type: "string", default: "500000" },
    rate: { type: "string", default: "500" },
    slice: { type: "string", default: "40000" },
    lock: { type: "string" },
    within: { type: "string", default: "5" },
    help: { type: "boolean", short: "h", default: false },
  },
});
if (values.help) {
  say(USAGE);
  process.exit(0);
}
const lab = new Lab();
try {
  const options = {
    calls: Number(values.calls),
    rate: Number(values.rate),
    within: Number(values.within) / 100,
    slice: Math.max(1, Number(values.slice)),
    lock: values.lock ?? null,
  };
  const faults = await soak(lab, options);
  for (const fault of faults) say(`✖ ${fault}`);
  if (faults.length === 0) say("✔ the heap is where it was");
  process.exitCode = faults.length === 0 ? 0 : 1;
} finally {
  lab.close();
}
