// One run of the simulator: a world, its faults, its healing.
import { Random } from "../../fuzz/random.ts";
import { armFaults, armFullDisks, HEALED_MS } from "./faults.ts";
import { World, type WorldOptions } from "./world.ts";

/** With everything healed there is one active node within this: the wait of a lonely boot, and a frozen wait. */
const SETTLE_MS_MAX = 9_000;

/** A switchover between healthy nodes. */
const SWITCH_MS_MAX = 200;

export interface Outcome {
  readonly seed: number;
  /** null: all invariants held. */
  readonly broken: string | null;
  readonly trace: readonly string[];
  readonly takeovers: number;
  readonly handOvers: number;
  /** Longest that the floating IP had two owners, and that two nodes served, on one segment. */
  readonly ownersMs: number;
  readonly servingMs: number;
}

export function simulate(options: WorldOptions): Outcome {
  const world = new World(options);
  for (const node of world.nodes) world.schedule.at(world.random.below(1_000), () => node.start());
  armFaults(world);
  if (!world.forgetful) armFullDisks(world, new Random(~options.seed));
  world.runUntil(HEALED_MS);
  const { invariants } = world;
  world.runUntil(HEALED_MS + SETTLE_MS_MAX, () => invariants.settled);
  invariants.expectSettled(SETTLE_MS_MAX);
  // And it stays so, but for a failback that is just under way.
  world.runUntil(world.now + 500);
  world.runUntil(world.now + SWITCH_MS_MAX, () => invariants.settled);
  invariants.expectSettled(SETTLE_MS_MAX);
  const { broken, takeovers, handOvers, ownersMs, servingMs } = invariants;
  return { seed: options.seed, broken, trace: world.trace ?? [], takeovers, handOvers, ownersMs, servingMs };
}
