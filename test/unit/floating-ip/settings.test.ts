// From settings to a driver; and the one that moves nothing.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { LinuxDriver } from "../../../src/floating-ip/linux-driver.ts";
import { NoneDriver } from "../../../src/floating-ip/none-driver.ts";
import { ScriptDriver } from "../../../src/floating-ip/script-driver.ts";
import { FLOATING_IP_BOUNDS, openDriver } from "../../../src/floating-ip/settings.ts";

const events = { onFault: () => assert.fail("nothing was asked of it") };
const addresses = [{ address: "198.51.100.10", family: 4 as const, interface: "eth0" }];

describe("a driver by its settings", () => {
  test("linux", () => {
    assert.ok(openDriver({ driver: "linux", addresses, lifetimeS: 1 }, events) instanceof LinuxDriver);
  });

  test("script", () => {
    const rest = { command: ["move"], node: "edge-a", timeoutMs: 10_000, triesMax: 3 };
    assert.ok(openDriver({ driver: "script", addresses, ...rest }, events) instanceof ScriptDriver);
  });

  test("none: it has what it is told to have, and nothing is left of it", async () => {
    const driver = openDriver({ driver: "none" }, events);
    assert.ok(driver instanceof NoneDriver);
    await driver.start();
    assert.equal(driver.renew(), "absent");
    await driver.add();
    assert.equal(driver.renew(), "early");
    assert.equal((await driver.remove()).confirmed, true);
    assert.equal(driver.renew(), "absent");
    assert.deepEqual(await driver.status(), []);
    await driver.close();
  });
});

test("each default lies in its bounds", () => {
  for (const [name, bounds] of Object.entries(FLOATING_IP_BOUNDS)) {
    assert.ok(bounds.min < bounds.max, name);
    if ("default" in bounds) assert.ok(bounds.default >= bounds.min && bounds.default <= bounds.max, name);
  }
});
