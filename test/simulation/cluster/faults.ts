// What happens to the world of one run: chosen by its seed, all of it healed at the end.
import type { Random } from "../../fuzz/random.ts";
import type { SimulatedNode } from "./simulated-node.ts";
import type { World } from "./world.ts";

const FAULTS_MAX = 10;
const FAULTS_FROM_MS = 1_500;
const FAULTS_UNTIL_MS = 8_000;
const LONGEST_MS = 3_000;

type Fault = (world: World, node: SimulatedNode, forMs: number) => void;

function cut(world: World, forMs: number, chosen: (from: string, to: string, path: number) => boolean): void {
  const links = [...world.allLinks()].filter(({ from, to, path }) => chosen(from, to, path));
  for (const { link } of links) link.up = false;
  world.tell(`cut ${links.map(({ from, to, path }) => `${from}>${to}/${path}`).join(" ")}`);
  world.schedule.after(forMs, () => {
    for (const { link } of links) link.up = true;
    world.tell("links healed");
  });
}

function redisDown(world: World, forMs: number, back: () => void): void {
  const { redis } = world;
  if (!redis.up) return;
  world.tell("Redis is down");
  redis.up = false;
  for (const node of world.nodes) node.engine?.calls.lose();
  world.schedule.after(forMs, () => {
    back();
    redis.up = true;
    world.tell(`Redis is back as life ${redis.life}: ${JSON.stringify(redis.record)}`);
    for (const node of world.nodes) node.resync();
  });
}

const FAULTS: readonly Fault[] = [
  (_, node) => node.crashEngine(),
  (_, node) => node.crashEngine(),
  (_, node, forMs) => node.crashBoth(500 + forMs),
  (_, node, forMs) => node.powerOff(500 + forMs),
  (_, node, forMs) => node.freeze(forMs),
  (_, node, forMs) => node.freeze(Math.floor(forMs / 6)),
  (world, node, forMs) => node.suspend(forMs, !world.random.once(3)),
  (_, node) => node.jumpClock(),
  // Its guardian kills an engine that is frozen alone.
  (world, node) => {
    const { engine } = node;
    engine?.node.stop();
    world.schedule.after(400, () => {
      if (node.engine === engine) node.crashEngine();
    });
  },
  // Heartbeats: all of a node, one way, one path.
  (world, node, forMs) => cut(world, forMs, (from, to) => from === node.name || to === node.name),
  (world, node, forMs) => cut(world, forMs, (from) => from === node.name),
  (world, node, forMs) => cut(world, forMs, (_, to) => to === node.name),
  (world, _, forMs) => cut(world, forMs, (_from, _to, path) => path === 0),
  (world, _, forMs) => {
    const lossPercent = 5 + world.random.below(40);
    world.tell(`links lose ${lossPercent}%`);
    for (const { link } of world.allLinks()) Object.assign(link, { lossPercent, delayMs: 20 });
    world.schedule.after(forMs, () => {
      for (const { link } of world.allLinks()) Object.assign(link, { lossPercent: 0, delayMs: 1 });
    });
  },
  // The network of the floating IP.
  (world, node, forMs) => {
    node.setFront(false);
    world.schedule.after(forMs, () => node.setFront(true));
  },
  // Redis: from one node, stalled, gone, failing over, empty, old.
  (world, node, forMs) => {
    node.setRedis(false);
    world.schedule.after(forMs, () => node.setRedis(true));
  },
  (world, _, forMs) => {
    world.redis.stalledUntil = world.now + Math.min(forMs, 1_000);
    world.tell(`Redis stalls until ${world.redis.stalledUntil.toFixed(0)}`);
  },
  (world, _, forMs) => redisDown(world, forMs, () => {}),
  (world, _, forMs) =>
    redisDown(world, Math.min(forMs, 800), () => world.redis.failOver(world.now, world.random.below(2_000))),
  (world, _, forMs) => redisDown(world, forMs, () => world.redis.restartEmpty()),
  (world, _, forMs) => redisDown(world, forMs, () => world.redis.restartOld()),
  // All of a node: only itself is left to it.
  (world, node, forMs) => {
    cut(world, forMs, (from, to) => from === node.name || to === node.name);
    node.setFront(false);
    node.setRedis(false);
    world.schedule.after(forMs, () => {
      node.setFront(true);
      node.setRedis(true);
    });
  },
  // Cut from each other and from Redis, the front whole.
  (world, node, forMs) => {
    cut(world, forMs, (from, to) => from === node.name || to === node.name);
    node.setRedis(false);
    world.schedule.after(forMs, () => node.setRedis(true));
  },
  // Operators.
  (_, node) =>
    node.run((engine) =>
      engine.node.feed({ kind: "operator", command: { kind: "switchover", to: null, force: false } }),
    ),
  (_, node) =>
    node.run((engine) =>
      engine.node.feed({ kind: "operator", command: { kind: "switchover", to: null, force: false } }),
    ),
  (world, node, forMs) => {
    const set = (on: boolean) =>
      node.run((engine) => engine.node.feed({ kind: "operator", command: { kind: "maintenance", on } }));
    set(true);
    world.schedule.after(forMs, () => set(false));
  },
  // Somebody without the secret sends what he has recorded.
  (world) => {
    for (const { message, path } of world.recorded) world.arrive(message, path);
  },
];

/** Arms the faults of a run. Each ends by itself before `FAULTS_UNTIL_MS` and the longest that a fault lasts. */
export function armFaults(world: World): void {
  const { random, schedule } = world;
  // Single faults, which the table is written for, as often as a storm of them.
  const count = random.once(2) ? 1 + random.below(3) : 1 + random.below(FAULTS_MAX);
  for (let i = 0; i < count; i++) {
    const at = FAULTS_FROM_MS + random.below(FAULTS_UNTIL_MS - FAULTS_FROM_MS);
    const fault = random.pick(FAULTS);
    const node = random.pick(world.nodes);
    const forMs = 50 + random.below(LONGEST_MS);
    schedule.at(at, () => fault(world, node, forMs));
    // Faults come in company: a switchover that is cut at one of its steps.
    if (random.once(3)) {
      const other = random.pick(FAULTS);
      schedule.at(at + random.below(120), () => other(world, random.pick(world.nodes), forMs));
    }
  }
}

/** Nothing can be written on a node's disk for a while. By a chance of its own: the other faults of a seed stay as they were. */
export function armFullDisks(world: World, chance: Random): void {
  for (const node of world.nodes) {
    if (!chance.once(4)) continue;
    const set = (full: boolean): void => {
      node.diskFull = full;
      world.tell(`${node.name}: the disk is ${full ? "full" : "free again"}`);
    };
    const from = chance.below(FAULTS_UNTIL_MS);
    world.schedule.at(from, () => set(true));
    world.schedule.at(from + 50 + chance.below(LONGEST_MS), () => set(false));
  }
}

/** When the last fault has ended, maintenance and restarts included. */
export const HEALED_MS = FAULTS_UNTIL_MS + LONGEST_MS + 1_500;
