// RFC 3261 §17.1.1 with RFC 6026 §7.2 (its §8.4 rewrites §17.1.1.2), T1 = 500 ms.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { timersFrom } from "../../../../src/sip/transaction/timer-settings.ts";
import type { ClientEvent } from "../../../../src/sip/transaction/transaction.ts";
import { ERROR, INVITE_CLIENT, type Row, run } from "./machine-run.ts";

const ABANDON: ClientEvent = { kind: "abandon" };
const SIX_REPEATS = ["500 send", "1500 send", "3500 send", "7500 send", "15500 send", "31500 send"];

const calling: readonly Row<ClientEvent>[] = [
  {
    name: "§17.1.1.1 UDP, silence: seven requests in all, each wait twice the last (Timer A), then a time-out (Timer B)",
    events: [],
    does: [...SIX_REPEATS, "32000 timeout", "32000 > terminated"],
  },
  {
    name: "§17.1.1.2 the waits grow past T2: it does not bound Timer A",
    events: [],
    timers: timersFrom({ t1Ms: 100, t2Ms: 200, t4Ms: 5_000 }),
    does: [
      "100 send",
      "300 send",
      "700 send",
      "1500 send",
      "3100 send",
      "6300 send",
      "6400 timeout",
      "6400 > terminated",
    ],
  },
  {
    name: "§17.1.1.2 an early tick does nothing",
    events: [
      [499, { kind: "tick" }],
      [600, ERROR],
    ],
    does: ["500 send", "600 transport-error", "600 > terminated"],
  },
  {
    name: "§17.1.1.2 TCP, silence: nothing is repeated, Timer B runs all the same",
    reliable: true,
    events: [],
    does: ["32000 timeout", "32000 > terminated"],
  },
  {
    name: "§17.1.1.2 a provisional in Calling goes up, ends Timers A and B, and waits without end",
    events: [[700, 100]],
    does: ["500 send", "700 deliver", "700 > proceeding"],
  },
  {
    name: "§17.1.1.2 Timer B and Timer A due at once: no last request goes out",
    timers: { t1Ms: 500, t2Ms: 4_000, t4Ms: 5_000, transactionMs: 1_500, dMs: 32_000 },
    events: [],
    does: ["500 send", "1500 timeout", "1500 > terminated"],
  },
  {
    name: "§17.1.4 a transport error in Calling goes up and ends it",
    events: [[600, ERROR]],
    does: ["500 send", "600 transport-error", "600 > terminated"],
  },
  {
    name: "§17.1.1.2 terminated: nothing is heard any more",
    events: [
      [10, ERROR],
      [20, 200],
      [30, 486],
      [40, ABANDON],
      [50, ERROR],
    ],
    does: ["10 transport-error", "10 > terminated"],
  },
];

const abandoned: readonly Row<ClientEvent>[] = [
  {
    name: "§17.1.1.2 abandoned in Calling (ours): repeated no more, kept until Timer B",
    events: [[600, ABANDON]],
    does: ["500 send", "32000 timeout", "32000 > terminated"],
  },
  {
    name: "§17.1.1.2 abandoned, then a provisional: it goes up, so that the CANCEL may leave (§9.1)",
    events: [
      [600, ABANDON],
      [900, 180],
      [950, 487],
    ],
    does: [
      "500 send",
      "900 deliver",
      "900 > proceeding",
      "950 ack",
      "950 deliver",
      "950 > completed",
      "32950 > terminated",
    ],
  },
  {
    name: "§17.1.1.2 abandoned, then a late 200: it goes up, to be ended",
    events: [
      [600, ABANDON],
      [900, 200],
    ],
    does: ["500 send", "900 deliver", "900 > accepted", "32900 > terminated"],
  },
  {
    name: "§17.1.1.2 abandoned once a provisional came: nothing changes, the CANCEL is another transaction",
    events: [
      [100, 180],
      [200, ABANDON],
      [300, { kind: "tick" }],
    ],
    does: ["100 deliver", "100 > proceeding"],
  },
];

