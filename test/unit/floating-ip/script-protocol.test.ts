// What a floating IP script is given, and what its end means.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  parseScriptStatus,
  retryWaitMs,
  scriptEnvironment,
  scriptInput,
  scriptOutcome,
} from "../../../src/floating-ip/script-protocol.ts";

const REQUEST = {
  action: "add",
  node: "edge-a",
  interface: "eth0",
  addresses: ["198.51.100.10", "2001:db8::10"],
} as const;
const END = { code: 0, timedOut: false, stdout: "", stderr: "" };

test("one line of JSON, and the same in the environment", () => {
  assert.equal(
    scriptInput(REQUEST),
    '{"version":1,"action":"add","node":"edge-a","interface":"eth0","addresses":["198.51.100.10","2001:db8::10"]}\n',
  );
  assert.deepEqual(scriptEnvironment(REQUEST), {
    TANDEM_ACTION: "add",
    TANDEM_NODE: "edge-a",
    TANDEM_INTERFACE: "eth0",
    TANDEM_ADDRESSES: "198.51.100.10 2001:db8::10",
  });
});

describe("how it ended", () => {
  const rows = [
    { name: "0", end: END, kind: "done" },
    {
      name: "1, with words",
      end: { ...END, code: 1, stderr: "one\ntwo\n" },
      kind: "again",
      reason: "ended with code 1: two",
    },
    { name: "75, EX_TEMPFAIL", end: { ...END, code: 75 }, kind: "again", reason: "ended with code 75" },
    { name: "78, EX_CONFIG", end: { ...END, code: 78 }, kind: "hopeless", reason: "ended with code 78" },
    { name: "77, EX_NOPERM", end: { ...END, code: 77 }, kind: "hopeless", reason: "ended with code 77" },
    { name: "127, not found", end: { ...END, code: 127 }, kind: "hopeless", reason: "ended with code 127" },
    { name: "a signal", end: { ...END, code: null }, kind: "again", reason: "ended with code none" },
    {
      name: "too slow",
      end: { ...END, code: null, timedOut: true },
      kind: "again",
      reason: "took too long and was killed",
    },
    {
      name: "too slow, though it said 0",
      end: { ...END, timedOut: true },
      kind: "again",
      reason: "took too long and was killed",
    },
  ];
  for (const { name, end, kind, reason } of rows)
    test(name, () =>
      assert.deepEqual(scriptOutcome(end), reason === undefined ? { kind } : { kind, reason }),
    );

  test("of its complaint the last 200 characters are kept", () => {
    const outcome = scriptOutcome({ ...END, code: 1, stderr: "x".repeat(1_000) });
    assert.equal(outcome.kind === "again" && outcome.reason, `ended with code 1: ${"x".repeat(200)}`);
  });
});

describe("what status prints", () => {
  const rows = [
    { text: '{"held": true}\n', want: true },
    { text: '{"held":false,"more":1}', want: false },
    { text: '{"held":"yes"}', want: null },
    { text: "{}", want: null },
    { text: "null", want: null },
    { text: "held", want: null },
    { text: "", want: null },
  ];
  for (const { text, want } of rows)
    test(JSON.stringify(text), () => assert.equal(parseScriptStatus(text), want));
});

test("the wait doubles", () => {
  assert.deepEqual(
    [1, 2, 3].map((tries) => retryWaitMs(tries, 200)),
    [200, 400, 800],
  );
});
