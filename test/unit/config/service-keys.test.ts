/** Limits on calls, call records, overload and the control socket. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Config } from "../../../src/config/config.ts";
import { defaultControlSocket, SOCKET_PATH_BYTES_MAX } from "../../../src/config/control-socket-path.ts";
import { parseConfig } from "../../../src/config/load-config.ts";
import { ConfigError } from "../../../src/config/problem.ts";

const LISTEN = "listen: [udp://10.255.0.1]\n";

function parse(text: string): Config {
  return parseConfig(text, { file: "edge.yaml", env: {}, hostName: "host-1", uid: 0 });
}

function faults(text: string): string[] {
  try {
    parse(text);
    return [];
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error));
    return error.problems.map(({ key, expected, remedy }) => `${key}: ${expected}; ${remedy}`);
  }
}

test("without the keys there is no limit and no record, and overload has its bounds", () => {
  const { calls, cdr, overload, control, limits } = parse(LISTEN);
  assert.deepEqual(
    { calls, cdr, overload, control },
    {
      calls: { setupTimeoutMs: 60_000, maxDurationMs: 43_200_000 },
      cdr: { file: null, bufferBytes: 8_388_608 },
      overload: { loopDelayMs: 100, queueBytes: null, retryAfterS: 5 },
      control: { socket: "/run/tandem/host-1.sock" },
    },
  );
  assert.deepEqual([limits.maxCalls, limits.maxCallsPerSecond], [null, null]);
});

test("with the keys", () => {
  const config = parse(`${LISTEN}calls: { setupTimeout: 30s, maxDuration: 2h }
cdr: { file: /var/log/cdr.jsonl, bufferBytes: 65536 }
overload: { loopDelay: 50ms, queueBytes: 16384, retryAfter: 1.2s }
control: { socket: /tmp/a.sock }
limits: { maxCalls: 1000, maxCallsPerSecond: 100 }
groups:
  pbx:
    maxCalls: 20
    targets: [{ uri: sip:10.0.0.2, maxCalls: 5, maxCallsPerSecond: 2 }, { uri: sip:10.0.0.3 }]
routes: [{ from: pbx, to: pbx }]
`);
  assert.deepEqual(config.calls, { setupTimeoutMs: 30_000, maxDurationMs: 7_200_000 });
  assert.deepEqual(config.cdr, { file: "/var/log/cdr.jsonl", bufferBytes: 65_536 });
  assert.deepEqual(config.overload, { loopDelayMs: 50, queueBytes: 16_384, retryAfterS: 2 });
  assert.deepEqual(config.control, { socket: "/tmp/a.sock" });
  assert.deepEqual([config.limits.maxCalls, config.limits.maxCallsPerSecond], [1_000, 100]);
  const [pbx] = config.groups;
  assert.deepEqual([pbx?.maxCalls, pbx?.maxCallsPerSecond], [20, null]);
  assert.deepEqual(
    pbx?.targets.map((target) => [target.maxCalls, target.maxCallsPerSecond]),
    [
      [5, 2],
      [null, null],
    ],
  );
});

describe("bounds: good at the limit, named one past it", () => {
  const rows = [
    ["limits.maxCalls", "1", "0"],
    ["limits.maxCalls", "1000000", "1000001"],
    ["limits.maxCallsPerSecond", "1", "0"],
    ["limits.maxCallsPerSecond", "100000", "100001"],
    ["calls.setupTimeout", "1s", "999ms"],
    ["calls.setupTimeout", "10m", "601s"],
    ["calls.maxDuration", "1s", "999ms"],
    ["calls.maxDuration", "168h", "169h"],
    ["cdr.bufferBytes", "65536", "65535"],
    ["cdr.bufferBytes", "1073741824", "1073741825"],
    ["cdr.file", `/${"x".repeat(4_094)}`, `/${"x".repeat(4_095)}`],
    ["overload.loopDelay", "10ms", "9ms"],
    ["overload.loopDelay", "10s", "11s"],
    ["overload.queueBytes", "16384", "16383"],
    ["overload.queueBytes", "67108864", "67108865"],
    ["overload.retryAfter", "1s", "999ms"],
    ["overload.retryAfter", "1h", "2h"],
    ["control.socket", `/${"x".repeat(SOCKET_PATH_BYTES_MAX - 1)}`, `/${"x".repeat(SOCKET_PATH_BYTES_MAX)}`],
  ] as const;
  for (const [key, inside, outside] of rows) {
    const [holder, name] = key.split(".");
    test(`${key}: ${inside.slice(0, 20)} and ${outside.slice(0, 20)}`, () => {
      assert.deepEqual(faults(`${LISTEN}${holder}: { ${name}: ${inside} }\n`), []);
      assert.match(faults(`${LISTEN}${holder}: { ${name}: ${outside} }\n`).join(), new RegExp(`^${key}: `));
    });
  }
});

describe("refused in words", () => {
  const rows = [
    ["control: { socket: edge.sock }", /absolute path of a UNIX socket.*begin with a slash/],
    ["control: { socket: /run/tandem/ }", /name the socket itself/],
    ["cdr: { file: /var/log/ }", /name the file itself/],
    ["cdr: { file: '' }", /leave the key out for no call records/],
    ["cdr: { fiel: x }", /did you mean file/],
    ["overload: 5", /a map of overload keys/],
  ] as const;
  for (const [line, words] of rows) {
    test(line, () => assert.match(faults(`${LISTEN}${line}\n`).join(), words));
  }
});

describe("the control socket of a node whose file names none", () => {
  const rows = [
    { name: "root", uid: 0, env: { XDG_RUNTIME_DIR: "/run/user/0" }, path: "/run/tandem/a.sock" },
    {
      name: "a user with a session",
      uid: 7,
      env: { XDG_RUNTIME_DIR: "/run/user/7" },
      path: "/run/user/7/tandem/a.sock",
    },
    { name: "a user without", uid: 7, env: {}, path: "/tmp/tandem-7/a.sock" },
    {
      name: "a directory that is relative",
      uid: 7,
      env: { XDG_RUNTIME_DIR: "run" },
      path: "/tmp/tandem-7/a.sock",
    },
    {
      name: "a directory that is too long",
      uid: 7,
      env: { XDG_RUNTIME_DIR: `/${"x".repeat(100)}` },
      path: "/tmp/tandem-7/a.sock",
    },
  ];
  for (const { name, uid, env, path } of rows) {
    test(name, () => assert.equal(defaultControlSocket({ node: "a", uid, env }), path));
  }
});
