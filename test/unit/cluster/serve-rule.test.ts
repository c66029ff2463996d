// The active node's own right to serve (docs/takeover.md, "The lease").
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  type ServeEvidence,
  type ServeVerdict,
  type StandbyWord,
  serveRule,
} from "../../../src/cluster/serve-rule.ts";
import type { ClusterSettings } from "../../../src/cluster/settings.ts";
import { settings, THREE } from "./example.ts";

const NEVER = Number.NEGATIVE_INFINITY;
const heard: StandbyWord = { echoedAt: 10_000, alive: true, redis: "ok", leftCleanly: false };
const silent: StandbyWord = { echoedAt: 9_000, alive: false, redis: "ok", leftCleanly: false };

/** At 10,300: the last renewal was sent at 10,000 and counts until 10,350. */
function seen(changes: Partial<ServeEvidence>): ServeEvidence {
  return {
    now: 10_300,
    renewedAt: 10_000,
    redis: "ok",
    standbys: [silent],
    witnessAt: NEVER,
    aloneAt: NEVER,
    front: "ok",
    tookAlone: false,
    higherEpoch: 0,
    leaseTaken: false,
    exchangesFrom: NEVER,
    soleAt: NEVER,
    guardianLost: false,
    askedBy: null,
    conflict: false,
    ...changes,
  };
}

interface Case {
  readonly name: string;
  readonly seen: Partial<ServeEvidence>;
  readonly set?: Partial<ClusterSettings>;
  readonly action: ServeVerdict["action"];
  readonly until?: number;
}

const noRenewal = { renewedAt: NEVER, redis: "lost" } as const;
const without = { ...silent, redis: "lost" } as const;
/** Its witness answered after the jump, and nothing since has shown that nobody else serves. */
const jumpedAlone = {
  ...noRenewal,
  ...{ standbys: [without], witnessAt: 10_250, aloneAt: 10_250 },
  ...{ exchangesFrom: 10_200, soleAt: 10_199 },
} as const;

