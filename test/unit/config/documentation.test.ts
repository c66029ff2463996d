import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { loadConfig } from "../../../src/config/load-config.ts";
import { CONFIG_JSON_SCHEMA } from "../../../src/config/schema.ts";

type Schema = Readonly<Record<string, unknown>>;

interface Key {
  readonly path: string;
  readonly fallback: string | null;
  readonly described: boolean;
}

const file = (name: string): string => new URL(`../../../${name}`, import.meta.url).pathname;

function isSchema(value: unknown): value is Schema {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function keysOf(schema: Schema, above: string): Key[] {
  const options = Array.isArray(schema["anyOf"]) ? schema["anyOf"].filter(isSchema) : [];
  return [schema, ...options].flatMap((option) => {
    const properties = isSchema(option["properties"]) ? Object.entries(option["properties"]) : [];
    const own = properties.flatMap(([name, inner]) => {
      if (!isSchema(inner)) return [];
      const path = above === "" ? name : `${above}.${name}`;
      const fallback = "default" in inner ? JSON.stringify(inner["default"]) : null;
      return [
        { path, fallback, described: typeof inner["description"] === "string" },
        ...keysOf(inner, path),
      ];
    });
    const items = isSchema(option["items"]) ? keysOf(option["items"], `${above}[]`) : [];
    const named = option["additionalProperties"];
    return [...own, ...items, ...(isSchema(named) ? keysOf(named, `${above}.NAME`) : [])];
  });
}

/** Rows of the tables in the document: key and default. */
function documented(): Map<string, string> {
  const lines = readFileSync(file("docs/configuration.md"), "utf8").split("\n");
  return new Map(
    lines.flatMap((line) => {
      const [, key, , fallback] = line.split("|").map((cell) => cell.trim());
      const path = /^`([A-Za-z.[\]]+\w|listen|node)`$/.exec(key ?? "")?.[1];
      return path === undefined || fallback === undefined ? [] : [[path, fallback] as const];
    }),
  );
}

describe("the configuration's document", () => {
  const keys = keysOf(CONFIG_JSON_SCHEMA, "");

  test("has the keys of the schema, and no others", () => {
    const others = ["balance", "weighted", "round-robin", "least-calls", "hash"];
    const written = [...documented().keys()].filter((key) => !others.includes(key));
    assert.deepEqual(written.sort(), keys.map(({ path }) => path).sort());
  });

  for (const { path, fallback } of keys) {
    if (fallback === null) continue;
    test(`says the default of ${path}`, () => assert.equal(documented().get(path), `\`${fallback}\``));
  }

  test("every key is described in the schema", () => {
    assert.deepEqual(
      keys.filter(({ described }) => !described),
      [],
    );
  });
});

describe("config/single-node.yaml", () => {
  test("is good", () => {
    const config = loadConfig(file("config/single-node.yaml"), {});
    assert.deepEqual(
      config.groups.map(({ name }) => name),
      ["phones", "pbx", "carrier"],
    );
  });
});
