import assert from "node:assert/strict";
import { beforeEach, describe, test } from "node:test";
import { KEPT_MS, WatchedTargets } from "../../../src/node/watched-targets.ts";
import { numericPlace, type Target, targetsOf } from "../../../src/routing/target.ts";
import { TimerEntry, TimerWheel } from "../../../src/sip/timer/timer-wheel.ts";
import type { Flow } from "../../../src/transport/flow.ts";

const target = (address: string, transport: "udp" | "tcp" = "udp"): Target => {
  const config = {
    uri: address.includes(":") ? `sip:[${address}]` : `sip:${address}`,
    host: address,
    numeric: true,
    transport,
    port: 0,
    priority: 10,
    weight: 100,
    maxCalls: null,
    maxCallsPerSecond: null,
  };
  const [only] = targetsOf("pbx", config, [numericPlace(config)]);
  assert.ok(only);
  return only;
};
const [a, b] = [target("10.0.0.2"), target("10.0.0.3")];
/** One IPv4 listener, and none for IPv6. */
const identity = { egress: (_transport: string, address: string) => (address.includes(":") ? -1 : 3) };

describe("sockets of targets", () => {
  let now = 0;
  let wheel = new TimerWheel(0, 10);
  let log: string[] = [];
  let room = 2;
  const transports = {
    watch: (flow: Flow): boolean => {
      if (room === 0) return false;
      room--;
      log.push(`watch ${flow.address} from ${flow.listener}`);
      return true;
    },
    unwatch: (flow: Flow): void => {
      room++;
      log.push(`unwatch ${flow.address}`);
    },
  };
  const clock = {
    now: () => now,
    wakeAt: (at: number, wake: () => void) => {
      const entry = new TimerEntry(wake);
      wheel.schedule(entry, at);
      return () => wheel.cancel(entry);
    },
  };
  const pass = (ms: number): void => {
    now += ms;
    wheel.advance(now);
  };
  beforeEach(() => {
    [now, wheel, log, room] = [0, new TimerWheel(0, 10), [], 2];
  });

  test("each UDP target that a listener reaches has one", () => {
    new WatchedTargets(transports, clock).follow(
      [a, b, target("10.0.0.4", "tcp"), target("2001:db8::1")],
      identity,
    );
    assert.deepEqual(log, ["watch 10.0.0.2 from 3", "watch 10.0.0.3 from 3"]);
  });

  test("a target that stays keeps its own", () => {
    const watched = new WatchedTargets(transports, clock);
    watched.follow([a], identity);
    watched.follow([b, a], identity);
    pass(2 * KEPT_MS);
    assert.deepEqual(log, ["watch 10.0.0.2 from 3", "watch 10.0.0.3 from 3"]);
  });

  test("one that has left loses it when its transactions are over", () => {
    const watched = new WatchedTargets(transports, clock);
    watched.follow([a, b], identity);
    watched.follow([b], identity);
    pass(KEPT_MS - 20);
    watched.follow([b], identity);
    assert.equal(log.length, 2);
    pass(40);
    assert.deepEqual(log.slice(2), ["unwatch 10.0.0.2"]);
    watched.follow([a, b], identity);
    assert.deepEqual(log.slice(3), ["watch 10.0.0.2 from 3"]);
  });

  test("one that comes back in time keeps it", () => {
    const watched = new WatchedTargets(transports, clock);
    watched.follow([a], identity);
    watched.follow([], identity);
    pass(KEPT_MS / 2);
    watched.follow([a], identity);
    pass(2 * KEPT_MS);
    assert.deepEqual(log, ["watch 10.0.0.2 from 3"]);
  });

  test("one that found no room is tried again at the next reload", () => {
    room = 1;
    const watched = new WatchedTargets(transports, clock);
    watched.follow([a, b], identity);
    watched.follow([b], identity);
    pass(2 * KEPT_MS);
    watched.follow([b], identity);
    assert.deepEqual(log, ["watch 10.0.0.2 from 3", "unwatch 10.0.0.2", "watch 10.0.0.3 from 3"]);
  });
});
