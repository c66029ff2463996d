// An hour at 500 calls a second with Redis stalled 300 ms each minute. Only with TANDEM_LAB_LONG=1; MINUTES and EVERY (seconds between two
// stalls) make it shorter. test/lab/cluster-faults.test.ts has four stalls in `npm test`.
import assert from "node:assert/strict";
import { describe, type TestContext, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { countCdrs } from "./cdr-lines.ts";
import { Pair, type PairNode, wallNow } from "./pair.ts";
import { labObstacle, unlessLong } from "./requirements.ts";
import { startCaller, startPbx } from "./sipp.ts";

const skip = labObstacle(["sipp", "redis-server", "socat"]) || unlessLong;
const MINUTES = Number(process.env["MINUTES"] ?? 60);
const EVERY_MS = 1_000 * Number(process.env["EVERY"] ?? 60);
const [RATE, STALL_MS, NUMBER] = [500, 300, "1007"] as const;
/** They are written each 50 ms; a stall of the disk is allowed for. */
const RECORDS_WITHIN_MS = 2_000;
const TOLD_AROUND_MS = 5_000;
const CALLS = RATE * 60 * MINUTES;

/** What both nodes logged in the seconds around a switch: why it came shows there. */
function tellAround(context: TestContext, nodes: readonly PairNode[], at: number): void {
  for (const node of nodes) {
    for (const line of node.logs()) {
      if (Math.abs(Number(line["time"]) - at) < TOLD_AROUND_MS)
        context.diagnostic(`${node.name}: ${JSON.stringify(line)}`);
    }
  }
}

describe(`Redis stalled ${STALL_MS} ms each ${EVERY_MS / 1_000} s`, { skip }, () => {
  test(`${CALLS} calls at ${RATE} a second: 0 switches, all complete, exactly one record each`, async (context) => {
    using pair = new Pair();
    const { caller, pbx } = pair;
    await startPbx(pbx, { scenario: "uas-ring-answer", ownMachine: true });
    await pair.start();
    const { active, standby } = pair;
    const calling = startCaller(caller, {
      ...{ scenario: "uac-call", remote: { address: pair.floatingIp }, ownMachine: true },
      ...{ calls: CALLS, rate: RATE, number: NUMBER },
    });
    const ends = wallNow() + 60_000 * MINUTES;
    let stalls = 0;
    while (wallNow() + EVERY_MS < ends) {
      await delay(EVERY_MS - STALL_MS);
      pair.redis.freeze();
      await delay(STALL_MS);
      pair.redis.thaw();
      stalls++;
    }
    const { code, statistics, errors } = await calling.finished();
    const files = [pair.cdrFile("edge-a"), pair.cdrFile("edge-b")];
    await delay(RECORDS_WITHIN_MS);
    const counted = await countCdrs(...files);
    const taken = [active, standby]
      .flatMap((node) => node.logs())
      .filter(({ role, what }) => what === "role" && role === "taking-over");
    context.diagnostic(
      `${stalls} stalls; ${statistics?.successful} of ${CALLS} calls; ${counted.records} records of ${counted.calls}; ${taken.length - 1} switches`,
    );
    for (const { time } of taken.slice(1)) tellAround(context, [active, standby], Number(time));
    assert.equal(taken.length, 1, JSON.stringify(taken));
    assert.equal(code, 0, errors);
    assert.deepEqual(counted, { calls: CALLS, records: CALLS });
  });
});
