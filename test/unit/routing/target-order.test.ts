import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import {
  orderByCalls,
  orderByHash,
  orderByWeight,
  type Prioritized,
  rotate,
  tiersOf,
  type Weighted,
} from "../../../src/routing/target-order.ts";

/** Uniform numbers of a seed, as a node draws them from the key of a call (mulberry32). */
function draws(seed: string): () => number {
  let state = [...seed].reduce(
    (hash, letter) => Math.imul(hash ^ letter.charCodeAt(0), 0x01000193),
    0x811c9dc5,
  );
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const weighted = (...weights: number[]): Weighted[] =>
  weights.map((weight, index) => ({ id: `t${index}`, weight }));

const ids = (targets: readonly Weighted[]): string => targets.map(({ id }) => id).join(" ");

const anyTargets = fc
  .array(
    fc.record({ priority: fc.nat(3), srvPriority: fc.nat(1), weight: fc.constantFrom(0, 1, 10, 65_535) }),
    { maxLength: 12 },
  )
  .map((targets) => targets.map((target, index) => ({ id: `t${index}`, ...target })));

const KEYS = 20_000;

function sharesOf(order: (key: string) => readonly Weighted[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (let key = 0; key < KEYS; key++) {
    const first = order(`call-${key}`)[0]?.id ?? "";
    counts.set(first, (counts.get(first) ?? 0) + 1);
  }
  return new Map([...counts].map(([id, count]) => [id, count / KEYS]));
}

/** Four standard deviations of a share, so that a seed fails by chance once in 16,000. */
const tolerance = (share: number): number => 4 * Math.sqrt((share * (1 - share)) / KEYS) + 1e-4;

describe("tiers", () => {
  test("lowest priority first, nothing lost, order within a tier kept", () => {
    fc.assert(
      fc.property(anyTargets, (targets) => {
        const tiers = tiersOf(targets);
        const rank = ({ priority, srvPriority }: Prioritized): number => priority * 2 + srvPriority;
        const ranks = tiers.map(([first]) => (first === undefined ? -1 : rank(first)));
        assert.deepEqual(
          ranks,
          [...new Set(targets.map(rank))].sort((a, b) => a - b),
        );
        for (const [index, tier] of tiers.entries()) {
          assert.deepEqual(
            tier,
            targets.filter((target) => rank(target) === ranks[index]),
          );
        }
      }),
    );
  });
});

describe("weighted (RFC 2782)", () => {
  const rows = [
    { name: "equal weights", weights: [100, 100], shares: [1 / 2, 1 / 2] },
    { name: "small equal weights are not biased", weights: [1, 1, 1], shares: [1 / 3, 1 / 3, 1 / 3] },
    { name: "by weight", weights: [10, 20, 70], shares: [0.1, 0.2, 0.7] },
    { name: "weight 0 beside 99: one in a hundred", weights: [99, 0], shares: [0.99, 0.01] },
    { name: "two of weight 0 share that", weights: [98, 0, 0], shares: [98 / 99, 1 / 198, 1 / 198] },
    { name: "only weight 0: alike", weights: [0, 0, 0, 0], shares: [1 / 4, 1 / 4, 1 / 4, 1 / 4] },
    { name: "the greatest weights", weights: [65_535, 65_535], shares: [1 / 2, 1 / 2] },
  ];
  for (const { name, weights, shares } of rows) {
    test(name, () => {
      const seen = sharesOf((key) => orderByWeight(weighted(...weights), draws(key)));
      for (const [index, share] of shares.entries()) {
        const got = seen.get(`t${index}`) ?? 0;
        assert.ok(Math.abs(got - share) <= tolerance(share), `t${index}: ${got}, wanted ${share}`);
      }
    });
  }

  test("the second one is by weight, too", () => {
    const seconds = sharesOf((key) => orderByWeight(weighted(50, 30, 20), draws(key)).slice(1));
    const wanted = 0.5 * (30 / 50) + 0.2 * (30 / 80);
    assert.ok(Math.abs((seconds.get("t1") ?? 0) - wanted) <= tolerance(wanted), String(seconds.get("t1")));
  });

  test("any weights: each share within tolerance", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 1_000 }), { minLength: 1, maxLength: 5 }), (weights) => {
        const sum = weights.reduce((total, weight) => total + weight, 0);
        const seen = sharesOf((key) => orderByWeight(weighted(...weights), draws(key)));
        for (const [index, weight] of weights.entries()) {
          const share = weight / sum;
          assert.ok(Math.abs((seen.get(`t${index}`) ?? 0) - share) <= tolerance(share) * 1.3);
        }
      }),
      { numRuns: 4, seed: 2782 },
    );
  });

  test("a permutation of the same targets, one draw each where there is a choice, for any draws", () => {
    const anyDraw = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
    fc.assert(
      fc.property(anyTargets, fc.array(anyDraw, { minLength: 12, maxLength: 12 }), (targets, numbers) => {
        let drawn = 0;
        const ordered = orderByWeight(targets, () => numbers[drawn++] ?? 0);
        assert.equal(drawn, targets.length === 1 ? 0 : targets.length);
        assert.equal(ids(ordered.toSorted((a, b) => targets.indexOf(a) - targets.indexOf(b))), ids(targets));
      }),
    );
  });

  test("the same call has the same order", () => {
    fc.assert(
      fc.property(anyTargets, fc.string(), (targets, key) => {
        assert.equal(ids(orderByWeight(targets, draws(key))), ids(orderByWeight(targets, draws(key))));
      }),
    );
  });
});

