// A node whose switch is made by hand: active from its start, or standby until SIGUSR2 says that the active is gone. In place of
// the election, which is tested elsewhere. Arguments: configuration, "active" or "standby", port of Redis.
import { randomUUID } from "node:crypto";
import { pino } from "pino";
import { loadConfig } from "../../src/config/load-config.ts";
import { Engine } from "../../src/node/engine.ts";
import { callIdOfRecord } from "../../src/node/record-call-id.ts";
import { rehearse } from "../../src/node/rehearsal.ts";
import { SystemClock } from "../../src/node/system-clock.ts";
import { TransportsGate } from "../../src/node/transports-gate.ts";
import { JournalWriter } from "../../src/replication/journal-writer.ts";
import { keyspaceOf } from "../../src/replication/keyspace.ts";
import { RedisConnection } from "../../src/replication/redis-connection.ts";
import type { RedisSettings } from "../../src/replication/redis-settings.ts";
import { RedisStore } from "../../src/replication/redis-store.ts";
import { StandbyReader } from "../../src/replication/standby-reader.ts";
import type { Standing } from "../../src/replication/store.ts";
import { StoreClock } from "../../src/replication/store-clock.ts";
import { WarmCopy } from "../../src/replication/warm-copy.ts";
import type { TransportHandlers } from "../../src/transport/flow.ts";
import { openTransports } from "../../src/transport/transports.ts";

/** Of processor time. */
const REHEARSAL_MS = 800;
const [file = "", role = "", port = ""] = process.argv.slice(2);
const FLUSH_MS = 5;
const STATE_MS = 20;
const config = loadConfig(file, process.env);
const log = pino({ level: "info", base: { node: config.node } });
const clock = new SystemClock();
const settings: RedisSettings = {
  at: { kind: "direct", server: { host: "127.0.0.1", port: Number(port) } },
  login: { username: null, password: null },
  database: 0,
  tls: null,
  commandTimeoutMs: 250,
};
const keyspace = keyspaceOf("lab");
const identity = { node: config.node, boot: randomUUID(), cluster: ["lab"] };

const writing = new RedisConnection(settings, {
  random: Math.random,
  up: () => writer.up(),
  down: (fault) => writer.down(fault),
});
const writer: JournalWriter = new JournalWriter(
  {
    clock,
    store: new RedisStore(writing, keyspace, identity),
    fenced: () => process.exit(3),
    health: ({ state, reason }) => log.info({ state, reason }, "journal"),
    unconfirmed: () => {},
  },
  { flushEveryMs: FLUSH_MS },
);
writing.start();

const handlers: TransportHandlers = {
  onMessage: (raw, flow) => engine.receive(raw, flow),
  onFailure: (flow, failure) => engine.proxy.transportFailure(flow, failure),
  onDropped: () => {},
};
const gate = new TransportsGate({
  listen: config.listen,
  handlers,
  open: (listen, to) => openTransports(listen, to, config.limits, clock),
});
const engine: Engine = new Engine(config, { transports: gate, clock, log, journal: writer });
await engine.begin();
await rehearse({ budgetMs: REHEARSAL_MS, usedMs: () => process.cpuUsage().user / 1_000 });

if (role === "active") {
  writer.serve({ epoch: 1, position: null, granted: true });
  await gate.open();
  engine.serve();
  log.info("ready");
} else standBy();

function standBy(): void {
  const copy = new WarmCopy(callIdOfRecord);
  const storeClock = new StoreClock();
  const connection = (): RedisConnection =>
    new RedisConnection(settings, { random: Math.random, up: () => {}, down: () => {} });
  const [reading, catching] = [connection(), connection()];
  reading.start();
  catching.start();
  const reader = new StandbyReader({
    clock,
    store: new RedisStore(reading, keyspace, identity),
    copy,
    storeClock,
    changed: ({ isWarm, reason }) => log.info({ reason }, isWarm ? "warm" : "cold"),
    applied: () => {},
  });
  reader.start();
  log.info("ready");
  setInterval(() => log.info(Object.fromEntries(copy.counts()), "copy"), 50 * STATE_MS);
  process.once("SIGUSR2", () => {
    const began = clock.now();
    reader.catchUp(new RedisStore(catching, keyspace, identity), (position) => {
      void takeOver({ copy, storeClock, position, began });
    });
  });
}

async function takeOver(from: {
  copy: WarmCopy;
  storeClock: StoreClock;
  position: Standing | null;
  began: number;
}): Promise<void> {
  const { copy, storeClock, position, began } = from;
  const caughtUp = clock.now();
  writer.serve({ epoch: 2, position, granted: true });
  engine.inherit({
    copy,
    ageOf: (at) => storeClock.ageOf(at, clock.now()),
    isWhole: position !== null,
  });
  await gate.open();
  const opened = clock.now();
  engine.serve();
  const counts = await engine.restoreRest(() => true);
  const phases = { caughtUp: caughtUp - began, opened: opened - caughtUp, restored: clock.now() - opened };
  log.info({ counts, phases, position }, "taken over");
}

process.once("SIGTERM", () => {
  void (async () => {
    engine.calls.close();
    await engine.cdrs?.close();
    log.info(engine.counters(), "counters");
    process.exit(0);
  })();
});
