/** A machine rebuilt from its record, at any moment and on any node, behaves as the original would (DESIGN: replication). */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { timersFrom } from "../../../src/sip/transaction/timer-settings.ts";
import type { ClientEvent, ServerEvent } from "../../../src/sip/transaction/transaction.ts";
import {
  INVITE_CLIENT,
  INVITE_SERVER,
  type Machine,
  NON_INVITE_CLIENT,
  NON_INVITE_SERVER,
} from "../../unit/sip/transaction/machine-run.ts";

const RUNS = { numRuns: 1_000, seed: 6026 };

/** JSON has no Infinity: a record writes a deadline that never comes as null. */
function toRecord(state: object): string {
  return JSON.stringify(state, (_, value: unknown) => (value === Number.POSITIVE_INFINITY ? null : value));
}

function fromRecord<State>(record: string): State {
  return JSON.parse(record, (_, value: unknown) => (value === null ? Number.POSITIVE_INFINITY : value));
}

/** The record as another node reads it: its clock has another origin, so that deadlines travel as time left. */
function moved<State extends object>(state: State, by: number): State {
  const entries = Object.entries(state).map(([key, value]) => [
    key,
    key.startsWith("timer") && typeof value === "number" ? value + by : value,
  ]);
  return Object.fromEntries(entries) as State;
}

const anyStatus = fc.constantFrom(100, 180, 183, 199, 200, 202, 299, 300, 404, 486, 503, 600, 699);
const anyClientEvent: fc.Arbitrary<ClientEvent> = fc.oneof(
  { weight: 3, arbitrary: anyStatus.map((status) => ({ kind: "response" as const, status })) },
  {
    weight: 3,
    arbitrary: fc.constantFrom<ClientEvent>(
      { kind: "tick" },
      { kind: "tick" },
      { kind: "transport-error" },
      { kind: "abandon" },
    ),
  },
);
const anyServerEvent: fc.Arbitrary<ServerEvent> = fc.oneof(
  { weight: 2, arbitrary: anyStatus.map((status) => ({ kind: "respond" as const, status })) },
  {
    weight: 4,
    arbitrary: fc.constantFrom<ServerEvent>(
      { kind: "tick" },
      { kind: "tick" },
      { kind: "transport-error" },
      { kind: "request" },
      { kind: "ack" },
    ),
  },
);

/** Times between events: none, short ones, as long as a timer, far beyond all of them; -1 is "at the next deadline". */
const anyWait = fc.oneof(fc.constantFrom(-1, -1, -1, 0, 500, 5_000, 32_000), fc.nat(4_000), fc.nat(100_000));
const anyTimers = fc
  .tuple(fc.constantFrom(500, 100, 1_000), fc.constantFrom(4_000, 150), fc.constantFrom(5_000, 0))
  .map(([t1Ms, t2Ms, t4Ms]) => timersFrom({ t1Ms, t2Ms, t4Ms }));

interface Subject<State extends { readonly kind: string }, Event> {
  readonly name: string;
  readonly machine: Machine<State, Event>;
  readonly events: fc.Arbitrary<Event>;
  readonly states: readonly string[];
  readonly eventKinds: readonly string[];
}

