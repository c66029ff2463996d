// An entry of the history as the tests have it: a node that serves since a moment ago.
import type { HistoryEntry } from "../../../../src/node/cluster/history.ts";

export const SERVES: HistoryEntry = {
  at: "2026-11-26T07:00:00.000Z",
  node: "edge-b",
  boot: "boot-b",
  role: "active",
  epoch: 6,
  what: "takeover",
  row: null,
  reason: "edge-a resigned and its address is gone: taking over",
  seen: {
    paths: [],
    lease: "edge-a in epoch 5, 3 reads over 200 ms",
    redis: "ok",
    probe: null,
    witnessMs: null,
    front: "ok",
    notReady: null,
  },
  phases: { lease: 1, total: 20 },
};
