// `npm run fuzz`: a million mutated messages, and everything else that a hostile network sends, at full length.
import { availableParallelism } from "node:os";
import { setTimeout as delay } from "node:timers/promises";
import { parseArgs } from "node:util";
import { runBarrage } from "./barrage.ts";
import { runCampaign } from "./campaign.ts";
import { readCorpus } from "./corpus.ts";
import { flood } from "./flood.ts";
import { affordable, openIdle } from "./idle-connections.ts";
import { LiveNode } from "./live-node.ts";
import { sendAllSizes } from "./sizes.ts";
import { percentile, ValidCalls } from "./valid-calls.ts";

const USAGE = `npm run fuzz -- [--messages 1000000] [--sockets 50000] [--seed 1] [--corpus 4000] [--minutes 15]
  --messages   mutated messages in all
  --sockets    how many of them go over UDP and TCP to a running node; 0: no node is started
  --minutes    end (as a failure) when it takes longer`;

const IDLE = 10_000;
const SLOW_MS = 2_000;

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

function inSimulatedTime(seed: number, messages: number, corpus: readonly string[], endsAt: number): void {
  const start = performance.now();
  let saidAt = start;
  const result = runCampaign({
    seed,
    messages,
    corpus,
    onRound: (done) => {
      const now = performance.now();
      if (now > endsAt) throw new Error(`not done in time: ${done} of ${messages}`);
      if (now - saidAt < 10_000) return;
      saidAt = now;
      say(`  ${done} of ${messages}`);
    },
  });
  if (result.slowest.ms > SLOW_MS) throw new Error(`${result.slowest.ms} ms for ${result.slowest.text}`);
  const malformed = Object.entries(result.counters)
    .filter(([name]) => name.startsWith("malformed.SIP"))
    .reduce((sum, [, count]) => sum + count, 0);
  const seconds = ((performance.now() - start) / 1_000).toFixed(0);
  say(`✔ ${result.messages} mutated messages in simulated time (${seconds} s): nothing thrown, nothing kept`);
  say(
    `  ${malformed} did not parse, ${result.sent} messages were sent because of all, ${result.calls} calls they belonged to`,
  );
  say(
    `  ${result.validCalls} valid calls beside them, all served; slowest message ${result.slowest.ms.toFixed(1)} ms`,
  );
}

/** One thing that a hostile network does, with valid calls beside it. @throws where one of them is not served */
async function withCalls(
  name: string,
  rate: number,
  attack: (calls: ValidCalls) => Promise<string>,
): Promise<void> {
  const calls = await ValidCalls.open();
  try {
    calls.start(rate);
    const told = await attack(calls);
    const { made, failures, answerMs, repeated } = await calls.finish();
    if (failures.length > 0)
      throw new Error(`${name}: of ${made} calls beside it failed ${failures.join("; ")}`);
    const delays = [50, 99].map((percent) => percentile(answerMs, percent).toFixed(1));
    say(`✔ ${name}: ${told}`);
    say(
      `  ${made} calls beside it, all served; answer p50 ${delays[0]} ms, p99 ${delays[1]} ms, ${repeated} repeats`,
    );
  } finally {
    calls.close();
  }
}

async function idle(): Promise<string> {
  const count = affordable(IDLE);
  const sockets = await openIdle(count);
  await delay(2_000);
  for (const socket of sockets) socket.destroy();
  const why = count < IDLE ? ` (${IDLE} are too many for this machine's limit of open files)` : "";
  return `${count}${why}`;
}

async function onSockets(seed: number, messages: number, corpus: readonly string[]): Promise<void> {
  const node = await LiveNode.start();
  const before = { descriptors: node.descriptors, bytes: node.residentBytes };
  await withCalls(`mutated messages over sockets, seed ${seed}`, 100, async (calls) => {
    await calls.useTcp();
    const { datagrams, streamed, connections } = await runBarrage(node, {
      seed,
      messages,
      corpus,
      rate: 4_000,
    });
    return `${datagrams} by UDP, ${streamed} by ${connections} TCP connections`;
  });
  await withCalls("datagrams of 0 to 65,507 bytes", 50, () => sendAllSizes(node));
  await withCalls("idle TCP connections", 50, idle);
  for (const sources of [1, 190]) {
    await withCalls(`flood of strangers from ${sources} address(es)`, 50, async () => {
      return `${await flood(node, { sources, rate: 8_000, forMs: 5_000 })} datagrams`;
    });
  }
  // As fast as one core can: datagrams are lost, ours as well as theirs. The node has to be there afterwards.
  const sent = await flood(node, { sources: 10, rate: 1_000_000, forMs: 3_000 });
  say(`✔ flood without measure: ${sent} datagrams in 3 s`);
  await withCalls("and afterwards", 50, async () => {
    await delay(2_000);
    return "";
  });
  const after = { descriptors: node.descriptors, bytes: node.residentBytes };
  const { code, complaints, pending } = await node.stop();
  const megabytes = (bytes: number): string => `${Math.round(bytes / 2 ** 20)} MB`;
  say(
    `  descriptors ${before.descriptors} -> ${after.descriptors}, resident ${megabytes(before.bytes)} -> ${megabytes(after.bytes)}`,
  );
  if (code !== 0 || complaints.length > 0)
    throw new Error(`the node ended with ${code}: ${complaints.join("\n")}`);
  if (pending > 0) throw new Error(`${pending} requests were pending at the end`);
  if (after.descriptors > before.descriptors + 10) throw new Error("descriptors leak");
}

const { values } = parseArgs({
  options: {
    messages: { type: "string", default: "1000000" },
    sockets: { type: "string", default: "50000" },
    seed: { type: "string", default: String(Date.now() % 1_000_000) },
    corpus: { type: "string", default: "4000" },
    minutes: { type: "string", default: "15" },
    help: { type: "boolean", short: "h", default: false },
  },
});
if (values.help) {
  say(USAGE);
  process.exit(0);
}
const [messages = 0, sockets = 0, seed = 0, generated = 0, minutes = 0] = [
  values.messages,
  values.sockets,
  values.seed,
  values.corpus,
  values.minutes,
].map(Number);
const startedAt = performance.now();
say(`seed ${seed} (again: npm run fuzz -- --seed ${seed}), ${availableParallelism()} cores`);
const corpus = readCorpus(seed, generated);
say(`${corpus.length} messages to damage: torture sets, captures, generated ones`);
try {
  if (sockets > 0) await onSockets(seed, Math.min(sockets, messages), corpus);
  inSimulatedTime(seed, Math.max(0, messages - sockets), corpus, startedAt + minutes * 60_000);
  say(`took ${Math.round((performance.now() - startedAt) / 1_000)} s`);
} catch (error) {
  say(`✖ ${(error as Error).stack}`);
  process.exit(1);
}