function prove<State extends { readonly kind: string }, Event extends { readonly kind: string }>({
  name,
  machine,
  events,
  states,
  eventKinds,
}: Subject<State, Event>): void {
  const anyHistory = fc.record({
    reliable: fc.boolean(),
    timers: anyTimers,
    start: fc.nat(1_000_000),
    offset: fc.integer({ min: -900_000, max: 900_000 }),
    steps: fc.array(fc.tuple(anyWait, events), { minLength: 1, maxLength: 14 }),
  });
  const seen = new Set<string>();

  describe(name, () => {
    test("rebuilt before any event, it takes the same steps", () => {
      fc.assert(
        fc.property(anyHistory, ({ reliable, timers, start, steps }) => {
          let state = machine.start(reliable, start, timers);
          let now = start;
          for (const [wait, event] of steps) {
            const deadline = machine.deadline(state);
            now = wait >= 0 ? now + wait : Math.max(now, Number.isFinite(deadline) ? deadline : now);
            seen.add(`${state.kind} ${event.kind}`);
            const record = toRecord(state);
            const rebuilt = fromRecord<State>(record);
            assert.deepEqual(rebuilt, { ...state });
            assert.equal(machine.deadline(rebuilt), deadline);
            const context = { reliable, now, timers };
            const [next, effects] = machine.step(Object.freeze({ ...state }), event, context);
            const [rebuiltNext, rebuiltEffects] = machine.step(rebuilt, event, context);
            assert.deepEqual({ ...rebuiltNext }, { ...next });
            assert.deepEqual(rebuiltEffects, effects);
            assert.equal(toRecord(rebuilt), record, "a step changes no state that it was given");
            state = next;
          }
        }),
        RUNS,
      );
    });

    test("rebuilt once, with deadlines as time left, it ends as the original does", () => {
      fc.assert(
        fc.property(anyHistory, fc.nat(14), ({ reliable, timers, start, offset, steps }, cut) => {
          let original = machine.start(reliable, start, timers);
          let copy: State | null = null;
          let now = start;
          steps.forEach(([wait, event], index) => {
            const deadline = machine.deadline(original);
            now = wait >= 0 ? now + wait : Math.max(now, Number.isFinite(deadline) ? deadline : now);
            if (index === cut % steps.length) copy = moved(fromRecord<State>(toRecord(original)), offset);
            const [next, effects] = machine.step(original, event, { reliable, now, timers });
            original = next;
            if (copy === null) return;
            const there = { reliable, now: now + offset, timers };
            const [copyNext, copyEffects]: readonly [State, readonly string[]] = machine.step(
              copy,
              event,
              there,
            );
            assert.deepEqual(copyEffects, effects);
            assert.deepEqual({ ...copyNext }, moved(next, offset));
            assert.equal(machine.deadline(copyNext), machine.deadline(next) + offset);
            copy = copyNext;
          });
        }),
        RUNS,
      );
    });

    test("these histories met every event in every state", () => {
      const all = states.flatMap((state) => eventKinds.map((event) => `${state} ${event}`));
      assert.deepEqual([...seen].sort(), all.sort());
    });

    test("driven by its own deadlines it comes to rest: no deadline lies in the past after its tick", () => {
      fc.assert(
        fc.property(anyHistory, ({ reliable, timers, start, steps }) => {
          let state = machine.start(reliable, start, timers);
          let now = start;
          for (const [wait, event] of steps) {
            now += Math.max(0, wait);
            [state] = machine.step(state, event, { reliable, now, timers });
          }
          for (let ticks = 0; machine.deadline(state) < Number.POSITIVE_INFINITY; ticks++) {
            assert.ok(ticks < 700, `still ticking: ${toRecord(state)}`);
            now = Math.max(now, machine.deadline(state));
            [state] = machine.step(state, machine.tick, { reliable, now, timers });
            assert.ok(machine.deadline(state) > now || state.kind === "terminated");
          }
        }),
        { ...RUNS, numRuns: 500 },
      );
    });
  });
}

const CLIENT_EVENTS = ["response", "tick", "transport-error", "abandon"];
const SERVER_EVENTS = ["request", "ack", "respond", "tick", "transport-error"];

prove({
  name: "INVITE client transaction",
  machine: INVITE_CLIENT,
  events: anyClientEvent,
  states: ["calling", "proceeding", "completed", "accepted", "terminated"],
  eventKinds: CLIENT_EVENTS,
});
prove({
  name: "non-INVITE client transaction",
  machine: NON_INVITE_CLIENT,
  events: anyClientEvent,
  states: ["trying", "proceeding", "completed", "terminated"],
  eventKinds: CLIENT_EVENTS,
});
prove({
  name: "INVITE server transaction",
  machine: INVITE_SERVER,
  events: anyServerEvent,
  states: ["proceeding", "completed", "confirmed", "accepted", "terminated"],
  eventKinds: SERVER_EVENTS,
});
prove({
  name: "non-INVITE server transaction",
  machine: NON_INVITE_SERVER,
  events: anyServerEvent,
  states: ["trying", "proceeding", "completed", "terminated"],
  eventKinds: SERVER_EVENTS,
});
