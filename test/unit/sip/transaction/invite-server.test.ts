// RFC 3261 §17.2.1 and §17.2.4 with RFC 6026 §7.1 (its §8.5 to §8.8), T1 = 500 ms, T2 = 4 s, T4 = 5 s.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { timersFrom } from "../../../../src/sip/transaction/timer-settings.ts";
import type { ServerEvent } from "../../../../src/sip/transaction/transaction.ts";
import { ERROR, INVITE_SERVER, type Row, run } from "./machine-run.ts";

const INVITE: ServerEvent = { kind: "request" };
const ACK: ServerEvent = { kind: "ack" };
const TICK: ServerEvent = { kind: "tick" };

const proceeding: readonly Row<ServerEvent>[] = [
  {
    name: "§17.2.1 each provisional of the core goes out, and none is repeated by itself",
    events: [
      [0, 100],
      [3_000, 180],
      [90_000, 183],
    ],
    does: ["0 send", "3000 send", "90000 send"],
  },
  {
    name: "§17.2.1 the INVITE again in Proceeding: the last provisional again",
    events: [
      [0, 100],
      [500, INVITE],
      [600, 180],
      [1_500, INVITE],
    ],
    does: ["0 send", "500 send", "600 send", "1500 send"],
  },
  {
    name: "§17.2.1 an ACK or a tick in Proceeding means nothing",
    events: [
      [10, ACK],
      [20, TICK],
    ],
    does: [],
  },
  {
    name: "§17.2.4, RFC 6026 §8.8 a transport error in Proceeding goes up, and the state stays",
    events: [
      [0, 100],
      [10, ERROR],
      [500, INVITE],
      [900, 200],
    ],
    does: ["0 send", "10 transport-error", "500 send", "900 send", "900 > accepted", "32900 > terminated"],
  },
];

const completed: readonly Row<ServerEvent>[] = [
  {
    name: "§17.2.1 UDP, no ACK: eleven responses, waits doubled up to T2 (Timer G), then a time-out (Timer H)",
    events: [[0, 486]],
    does: [
      "0 send",
      "0 > completed",
      ...[500, 1_500, 3_500, 7_500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500].map((at) => `${at} send`),
      "32000 timeout",
      "32000 > terminated",
    ],
  },
  {
    name: "§17.2.1 TCP, no ACK: sent once, Timer H all the same",
    reliable: true,
    events: [[0, 300]],
    does: ["0 send", "0 > completed", "32000 timeout", "32000 > terminated"],
  },
  {
    name: "§17.2.1 the INVITE again in Completed: the final again, Timer G as it ran",
    events: [
      [0, 486],
      [400, INVITE],
      [600, ACK],
    ],
    does: ["0 send", "0 > completed", "400 send", "500 send", "600 > confirmed", "5600 > terminated"],
  },
  {
    name: "§17.2.1 another response handed down in Completed is dropped",
    events: [
      [0, 486],
      [100, 200],
      [200, 180],
      [300, 603],
      [400, ACK],
    ],
    does: ["0 send", "0 > completed", "400 > confirmed", "5400 > terminated"],
  },
  {
    name: "§17.2.1 Timer H and Timer G due at once: no last response goes out",
    timers: { t1Ms: 500, t2Ms: 4_000, t4Ms: 5_000, transactionMs: 1_500, dMs: 32_000 },
    events: [[0, 486]],
    does: ["0 send", "0 > completed", "500 send", "1500 timeout", "1500 > terminated"],
  },
  {
    name: "§17.2.4, RFC 6026 §8.8 a transport error in Completed goes up, the state stays and Timer G goes on",
    events: [
      [0, 486],
      [100, ERROR],
      [600, ACK],
    ],
    does: [
      "0 send",
      "0 > completed",
      "100 transport-error",
      "500 send",
      "600 > confirmed",
      "5600 > terminated",
    ],
  },
  {
    name: "§17.2.1 an early tick in Completed does nothing",
    events: [
      [0, 486],
      [499, TICK],
      [501, ACK],
    ],
    does: ["0 send", "0 > completed", "500 send", "501 > confirmed", "5501 > terminated"],
  },
];

const confirmed: readonly Row<ServerEvent>[] = [
  {
    name: "§17.2.1 UDP: Confirmed for Timer I (T4), in which ACKs, INVITEs and errors are absorbed",
    events: [
      [0, 486],
      [100, ACK],
      [200, ACK],
      [300, INVITE],
      [400, 200],
      [450, ERROR],
    ],
    does: ["0 send", "0 > completed", "100 > confirmed", "5100 > terminated"],
  },
  {
    name: "§17.2.1 TCP: Timer I is zero",
    reliable: true,
    events: [
      [0, 486],
      [100, ACK],
    ],
    does: ["0 send", "0 > completed", "100 > confirmed", "100 > terminated"],
  },
  {
    name: "§17.2.1 Timer I follows T4",
    timers: timersFrom({ t1Ms: 500, t2Ms: 4_000, t4Ms: 1_000 }),
    events: [
      [0, 486],
      [100, ACK],
    ],
    does: ["0 send", "0 > completed", "100 > confirmed", "1100 > terminated"],
  },
];

const accepted: readonly Row<ServerEvent>[] = [
  {
    name: "RFC 6026 §7.1 a 2xx: sent once by us, never repeated by itself, Accepted for Timer L (64*T1)",
    events: [[0, 200]],
    does: ["0 send", "0 > accepted", "32000 > terminated"],
  },
  {
    name: "RFC 6026 §8.7 over TCP Timer L is as long",
    reliable: true,
    events: [[0, 299]],
    does: ["0 send", "0 > accepted", "32000 > terminated"],
  },
  {
    name: "RFC 6026 §7.1 the INVITE again in Accepted is absorbed unanswered",
    events: [
      [0, 200],
      [500, INVITE],
      [31_999, INVITE],
    ],
    does: ["0 send", "0 > accepted", "32000 > terminated"],
  },
  {
    name: "RFC 6026 §7.1 each further 2xx of the core goes out in Accepted; Timer L not longer",
    events: [
      [0, 200],
      [500, 200],
      [1_500, 202],
      [1_600, 100],
      [1_700, 486],
    ],
    does: ["0 send", "0 > accepted", "500 send", "1500 send", "32000 > terminated"],
  },
  {
    name: "RFC 6026 §8.6 an ACK in Accepted is the core's: no state changes",
    events: [
      [0, 200],
      [100, ACK],
    ],
    does: ["0 send", "0 > accepted", "32000 > terminated"],
  },
  {
    name: "§17.2.4, RFC 6026 §7.1 a transport error in Accepted goes up, and the state stays",
    events: [
      [0, 200],
      [100, ERROR],
      [500, 200],
    ],
    does: ["0 send", "0 > accepted", "100 transport-error", "500 send", "32000 > terminated"],
  },
  {
    name: "§17.2.1 terminated: nothing is heard any more",
    events: [
      [0, 200],
      [32_001, 200],
      [32_002, INVITE],
      [32_003, ACK],
      [32_004, ERROR],
      [32_005, TICK],
    ],
    does: ["0 send", "0 > accepted", "32000 > terminated"],
  },
];

for (const [state, rows] of Object.entries({ proceeding, completed, confirmed, accepted })) {
  describe(`INVITE server transaction, ${state}`, () => {
    for (const row of rows) test(row.name, () => assert.deepEqual(run(INVITE_SERVER, row), row.does));
  });
}
