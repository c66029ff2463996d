/** A call table for tests: accounts are collected, the wall clock follows the wheel's origin. */

import type { Call, CallDialog } from "../../src/calls/call.ts";
import { CallTable } from "../../src/calls/call-table.ts";
import type { Cdr } from "../../src/calls/cdr.ts";
import type { TimerWheel } from "../../src/sip/timer/timer-wheel.ts";

/** @param parts what differs from a table without limits and with half a day for a call */
export function callTable(
  wheel: TimerWheel,
  cdrs: Cdr[],
  parts: {
    wall?: () => number;
    now?: () => number;
    maxDurationMs?: number;
    hangUp?: (dialog: CallDialog) => void;
    changed?: (call: Call) => void;
    settled?: (call: Call) => void;
  } = {},
): CallTable {
  return new CallTable({
    wheel,
    wall: parts.wall ?? (() => 0),
    now: parts.now ?? (() => 0),
    node: "test",
    maxDurationMs: parts.maxDurationMs ?? 12 * 3_600_000,
    write: (cdr, call) => {
      cdrs.push(cdr);
      parts.settled?.(call);
    },
    changed: parts.changed ?? (() => {}),
    hangUp: parts.hangUp ?? (() => {}),
  });
}