describe("round-robin", () => {
  test("each begins once in a turn", () => {
    assert.deepEqual(
      [0, 1, 2, 3].map((start) => ids(rotate(weighted(1, 1, 1), start))),
      ["t0 t1 t2", "t1 t2 t0", "t2 t0 t1", "t0 t1 t2"],
    );
    assert.deepEqual(rotate([], 5), []);
  });
});

describe("least-calls", () => {
  const order = (weights: number[], calls: number[]): string =>
    ids(orderByCalls(weighted(...weights), (id) => calls[Number(id.slice(1))] ?? 0, draws("x")));
  test("fewest calls first", () => assert.equal(order([1, 1, 1], [3, 1, 2]), "t1 t2 t0"));
  test("for their weight", () => assert.equal(order([10, 1], [5, 1]), "t0 t1"));
  test("weight 0 is the last resort", () => assert.equal(order([0, 1], [0, 50]), "t1 t0"));
  test("equal ones share by weight", () => {
    const seen = sharesOf((key) => orderByCalls(weighted(75, 25), () => 0, draws(key)));
    assert.ok(Math.abs((seen.get("t0") ?? 0) - 0.75) <= tolerance(0.75));
  });
});

describe("hash", () => {
  test("shares follow the weights", () => {
    const seen = sharesOf((key) => orderByHash(weighted(10, 30, 60), key));
    for (const [id, share] of [
      ["t0", 0.1],
      ["t1", 0.3],
      ["t2", 0.6],
    ] as const) {
      assert.ok(Math.abs((seen.get(id) ?? 0) - share) <= tolerance(share), `${id}: ${seen.get(id)}`);
    }
  });

  test("a target that goes moves only its own keys, and one that comes takes only for itself", () => {
    const positive = anyTargets.map((targets) =>
      targets.map((target) => ({ ...target, weight: target.weight + 1 })),
    );
    fc.assert(
      fc.property(positive, fc.nat(11), fc.string(), (targets, gone, key) => {
        const before = orderByHash(targets, key);
        const after = orderByHash(
          targets.filter(({ id }) => id !== `t${gone}`),
          key,
        );
        assert.equal(ids(after), ids(before.filter(({ id }) => id !== `t${gone}`)));
      }),
    );
  });

  test("does not depend on the order in the file", () => {
    fc.assert(
      fc.property(
        fc.shuffledSubarray(weighted(5, 1, 9, 3, 7), { minLength: 5 }),
        fc.string(),
        (shuffled, key) => {
          assert.equal(ids(orderByHash(shuffled, key)), ids(orderByHash(weighted(5, 1, 9, 3, 7), key)));
        },
      ),
    );
  });

  test("is the same on every node and in every version", () => {
    const orders = ["+15551234567", "alice", ""].map((key) => ids(orderByHash(weighted(1, 1, 1, 1), key)));
    assert.deepEqual(orders, STABLE_ORDERS);
  });

  test("weight 0 comes last", () => {
    for (const key of ["a", "b", "c"]) assert.equal(orderByHash(weighted(0, 1), key)[0]?.id, "t1");
  });
});

/** Written down once: a change moves every caller of a running network. */
const STABLE_ORDERS = ["t0 t1 t3 t2", "t3 t0 t1 t2", "t1 t2 t3 t0"];