const proceeding: readonly Row<ClientEvent>[] = [
  {
    name: "§17.1.1.2 every further provisional in Proceeding goes up",
    events: [
      [100, 100],
      [200, 180],
      [300, 180],
      [60_000, 183],
    ],
    does: ["100 deliver", "100 > proceeding", "200 deliver", "300 deliver", "60000 deliver"],
  },
  {
    name: "§17.1.4 a transport error in Proceeding is another transaction's: nothing was sent here",
    events: [
      [100, 180],
      [200, ERROR],
      [300, 200],
    ],
    does: ["100 deliver", "100 > proceeding", "300 deliver", "300 > accepted", "32300 > terminated"],
  },
];

const completed: readonly Row<ClientEvent>[] = [
  {
    name: "§17.1.1.2 a non-2xx in Calling: ACK and up; UDP keeps it for Timer D (32 s)",
    events: [[100, 486]],
    does: ["100 ack", "100 deliver", "100 > completed", "32100 > terminated"],
  },
  {
    name: "§17.1.1.2 a non-2xx in Proceeding: the same",
    events: [
      [100, 180],
      [200, 300],
    ],
    does: [
      "100 deliver",
      "100 > proceeding",
      "200 ack",
      "200 deliver",
      "200 > completed",
      "32200 > terminated",
    ],
  },
  {
    name: "§17.1.1.2 TCP: ACK all the same, and Timer D is zero",
    reliable: true,
    events: [[100, 699]],
    does: ["100 ack", "100 deliver", "100 > completed", "100 > terminated"],
  },
  {
    name: "§17.1.1.2 Timer D is 32 s at least, however short T1",
    timers: timersFrom({ t1Ms: 10, t2Ms: 40, t4Ms: 50 }),
    events: [[5, 486]],
    does: ["5 ack", "5 deliver", "5 > completed", "32005 > terminated"],
  },
  {
    name: "§17.1.1.2 the final repeated in Completed: ACK again, not up again, Timer D not longer",
    events: [
      [100, 486],
      [600, 486],
      [1_600, 503],
    ],
    does: ["100 ack", "100 deliver", "100 > completed", "600 ack", "1600 ack", "32100 > terminated"],
  },
  {
    name: "§17.1.1.2 a provisional or 2xx in Completed is dropped",
    events: [
      [100, 486],
      [200, 180],
      [300, 200],
    ],
    does: ["100 ack", "100 deliver", "100 > completed", "32100 > terminated"],
  },
  {
    name: "§17.1.4 the ACK could not leave: ended; nothing goes up after a final response (a SHOULD we do not follow)",
    events: [
      [100, 486],
      [120, ERROR],
      [200, 486],
    ],
    does: ["100 ack", "100 deliver", "100 > completed", "120 > terminated"],
  },
];

const accepted: readonly Row<ClientEvent>[] = [
  {
    name: "RFC 6026 §7.2 a 2xx in Calling: up, no ACK of ours, Accepted for Timer M (64*T1)",
    events: [[100, 200]],
    does: ["100 deliver", "100 > accepted", "32100 > terminated"],
  },
  {
    name: "RFC 6026 §8.4 a 2xx in Proceeding: the same, over TCP too",
    reliable: true,
    events: [
      [100, 180],
      [200, 299],
    ],
    does: ["100 deliver", "100 > proceeding", "200 deliver", "200 > accepted", "32200 > terminated"],
  },
  {
    name: "RFC 6026 §7.2 each further 2xx in Accepted goes up: repeated, or of another fork; Timer M not longer",
    events: [
      [100, 200],
      [600, 200],
      [32_099, 200],
      [32_101, 200],
    ],
    does: ["100 deliver", "100 > accepted", "600 deliver", "32099 deliver", "32100 > terminated"],
  },
  {
    name: "RFC 6026 §8.4 in Accepted provisionals, non-2xx finals and transport errors are dropped",
    events: [
      [100, 200],
      [200, 180],
      [300, 486],
      [400, ERROR],
      [500, ABANDON],
    ],
    does: ["100 deliver", "100 > accepted", "32100 > terminated"],
  },
];

for (const [state, rows] of Object.entries({ calling, abandoned, proceeding, completed, accepted })) {
  describe(`INVITE client transaction, ${state}`, () => {
    for (const row of rows) test(row.name, () => assert.deepEqual(run(INVITE_CLIENT, row), row.does));
  });
}
