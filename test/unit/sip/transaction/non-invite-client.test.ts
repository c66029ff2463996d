// RFC 3261 §17.1.2, T1 = 500 ms, T2 = 4 s, T4 = 5 s.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { timersFrom } from "../../../../src/sip/transaction/timer-settings.ts";
import type { ClientEvent } from "../../../../src/sip/transaction/transaction.ts";
import { ERROR, NON_INVITE_CLIENT, type Row, run } from "./machine-run.ts";

const sends = (...times: number[]): string[] => times.map((at) => `${at} send`);

const rows: readonly Row<ClientEvent>[] = [
  {
    name: "§17.1.2.1 UDP, silence: eleven requests, waits doubled up to T2 (Timer E), then a time-out (Timer F)",
    events: [],
    does: [
      ...sends(500, 1_500, 3_500, 7_500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500),
      "32000 timeout",
      "32000 > terminated",
    ],
  },
  {
    name: "§17.1.2.2 TCP, silence: nothing is repeated, Timer F runs all the same",
    reliable: true,
    events: [],
    does: ["32000 timeout", "32000 > terminated"],
  },
  {
    name: "§17.1.2.2 T2 below T1 doubled: the wait is T2",
    timers: timersFrom({ t1Ms: 100, t2Ms: 150, t4Ms: 50 }),
    events: [[701, 200]],
    does: [...sends(100, 250, 400, 550, 700), "701 deliver", "701 > completed", "751 > terminated"],
  },
  {
    name: "§17.1.2.2 a provisional in Trying goes up; Timer E as it runs, then T2 each time; Timer F goes on",
    events: [[600, 100]],
    does: [
      "500 send",
      "600 deliver",
      "600 > proceeding",
      ...sends(1_500, 5_500, 9_500, 13_500, 17_500, 21_500, 25_500, 29_500),
      "32000 timeout",
      "32000 > terminated",
    ],
  },
  {
    name: "§17.1.2.2 each further provisional in Proceeding goes up, and moves no timer",
    events: [
      [100, 100],
      [200, 183],
      [700, 200],
    ],
    does: [
      "100 deliver",
      "100 > proceeding",
      "200 deliver",
      "500 send",
      "700 deliver",
      "700 > completed",
      "5700 > terminated",
    ],
  },
  {
    name: "§17.1.2.2 TCP, a provisional: still nothing is repeated",
    reliable: true,
    events: [[100, 100]],
    does: ["100 deliver", "100 > proceeding", "32000 timeout", "32000 > terminated"],
  },
  {
    name: "§17.1.2.2 UDP, 200 at 600 ms: Completed for Timer K (T4)",
    events: [[600, 200]],
    does: ["500 send", "600 deliver", "600 > completed", "5600 > terminated"],
  },
  {
    name: "§17.1.2.2 TCP: Timer K is zero",
    reliable: true,
    events: [[600, 404]],
    does: ["600 deliver", "600 > completed", "600 > terminated"],
  },
  {
    name: "§17.1.2.2 in Completed all is absorbed: responses, errors, what the proxy no longer wants",
    events: [
      [600, 200],
      [700, 200],
      [800, 100],
      [900, ERROR],
      [950, { kind: "abandon" }],
    ],
    does: ["500 send", "600 deliver", "600 > completed", "5600 > terminated"],
  },
  {
    name: "§17.1.2.2 Timer F and Timer E due at once: no last request goes out",
    timers: { t1Ms: 500, t2Ms: 4_000, t4Ms: 5_000, transactionMs: 1_500, dMs: 32_000 },
    events: [],
    does: ["500 send", "1500 timeout", "1500 > terminated"],
  },
  {
    name: "§17.1.4 a transport error in Trying goes up and ends it",
    events: [
      [100, ERROR],
      [200, 200],
    ],
    does: ["100 transport-error", "100 > terminated"],
  },
  {
    name: "§17.1.4 a transport error in Proceeding goes up and ends it",
    events: [
      [100, 100],
      [200, ERROR],
    ],
    does: ["100 deliver", "100 > proceeding", "200 transport-error", "200 > terminated"],
  },
  {
    name: "§17.1.2 no longer wanted (ours): ended without a word, as there is no CANCEL for it (§9.1)",
    events: [
      [100, { kind: "abandon" }],
      [200, 200],
    ],
    does: ["100 > terminated"],
  },
];

describe("non-INVITE client transaction", () => {
  for (const row of rows) test(row.name, () => assert.deepEqual(run(NON_INVITE_CLIENT, row), row.does));
});
