// One fault at a time, in a pair (or three) that was in sync before it: who serves afterwards, and how soon.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { OperatorCommand } from "../../../src/cluster/node-state.ts";
import { cluster, cut, node, operate, run, serving } from "./scenario-cluster.ts";
import { World, type WorldOptions } from "./world.ts";

const switchover: OperatorCommand = { kind: "switchover", to: null, force: false };

interface Scenario {
  readonly name: string;
  readonly fault: (world: World) => void;
  /** Who serves at the end. */
  readonly ends: string;
  /** Within this after the fault, in the worst of twenty; of simulated time, and without what the sockets cost. */
  readonly withinMs?: number;
  readonly options?: Partial<WorldOptions>;
  readonly forMs?: number;
  /** Since the start of the cluster, which is one. */
  readonly takeovers?: number;
}

/** a serves by its witness alone, cut off from b, which has Redis again; then it is paused, and b takes over. */
function pausedAlone(world: World, clocksTell: boolean): void {
  const a = node(world, "a");
  world.redis.up = false;
  world.schedule.after(800, () => cut(world, () => true));
  world.schedule.after(1_200, () => {
    a.setRedis(false);
    world.redis.up = true;
  });
  world.schedule.after(3_000, () => {
    assert.equal(serving(world), "a", world.trace?.join("\n"));
    a.suspend(900, clocksTell);
  });
}

