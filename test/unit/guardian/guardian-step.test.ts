// What the guardian does, event by event.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import {
  type GuardianEvent,
  type GuardianState,
  guardFrom,
  guardStep,
} from "../../../src/guardian/guardian-step.ts";

const LIMITS = { silentMs: 500, idleSilentMs: 2_000, startMs: 10_000, stopMs: 5_000 };

type At = readonly [now: number, event: GuardianEvent];

const beat = (now: number, holds = false, ready = true): At => [now, { kind: "beat", holds, ready }];
const tick = (now: number): At => [now, { kind: "tick" }];
const exited = (now: number, signal: string | null = "SIGKILL", code: number | null = null): At => [
  now,
  { kind: "exited", code, signal },
];
const cleared = (now: number, confirmed = true): At => [
  now,
  { kind: "cleared", confirmed, reason: "read back" },
];
const stop = (now: number): At => [now, { kind: "stop", signal: "SIGTERM" }];
const ticks = (from: number, to: number): At[] =>
  Array.from({ length: Math.floor((to - from) / 50) + 1 }, (_, index) => tick(from + index * 50));

/** Effects with their times, without what is said. */
function play(events: readonly At[]): { state: GuardianState; did: string[]; said: string[] } {
  let [state, effects] = guardFrom(0);
  const did: string[] = [];
  const said: string[] = [];
  const note = (now: number): void => {
    for (const effect of effects) {
      if (effect.kind === "say") said.push(`${now} ${effect.reason}`);
      else if (effect.kind === "resign") did.push(`${now} resign ${effect.confirmed}`);
      else if (effect.kind === "end") did.push(`${now} end ${effect.code}`);
      else did.push(`${now} ${effect.kind}`);
    }
  };
  note(0);
  for (const [now, event] of events) {
    [state, effects] = guardStep(state, event, { now, limits: LIMITS });
    note(now);
  }
  return { state, did, said };
}

