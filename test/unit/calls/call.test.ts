// What a call keeps of what it is told: times as small numbers, attempts as one text.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Call } from "../../../src/calls/call.ts";
import type { CdrAttempt } from "../../../src/calls/cdr.ts";

const STARTED = Date.UTC(2026, 10, 23, 9);
const facts = {
  group: "carriers",
  from: "",
  to: "",
  contact: "",
  routes: "",
  requested: "",
  place: "",
  cseq: 1,
};

function call(): Call {
  return new Call("1@host a1", facts, { startedAt: STARTED, due: () => {} });
}

describe("times of a call", () => {
  const rows = [
    { name: "rangAt", never: 0, told: STARTED + 180, kept: STARTED + 180 },
    { name: "rangAt", never: 0, told: STARTED - 3_600_000, kept: STARTED - 3_600_000 },
    { name: "answeredAt", never: 0, told: STARTED, kept: STARTED },
    { name: "answeredAt", never: 0, told: STARTED + 2 ** 32, kept: STARTED + 2 ** 32 },
    { name: "upSince", never: 0, told: 1_234.9, kept: 1_234 },
    { name: "upSince", never: 0, told: -60_000, kept: -60_000 },
    { name: "sessionEnds", never: Number.POSITIVE_INFINITY, told: 1_800_000.2, kept: 1_800_001 },
    { name: "endsAt", never: Number.POSITIVE_INFINITY, told: 2 ** 32 + 0.5, kept: 2 ** 32 + 1 },
    { name: "unseenAt", never: Number.POSITIVE_INFINITY, told: -1, kept: -1 },
  ] as const;
  for (const { name, never, told, kept } of rows) {
    test(`${name} ${told} is ${kept}, and ${never} before and after`, () => {
      const it = call();
      assert.equal(it[name], never);
      it[name] = told;
      assert.equal(it[name], kept);
      it[name] = never;
      assert.equal(it[name], never);
    });
  }
});

describe("attempts of a call", () => {
  const first = { target: "udp:10.1.0.11:5060", status: 503, reason: "", at: STARTED, ms: 12 };
  const second = {
    target: "tcp:[2001:db8::1]:5060",
    status: 0,
    reason: "set-up time",
    at: STARTED + 12,
    ms: 0,
  };
  const rows: { name: string; attempts: CdrAttempt[] }[] = [
    { name: "none", attempts: [] },
    { name: "one", attempts: [first] },
    { name: "two", attempts: [first, second] },
  ];
  for (const { name, attempts } of rows) {
    test(`${name} are what they were`, () => {
      const it = call();
      it.attempts = attempts;
      assert.deepEqual(it.attempts, attempts);
    });
  }
});
