// The highest epoch on its way to the disk: what is written when, and what is said of a disk that takes nothing.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { EpochKeeper } from "../../../../src/node/cluster/epoch-keeper.ts";

const FULL = "ENOSPC: no space left on device, write";

/** A disk that can be full, and what was asked of it and said of it. */
class Disk {
  now = 0;
  fault: string | null = null;
  epoch = 4;
  readonly written: string[] = [];
  readonly said: (string | null)[] = [];
  readonly keeper = new EpochKeeper(this, {
    now: () => this.now,
    onFault: (fault) => this.said.push(fault),
  });

  async storeEpoch(epoch: number): Promise<string | null> {
    this.written.push(`${this.now}: ${epoch}`);
    const { fault } = this;
    await turn();
    if (fault === null) this.epoch = Math.max(this.epoch, epoch);
    return fault;
  }

  async look(now: number, epoch: number): Promise<void> {
    this.now = now;
    this.keeper.look(epoch);
    await turn();
    await turn();
  }
}

describe("the highest epoch known", () => {
  test("is written when it grows, and not while the disk has it", async () => {
    const disk = new Disk();
    for (const [now, epoch] of [
      [0, 4],
      [100, 5],
      [200, 5],
      [300, 7],
    ] as const)
      await disk.look(now, epoch);
    assert.deepEqual([disk.written, disk.epoch, disk.said], [["100: 5", "300: 7"], 7, []]);
  });

  test("is written once while a write is under way", async () => {
    const disk = new Disk();
    for (let i = 0; i < 3; i++) disk.keeper.look(5);
    await disk.look(1, 5);
    assert.deepEqual(disk.written, ["0: 5"]);
  });

  test("that the disk does not take is tried again each second, which is said once, and its end as well", async () => {
    const disk = new Disk();
    disk.fault = FULL;
    for (const now of [0, 100, 999, 1_000, 1_999, 2_000]) await disk.look(now, 5);
    assert.deepEqual([disk.written, disk.said], [["0: 5", "1000: 5", "2000: 5"], [FULL]]);
    disk.fault = null;
    for (const now of [2_999, 3_000, 3_100]) await disk.look(now, 5);
    assert.deepEqual([disk.epoch, disk.said], [5, [FULL, null]]);
    assert.equal(disk.written.at(-1), "3000: 5");
  });

  test("a takeover's own is written at once, whatever failed a moment ago, and tried again after it failed", async () => {
    const disk = new Disk();
    disk.fault = FULL;
    await disk.look(0, 5);
    disk.now = 10;
    assert.equal(await disk.keeper.store(6), false);
    await disk.look(1_009, 6);
    disk.fault = null;
    await disk.look(1_010, 6);
    assert.deepEqual(disk.written, ["0: 5", "10: 6", "1010: 6"]);
    assert.equal(await disk.keeper.store(6), true);
  });
});