describe("the guardian", () => {
  const rows: { name: string; events: readonly At[]; did: readonly string[] }[] = [
    {
      name: "starts an engine, and says once that it is ready",
      events: [beat(100, false, false), beat(150), beat(200)],
      did: ["0 start", "150 ready"],
    },
    {
      name: "an engine that dies holding the address: its group killed, the address removed, the cluster told, the engine started again",
      events: [beat(100, true), exited(1_000), cleared(1_010), tick(1_199), tick(1_200)],
      did: ["0 start", "100 ready", "1000 kill", "1000 clear", "1010 resign true", "1200 start"],
    },
    {
      name: "an address that is not confirmed gone is said so",
      events: [beat(100, true), exited(1_000), cleared(1_900, false)],
      did: ["0 start", "100 ready", "1000 kill", "1000 clear", "1900 resign false"],
    },
    {
      name: "a standby that dies: nothing to remove, nobody to tell",
      events: [beat(100), exited(1_000), tick(1_200)],
      did: ["0 start", "100 ready", "1000 kill", "1200 start"],
    },
    {
      name: "an engine that has served ends in order, and is started as a standby at once, however often",
      events: [
        beat(100),
        exited(1_000, null, 0),
        tick(1_050),
        beat(1_500),
        exited(2_000, null, 0),
        tick(2_050),
      ],
      did: ["0 start", "100 ready", "1000 kill", "1050 start", "2000 kill", "2050 start"],
    },
    {
      name: "an engine whose loop is silent is killed",
      events: [beat(100, true), ...ticks(100, 700), exited(702), cleared(710)],
      did: ["0 start", "100 ready", "600 kill", "702 kill", "702 clear", "710 resign true"],
    },
    {
      name: "one that does not hold the address has longer: on a busy machine it starts slowly",
      events: [beat(100), ...ticks(100, 2_050), beat(2_060), ...ticks(2_060, 4_150), exited(4_151)],
      did: ["0 start", "100 ready", "4060 kill", "4151 kill"],
    },
    {
      name: "silence below the limit, and a beat: nothing",
      events: [beat(100, true), ...ticks(100, 550), beat(551, true), ...ticks(600, 1_000)],
      did: ["0 start", "100 ready"],
    },
    {
      name: "a machine that was held up for 5 s has not seen the engine silent for so long",
      events: [beat(100, true), tick(110), tick(5_110), beat(5_111, true)],
      did: ["0 start", "100 ready"],
    },
    {
      name: "an engine that never begins is killed after its time",
      events: [tick(9_999), tick(10_000), exited(10_001)],
      did: ["0 start", "10000 kill", "10001 kill", "10001 end 1"],
    },
    {
      name: "an engine that ends before any was ready ends the guardian with its code: a wrong configuration is no reason to go on",
      events: [exited(300, null, 2)],
      did: ["0 start", "300 kill", "300 end 2"],
    },
    {
      name: "told to stop: the engine is, and its code is the guardian's",
      events: [beat(100), stop(500), exited(900, null, 0)],
      did: ["0 start", "100 ready", "500 stopping", "500 forward", "900 kill", "900 end 0"],
    },
    {
      name: "told to stop before it listens for the signal: that is a stop, too",
      events: [stop(50), exited(60, "SIGTERM")],
      did: ["0 start", "50 stopping", "50 forward", "60 kill", "60 end 0"],
    },
    {
      name: "a second signal is forwarded, too",
      events: [beat(100), stop(500), stop(600)],
      did: ["0 start", "100 ready", "500 stopping", "500 forward", "600 forward"],
    },
    {
      name: "told to stop, and it beats but does not end: killed after its time, address removed, cluster told, end",
      events: [
        beat(100, true),
        stop(500),
        ...[1, 2, 3, 4, 5].flatMap((s) => [beat(s * 1_000, true), tick(s * 1_000)]),
        tick(5_500),
        exited(5_501),
        cleared(5_505),
      ],
      did: [
        "0 start",
        "100 ready",
        "500 stopping",
        "500 forward",
        "5500 kill",
        "5501 kill",
        "5501 clear",
        "5505 resign true",
        "5505 end 1",
      ],
    },
    {
      name: "told to stop while no engine runs: ends at once",
      events: [beat(100), exited(1_000), stop(1_100)],
      did: ["0 start", "100 ready", "1000 kill", "1100 stopping", "1100 end 0"],
    },
    {
      name: "told to stop while the address is removed: that is finished and told first",
      events: [beat(100, true), exited(1_000), stop(1_001), cleared(1_010)],
      did: [
        "0 start",
        "100 ready",
        "1000 kill",
        "1000 clear",
        "1001 stopping",
        "1010 resign true",
        "1010 end 1",
      ],
    },
    {
      name: "the last beat in the pipe of a killed engine counts: it was about to add the address",
      events: [beat(100), ...ticks(100, 2_100), beat(2_101, true), exited(2_102)],
      did: ["0 start", "100 ready", "2100 kill", "2102 kill", "2102 clear"],
    },
    {
      name: "what comes when it can't be is ignored",
      events: [cleared(10), beat(100), exited(1_000), exited(1_001), beat(1_002, true), cleared(1_003)],
      did: ["0 start", "100 ready", "1000 kill"],
    },
  ];
  for (const { name, events, did } of rows) test(name, () => assert.deepEqual(play(events).did, did));

  test("restarts back off from 200 ms to 10 s, and anew after a minute that went well", () => {
    let [state] = guardFrom(0);
    let now = 0;
    const feed = (event: GuardianEvent) => {
      const [next, effects] = guardStep(state, event, { now, limits: LIMITS });
      state = next;
      return effects;
    };
    const waits: number[] = [];
    for (const livedMs of [10, 10, 10, 10, 10, 10, 10, 10, 59_999, 60_000, 10]) {
      feed({ kind: "beat", holds: false, ready: true });
      now += livedMs;
      feed({ kind: "exited", code: 1, signal: null });
      const from = now;
      while (!feed({ kind: "tick" }).some(({ kind }) => kind === "start")) now += 50;
      waits.push(now - from);
    }
    assert.deepEqual(waits, [200, 400, 800, 1_600, 3_200, 6_400, 10_000, 10_000, 10_000, 200, 400]);
  });

  test("each decision has its reason", () => {
    const { said } = play([beat(100, true), ...ticks(100, 600), exited(602), cleared(610, false)]);
    assert.deepEqual(said, [
      "600 the engine's loop has been silent for 500 ms: it is killed",
      "602 the engine has ended by SIGKILL",
      "610 the address may still be here: read back; the cluster waits for its lifetime",
    ]);
  });
});

const anyEvent: fc.Arbitrary<GuardianEvent> = fc.oneof(
  fc.record({ kind: fc.constant("beat" as const), holds: fc.boolean(), ready: fc.boolean() }),
  fc.constant({ kind: "tick" as const }),
  fc.record({
    kind: fc.constant("exited" as const),
    code: fc.constantFrom(0, 1, null),
    signal: fc.constantFrom("SIGKILL", null),
  }),
  fc.record({ kind: fc.constant("cleared" as const), confirmed: fc.boolean(), reason: fc.constant("") }),
  fc.constant({ kind: "stop" as const, signal: "SIGTERM" as const }),
);

describe("whatever happens", () => {
  test("there is one engine at most, a resignation follows a removal, and after the end nothing is done", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(3_000), anyEvent), { maxLength: 60 }), (events) => {
        let [state, effects] = guardFrom(0);
        let now = 0;
        let [running, clearing, ended] = [0, 0, false];
        const check = (event: GuardianEvent | null): void => {
          if (event?.kind === "exited" && effects.some(({ kind }) => kind === "kill")) running--;
          for (const { kind } of effects) {
            assert.equal(ended, false);
            if (kind === "start") running++;
            if (kind === "clear") clearing++;
            if (kind === "resign") clearing--;
            if (kind === "end") ended = true;
          }
          assert.ok(running === 0 || running === 1);
          assert.ok(clearing === 0 || clearing === 1);
        };
        check(null);
        for (const [afterMs, event] of events) {
          now += afterMs;
          [state, effects] = guardStep(state, event, { now, limits: LIMITS });
          check(event);
        }
      }),
    );
  });
});