const rows: readonly Case[] = [
  {
    name: "a renewal counts from when it was sent, + ttl - margin",
    seen: {},
    action: "serve",
    until: 10_350,
  },
  { name: "one millisecond before that", seen: { now: 10_349 }, action: "serve", until: 10_350 },
  { name: "not at that moment any more", seen: { now: 10_350 }, action: "fence" },
  {
    name: "no renewal, every standby acknowledged: serves on",
    seen: { ...noRenewal, standbys: [heard] },
    action: "serve",
    until: 10_350,
  },
  {
    name: "no renewal, one of two standbys did not acknowledge: not by that",
    seen: { ...noRenewal, standbys: [heard, silent] },
    set: { nodes: THREE },
    action: "fence",
  },
  {
    name: "no renewal, three nodes, a majority without Redis acknowledged: serves on",
    seen: { ...noRenewal, standbys: [{ ...heard, redis: "lost" }, silent] },
    set: { nodes: THREE },
    action: "serve",
    until: 10_350,
  },
  {
    name: "the same, but that one has Redis, which may have granted to another: fenced",
    seen: { ...noRenewal, standbys: [heard, silent] },
    set: { nodes: THREE },
    action: "fence",
  },
  {
    name: "a standby in maintenance need not acknowledge",
    seen: { ...noRenewal, standbys: [heard, { ...silent, leftCleanly: true }] },
    set: { nodes: THREE },
    action: "serve",
    until: 10_350,
  },
  {
    name: "a witness alone never extends it",
    seen: { ...noRenewal, witnessAt: 10_250 },
    action: "fence",
  },
  {
    name: "a witness, and the peer's last word was that it has no Redis either",
    seen: { ...noRenewal, witnessAt: 10_250, standbys: [without] },
    action: "serve",
    until: 10_600,
  },
  {
    name: "a witness, and the peer left cleanly",
    seen: { ...noRenewal, witnessAt: 10_250, standbys: [{ ...silent, leftCleanly: true }] },
    action: "serve",
    until: 10_600,
  },
  {
    name: "the same, Redis not yet known to be lost: that is known later than the right ends",
    seen: { renewedAt: NEVER, witnessAt: 10_250, standbys: [{ ...silent, leftCleanly: true }] },
    action: "serve",
    until: 10_600,
  },
  {
    name: "a witness, and Redis not yet known to be lost, but the peer did not leave: by nothing",
    seen: { renewedAt: NEVER, witnessAt: 10_250 },
    action: "fence",
  },
  {
    name: "a witness, and the epoch was taken without Redis, when peer and address were silent",
    seen: { ...noRenewal, witnessAt: 10_250, tookAlone: true },
    action: "serve",
    until: 10_600,
  },
  {
    name: "Redis answers again, and who took over without it is not written in yet: by its witness meanwhile",
    seen: { renewedAt: NEVER, witnessAt: 10_250, tookAlone: true },
    action: "serve",
    until: 10_600,
  },
  {
    name: "Redis answers, and refuses nobody: a witness is nothing to one that took over by it",
    seen: { renewedAt: NEVER, witnessAt: 10_250, standbys: [without] },
    action: "fence",
  },
  {
    name: "a witness, but the front is lost",
    seen: { ...noRenewal, witnessAt: 10_250, standbys: [without], front: "lost" },
    action: "fence",
  },
  {
    name: "a witness, but the peer lives: then it has to acknowledge",
    seen: { ...noRenewal, witnessAt: 10_250, standbys: [{ ...without, alive: true }] },
    action: "fence",
  },
  {
    name: "a witness of a moment ago, before the peer was back: it has that long to acknowledge",
    seen: { ...noRenewal, witnessAt: 10_290, aloneAt: 10_250, standbys: [{ ...without, alive: true }] },
    action: "serve",
    until: 10_600,
  },
  {
    name: "the same, but the front is lost",
    seen: { ...noRenewal, aloneAt: 10_250, standbys: [{ ...without, alive: true }], front: "lost" },
    action: "fence",
  },
  {
    name: "a witness does nothing with three nodes",
    seen: { ...noRenewal, witnessAt: 10_250, standbys: [without, without] },
    set: { nodes: THREE },
    action: "fence",
  },
  { name: "a higher epoch: fenced at once", seen: { higherEpoch: 9 }, action: "fence" },
  { name: "Redis names another holder: fenced at once", seen: { leaseTaken: true }, action: "fence" },
  {
    name: "another owner of the address on a healed link: fenced",
    seen: { conflict: true },
    action: "fence",
  },
  { name: "the guardian is gone: steps down", seen: { guardianLost: true }, action: "step-down" },
  {
    name: "front lost and asked by a node that has it: steps down",
    seen: { front: "lost", askedBy: "edge-b" },
    action: "step-down",
  },
  { name: "asked, but the front is well: serves", seen: { askedBy: "edge-b" }, action: "serve" },
  { name: "front lost, nobody asks: serves whom it can", seen: { front: "lost" }, action: "serve" },
  {
    name: "the clocks jumped after the last exchange was sent: waits for a fresh one",
    seen: { exchangesFrom: 10_001 },
    action: "pause",
  },
  {
    name: "alone, the clocks jumped: its witness answers, but the peer may have taken over meanwhile: waits for a look",
    seen: jumpedAlone,
    action: "pause",
    until: 10_549,
  },
  {
    name: "the same, past what its last exchange before the jump can have given: fenced",
    seen: { ...jumpedAlone, now: 10_549, witnessAt: 10_500, aloneAt: 10_500 },
    action: "fence",
  },
  {
    name: "the same, no other owner was found since the jump: serves by its witness",
    seen: { ...jumpedAlone, soleAt: 10_200 },
    action: "serve",
    until: 10_600,
  },
  {
    name: "a fresh exchange after the jump: serves",
    seen: { exchangesFrom: 10_000 },
    action: "serve",
  },
];

describe("the right to serve", () => {
  for (const { name, seen: changes, set, action, until } of rows) {
    test(name, () => {
      const verdict = serveRule(seen(changes), settings({ node: "edge-a", ...set }));
      assert.equal(verdict.action, action, verdict.reason);
      if (until !== undefined) assert.equal("until" in verdict && verdict.until, until);
    });
  }
});
