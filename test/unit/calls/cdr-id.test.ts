// CDRs of one Call-ID: an INVITE that is challenged (407) and the one that follows have Call-ID and tag in common (RFC 3261 §22.2).
import assert from "node:assert/strict";
import { test } from "node:test";
import { CallTable } from "../../../src/calls/call-table.ts";
import type { Cdr } from "../../../src/calls/cdr.ts";
import { TimerWheel } from "../../../src/sip/timer/timer-wheel.ts";

const FACTS = {
  group: "carriers",
  from: "<sip:alice@192.0.2.1>;tag=a1",
  to: "<sip:bob@edge.example>",
  contact: "<sip:alice@192.0.2.1>",
  routes: "",
  requested: "sip:bob@edge.example",
  place: "udp:192.0.2.1:5060",
};

test("a challenged INVITE and the one that follows have ids of their own; else the call would be dropped as a double", () => {
  const cdrs: Cdr[] = [];
  const table = new CallTable({
    wheel: new TimerWheel(0, 10),
    wall: () => 0,
    now: () => 0,
    node: "edge-a",
    maxDurationMs: 1_000,
    write: (cdr) => cdrs.push(cdr),
    hangUp: () => {},
  });
  table.began("call a1", { ...FACTS, cseq: 1 }, 0);
  table.failed("call a1", { status: 407, by: "refused", reason: "" });
  table.began("call a1", { ...FACTS, cseq: 2 }, 0);
  table.failed("call a1", { status: 486, by: "refused", reason: "" });
  assert.equal(new Set(cdrs.map(({ id }) => id)).size, 2);
});
