import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Config } from "../../../src/config/config.ts";
import { DEPTH_MAX, FILE_BYTES_MAX, VALUES_MAX } from "../../../src/config/document.ts";
import { loadConfig, parseConfig } from "../../../src/config/load-config.ts";
import { ConfigError, type ConfigProblem } from "../../../src/config/problem.ts";
import { withFile } from "../cli/cli-double.ts";
import { GOOD } from "./planted-mistakes.ts";

const LISTEN = "listen: [udp://10.0.0.1]\n";

function parse(text: string, env: Record<string, string> = {}): Config {
  return parseConfig(text, { file: "edge.yaml", env, hostName: "host-1" });
}

function problems(run: () => unknown): readonly ConfigProblem[] {
  try {
    run();
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error));
    return error.problems;
  }
  return [];
}

const words = (run: () => unknown): string[] =>
  problems(run).map(({ key, expected, found }) => `${key}: ${expected}; ${found}`);

describe("a good file", () => {
  test("becomes plain data with units and defaults", () => {
    const config = parse(GOOD);
    assert.deepEqual(config.listen[0], { transport: "udp", address: "198.51.100.10", port: 5060 });
    assert.deepEqual(config.timers, { t1Ms: 500, t2Ms: 4_000, t4Ms: 5_000, cMs: 185_000 });
    assert.equal(config.limits.connections, 100);
    assert.equal(config.limits.tcpIdleMs, 600_000);
    assert.deepEqual(config.routes[2], {
      from: ["pbx", "phones"],
      to: ["carriers"],
      number: "^\\+?1\\d{10}$",
      method: [],
      host: [],
      emergency: false,
      strip: 1,
      prefix: "+44",
      failover: {},
    });
    assert.equal(JSON.stringify(JSON.parse(JSON.stringify(config))), JSON.stringify(config));
  });

  test("is frozen to the last list", () => {
    const unfrozen: string[] = [];
    const walk = (value: unknown, path: string): void => {
      if (typeof value !== "object" || value === null) return;
      if (!Object.isFrozen(value)) unfrozen.push(path);
      for (const [key, inner] of Object.entries(value)) walk(inner, `${path}.${key}`);
    };
    walk(parse(GOOD), "config");
    assert.deepEqual(unfrozen, []);
  });

  test("takes its node's name from the host where it has none", () => {
    assert.equal(parse(LISTEN).node, "host-1");
    assert.equal(parse(`node: edge-b\n${LISTEN}`).node, "edge-b");
  });

  test("fills sources from the targets, each address once", () => {
    const text = `listen: [udp://10.0.0.1, "tcp://10.0.0.1", "udp://[2001:db8::1]"]
groups:
  pbx:
    targets: [sip:10.0.0.2, sip:10.0.0.2;transport=tcp, "sip:[2001:DB8:0::2]"]
routes: [{ from: pbx, to: pbx }]
`;
    assert.deepEqual(parse(text).groups[0]?.sources, ["10.0.0.2/32", "2001:db8::2/128"]);
  });

  test("writes classes of codes out, less those that never lead on", () => {
    const text = `${LISTEN}groups: { a: { targets: [sip:10.0.0.2], failover: { on: [6xx, 503, 503] } } }
routes: [{ from: a, to: a, failover: { on: [404], noAnswerAfter: 1.5s } }]
`;
    const config = parse(text);
    const on = config.groups[0]?.failover.on ?? [];
    assert.equal(on.length, 98);
    assert.deepEqual(
      [on[0], on.includes(600), on.includes(603), on.includes(604)],
      [503, false, false, false],
    );
    assert.deepEqual(config.routes[0]?.failover, { noAnswerAfterMs: 1_500, on: [404] });
  });
});

