// What a guardian takes from its engine.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { readEngineMessage } from "../../../src/guardian/engine-message.ts";
import { watchdogEveryMs, withoutServiceVariables } from "../../../src/guardian/service-notice.ts";

const COPY = {
  from: "10.0.0.2",
  to: { address: "10.0.0.3", port: 7060 },
  confirmed: "AA==",
  unconfirmed: "AQ==",
};
const BEAT = { kind: "beat", holds: true, ready: true, status: "active", resignation: [COPY] };

describe("messages of the engine", () => {
  const good = [
    BEAT,
    { ...BEAT, resignation: null },
    { ...BEAT, resignation: Array(64).fill(COPY) },
    { kind: "settings", floatingIp: { driver: "none" } },
  ];
  for (const [index, message] of good.entries())
    test(`taken: ${index + 1}`, () => assert.deepEqual(readEngineMessage(message), message));

  const bad = [
    { name: "nothing", message: null },
    { name: "a word", message: "beat" },
    { name: "another kind", message: { ...BEAT, kind: "beep" } },
    { name: "holds is no boolean", message: { ...BEAT, holds: 1 } },
    { name: "no status", message: { ...BEAT, status: undefined } },
    { name: "65 copies", message: { ...BEAT, resignation: Array(65).fill(COPY) } },
    {
      name: "a copy past its size",
      message: { ...BEAT, resignation: [{ ...COPY, confirmed: "A".repeat(2_049) }] },
    },
    { name: "a copy without an address", message: { ...BEAT, resignation: [{ ...COPY, to: { port: 1 } }] } },
    { name: "an unknown driver", message: { kind: "settings", floatingIp: { driver: "magic" } } },
  ];
  for (const { name, message } of bad)
    test(`ignored: ${name}`, () => assert.equal(readEngineMessage(message), null));
});

describe("the service manager's watchdog (sd_watchdog_enabled(3))", () => {
  const socket = { NOTIFY_SOCKET: "/run/systemd/notify" };
  const rows = [
    { name: "a third of its time", env: { ...socket, WATCHDOG_USEC: "30000000" }, want: 10_000 },
    { name: "meant for us", env: { ...socket, WATCHDOG_USEC: "3000000", WATCHDOG_PID: "7" }, want: 1_000 },
    {
      name: "meant for another",
      env: { ...socket, WATCHDOG_USEC: "3000000", WATCHDOG_PID: "8" },
      want: null,
    },
    { name: "none", env: socket, want: null },
    { name: "no number", env: { ...socket, WATCHDOG_USEC: "soon" }, want: null },
    { name: "no socket", env: { WATCHDOG_USEC: "3000000" }, want: null },
  ];
  for (const { name, env, want } of rows) test(name, () => assert.equal(watchdogEveryMs(env, 7), want));

  test("what is meant for the main process does not reach the engine", () => {
    assert.deepEqual(
      withoutServiceVariables({ A: "1", B: undefined, ...socket, WATCHDOG_USEC: "1", WATCHDOG_PID: "7" }),
      { A: "1" },
    );
  });
});
