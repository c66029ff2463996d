// A machine that stood still for a moment: what it does when it wakes, and what others did meanwhile.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { cluster, cut, node, run, serving } from "./scenario-cluster.ts";
import type { World } from "./world.ts";

describe("a virtual machine that was paused without a trace in its clocks", () => {
  /** For how long a serves after it wakes, b having taken over meanwhile; the worst of twenty. */
  function servesAfterWaking(before: (world: World) => void): number {
    let worst = 0;
    for (let seed = 1; seed <= 20; seed++) {
      const world = cluster(seed);
      const a = node(world, "a");
      before(world);
      a.suspend(3_000, false);
      run(world, world.now + 2_900);
      assert.equal(serving(world), "b");
      run(world, world.now + 1_000, () => a.state === "running");
      const wokeAt = world.now;
      if (a.serves) run(world, wokeAt + 2_000, () => !a.serves);
      assert.equal(a.serves, false);
      worst = Math.max(worst, world.now - wokeAt);
    }
    return worst;
  }

  test("serves nothing once it hears of the epoch that has replaced its own", () => {
    assert.equal(
      servesAfterWaking(() => {}),
      0,
    );
  });

  test("cut off from all, it serves for what was left of its right: below 350 ms by its own clock", () => {
    const worst = servesAfterWaking((world) => {
      cut(world, () => true);
      node(world, "a").setRedis(false);
    });
    assert.ok(worst > 200 && worst <= 350 / 0.99, `${worst} ms`);
  });
});

describe("an active node that is held up while it knows of no other that is ready", () => {
  const HELD_UP_MS = 500;
  const gone = (world: World): void => node(world, "b").powerOff(60_000);
  const variants: readonly {
    readonly name: string;
    readonly before: (world: World) => void;
    /** While it is held up, at each of these moments. */
    readonly meanwhile?: (world: World) => void;
    readonly ends: RegExp;
  }[] = [
    { name: "the other is dead: it goes on with its calls", before: gone, ends: /^a$/ },
    {
      name: "the other boots meanwhile: one of them serves",
      before: gone,
      meanwhile: (w) => {
        const b = node(w, "b");
        b.state = "running";
        b.start();
      },
      ends: /^[ab]$/,
    },
    {
      name: "the other is dead, and its heartbeats are replayed: it goes on with its calls",
      before: gone,
      meanwhile: (w) => {
        for (const { message, path } of w.recorded) w.arrive(message, path);
      },
      ends: /^a$/,
    },
    {
      name: "the other is not heard, hears it, and is ready: one of them serves",
      before: (w) => cut(w, (from) => from === "b"),
      ends: /^[ab]$/,
    },
    {
      name: "the other is heard, does not hear it, and is ready: one of them serves",
      before: (w) => cut(w, (from) => from === "a"),
      ends: /^[ab]$/,
    },
    {
      name: "the other is cut off and has no Redis, and takes over by its witness: one of them serves",
      before: (w) => {
        cut(w, () => true);
        node(w, "b").setRedis(false);
      },
      ends: /^[ab]$/,
    },
    {
      name: "Redis comes back old meanwhile: it gives its calls up or goes on, and serves",
      before: gone,
      meanwhile: (w) => w.redis.restartOld(),
      ends: /^a$/,
    },
  ];
  for (const { name, before, meanwhile, ends } of variants) {
    test(`${name}, at each of 50 moments`, () => {
      for (let afterMs = 0; afterMs < HELD_UP_MS; afterMs += 10) {
        const world = cluster(1 + afterMs);
        before(world);
        run(world, world.now + 1_000);
        const at = world.now;
        if (serving(world) === "a") node(world, "a").freeze(HELD_UP_MS);
        world.schedule.at(at + afterMs, () => meanwhile?.(world));
        run(world, at + 8_000);
        assert.match(serving(world), ends, `after ${afterMs} ms\n${world.trace?.join("\n")}`);
      }
    });
  }

  test("the other is dead: the same life serves again within a second of its waking", () => {
    for (let seed = 1; seed <= 20; seed++) {
      const world = cluster(seed);
      gone(world);
      run(world, world.now + 1_000);
      const { engine } = node(world, "a");
      node(world, "a").freeze(HELD_UP_MS);
      run(world, world.now + HELD_UP_MS + 1_000, () => world.invariants.takeovers === 2);
      assert.deepEqual([node(world, "a").engine, serving(world)], [engine, "a"]);
    }
  });
});