describe("targets", () => {
  const rows = [
    ["sip:10.1.0.11", { host: "10.1.0.11", numeric: true, port: 0, transport: null }],
    ["SIP:10.1.0.11:5080", { host: "10.1.0.11", numeric: true, port: 5080, transport: null }],
    ["sip:10.1.0.11;transport=TCP", { host: "10.1.0.11", numeric: true, port: 0, transport: "tcp" }],
    ["sip:[2001:DB8::0:1]:5070", { host: "2001:db8::1", numeric: true, port: 5070, transport: null }],
    ["sip:Trunk.Example.", { host: "trunk.example", numeric: false, port: 0, transport: null }],
    ["sip:pbx:5070;transport=udp", { host: "pbx", numeric: false, port: 5070, transport: "udp" }],
  ] as const;
  for (const [uri, wanted] of rows) {
    test(uri, () => {
      const text = `listen: [udp://10.0.0.1, tcp://10.0.0.1, "udp://[2001:db8::9]"]
groups: { a: { targets: ["${uri}"] } }
routes: [{ from: a, to: a }]
`;
      const defaults = { priority: 10, weight: 100, maxCalls: null, maxCallsPerSecond: null };
      assert.deepEqual(parse(text).groups[0]?.targets, [{ uri, ...wanted, ...defaults }]);
    });
  }

  const refused = [
    "sip:[::ffff:10.0.0.1]",
    "sip:0.0.0.0",
    "sip:224.0.0.1",
    "sip:255.255.255.255",
    "sip:10.1",
    "sip:",
    "sip:[2001:db8::1",
    "sip:2001:db8::1",
    "sip:10.0.0.2:0",
    "sip:10.0.0.2:",
    "sip:10.0.0.2?x=y",
    "sip:10.0.0.2;transport=udp;transport=udp",
    "sip:10.0.0.2;transport=sctp",
    "sip:10.0.0.2;lr",
    "tel:+15551234",
    "http://10.0.0.2",
  ];
  for (const uri of refused) {
    test(`refuses ${uri}`, () => {
      const text = `${LISTEN}groups: { a: { targets: ["${uri}"] } }\nroutes: [{ from: a, to: a }]\n`;
      assert.deepEqual(
        problems(() => parse(text)).map(({ key }) => key),
        ["groups.a.targets[0]"],
      );
    });
  }
});

describe("listen", () => {
  const collisions = [
    ["udp://0.0.0.0", "udp://10.0.0.1"],
    ["tcp://[::]", "tcp://[2001:db8::1]"],
    ["udp://10.0.0.1", "UDP://10.0.0.1:5060"],
  ];
  for (const [first, second] of collisions) {
    test(`${first} and ${second} collide`, () => {
      assert.deepEqual(
        problems(() => parse(`listen: ["${first}", "${second}"]`)).map(({ key }) => key),
        ["listen[1]"],
      );
    });
  }
  test("both families and both transports of one port are fine", () => {
    const text = 'listen: ["udp://0.0.0.0", "tcp://0.0.0.0", "udp://[::]", "udp://10.0.0.1:5061"]';
    assert.equal(parse(text).listen.length, 4);
  });
});

describe("the environment", () => {
  test("gives values, numbers and flags among them", () => {
    const text = `node: "$\{NAME}-$\{N}"
listen: ["udp://$\{IP}:$\{PORT}"]
identity: { secret: ["$\{SECRET}"] }
limits:
  connections: $\{N}
groups: { a: { targets: [sip:10.0.0.2] } }
routes: [{ from: a, to: a, emergency: "$\{YES}", number: 'x$$\{N}' }]
`;
    const env = {
      NAME: "edge",
      N: "12",
      IP: "10.0.0.1",
      PORT: "5070",
      SECRET: "1234567890123456",
      YES: "true",
    };
    const config = parse(text, env);
    assert.equal(config.node, "edge-12");
    assert.equal(config.listen[0]?.port, 5070);
    assert.deepEqual(config.identity.secret, ["1234567890123456"]);
    assert.equal(config.limits.connections, 12);
    assert.equal(config.routes[0]?.emergency, true);
    assert.equal(config.routes[0]?.number, `x$\{N}`);
  });

  test("a bad reference is named", () => {
    const [problem] = problems(() => parse(`node: "$\{1A}"\n${LISTEN}`));
    assert.equal(problem?.key, "node");
    assert.match(problem?.expected ?? "", /variable of the environment/);
    assert.equal(problems(() => parse(`node: "$\{OPEN"\n${LISTEN}`)).length, 1);
  });

  test("a reference without quotes in a flow map is one problem, too", () => {
    const [problem, ...others] = problems(() => parse(`${LISTEN}limits: { connections: $\{N} }\nlog: {}\n`));
    assert.equal(problem?.line, 2);
    assert.match(problem?.remedy ?? "", /put in quotes/);
    assert.deepEqual(others, []);
  });

  test("a missing variable is one problem, without echoes", () => {
    assert.deepEqual(
      words(() => parse(`node: "$\{NAME}"\n${LISTEN}`)),
      ["node: the environment variable NAME; no such variable"],
    );
  });

  test("secrets are never told", () => {
    const text = `identity: { secret: [$\{SECRET}, hunter2, 12345678] }\n${LISTEN}`;
    const error = words(() => parse(text, { SECRET: "s3cr3t" })).join("\n");
    for (const secret of ["s3cr3t", "hunter2", "12345678"]) assert.ok(!error.includes(secret), error);
    const remedies = problems(() => parse(text, { SECRET: "s3cr3t" }))
      .map(({ remedy }) => remedy)
      .join("\n");
    assert.ok(!/s3cr3t|hunter2|12345678/.test(remedies), remedies);
  });
});

