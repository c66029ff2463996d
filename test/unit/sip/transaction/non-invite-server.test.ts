// RFC 3261 §17.2.2 and §17.2.4, T1 = 500 ms.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { ServerEvent } from "../../../../src/sip/transaction/transaction.ts";
import { ERROR, NON_INVITE_SERVER, type Row, run } from "./machine-run.ts";

const REQUEST: ServerEvent = { kind: "request" };
const ACK: ServerEvent = { kind: "ack" };
const TICK: ServerEvent = { kind: "tick" };

const rows: readonly Row<ServerEvent>[] = [
  {
    name: "§17.2.2 in Trying the request again is dropped, however long the core takes",
    events: [
      [500, REQUEST],
      [90_000, REQUEST],
    ],
    does: [],
  },
  {
    name: "§17.2.2 a provisional in Trying goes out; then the request again gets it again",
    events: [
      [100, 100],
      [500, REQUEST],
      [600, 183],
      [1_500, REQUEST],
    ],
    does: ["100 send", "100 > proceeding", "500 send", "600 send", "1500 send"],
  },
  {
    name: "§17.2.2 a final in Trying: Completed for Timer J (64*T1) over UDP",
    events: [[100, 200]],
    does: ["100 send", "100 > completed", "32100 > terminated"],
  },
  {
    name: "§17.2.2 a final in Proceeding: the same",
    events: [
      [100, 100],
      [200, 404],
    ],
    does: ["100 send", "100 > proceeding", "200 send", "200 > completed", "32200 > terminated"],
  },
  {
    name: "§17.2.2 TCP: Timer J is zero",
    reliable: true,
    events: [[100, 200]],
    does: ["100 send", "100 > completed", "100 > terminated"],
  },
  {
    name: "§17.2.2 the request again in Completed: the final again, Timer J not longer",
    events: [
      [100, 200],
      [600, REQUEST],
      [32_099, REQUEST],
      [32_101, REQUEST],
    ],
    does: ["100 send", "100 > completed", "600 send", "32099 send", "32100 > terminated"],
  },
  {
    name: "§17.2.2 another final handed down in Completed is dropped",
    events: [
      [100, 200],
      [200, 503],
      [300, 100],
      [400, ACK],
      [500, TICK],
    ],
    does: ["100 send", "100 > completed", "32100 > terminated"],
  },
  {
    name: "§17.2.2 nothing is repeated by itself: the client does that",
    events: [[100, 100]],
    does: ["100 send", "100 > proceeding"],
  },
  {
    name: "§17.2.4 a transport error in Trying goes up and ends it (figure 8)",
    events: [
      [100, ERROR],
      [200, 200],
      [300, REQUEST],
    ],
    does: ["100 transport-error", "100 > terminated"],
  },
  {
    name: "§17.2.4 a transport error in Proceeding goes up and ends it (figure 8)",
    events: [
      [100, 100],
      [200, ERROR],
    ],
    does: ["100 send", "100 > proceeding", "200 transport-error", "200 > terminated"],
  },
  {
    name: "§17.2.4 a transport error in Completed goes up and ends it (figure 8)",
    events: [
      [100, 200],
      [200, ERROR],
    ],
    does: ["100 send", "100 > completed", "200 transport-error", "200 > terminated"],
  },
];

describe("non-INVITE server transaction", () => {
  for (const row of rows) test(row.name, () => assert.deepEqual(run(NON_INVITE_SERVER, row), row.does));
});
