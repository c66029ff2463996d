// The table of docs/takeover.md: a row a test, named by the row.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type Action, decide, type Row } from "../../../src/cluster/decide.ts";
import type { Evidence } from "../../../src/cluster/evidence.ts";
import type { ClusterSettings } from "../../../src/cluster/settings.ts";
import { evidence, settings, THREE } from "./example.ts";

interface Case {
  readonly name: string;
  readonly row: Row;
  readonly action: Action;
  readonly seen: Partial<Evidence>;
  readonly set?: Partial<ClusterSettings>;
  readonly alarm?: boolean;
}

const gone = { kind: "resigned", node: "edge-a", addressGone: true, successor: "edge-b", forMs: 5 } as const;
const kept = { ...gone, addressGone: false, forMs: 1_099 } as const;
const alive = { kind: "alive", node: "edge-a", frontLost: false } as const;
const nobody = { kind: "nobody" } as const;
const noRedis = { redis: "lost", lease: "unknown" } as const;

const table: readonly Case[] = [
  {
    name: "lost | expired | answers | own network down: holds, whoever serves would not be heard",
    row: "own network down",
    action: "hold",
    alarm: true,
    seen: { front: "lost", probe: "unasked" },
  },
  {
    name: "lost | - | lost | own network down: holds",
    row: "own network down",
    action: "hold",
    alarm: true,
    seen: { ...noRedis, front: "lost", probe: "unasked", witness: false },
  },
  {
    name: "resigned, address confirmed gone | any lease | any Redis: the named successor takes over now",
    row: "resigned, gone",
    action: "take-over",
    seen: { active: gone, lease: "held", redis: "lost", probe: null, rank: 3 },
  },
  {
    name: "resigned, gone, another successor named: waits, rank x deadAfter",
    row: "resigned, gone",
    action: "wait",
    seen: { active: { ...gone, successor: "edge-c" }, clearMs: 299 },
  },
  {
    name: "resigned, gone, another successor named: takes over after its turn",
    row: "resigned, gone",
    action: "take-over",
    seen: { active: { ...gone, successor: "edge-c" }, clearMs: 300 },
  },
  {
    name: "resigned, address not confirmed: waits as frozen, to its last millisecond",
    row: "resigned, not confirmed",
    action: "wait",
    seen: { active: kept },
  },
  {
    name: "resigned, address not confirmed: takes over after the lifetime and 100 ms",
    row: "resigned, not confirmed",
    action: "take-over",
    seen: { active: { ...kept, forMs: 1_100 } },
  },
  {
    name: "resigned, gone, 199 ms ago | - | lost | not asked: takes over, no newer life of it can serve yet",
    row: "resigned, gone",
    action: "take-over",
    seen: { ...noRedis, active: { ...gone, forMs: 199 }, probe: null },
  },
  {
    name: "resigned, gone, 200 ms ago | - | lost | not asked: the floating IP is asked first",
    row: "probe",
    action: "probe",
    seen: { ...noRedis, active: { ...gone, forMs: 200 }, probe: null },
  },
  {
    name: "resigned, gone, 200 ms ago | - | lost | the active answers: holds, alarm",
    row: "lost, no Redis, active answers",
    action: "hold",
    alarm: true,
    seen: { ...noRedis, active: { ...gone, forMs: 200 }, probe: "active" },
  },
  {
    name: "resigned, gone, 200 ms ago | - | lost | free: takes over",
    row: "resigned, gone",
    action: "take-over",
    seen: { ...noRedis, active: { ...gone, forMs: 200 }, probe: "arp-silent" },
  },
  {
    name: "resigned, gone, 200 ms ago | the resigner's | answers: takes over, Redis compares",
    row: "resigned, gone",
    action: "take-over",
    seen: { active: { ...gone, forMs: 200 }, lease: "held", probe: null },
  },
  {
    name: "lost | expired | answers | refused: takes over",
    row: "lost, expired, address free",
    action: "take-over",
    seen: { probe: "refused" },
  },
  {
    name: "lost | expired | answers | ARP unanswered: takes over",
    row: "lost, expired, address free",
    action: "take-over",
    seen: { probe: "arp-silent" },
  },
  {
    name: "lost | no record (Redis came back empty) | answers | ARP unanswered: takes over",
    row: "lost, expired, address free",
    action: "take-over",
    seen: { lease: "free" },
  },
  {
    name: "lost | expired | answers | ARP unanswered, a better candidate lives: it goes first",
    row: "lost, expired, address free",
    action: "wait",
    seen: { rank: 1, clearMs: 299 },
  },
  {
    name: "lost | expired | answers | ARP answered, SIP silent: the frozen wait",
    row: "lost, expired, frozen",
    action: "wait",
    seen: { probe: "sip-silent", lastSignMs: 1_099 },
  },
  {
    name: "lost | expired | answers | ARP answered, SIP silent, after the frozen wait: takes over",
    row: "lost, expired, frozen",
    action: "take-over",
    seen: { probe: "sip-silent", lastSignMs: 1_100 },
  },
  {
    name: "frozen, and there is a fence.command: fenced instead of waiting",
    row: "lost, expired, frozen",
    action: "fence",
    seen: { probe: "sip-silent", lastSignMs: 500 },
    set: { canFence: true },
  },
  {
    name: "frozen, fenced: takes over without the wait",
    row: "lost, expired, frozen",
    action: "take-over",
    seen: { probe: "sip-silent", lastSignMs: 500, fence: "done" },
    set: { canFence: true },
  },
  {
    name: "frozen, fencing failed: the wait is kept",
    row: "lost, expired, frozen",
    action: "wait",
    seen: { probe: "sip-silent", lastSignMs: 1_099, fence: "failed" },
    set: { canFence: true },
  },
  {
    name: "lost | expired | answers | signed answer of the active: holds, alarm",
    row: "lost, expired, active answers",
    action: "hold",
    seen: { probe: "active" },
    alarm: true,
  },
  {
    name: "lost | expired, but it may serve on what we acknowledged: waits for the time to live",
    row: "lost, not yet expired",
    action: "wait",
    seen: { lastSignMs: 399 },
  },
  {
    name: "lost | not observed for long enough: waits, and asks the floating IP meanwhile",
    row: "lost, not yet expired",
    action: "probe",
    seen: { lease: "unknown", probe: null },
  },
  {
    name: "lost | renewed | answers | signed answer: holds, alarm: the path is broken",
    row: "lost, renewed, active answers",
    action: "hold",
    seen: { lease: "held", probe: "active" },
    alarm: true,
  },
  {
    name: "lost | renewed | answers | silent, own front ok: please-resign in Redis",
    row: "lost, renewed, silent",
    action: "ask-in-redis",
    seen: { lease: "held", probe: "arp-silent" },
    alarm: true,
  },
  {
    name: "lost | renewed | answers | silent, own front lost, too: holds",
    row: "lost, renewed, silent",
    action: "hold",
    seen: { lease: "held", probe: "arp-silent", front: "lost" },
    alarm: true,
  },
  {
    name: "alive, peer says front lost, own front ok, ready: asks it to resign",
    row: "alive, its front lost",
    action: "ask-to-resign",
    seen: { active: { ...alive, frontLost: true } },
  },
  {
    name: "alive, peer says front lost, own front lost, too: nothing",
    row: "alive, active",
    action: "hold",
    seen: { active: { ...alive, frontLost: true }, front: "lost" },
  },
  {
    name: "alive, peer active | free | answers: nothing, the peer writes it in again",
    row: "alive, active",
    action: "hold",
    seen: { active: alive, lease: "free" },
  },
  {
    name: "alive, nobody active | free | answers: the best ready node takes it",
    row: "nobody, free",
    action: "take-over",
    seen: { active: nobody, lease: "free", probe: null },
  },
  {
    name: "alive, nobody active | free | answers: the next waits for the best",
    row: "nobody, free",
    action: "wait",
    seen: { active: nobody, lease: "free", probe: null, rank: 1 },
  },
  {
    name: "alive, nobody active | not expired: waits",
    row: "nobody, held",
    action: "wait",
    seen: { active: nobody, lease: "held" },
  },
  {
    name: "alive, nobody active | - | lost | silent: the best node, if its witness answers",
    row: "nobody, no Redis",
    action: "take-over",
    seen: { ...noRedis, active: nobody },
  },
  {
    name: "alive, nobody active | - | lost | silent, no witness: holds",
    row: "lost, no Redis, cut off",
    action: "hold",
    seen: { ...noRedis, active: nobody, witness: false },
    alarm: true,
  },
  {
    name: "alive, nobody active, no Redis, and the peer does not hear us: holds, for it would acknowledge nothing",
    row: "not heard",
    action: "hold",
    seen: { ...noRedis, active: nobody, unheard: true },
    alarm: true,
  },
  {
    name: "lost | - | lost | signed answer: holds, alarm",
    row: "lost, no Redis, active answers",
    action: "hold",
    seen: { ...noRedis, probe: "active" },
    alarm: true,
  },
  {
    name: "lost | - | lost | silent, two nodes, a witness answers: takes over",
    row: "lost, no Redis, silent",
    action: "take-over",
    seen: noRedis,
  },
  {
    name: "lost | - | lost | silent, the peer had Redis when it was last heard: it goes first",
    row: "lost, no Redis, peer first",
    action: "wait",
    seen: { ...noRedis, peerHadRedis: true, lastSignMs: 1_999 },
  },
  {
    name: "lost | - | lost | silent, the peer had Redis, and had its time: takes over",
    row: "lost, no Redis, silent",
    action: "take-over",
    seen: { ...noRedis, peerHadRedis: true, lastSignMs: 2_000 },
  },
  {
    name: "lost | - | lost | refused, two nodes, a witness answers: takes over",
    row: "lost, no Redis, silent",
    action: "take-over",
    seen: { ...noRedis, probe: "refused" },
  },
  {
    name: "lost | - | lost | silent: who comes second waits even for one that it does not hear",
    row: "lost, no Redis, silent",
    action: "wait",
    seen: { ...noRedis, order: 1, clearMs: 299 },
  },
  {
    name: "lost | - | lost | frozen: the frozen wait",
    row: "lost, no Redis, silent",
    action: "wait",
    seen: { ...noRedis, probe: "sip-silent", lastSignMs: 1_099 },
  },
  {
    name: "lost | - | lost | silent, withoutRedis: hold",
    row: "without Redis: hold",
    action: "hold",
    seen: noRedis,
    set: { withoutRedis: "hold" },
    alarm: true,
  },
  {
    name: "lost | - | lost | silent, three nodes: a majority takes over, witness or not",
    row: "lost, no Redis, silent",
    action: "take-over",
    seen: { ...noRedis, witness: false, nodesAlive: 2 },
    set: { nodes: THREE },
  },
  {
    name: "lost | - | lost | silent, three nodes: a minority holds, witness or not",
    row: "lost, no Redis, cut off",
    action: "hold",
    seen: noRedis,
    set: { nodes: THREE },
    alarm: true,
  },
  {
    name: "lost | - | lost | silent, no witness: holds: it is the one cut off",
    row: "lost, no Redis, cut off",
    action: "hold",
    seen: { ...noRedis, witness: false },
    alarm: true,
  },
  {
    name: "never heard since boot | free | answers | silent: waits for bootWait",
    row: "boot wait",
    action: "wait",
    seen: { active: { kind: "never" }, lease: "free", uptimeMs: 4_999, lastSignMs: Number.POSITIVE_INFINITY },
  },
  {
    name: "never heard since boot | expired | answers | silent: as lost, after bootWait",
    row: "lost, expired, address free",
    action: "take-over",
    seen: { active: { kind: "never" }, uptimeMs: 5_000, lastSignMs: Number.POSITIVE_INFINITY },
  },
  {
    name: "never heard since boot, the lease is our own former life's: no wait",
    row: "lost, expired, address free",
    action: "take-over",
    seen: {
      active: { kind: "never" },
      leaseIsOurs: true,
      uptimeMs: 100,
      lastSignMs: Number.POSITIVE_INFINITY,
    },
  },
  {
    name: "three nodes, Redis answers, nobody else is heard and no witness: holds, it may be the one cut off",
    row: "lost, expired, cut off",
    action: "hold",
    seen: { witness: false },
    set: { nodes: THREE },
    alarm: true,
  },
  {
    name: "the probe: signed, own boot id: a left-over address of ours is removed",
    row: "own address",
    action: "remove-own-address",
    seen: { probe: "own" },
  },
  {
    name: "the probe: answered, unsigned: a foreign owner: hold, alarm",
    row: "foreign owner",
    action: "hold",
    seen: { probe: "foreign" },
    alarm: true,
  },
  {
    name: "the probe: signed by one that does not serve: its address goes in a moment",
    row: "idle owner",
    action: "wait",
    seen: { probe: "idle" },
  },
  {
    name: "lost, expired, the floating IP not asked yet: asked before anything is taken",
    row: "probe",
    action: "probe",
    seen: { probe: null },
  },
  {
    name: "a node that is not ready takes nothing, and says why",
    row: "not ready",
    action: "hold",
    seen: { notReady: "its configuration differs" },
    alarm: true,
  },
  {
    name: "a node that was stopped itself listens first",
    row: "woke",
    action: "wait",
    seen: { awakeMs: 299 },
  },
  {
    name: "a node that was stopped itself, the floating IP not asked: asks while it listens",
    row: "woke",
    action: "probe",
    seen: { awakeMs: 299, probe: null },
  },
  { name: "maintenance: nothing", row: "maintenance", action: "hold", seen: { maintenance: true } },
];

describe("decisions of a standby (heartbeat | lease | Redis | probe)", () => {
  for (const { name, row, action, seen, set, alarm } of table) {
    test(name, () => {
      const decision = decide(evidence(seen), settings(set));
      assert.deepEqual(
        { row: decision.row, action: decision.action, alarm: decision.alarm },
        { row, action, alarm: alarm ?? false },
      );
      assert.match(decision.reason, /^\S.{10,}/, "a sentence says why");
    });
  }
});
