// A pair with an IPv6 floating IP. `TANDEM_LAB_LONG=1` makes rounds without calls of both families, and compares their medians.
import assert from "node:assert/strict";
import { after, before, describe, type TestContext, test } from "node:test";
import { untilCdrs } from "./cdr-lines.ts";
import { Pair, Prober, wallNow } from "./pair.ts";
import { Callers } from "./pair-callers.ts";
import { labObstacle, unlessLong } from "./requirements.ts";

const skip = labObstacle(["sipp", "redis-server", "socat"]);
const ROUNDS = Number(process.env["ROUNDS"] ?? 3);
/** As in cluster.test.ts: two cores, on which much else runs. */
const SLACK_MS = 1_500;
/** How much slower than IPv4 a median may be, and what a timer's beat weighs in medians of some 100 ms. */
const [SHARE_MORE, BEAT_MS] = [0.2, 20];

type FaultName = "kill -9" | "switchover";
const BOUND_MS: Readonly<Record<FaultName, number>> = { "kill -9": 250, switchover: 150 };
const FAULTS = Object.keys(BOUND_MS) as FaultName[];

/** @returns the longest time without an answer to a new call, around the fault */
async function strike(pair: Pair, prober: Prober, fault: FaultName): Promise<number> {
  const { active, standby } = pair;
  const { engine } = active;
  const at = wallNow();
  if (fault === "kill -9") active.signalEngine("SIGKILL");
  // Forced: more than three a minute are refused else.
  else assert.equal((await pair.ask(active, { command: "switchover", force: true })).ok, true);
  await standby.untilRole("active");
  await prober.firstAnswerAfter(wallNow());
  await active.untilRestarted(engine);
  return prober.longestGap(at - 100);
}

function median(values: readonly number[]): number {
  return values.toSorted((one, other) => one - other)[values.length >> 1] ?? Number.NaN;
}

describe("a pair with an IPv6 floating IP", { skip }, () => {
  let pair: Pair;
  let prober: Prober;
  before(async () => {
    pair = new Pair("", { family: 6 });
    await Callers.answer(pair);
    await pair.start();
    prober = new Prober(pair.caller, pair.floatingIp);
  });
  after(() => pair?.close());

  test("kill -9, then a switchover: the other one serves, and no call notices", async (context) => {
    const calls = await Callers.begin(pair);
    const took: Record<string, number> = {};
    for (const fault of FAULTS) {
      const { active } = pair;
      took[fault] = await strike(pair, prober, fault);
      await pair.untilReady(active);
      assert.equal(active.hasAddress, false);
    }
    context.diagnostic(`no new call answered for ${JSON.stringify(took)} ms; ${await calls.finish()}`);
    for (const fault of FAULTS) assert.ok((took[fault] ?? 0) < BOUND_MS[fault] + SLACK_MS, fault);
  });

  test("every call has exactly one record", async () => {
    const files = [pair.cdrFile("edge-a"), pair.cdrFile("edge-b")];
    for (const { number, count } of Callers.begun(1)) {
      const ids = (await untilCdrs(count, number, ...files)).map(({ callId }) => callId);
      assert.deepEqual([new Set(ids).size, ids.length], [count, count], `calls to ${number}`);
    }
  });
});

/** Longest gaps of each round, by fault. */
async function rounds(family: 4 | 6): Promise<Map<FaultName, number[]>> {
  using pair = new Pair("", { family });
  await Callers.answer(pair);
  await pair.start();
  const prober = new Prober(pair.caller, pair.floatingIp);
  const took = new Map<FaultName, number[]>(FAULTS.map((fault) => [fault, []]));
  for (let round = 0; round < ROUNDS; round++) {
    for (const fault of FAULTS) {
      const { active } = pair;
      took.get(fault)?.push(await strike(pair, prober, fault));
      await pair.untilReady(active);
    }
  }
  return took;
}

describe("IPv6 beside IPv4", { skip: skip || unlessLong }, () => {
  test(`${ROUNDS} rounds: medians within ${100 * SHARE_MORE}% of IPv4's`, async (context: TestContext) => {
    const four = await rounds(4);
    const six = await rounds(6);
    for (const fault of FAULTS) {
      const [of4, of6] = [four.get(fault) ?? [], six.get(fault) ?? []];
      const all = (values: readonly number[]): string => values.map(Math.round).join(" ");
      context.diagnostic(
        `${fault}: IPv4 ${median(of4)} ms (${all(of4)}), IPv6 ${median(of6)} ms (${all(of6)})`,
      );
      assert.ok(median(of6) <= median(of4) * (1 + SHARE_MORE) + BEAT_MS, fault);
    }
  });
});
