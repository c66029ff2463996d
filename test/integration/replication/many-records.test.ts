// 100,000 dialogs: how long a cold standby takes to be warm, and what that does to the active.
import assert from "node:assert/strict";
import { fork } from "node:child_process";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { describe, test } from "node:test";
import { ActiveNode, StandbyNode, soon } from "./nodes.ts";
import { RedisServer, redisObstacle, settingsFor } from "./redis-server.ts";

const DIALOGS = 100_000;
/** Beside other work of the machine; the figure by itself is in docs/replication.md. */
const WARM_MS_MAX = 5_000;
const BYTES_MAX = 3_072;

interface Loaded {
  readonly ms: number;
  readonly records: number;
  readonly bytesEach: number;
}

async function loadCold(port: number): Promise<Loaded> {
  const heap = (): number => {
    const { heapUsed, external } = process.memoryUsage();
    return heapUsed + external;
  };
  const before = heap();
  const start = performance.now();
  using standby = new StandbyNode(settingsFor(port));
  await soon("the copy to be warm", () => standby.reader.state.isWarm, 60_000);
  const ms = performance.now() - start;
  return { ms, records: standby.copy.size, bytesEach: (heap() - before) / standby.copy.size };
}

if (process.argv[2] === "standby") {
  const loaded = await loadCold(Number(process.argv[3]));
  process.send?.(loaded, () => process.exit(0));
} else {
  describe("100,000 dialogs", { skip: redisObstacle }, () => {
    test("a cold standby is warm below 5 s, takes less than 3 KB each, and the active's loop is not held up", async (it) => {
      await using redis = await RedisServer.start();
      using active = new ActiveNode(settingsFor(redis.port));
      for (let call = 0; call < DIALOGS; call++) {
        active.set(`call 3848276298220188511@atlanta.example.com;${call}`, `1;${call} ${"x".repeat(600)}`);
      }
      await active.committed(60_000);
      const delay = monitorEventLoopDelay({ resolution: 2 });
      delay.enable();
      let changes = 0;
      const load = setInterval(() => {
        for (let call = 0; call < 20; call++, changes++) {
          active.set(`call 3848276298220188511@atlanta.example.com;${changes % DIALOGS}`, "1;changed");
        }
      }, 10);
      const child = fork(import.meta.filename, ["standby", String(redis.port)], { execArgv: [] });
      const loaded = await new Promise<Loaded>((resolve) =>
        child.once("message", (loaded) => resolve(loaded as Loaded)),
      );
      clearInterval(load);
      delay.disable();
      it.diagnostic(
        `warm in ${loaded.ms.toFixed(0)} ms, ${loaded.bytesEach.toFixed(0)} bytes a record, longest pause ${(delay.max / 1e6).toFixed(0)} ms`,
      );
      assert.equal(loaded.records, DIALOGS);
      assert.ok(loaded.ms < WARM_MS_MAX, `${loaded.ms} ms`);
      assert.ok(loaded.bytesEach < BYTES_MAX, `${loaded.bytesEach} bytes`);
    });
  });
}