describe("YAML", () => {
  test("anchors are written out", () => {
    const text = `${LISTEN}groups:
  a: { targets: [sip:10.0.0.2], failover: &quick { noAnswerAfter: 1s } }
  b: { targets: [sip:10.0.0.3], failover: *quick }
routes: [{ from: a, to: b }]
`;
    assert.equal(parse(text).groups[1]?.failover.noAnswerAfterMs, 1_000);
  });

  const rows: [string, string, RegExp][] = [
    ["an empty file", "", /: a map with listen, groups and routes; an empty file/],
    ["a list", "- a\n", /: a map with listen, groups and routes; a list of 1/],
    ["an unknown anchor", `${LISTEN}log: *x\n`, /log: an anchor that stands above; \*x/],
    ["two documents", `${LISTEN}---\n${LISTEN}`, /valid YAML/],
    ["a tag", `${LISTEN}node: !x y\n`, /valid YAML/],
    ["a list as key", `${LISTEN}? [a]\n: b\n`, /a plain word as key/],
    [
      "a merge key",
      `${LISTEN}groups: { a: { <<: { x: 1 } } }\nroutes: []\n`,
      /groups\.a\.<<: .*unknown key <</,
    ],
    ["a prototype", `${LISTEN}__proto__: { node: x }\n`, /__proto__: another name/],
    [
      "a prototype as group",
      `${LISTEN}groups: { __proto__: { sources: [10.0.0.9] } }\n`,
      /groups\.__proto__: /,
    ],
    ["an alias in itself", `${LISTEN}log: &a { b: *a }\n`, /at most/],
    ["deep nesting", `${LISTEN}log: ${"[".repeat(DEPTH_MAX + 1)}${"]".repeat(DEPTH_MAX + 1)}\n`, /at most/],
  ];
  for (const [name, text, wanted] of rows) {
    test(name, () => assert.match(words(() => parse(text)).join("\n"), wanted));
  }

  test("an alias that doubles itself is stopped", () => {
    const lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"];
    for (let level = 1; level < 9; level++) {
      lines.push(
        `a${level}: &a${level} [${Array(10)
          .fill(`*a${level - 1}`)
          .join(", ")}]`,
      );
    }
    assert.match(words(() => parse(lines.join("\n"))).join("\n"), new RegExp(`at most ${VALUES_MAX} values`));
  });
});

describe("a file that can't be read", () => {
  test("is one problem", () => {
    assert.match(words(() => loadConfig("/nowhere/edge.yaml", {}))[0] ?? "", /can be read; no such file/);
    assert.match(words(() => loadConfig("/tmp", {}))[0] ?? "", /can be read; a directory/);
  });
  test("nor one that is no text", async () => {
    await withFile(new Uint8Array([0x6e, 0xff, 0xfe]), async (file) => {
      assert.match(words(() => loadConfig(file, {}))[0] ?? "", /text in UTF-8/);
    });
  });
  test("nor one that is too large; at the limit it is read", async () => {
    const padding = (bytes: number): string => `${LISTEN}#`.padEnd(bytes, "x");
    await withFile(padding(FILE_BYTES_MAX), async (file) => assert.ok(loadConfig(file, {})));
    await withFile(padding(FILE_BYTES_MAX + 1), async (file) => {
      assert.match(words(() => loadConfig(file, {}))[0] ?? "", /at most 1048576 bytes; 1048577 bytes/);
    });
  });
});

test("the keys of later issues in the design's example are refused, each in words of its own", () => {
  const later = ["admin", "tls"].map((key) => `${key}: {}\n`).join("");
  const text = `${GOOD}${later}`;
  assert.deepEqual(
    problems(() => parse(text)).map(({ key, remedy }) => `${key}: ${/no support for/.test(remedy)}`),
    ["admin", "tls"].map((key) => `${key}: true`),
  );
});
