import assert from "node:assert/strict";
import { test } from "node:test";
import { warmUp } from "../../../src/node/warm-up.ts";
import { Identity } from "../../../src/proxy/identity.ts";

test("made-up calls begin on one engine, are taken over by the next, and end there", () => {
  const identity = new Identity([{ transport: "udp", address: "198.51.100.10", port: 5060 }], []);
  const { calls, ms } = warmUp(identity);
  assert.ok(calls > 0 && calls % 100 === 0, `${calls} calls: all that began have ended`);
  assert.ok(ms < 5_000, `${ms} ms`);
});
