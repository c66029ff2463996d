// A node whose disk takes nothing: it serves, says so, and stores its epoch as soon as it can.
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { RedisServer, redisObstacle } from "../replication/redis-server.ts";
import { pairPorts, WholeNode } from "./whole-node.ts";

describe("a node whose disk takes nothing", { skip: redisObstacle }, () => {
  test("goes on, shows why in its status and history, and stores the epoch when it can", async () => {
    const folder = mkdtempSync(join(tmpdir(), "tandem-disk-"));
    await using redis = await RedisServer.start();
    await using node = new WholeNode("edge-a", {
      folder,
      ports: await pairPorts(),
      redis: `{ url: "redis://127.0.0.1:${redis.port}" }`,
    });
    const file = join(folder, "edge-a", "cluster.json");
    const onDisk = (): unknown => JSON.parse(readFileSync(file, "utf8")).epoch;
    const first = await node.until("it to serve", ({ mayServe }) => mayServe);
    await node.until("its epoch to be stored", () => onDisk() === first.epoch);
    assert.equal(first.disk, null);

    mkdirSync(`${file}.new`); // nothing can be written there
    await redis.kill();
    await redis.run(); // back empty: the node writes itself in again, in a new epoch
    const { epoch, disk } = await node.until("the fault to show", (status) => status.disk !== null);
    assert.ok(epoch > first.epoch);
    assert.match(disk ?? "", /EISDIR/);
    assert.equal(onDisk(), first.epoch);
    const alarms = (): unknown[] =>
      node.lines("cluster").filter(({ what, reason }) => what === "alarm" && /on the disk/.test(`${reason}`));
    const since = performance.now();
    const later = await node.until("more tries", () => performance.now() - since > 2_500);
    assert.deepEqual([later.mayServe, later.disk, alarms().length], [true, disk, 1]);

    rmdirSync(`${file}.new`);
    await node.until("the disk to be well", (status) => status.disk === null);
    assert.deepEqual([onDisk(), alarms().length], [epoch, 1]);
    await node.stop();
    rmSync(folder, { recursive: true, force: true });
  });
});
