// A cluster in sync, with a as its active node, and what may be done to it.
import assert from "node:assert/strict";
import type { OperatorCommand } from "../../../src/cluster/node-state.ts";
import type { SimulatedNode } from "./simulated-node.ts";
import { World, type WorldOptions } from "./world.ts";

const FAULT_AT = 3_000;

/** A cluster in which a is active and everybody in sync. */
export function cluster(seed: number, options: Partial<WorldOptions> = {}): World {
  const world = new World({
    seed,
    nodes: 2,
    trace: true,
    ...options,
    settings: { failback: "manual", canFence: false, withoutRedis: "takeover", ...options.settings },
  });
  for (const node of world.nodes) node.start();
  // Not at the same moment of heartbeats and renewals in each run.
  run(world, FAULT_AT + world.random.below(200));
  assert.equal(serving(world), "a", world.trace?.join("\n"));
  return world;
}

export function node(world: World, name: string): SimulatedNode {
  return world.node(name) ?? assert.fail(`no node ${name}`);
}

export function run(world: World, until: number, enough?: () => boolean): void {
  world.runUntil(until, enough);
  assert.equal(world.invariants.broken, null, world.trace?.join("\n"));
}

/** Names of those that serve. */
export function serving(world: World): string {
  return world.nodes
    .filter(({ serves }) => serves)
    .map(({ name }) => name)
    .join();
}

export function operate(world: World, name: string, command: OperatorCommand): void {
  node(world, name).run((engine) => engine.node.feed({ kind: "operator", command }));
}

export function cut(world: World, chosen: (from: string, to: string) => boolean): void {
  for (const { from, to, link } of world.allLinks()) if (chosen(from, to)) link.up = false;
}
