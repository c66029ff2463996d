// Redis away under calls: nobody notices, memory has its bound, and soon after its return the standby has every record as it is.
// AWAY_S=60 npm run test:integration -- test/integration/replication/redis-away.test.ts: as long as an operator needs.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Journal, JournalEntry } from "../../../src/replication/journal.ts";
import type { JournalWriter } from "../../../src/replication/journal-writer.ts";
import {
  answer,
  dialogOf,
  kindOf,
  ProxyWorld,
  pbx,
  request,
  type Sent,
  WORLD_CONFIG,
} from "../../support/proxy-world.ts";
import { ActiveNode, KEYSPACE, StandbyNode, soon } from "./nodes.ts";
import { RedisServer, redisObstacle, settingsFor } from "./redis-server.ts";

const AWAY_S = Number(process.env["AWAY_S"] ?? 3);
/** Calls a second, and for how long each of them is up. */
const RATE = 200;
const TALK_MS = 2_000;
const TURN_MS = 5;
/** After Redis takes commands again. */
const CAUGHT_UP_MS = 2_000;

/** The journal, and what it was told last of each record that lives. */
class WatchedJournal implements Journal {
  readonly texts = new Map<string, string>();
  private readonly watched = new WeakSet<JournalEntry>();
  private readonly writer: JournalWriter;

  constructor(writer: JournalWriter) {
    this.writer = writer;
  }

  mark(entry: JournalEntry): void {
    const { source, key } = entry;
    if (source !== null && !this.watched.has(entry)) {
      this.watched.add(entry);
      this.texts.set(key, "");
      entry.source = {
        encode: (now) => {
          const text = source.encode(now);
          this.texts.set(key, text);
          return text;
        },
      };
    }
    this.writer.mark(entry);
  }

  end(entry: JournalEntry): void {
    this.texts.delete(entry.key);
    this.writer.end(entry);
  }

  adopt(entry: JournalEntry): void {
    this.writer.adopt(entry);
  }

  confirmed(then: () => void): void {
    this.writer.confirmed(then);
  }
}

interface Running {
  readonly parts: Parameters<typeof request>[1];
  readonly invite: Sent;
  readonly byeAt: number;
}

/** Callers and PBX; each message is answered at once, and what is missing is counted. */
class Traffic {
  readonly world: ProxyWorld;
  calls = 0;
  touched = 0;
  longestMs = 0;
  private readonly running: Running[] = [];

  constructor(journal: Journal) {
    this.world = new ProxyWorld(WORLD_CONFIG, undefined, 1_000, { mode: "off", journal });
  }

  /** `ms` of the callers' time, in as much real time. */
  async run(ms: number): Promise<void> {
    const begun = performance.now();
    const end = this.world.now + ms;
    for (let turn = 1; this.world.now < end; turn++) {
      this.world.pass(TURN_MS);
      this.world.sent.length = 0;
      if (turn % (1_000 / RATE / TURN_MS) === 0) this.begin();
      while ((this.running[0]?.byeAt ?? Number.POSITIVE_INFINITY) <= this.world.now) this.hangUp();
      const wait = begun + turn * TURN_MS - performance.now();
      if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
      else await new Promise((resolve) => setImmediate(resolve));
    }
  }

  private begin(): void {
    const id = `away-${this.calls++}`;
    const via = (branch: string): string => `SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK${id}${branch};rport`;
    const parts = { callId: id, fromTag: id, via: via("i") };
    const [invite] = this.tell(request("INVITE", parts), "INVITE");
    if (invite === undefined) return;
    for (const status of [180, 200]) this.tell(answer(invite.message, status), String(status), pbx(1));
    const inDialog = (method: string) => ({ ...parts, ...dialogOf(invite, method), via: via(method) });
    this.tell(request("ACK", { ...inDialog("ACK"), cseq: 1 }), "ACK");
    this.running.push({ parts: inDialog("BYE"), invite, byeAt: this.world.now + TALK_MS });
  }

  private hangUp(): void {
    const call = this.running.shift();
    if (call === undefined) return;
    const [bye] = this.tell(request("BYE", call.parts), "BYE");
    if (bye !== undefined) this.tell(answer(bye.message, 200), "200", bye.flow);
  }

  /** @returns what went on because of it; a call is touched where that is not there at once */
  private tell(text: string, expected: string, from?: Sent["flow"]): Sent[] {
    const begun = performance.now();
    const sent = this.world.receive(text, from).filter(({ message }) => kindOf(message) === expected);
    this.longestMs = Math.max(this.longestMs, performance.now() - begun);
    if (sent.length !== 1) this.touched++;
    return sent;
  }
}

describe("Redis away under calls", { skip: redisObstacle }, () => {
  test(`${AWAY_S} s at ${RATE} calls a second: no call is touched, what waits is bounded, the standby is equal within ${CAUGHT_UP_MS / 1_000} s`, async (t) => {
    await using redis = await RedisServer.start();
    using active = new ActiveNode(settingsFor(redis.port));
    using standby = new StandbyNode(settingsFor(redis.port));
    const journal = new WatchedJournal(active.writer);
    const traffic = new Traffic(journal);
    await active.committed();
    await traffic.run(1_000);
    const stored = journal.texts.size;
    await redis.kill();
    await traffic.run(AWAY_S * 1_000);
    assert.equal(active.writer.health.state, "away");
    const { uncommitted } = active.writer;
    assert.ok(uncommitted <= journal.texts.size + stored, `${uncommitted} wait, ${journal.texts.size} live`);
    await redis.run();
    const back = performance.now();
    await traffic.run(500);
    const isEqual = (): boolean =>
      active.writer.uncommitted === 0 &&
      standby.reader.state.isWarm &&
      standby.copy.size === journal.texts.size &&
      [...journal.texts].every(([key, text]) => standby.copy.get(key)?.text === text);
    await soon("the standby to be equal", isEqual, CAUGHT_UP_MS, () =>
      JSON.stringify([standby.reader.state, active.writer.health, standby.copy.size, journal.texts.size]),
    );
    const equalMs = Math.round(performance.now() - back);
    assert.ok(Number(await redis.ask(["HLEN", KEYSPACE.records])) === journal.texts.size);
    const { calls, touched, longestMs } = traffic;
    t.diagnostic(
      `${calls} calls, ${touched} touched, longest message ${longestMs.toFixed(1)} ms, ${uncommitted} records waited, equal after ${equalMs} ms`,
    );
    assert.ok(calls >= RATE * AWAY_S);
    assert.equal(touched, 0);
  });
});
