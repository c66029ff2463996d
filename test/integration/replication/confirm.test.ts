// redis.confirm on a real Redis: what leaves after its commit, what does not wait, and for how long at most.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Confirm } from "../../../src/proxy/context-journal.ts";
import { CONFIRM_MS } from "../../../src/replication/confirm-waiters.ts";
import type { Flow } from "../../../src/transport/flow.ts";
import {
  answer,
  outline,
  ProxyWorld,
  pbx,
  request,
  type Sent,
  WORLD_CONFIG,
} from "../../support/proxy-world.ts";
import { ActiveNode, KEYSPACE, soon } from "./nodes.ts";
import { RedisServer, redisObstacle, settingsFor } from "./redis-server.ts";

/** A time-out of a frozen Redis, and what a loaded machine adds. */
const LATE_MS_MAX = 240;

/** A proxy whose journal is that of `active`; of each message it keeps what the store did not have when it left. */
class ConfirmingWorld extends ProxyWorld {
  readonly leaving: { readonly what: string; readonly uncommitted: number; readonly at: number }[] = [];
  private readonly active: ActiveNode;

  constructor(active: ActiveNode, mode: Confirm) {
    super(WORLD_CONFIG, undefined, 1_000, { mode, journal: active.writer });
    this.active = active;
  }

  protected override record(flow: Flow, text: string): void {
    super.record(flow, text);
    const [what = ""] = outline(this.sent.slice(-1));
    this.leaving.push({ what, uncommitted: this.active.writer.uncommitted, at: performance.now() });
  }

  get names(): string[] {
    return this.leaving.map(({ what }) => what);
  }
}

const FORWARDED = ["INVITE pbx1", "100 caller"];
const ANSWERED = [...FORWARDED, "180 caller", "200 caller"];

/** One call to its answer. @returns what waited, by name */
async function call(world: ConfirmingWorld): Promise<string[]> {
  const waited: string[] = [];
  const say = async (status: number, invite: Sent): Promise<void> => {
    const [now] = outline(world.receive(answer(invite.message, status), pbx(1)));
    if (now === undefined) waited.push(`${status} caller`);
    await soon(`the ${status}`, () => world.names.includes(`${status} caller`));
  };
  const now = outline(world.receive(request("INVITE")));
  waited.push(...FORWARDED.filter((what) => !now.includes(what)));
  await soon("the INVITE and its 100", () => FORWARDED.every((what) => world.names.includes(what)));
  const invite = world.sent.find(({ message }) => message.method === "INVITE");
  assert.ok(invite);
  await say(180, invite);
  await say(200, invite);
  return waited;
}

const rows: readonly { readonly mode: Confirm; readonly waits: readonly string[] }[] = [
  { mode: "off", waits: [] },
  { mode: "invite", waits: FORWARDED },
  { mode: "2xx", waits: ["200 caller"] },
];

describe("redis.confirm", { skip: redisObstacle }, () => {
  for (const { mode, waits } of rows) {
    test(`${mode}: ${waits.length === 0 ? "nothing waits" : `${waits.join(" and ")} leave after the commit that has what led to them`}`, async () => {
      await using redis = await RedisServer.start();
      using active = new ActiveNode(settingsFor(redis.port));
      await active.committed();
      const world = new ConfirmingWorld(active, mode);
      assert.deepEqual(await call(world), waits);
      assert.deepEqual(world.names, ANSWERED);
      const late = active.writer.counts.unconfirmed;
      for (const { what, uncommitted } of world.leaving)
        if (waits.includes(what) && late === 0)
          assert.equal(uncommitted, 0, `${what} left before its commit`);
      await active.committed();
      const keys = await redis.ask(["HKEYS", KEYSPACE.records]);
      assert.ok(Array.isArray(keys) && keys.map(String).some((key) => key.startsWith("invite ")));
    });
  }

  for (const { mode, waits } of rows.slice(1)) {
    test(`${mode}: a Redis that does not answer delays each message by ${CONFIRM_MS} ms at most, then none; counted`, async () => {
      await using redis = await RedisServer.start();
      using active = new ActiveNode(settingsFor(redis.port));
      await active.committed();
      redis.signal("SIGSTOP");
      const world = new ConfirmingWorld(active, mode);
      const start = performance.now();
      assert.deepEqual(await call(world), waits);
      const took = performance.now() - start;
      assert.ok(took >= CONFIRM_MS - 1, `it did not wait: ${took} ms`);
      assert.ok(took < LATE_MS_MAX, `it waited for ${took} ms`);
      assert.equal(active.writer.counts.unconfirmed, waits.length);
      await soon("it to be missed", () => active.writer.health.code === "REDIS_TIMEOUT");
      const later = new ConfirmingWorld(active, mode);
      assert.deepEqual(await call(later), [], "known to be away: nothing waits");
      assert.equal(active.writer.counts.unconfirmed, 2 * waits.length);
      redis.signal("SIGCONT");
      await active.committed();
    });
  }
});
