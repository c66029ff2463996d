// Takeovers of a pair with many calls that talk, beside those with few. Only with TANDEM_LAB_LONG=1; CALLS and KILLS make it shorter.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { median } from "../bench/calls/figures.ts";
import { Pair, Prober, wallNow } from "./pair.ts";
import { labObstacle, unlessLong } from "./requirements.ts";
import { type Sipp, startCaller, startPbx } from "./sipp.ts";
import { until } from "./until.ts";

const skip = labObstacle(["sipp", "redis-server", "socat"]) || unlessLong;
const MANY = Number(process.env["CALLS"] ?? 100_000);
const KILLS = Number(process.env["KILLS"] ?? 5);
const FEW = 2_000;
/** Of one SIPp, whose open calls are fewer than its file descriptors. */
const PER_CALLER = 14_000;
const RATE = 700;
/** By the medians. */
const SLOWER_MAX_MS = 50;
const TALK_ON_MS = 3_600_000;
const FIRST_PORT = 5_300;
/** Those that change their session after the last kill, and hang up. */
const [ACTING, ACT_AFTER_MS] = [500, 90_000] as const;

describe(`takeovers with ${MANY} calls`, { skip }, () => {
  test(`the engine is killed ${KILLS} times under ${FEW} calls and under ${MANY}: no slower by more than ${SLOWER_MAX_MS} ms`, async (context) => {
    using pair = new Pair();
    const { caller, pbx } = pair;
    await startPbx(pbx, { scenario: "uas-ring-answer", ownMachine: true });
    await pair.start();
    const prober = new Prober(caller);
    let port = FIRST_PORT;
    const call = async (calls: number, talkMs: number): Promise<Sipp> => {
      const options = { calls, talkMs, rate: Math.min(RATE, calls), port: port++, number: "1000" } as const;
      const remote = { address: pair.floatingIp };
      const sipp = startCaller(caller, { ...options, remote, scenario: "uac-reinvite", ownMachine: true });
      await until(
        `${calls} calls to talk`,
        60_000 + (2_000 * calls) / RATE,
        () => (sipp.statistics()?.counters["answered"] === calls ? true : null),
        () => JSON.stringify(sipp.statistics()),
      );
      return sipp;
    };
    const kill = async (): Promise<number> => {
      const { active, standby } = pair;
      const former = active.engine;
      const at = wallNow();
      active.signalEngine("SIGKILL");
      await standby.untilRole("active");
      await prober.firstAnswerAfter(wallNow());
      const took = prober.longestGap(at - 100);
      await active.untilRestarted(former);
      await pair.untilReady(active);
      await delay(1_000);
      return took;
    };
    const kills = async (): Promise<number[]> => {
      const took: number[] = [];
      for (let i = 0; i < KILLS; i++) took.push(await kill());
      return took;
    };
    await call(FEW, TALK_ON_MS);
    const few = await kills();
    for (let left = MANY - FEW; left > 0; left -= PER_CALLER)
      await call(Math.min(left, PER_CALLER), TALK_ON_MS);
    const acting = await call(ACTING, ACT_AFTER_MS);
    const many = await kills();
    const { code, errors } = await acting.finished();
    const told = (all: readonly number[]): string => all.map((ms) => ms.toFixed(0)).join(", ");
    context.diagnostic(`no new call answered for ${told(few)} ms under ${FEW}; ${told(many)} under ${MANY}`);
    assert.equal(code, 0, errors);
    assert.ok(median(many) - median(few) <= SLOWER_MAX_MS, `${median(many) - median(few)} ms slower`);
  });
});
