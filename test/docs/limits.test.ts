// docs/limits.md against the sources: every named bound with its value, and every key of the configuration that is one.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { CONFIG_JSON_SCHEMA } from "../../src/config/schema.ts";
import { codeSpans, type Row, readPage, rowsWith } from "./markdown.ts";
import { limitConstants, readSource } from "./source-text.ts";

type Schema = Readonly<Record<string, unknown>>;

/** Keys that bound something, by their place or their name. */
const LIMIT_KEYS = [/^(limits|timers|overload)\./, /\.max[A-Z]\w*$/, /(Bytes|After)$/];

const page = readPage("docs/limits.md");

function isSchema(value: unknown): value is Schema {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Keys without keys of their own, each with its default as the file would have it; "none" where there is none. */
function leaves(schema: Schema, path: string): [string, string][] {
  const options = Array.isArray(schema["anyOf"]) ? schema["anyOf"].filter(isSchema) : [];
  const inner = [schema, ...options].flatMap((option) => {
    const properties = isSchema(option["properties"]) ? Object.entries(option["properties"]) : [];
    const { items, additionalProperties } = option;
    return [
      ...properties.map(([name, value]) => [value, path === "" ? name : `${path}.${name}`] as const),
      ...(isSchema(items) ? [[items, `${path}[]`] as const] : []),
      ...(isSchema(additionalProperties) ? [[additionalProperties, `${path}.NAME`] as const] : []),
    ];
  });
  const below = inner.flatMap(([value, at]) => (isSchema(value) ? leaves(value, at) : []));
  const own: [string, string][] = [[path, "default" in schema ? String(schema["default"]) : "none"]];
  return inner.length > 0 ? below : own;
}

function span(row: Row, heading: string): string {
  return codeSpans(row[heading] ?? "")[0] ?? "";
}

/** The number that a cell begins with. */
function numberOf(cell: string): number {
  return Number(/^[\d,.]+/.exec(cell)?.[0].replaceAll(",", ""));
}

describe("docs/limits.md", () => {
  test("has every named bound of the sources with its value, and no other", () => {
    const constants = limitConstants(readSource()).map(
      ({ file, name, value }) => `${file} ${name} = ${value}`,
    );
    const written = rowsWith(page, "name").map(
      (row) => `src/${span(row, "in src/")} ${span(row, "name")} = ${numberOf(row["value"] ?? "")}`,
    );
    assert.ok(constants.length > 0);
    assert.deepEqual(written.sort(), constants.sort());
  });

  test("has every key of the configuration that bounds something, with its default, and no other", () => {
    const keys = leaves(CONFIG_JSON_SCHEMA, "").filter(([path]) =>
      LIMIT_KEYS.some((name) => name.test(path)),
    );
    const defaults = keys.map(([path, fallback]) => `${path}: ${fallback}`);
    const written = rowsWith(page, "key").map(
      (row) => `${span(row, "key")}: ${row["default"]?.replace(/`/g, "")}`,
    );
    assert.ok(defaults.length > 0);
    assert.deepEqual(written.sort(), [...new Set(defaults)].sort());
  });

  test("says why, and what happens, for each", () => {
    const rows = ["name", "key"].flatMap((heading) => rowsWith(page, heading));
    assert.deepEqual(
      rows.filter((row) => Object.values(row).some((cell) => cell === "")),
      [],
    );
  });
});

describe("the reader of constants", () => {
  const rows = [
    { name: "separators", code: "const A_MAX = 65_535;", value: 65_535 },
    { name: "exported, with a type", code: "export const A_MS: number = 10;", value: 10 },
    { name: "a product", code: "const A_MS = 12 * 3_600_000;", value: 43_200_000 },
    { name: "hexadecimal", code: "const A_MAX = 0x7fff_ffff;", value: 2_147_483_647 },
    { name: "another constant", code: "const B_MAX = 7;\nexport const A_MAX = B_MAX;", value: 7 },
  ];
  for (const { name, code, value } of rows) {
    test(name, () => {
      const constants = limitConstants(new Map([["src/a.ts", code]]));
      assert.equal(
        constants.find((constant) => constant.name === "A_MAX" || constant.name === "A_MS")?.value,
        value,
      );
    });
  }
});