const scenarios: readonly Scenario[] = [
  {
    name: "engine killed: the guardian resigns for it",
    fault: (w) => node(w, "a").crashEngine(),
    ends: "b",
    withinMs: 100,
  },
  {
    name: "guardian and engine killed together",
    fault: (w) => node(w, "a").crashBoth(60_000),
    ends: "b",
    withinMs: 700,
  },
  { name: "power off", fault: (w) => node(w, "a").powerOff(60_000), ends: "b", withinMs: 800 },
  {
    name: "guardian and engine frozen, woken 10 s later: it serves nothing",
    fault: (w) => node(w, "a").freeze(10_000),
    ends: "b",
    withinMs: 1_500,
    forMs: 14_000,
  },
  {
    name: "the virtual machine suspended, woken 10 s later: it serves nothing",
    fault: (w) => node(w, "a").suspend(10_000, true),
    ends: "b",
    withinMs: 800,
    forMs: 14_000,
  },
  {
    name: "its front lost, heartbeat and Redis fine: it is asked to resign",
    fault: (w) => node(w, "a").setFront(false),
    ends: "b",
    withinMs: 400,
  },
  {
    name: "front and heartbeat lost, Redis fine: it is asked in Redis to resign",
    fault: (w) => {
      node(w, "a").setFront(false);
      cut(w, () => true);
    },
    ends: "b",
    withinMs: 1_500,
  },
  { name: "heartbeat paths cut, Redis fine: no switch", fault: (w) => cut(w, () => true), ends: "a" },
  { name: "one way cut: no switch", fault: (w) => cut(w, (from) => from === "a"), ends: "a" },
  { name: "the other way cut: no switch", fault: (w) => cut(w, (from) => from === "b"), ends: "a" },
  {
    name: "Redis stalled for 300 ms: no switch",
    fault: (w) => {
      w.redis.stalledUntil = w.now + 300;
    },
    ends: "a",
  },
  {
    name: "Redis killed for 5 s, back empty: no switch",
    fault: (w) => {
      w.redis.up = false;
      w.schedule.after(5_000, () => {
        w.redis.restartEmpty();
        w.redis.up = true;
      });
    },
    ends: "a",
    forMs: 8_000,
  },
  {
    name: "Redis fails over, its newest writes lost: no switch, the epoch does not fall",
    fault: (w) => {
      w.redis.up = false;
      w.schedule.after(300, () => {
        w.redis.failOver(w.now, 2_000);
        w.redis.up = true;
      });
    },
    ends: "a",
  },
  {
    name: "cut from each other and a from Redis: b holds while a answers, a steps down, b takes over",
    fault: (w) => {
      cut(w, () => true);
      node(w, "a").setRedis(false);
    },
    ends: "b",
    withinMs: 1_500,
  },
  {
    name: "Redis killed, then the active killed: b takes over by its witness",
    fault: (w) => {
      w.redis.up = false;
      w.schedule.after(1_000, () => node(w, "a").crashBoth(60_000));
    },
    ends: "b",
    withinMs: 4_000,
  },
  {
    name: "heartbeats cut for a second, Redis killed, then the active's engine: its guardian resigns, b takes over",
    fault: (w) => {
      cut(w, () => true);
      w.schedule.after(1_000, () => {
        for (const { link } of w.allLinks()) link.up = true;
      });
      w.schedule.after(2_000, () => {
        w.redis.up = false;
      });
      w.schedule.after(3_000, () => node(w, "a").crashEngine());
    },
    ends: "b",
    withinMs: 3_200,
  },
  {
    name: "Redis killed, then the active killed, withoutRedis: hold: nobody",
    fault: (w) => {
      w.redis.up = false;
      w.schedule.after(1_000, () => node(w, "a").crashBoth(60_000));
    },
    ends: "",
    options: { settings: { withoutRedis: "hold" } },
  },
  {
    name: "Redis killed, then the standby: the active serves by its witness, the peer having had no Redis",
    fault: (w) => {
      w.redis.up = false;
      w.schedule.after(1_000, () => node(w, "b").powerOff(60_000));
    },
    ends: "a",
  },
  {
    name: "the standby in maintenance and stopped, then Redis killed for 5 s: the active serves by its witness",
    fault: (w) => {
      operate(w, "b", { kind: "maintenance", on: true });
      w.schedule.after(500, () => node(w, "b").powerOff(60_000));
      w.schedule.after(1_000, () => {
        w.redis.up = false;
      });
      w.schedule.after(6_000, () => {
        w.redis.up = true;
      });
    },
    ends: "a",
    forMs: 8_000,
    takeovers: 1,
  },
  {
    name: "Redis and heartbeats lost at once, the peer with Redis as far as it said: the active steps down, the first takes it",
    fault: (w) => {
      w.redis.up = false;
      cut(w, () => true);
    },
    ends: "a",
  },
  {
    name: "the active, by its witness alone, paused for 900 ms, the peer has Redis again and takes over: it looks, and gives way",
    fault: (w) => pausedAlone(w, true),
    ends: "b",
    forMs: 9_000,
  },
  {
    name: "the same, paused without a trace in its clocks: it finds the other owner, and gives way",
    fault: (w) => pausedAlone(w, false),
    ends: "b",
    forMs: 9_000,
  },
  { name: "the standby killed: no switch", fault: (w) => node(w, "b").powerOff(60_000), ends: "a" },
  {
    name: "three, the active killed: the second by priority takes it",
    fault: (w) => node(w, "a").powerOff(60_000),
    ends: "b",
    withinMs: 800,
    options: { nodes: 3 },
  },
  {
    name: "three, the second dead, then the active: the third takes it",
    fault: (w) => {
      node(w, "b").powerOff(60_000);
      w.schedule.after(2_000, () => node(w, "a").powerOff(60_000));
    },
    ends: "c",
    withinMs: 2_900,
    options: { nodes: 3 },
  },
  {
    name: "three, no Redis, the active killed: a majority takes it",
    fault: (w) => {
      w.redis.up = false;
      w.schedule.after(1_000, () => node(w, "a").powerOff(60_000));
    },
    ends: "b",
    options: { nodes: 3 },
  },
  {
    name: "three, no Redis, the active cut off alone: it steps down, the majority takes it",
    fault: (w) => {
      w.redis.up = false;
      w.schedule.after(1_000, () => cut(w, (from, to) => from === "a" || to === "a"));
    },
    ends: "b",
    options: { nodes: 3 },
  },
  { name: "switchover", fault: (w) => operate(w, "a", switchover), ends: "b", withinMs: 100 },
  {
    name: "switchover, asked for at the standby",
    fault: (w) => operate(w, "b", switchover),
    ends: "b",
    withinMs: 100,
  },
  {
    name: "maintenance of the active: switched over, and not back",
    fault: (w) => {
      operate(w, "a", { kind: "maintenance", on: true });
      w.schedule.after(1_000, () => operate(w, "b", switchover));
    },
    ends: "b",
  },
  {
    name: "failback: auto, after stableFor and in sync",
    fault: (w) => node(w, "a").crashEngine(),
    ends: "a",
    options: { settings: { failback: "auto", stableForMs: 2_000 } },
  },
];

describe("one fault in a cluster that was in sync", () => {
  for (const { name, fault, ends, withinMs, options, forMs, takeovers } of scenarios) {
    test(name, (t) => {
      let worst = 0;
      for (let seed = 1; seed <= 20; seed++) {
        const world = cluster(seed, options);
        const at = world.now;
        fault(world);
        if (withinMs !== undefined) {
          run(world, at + 10_000, () => serving(world) === ends);
          worst = Math.max(worst, world.now - at);
        }
        run(world, at + (forMs ?? 6_000));
        assert.equal(serving(world), ends, world.trace?.join("\n"));
        if (takeovers !== undefined)
          assert.equal(world.invariants.takeovers, takeovers, world.trace?.join("\n"));
      }
      if (withinMs === undefined) return;
      t.diagnostic(`worst of twenty: ${worst.toFixed(0)} ms`);
      assert.ok(worst <= withinMs, `${worst} ms`);
    });
  }
});

