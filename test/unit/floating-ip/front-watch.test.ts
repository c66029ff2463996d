// Whether the floating IP's network is there.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  type FrontEffect,
  type FrontEvent,
  watchFrom,
  watchStep,
  witnessAnswers,
} from "../../../src/floating-ip/front-watch.ts";
import { judgeHolder } from "../../../src/floating-ip/holder.ts";

const SILENCE_MS = 300;

type At = readonly [at: number, event: "up" | "down" | "answer" | "tick"];

function eventOf(name: At[1]): FrontEvent {
  if (name === "up" || name === "down") return { kind: "carrier", up: name === "up" };
  return { kind: name };
}

function play(events: readonly At[], options = { witnesses: true, carrier: true }) {
  let watch = watchFrom(0, options);
  const effects: [number, FrontEffect][] = [];
  for (const [now, name] of events) {
    const [next, out] = watchStep(watch, eventOf(name), { now, silenceMs: SILENCE_MS });
    watch = next;
    effects.push(...out.map((effect): [number, FrontEffect] => [now, effect]));
  }
  const changes = effects.flatMap(([at, effect]) =>
    effect.kind === "changed"
      ? [`${at} ${effect.front}: ${effect.reason}`]
      : effect.kind === "healed"
        ? [`${at} healed`]
        : [],
  );
  return { watch, changes, asked: effects.filter(([, { kind }]) => kind === "ask").map(([at]) => at) };
}

const ticks = (from: number, to: number): At[] =>
  Array.from({ length: (to - from) / 100 + 1 }, (_, index): At => [from + index * 100, "tick"]);

describe("the front", () => {
  test("is lost when no witness has answered for 300 ms and three questions, and healed by an answer", () => {
    const { changes } = play([[0, "tick"], [1, "answer"], ...ticks(100, 500), [550, "answer"]]);
    assert.deepEqual(changes, [
      "400 lost: no witness has answered for 300 ms",
      "550 ok: a witness answers",
      "550 healed",
    ]);
  });

  test("witnesses are asked each 100 ms", () => {
    assert.deepEqual(
      play([
        [0, "tick"],
        [50, "tick"],
        [100, "tick"],
        [180, "tick"],
        [200, "tick"],
      ]).asked,
      [0, 100, 200],
    );
  });

  test("a process that was frozen has asked nothing: silence counts in questions, too", () => {
    const { changes, watch } = play([
      [0, "tick"],
      [1, "answer"],
      [100, "tick"],
      [10_000, "tick"],
      [10_001, "answer"],
    ]);
    assert.deepEqual(changes, []);
    assert.equal(witnessAnswers(watch, SILENCE_MS, 10_002), true);
  });

  test("witnesses that have never answered are said to be wrong", () => {
    const { changes, watch } = play(ticks(0, 300));
    assert.deepEqual(changes, ["300 lost: no witness has ever answered: is cluster.witnesses right?"]);
    assert.equal(witnessAnswers(watch, SILENCE_MS, 300), false);
  });

  test("without a carrier it is lost at once, and the witnesses get their time again when it is back", () => {
    const { changes } = play([
      [0, "tick"],
      [1, "answer"],
      [100, "down"],
      ...ticks(200, 900),
      [950, "up"],
      ...ticks(1_000, 1_200),
    ]);
    assert.deepEqual(changes, [
      "100 lost: the interface has no carrier",
      "950 ok: a witness answers",
      "950 healed",
    ]);
  });

  test("without witnesses the carrier decides, and nobody is asked", () => {
    const { changes, asked, watch } = play([...ticks(0, 1_000), [1_050, "down"], [1_100, "up"]], {
      witnesses: false,
      carrier: true,
    });
    assert.deepEqual(changes, [
      "1050 lost: the interface has no carrier",
      "1100 ok: the link is up",
      "1100 healed",
    ]);
    assert.deepEqual(asked, []);
    assert.equal(witnessAnswers(watch, SILENCE_MS, 1_100), null);
  });

  test("that begins without a carrier is lost, and says so once it changes", () => {
    assert.equal(play([], { witnesses: false, carrier: false }).watch.front, "lost");
  });
});

describe("who has the address", () => {
  const answered = { kind: "answered", hardware: "02:00:00:00:00:0b", tookMs: 1 } as const;
  const rows = [
    { name: "nobody answers: free", holder: { kind: "unanswered", tookMs: 100 } as const, want: "free" },
    {
      name: "a node of the cluster: no conflict",
      holder: answered,
      peers: ["02:00:00:00:00:0B"],
      want: "peer",
    },
    { name: "somebody else", holder: answered, peers: ["02:00:00:00:00:0c"], want: "foreign" },
    {
      name: "not asked is not silence",
      holder: { kind: "unknown", reason: "no carrier" } as const,
      want: "unknown",
    },
  ];
  for (const { name, holder, peers = [], want } of rows)
    test(name, () => assert.equal(judgeHolder(holder, peers), want));
});
