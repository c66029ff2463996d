// The history in its file and in Redis: of a takeover the whole, and its beginning where nothing more was told.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, test } from "node:test";
import { History, type HistoryEntry } from "../../../src/node/cluster/history.ts";
import { RedisFault, type RedisReply } from "../../../src/replication/redis-client.ts";
import { SERVES } from "../../unit/node/cluster/history-example.ts";

const folder = mkdtempSync(join(tmpdir(), "tandem-history-"));
after(() => rmSync(folder, { recursive: true }));

const RESTORED: HistoryEntry = {
  ...SERVES,
  phases: { lease: 1, total: 20, restored: 32 },
  restored: { calls: 3 },
};

/** The list in Redis; away: no command is done. */
class ListOfRedis {
  lines: string[] = [];
  away = false;

  async call(args: readonly (string | Buffer)[]): Promise<RedisReply> {
    if (this.away)
      throw new RedisFault({ kind: "fault", code: "REDIS_AWAY", message: "not connected", uncertain: false });
    const [command, , value] = args.map(String);
    if (command === "LPUSH") this.lines.unshift(value ?? "");
    return command === "LRANGE" ? this.lines : 1;
  }
}

function history(name: string, redis = new ListOfRedis()): { ours: History; faults: string[]; file: string } {
  const faults: string[] = [];
  const file = join(folder, name);
  const onFault = (reason: string): void => {
    faults.push(reason);
  };
  return { ours: new History({ file, cluster: "edge", redis, onFault }), faults, file };
}

describe("the history", () => {
  test("has a takeover once, as a whole, after all was restored", async () => {
    for (const away of [false, true]) {
      const redis = new ListOfRedis();
      redis.away = away;
      const { ours } = history(`whole-${away}`, redis);
      ours.add(SERVES);
      ours.add(RESTORED);
      const { source, entries } = await ours.read();
      assert.deepEqual(
        { source, entries },
        { source: away ? "file" : "redis and file", entries: [RESTORED] },
      );
    }
  });

  test("has the beginning of a takeover whose node died while it restored", async () => {
    const { ours } = history("died");
    ours.add(SERVES);
    const next: HistoryEntry = { ...SERVES, at: "2026-11-26T07:00:09.000Z", boot: "boot-b2", epoch: 8 };
    ours.add(next);
    const whole: HistoryEntry = { ...next, restored: { calls: 0 } };
    ours.add(whole);
    assert.deepEqual((await ours.read()).entries, [SERVES, whole]);
  });

  test("has both of two that began in one millisecond, and what else was decided then", async () => {
    const { ours } = history("together");
    const other: HistoryEntry = { ...SERVES, node: "edge-a", boot: "boot-a", epoch: 6 };
    const role: HistoryEntry = { ...SERVES, what: "role", phases: null };
    for (const entry of [SERVES, other, role, RESTORED]) ours.add(entry);
    const { entries } = await ours.read();
    assert.deepEqual(
      entries.map(({ what, node, restored }) => [what, node, restored !== undefined]).sort(),
      [
        ["role", "edge-b", false],
        ["takeover", "edge-a", false],
        ["takeover", "edge-b", true],
      ].sort(),
    );
  });

  test("a line that a crash cut is left out, and a file that can't be written is said once", async () => {
    const { ours, faults, file } = history("cut", Object.assign(new ListOfRedis(), { away: true }));
    ours.add(RESTORED);
    writeFileSync(file, `${JSON.stringify(RESTORED).slice(0, 40)}`, { flag: "a" });
    assert.deepEqual((await ours.read()).entries, [RESTORED]);
    rmSync(file);
    const { ours: none, faults: said } = history(join("no such folder", "history"));
    for (let i = 0; i < 2; i++) none.add(RESTORED);
    assert.equal(said.length, 1);
    assert.match(said[0] ?? "", /ENOENT/);
    assert.deepEqual(faults, []);
  });
});