describe("starting", () => {
  test("a standby that boots alone waits for bootWait, then serves", () => {
    const world = new World({ seed: 1, nodes: 2 });
    node(world, "b").start();
    run(world, 4_900);
    assert.equal(serving(world), "");
    run(world, 6_000);
    assert.equal(serving(world), "b");
  });

  test("two that boot together: the first by priority serves, at once", () => {
    const world = new World({ seed: 1, nodes: 2 });
    for (const each of world.nodes) each.start();
    run(world, 1_000);
    assert.equal(serving(world), "a");
  });
});

describe("a switchover that is cut at one of its steps", () => {
  const faults: readonly { readonly name: string; readonly fault: (world: World) => void }[] = [
    { name: "the active's engine dies", fault: (w) => node(w, "a").crashEngine() },
    { name: "the standby's engine dies", fault: (w) => node(w, "b").crashEngine() },
    { name: "the active freezes", fault: (w) => node(w, "a").freeze(3_000) },
    { name: "the standby freezes", fault: (w) => node(w, "b").freeze(3_000) },
    { name: "heartbeats are cut", fault: (w) => cut(w, () => true) },
    { name: "Redis is gone", fault: (w) => w.redis.restartOld() },
    {
      name: "Redis is gone for a second",
      fault: (w) => {
        w.redis.up = false;
        w.schedule.after(1_000, () => {
          w.redis.up = true;
        });
      },
    },
    {
      name: "Redis stalls",
      fault: (w) => {
        w.redis.stalledUntil = w.now + 700;
      },
    },
  ];
  for (const { name, fault } of faults) {
    test(`${name}: one node serves afterwards, at each of 60 moments`, () => {
      for (let afterMs = 0; afterMs < 60; afterMs++) {
        const world = cluster(1 + afterMs);
        const at = world.now;
        operate(world, "a", switchover);
        world.schedule.at(at + afterMs, () => fault(world));
        run(world, at + 8_000);
        assert.match(serving(world), /^[ab]$/, `after ${afterMs} ms\n${world.trace?.join("\n")}`);
      }
    });
  }
});

describe("somebody without the secret", () => {
  test("replays 100,000 datagrams: no change of role", () => {
    const world = cluster(3);
    const { recorded } = world;
    assert.ok(recorded.length > 0);
    const before = node(world, "b").engine?.node.state.ignored["replayed"] ?? 0;
    for (let i = 0; i < 100_000; i++) {
      const { message, path } = world.random.pick(recorded);
      world.arrive(message, path);
    }
    const ignored = world.nodes.map(({ engine }) => engine?.node.state.ignored["replayed"] ?? 0);
    assert.equal(ignored.reduce((sum, count) => sum + count, 0) - before, 100_000);
    run(world, world.now + 2_000);
    assert.equal(serving(world), "a");
    assert.deepEqual([world.invariants.takeovers, world.invariants.handOvers], [1, 0]);
  });

  test("replays a resignation: heard once, by those who believed its epoch current", () => {
    const world = cluster(4);
    const sent: Parameters<World["arrive"]>[] = [];
    const { arrive } = world;
    world.arrive = (message, path) => {
      if (message.body.kind === "resignation") sent.push([message, path]);
      arrive.call(world, message, path);
    };
    node(world, "a").crashEngine();
    run(world, world.now + 5_000);
    assert.equal(serving(world), "b");
    assert.ok(sent.length > 0);
    const takeovers = world.invariants.takeovers;
    for (const [message, path] of sent) arrive.call(world, message, path);
    run(world, world.now + 2_000);
    assert.deepEqual([serving(world), world.invariants.takeovers], ["b", takeovers]);
  });
});

describe("switches that nobody needs are bounded", () => {
  test("a fourth switchover in a minute is refused, and says why; --force passes", () => {
    const world = cluster(5);
    const order = ["a", "b", "a", "b"];
    for (const name of order) {
      operate(world, name, switchover);
      run(world, world.now + 1_000);
    }
    assert.equal(serving(world), "b");
    assert.match(world.trace?.join("\n") ?? "", /answers no: there were 3 switchovers in the last minute/);
  });

  test("a takeover from a dead active is never damped", () => {
    const world = cluster(6);
    for (const name of ["a", "b", "a"]) {
      operate(world, name, switchover);
      run(world, world.now + 1_000);
    }
    node(world, "b").crashBoth(60_000);
    run(world, world.now + 2_000);
    assert.equal(serving(world), "a");
  });

  test("a switchover to a peer that is not ready is refused with its reason", () => {
    const world = cluster(7);
    operate(world, "b", { kind: "maintenance", on: true });
    run(world, world.now + 500);
    operate(world, "a", { kind: "switchover", to: "b", force: false });
    run(world, world.now + 500);
    assert.equal(serving(world), "a");
    assert.match(world.trace?.join("\n") ?? "", /answers no: b is not ready: its role is maintenance/);
  });
});
