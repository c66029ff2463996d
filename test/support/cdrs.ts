/** CDRs for tests: a whole one, any part of which can be replaced. */
import type { Cdr } from "../../src/calls/cdr.ts";

/** 2026-11-23T09:00:00.000Z */
export const START = Date.UTC(2026, 10, 23, 9);

const CDR: Cdr = {
  id: "5f0c3a9be1d24477",
  node: "edge-a",
  callId: "a84b4c76e66710@192.0.2.1",
  from: "sip:alice@192.0.2.1",
  to: "sip:+15551234567@edge.example",
  requested: "sip:+15551234567@198.51.100.10",
  ingress: "carriers",
  source: "192.0.2.1:5060",
  attempts: [
    { target: "udp:10.1.0.11:5060", status: 503, reason: "", at: START + 2, ms: 31 },
    { target: "udp:10.1.0.12:5060", status: 200, reason: "", at: START + 34, ms: 4_190 },
  ],
  target: "udp:10.1.0.12:5060",
  start: START + 1,
  ringing: START + 121,
  answer: START + 4_224,
  end: START + 64_875,
  durationMs: 60_651,
  status: 200,
  endedBy: "callee",
  reason: 'Q.850;cause=16;text="Normal call clearing"',
};

export function cdr(parts: Partial<Cdr> = {}): Cdr {
  return { ...CDR, ...parts };
}

/** Number `index`, told apart by its id. */
export function numberedCdr(index: number): Cdr {
  return cdr({ id: `cdr-${index}` });
}
