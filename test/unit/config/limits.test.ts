/** Every bound of the file: good at the limit, named one past it. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { SECRET_CHARACTERS_MIN } from "../../../src/config/cluster-schema.ts";
import { SOURCES_MAX, TARGETS_MAX } from "../../../src/config/group-schema.ts";
import { parseConfig } from "../../../src/config/load-config.ts";
import { PATTERN_CHARACTERS_MAX } from "../../../src/config/number-pattern.ts";
import { ConfigError } from "../../../src/config/problem.ts";
import { ALIASES_MAX, GROUPS_MAX, LISTENERS_MAX, ROUTES_MAX } from "../../../src/config/schema.ts";

const LISTEN = "listen: [udp://10.255.0.1]";
const ROUTES = "routes: [{ from: a, to: a }]";

function keysOf(text: string): string[] {
  try {
    parseConfig(text, { file: "edge.yaml", env: {} });
    return [];
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error));
    return error.problems.map(({ key }) => key);
  }
}

const list = (count: number, entry: (index: number) => string): string =>
  `[${Array.from({ length: count }, (_, index) => entry(index)).join(", ")}]`;
const address = (index: number): string => `10.0.${index >> 8}.${index & 255}`;
const group = (inner: string): string => `${LISTEN}\ngroups: { a: { ${inner} } }\n${ROUTES}\n`;
const one = "targets: [sip:192.0.2.1]";

const rows: { name: string; limit: number; key: string; file: (size: number) => string }[] = [
  {
    name: "listen addresses",
    limit: LISTENERS_MAX,
    key: "listen",
    file: (size) => `listen: ${list(size, (index) => `udp://${address(index)}`)}\n`,
  },
  {
    name: "aliases",
    limit: ALIASES_MAX,
    key: "identity.aliases",
    file: (size) => `${LISTEN}\nidentity: { aliases: ${list(size, (index) => `a${index}.example`)} }\n`,
  },
  {
    name: "targets of a group",
    limit: TARGETS_MAX,
    key: "groups.a.targets",
    file: (size) => group(`targets: ${list(size, (index) => `sip:${address(index)}`)}`),
  },
  {
    name: "sources of a group",
    limit: SOURCES_MAX,
    key: "groups.a.sources",
    file: (size) => group(`${one}, sources: ${list(size, address)}`),
  },
  {
    name: "groups",
    limit: GROUPS_MAX,
    key: "groups",
    file: (size) => {
      const others = Array.from(
        { length: size - 1 },
        (_, index) => `g${index}: { sources: [${address(index)}] }`,
      );
      return `${LISTEN}\ngroups: { a: { ${one} }, ${others.join(", ")} }\n${ROUTES}\n`;
    },
  },
  {
    name: "routes",
    limit: ROUTES_MAX,
    key: "routes",
    file: (size) => {
      const routes = list(size, (index) => `{ from: a, to: a, number: '${index}' }`);
      return `${LISTEN}\ngroups: { a: { ${one} } }\nroutes: ${routes}\n`;
    },
  },
  {
    name: "characters of a pattern",
    limit: PATTERN_CHARACTERS_MAX,
    key: "routes[0].number",
    file: (size) => {
      const route = `{ from: a, to: a, number: "${"1".repeat(size)}" }`;
      return `${LISTEN}\ngroups: { a: { ${one} } }\nroutes: [${route}]\n`;
    },
  },
];

describe("bounds of the file", () => {
  for (const { name, limit, key, file } of rows) {
    test(`${limit} ${name}, and one more`, () => {
      assert.deepEqual(keysOf(file(limit)), []);
      assert.deepEqual(keysOf(file(limit + 1)), [key]);
    });
  }

  test(`a secret of ${SECRET_CHARACTERS_MIN} characters, and one less`, () => {
    const file = (size: number): string => `${LISTEN}\nidentity: { secret: ["${"x".repeat(size)}"] }\n`;
    assert.deepEqual(keysOf(file(SECRET_CHARACTERS_MIN)), []);
    assert.deepEqual(keysOf(file(SECRET_CHARACTERS_MIN - 1)), ["identity.secret[0]"]);
  });
});
