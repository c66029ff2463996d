// What a renewal may do, by the time since the kernel was last told.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { renewalStep } from "../../../src/floating-ip/tenure.ts";

const LIFETIME_MS = 1_000;

describe("a renewal, lifetime 1 s", () => {
  const rows = [
    {
      name: "189 ms after the last: early",
      writtenAt: 0,
      confirmedAt: 0,
      waitingSince: null,
      now: 189,
      want: "early",
    },
    {
      name: "190 ms after: written",
      writtenAt: 0,
      confirmedAt: 0,
      waitingSince: null,
      now: 190,
      want: "write",
    },
    {
      name: "999 ms after: written, the address is there still",
      writtenAt: 0,
      confirmedAt: 0,
      waitingSince: null,
      now: 999,
      want: "write",
    },
    {
      name: "1,000 ms after: a write might bring it back",
      writtenAt: 0,
      confirmedAt: 0,
      waitingSince: null,
      now: 1_000,
      want: "lapse",
    },
    {
      name: "written since, but never confirmed: counts from the confirmed one",
      writtenAt: 900,
      confirmedAt: 0,
      waitingSince: 900,
      now: 1_000,
      want: "lapse",
    },
    {
      name: "no answer for 399 ms: patience",
      writtenAt: 600,
      confirmedAt: 400,
      waitingSince: 600,
      now: 999,
      want: "write",
    },
    {
      name: "no answer for 400 ms: stuck",
      writtenAt: 600,
      confirmedAt: 400,
      waitingSince: 600,
      now: 1_000,
      want: "stuck",
    },
  ] as const;
  for (const { name, now, waitingSince, want, ...tenure } of rows)
    test(name, () => assert.equal(renewalStep(tenure, LIFETIME_MS, { now, waitingSince }), want));
});
