/** What zod found, as faults with a place, the words of our schema and a remedy. */
import type { z } from "zod";
import type { ConfigDocument, Fault } from "./document.ts";
import { describeFound, isSecretPath, valueAt } from "./found.ts";
import { laterKey } from "./later.ts";
import type { KeyPath } from "./problem.ts";
import { closest } from "./spelling.ts";

type Issue = z.core.$ZodIssue;
type JsonSchema = Readonly<Record<string, unknown>>;

/** Translates the issues of one file. `schema` is the JSON schema of the same zod schema. */
export function schemaFaults(
  issues: readonly Issue[],
  document: ConfigDocument,
  schema: JsonSchema,
): Fault[] {
  const faults = issues.flatMap((issue) => faultsOf(issue, [], document, schema));
  const seen = new Set<string>();
  return faults.filter(({ path, expected }) => {
    const key = JSON.stringify([path, expected]);
    return !seen.has(key) && seen.add(key);
  });
}

function faultsOf(issue: Issue, above: KeyPath, document: ConfigDocument, schema: JsonSchema): Fault[] {
  const path: KeyPath = [
    ...above,
    ...issue.path.map((part) => (typeof part === "symbol" ? String(part) : part)),
  ];
  if (issue.code === "invalid_union") {
    const branch = issue.errors.find((errors) => !errors.some((inner) => isWrongType(inner)));
    if (branch !== undefined && branch.length > 0) {
      return branch.flatMap((inner) => faultsOf(inner, path, document, schema));
    }
  }
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((key) => unknownKey([...path, key], document, schema));
  }
  if (issue.code === "invalid_key")
    return [badName(path, issue.issues[0]?.message ?? "another name", document)];
  const remedy = issue.code === "custom" ? issue.params?.["remedy"] : undefined;
  const node = schemaAt(schema, path);
  return [
    {
      path,
      offset: document.valueOffset(path),
      expected: issue.message,
      found: describeFound(document, path),
      remedy: typeof remedy === "string" ? remedy : generalRemedy(path, document, node),
    },
  ];
}

/** A branch of a union that wanted another kind of value altogether. */
function isWrongType(issue: Issue): boolean {
  return issue.path.length === 0 && (issue.code === "invalid_type" || issue.code === "invalid_value");
}

function unknownKey(path: KeyPath, document: ConfigDocument, schema: JsonSchema): Fault {
  const key = String(path.at(-1));
  const known = Object.keys(propertiesOf(schemaAt(schema, path.slice(0, -1))));
  const later = laterKey(path);
  const meant = closest(key, known);
  const place = path.length === 1 ? "the file" : "this map";
  return {
    path,
    offset: document.keyOffset(path),
    expected: later === null ? `a key that ${place} may have` : "a key of this version",
    found: later === null ? `the unknown key ${key}` : `the key ${key}, which is not in this version yet`,
    remedy:
      later === null
        ? unknownRemedy(key, known, meant)
        : `remove it: this version has no support for ${later}`,
  };
}

function unknownRemedy(key: string, known: readonly string[], meant: string | null): string {
  if (meant !== null) return `did you mean ${meant}?`;
  if (key === "<<") return "merge keys are not supported: write the keys out";
  return `remove it; the keys here are ${known.join(", ")}`;
}

function badName(path: KeyPath, expected: string, document: ConfigDocument): Fault {
  const key = String(path.at(-1));
  const remedy = "choose another name, and use it in the routes, too";
  return {
    path,
    offset: document.keyOffset(path),
    expected,
    found: `the name ${JSON.stringify(key)}`,
    remedy,
  };
}

/** A remedy from what was found and from the example of the schema. */
function generalRemedy(path: KeyPath, document: ConfigDocument, node: JsonSchema): string {
  const value = valueAt(document.data, path);
  const last = path.at(-1);
  const key = typeof last === "string" ? `${last}: ` : "";
  const example = exampleOf(node);
  const wanted = typesOf(node);
  const written = isSecretPath(path) ? "..." : document.sourceOf(path);
  if (value === undefined && example !== null) return `add ${key}${example}`;
  if (value === undefined) return "add it";
  const scalar = typeof value === "number" || typeof value === "boolean";
  if (scalar && wanted.has("string") && !wanted.has("integer") && !hasPatternOfUnit(node)) {
    return `put it in quotes: ${key}"${written}"`;
  }
  if (typeof value === "number" && hasPatternOfUnit(node))
    return `add the unit: ${key}${written}s or ${key}${written}ms`;
  if (typeof value === "string" && wanted.has("integer") && /^\d+$/.test(value))
    return `remove the quotes: ${key}${written}`;
  if (typeof value === "string" && wanted.has("boolean") && /^(true|false)$/.test(value)) {
    return `remove the quotes: ${key}${value}`;
  }
  if (typeof value === "string" && wanted.has("boolean") && /^(yes|on|no|off)$/i.test(value)) {
    return `write ${key}${/^(yes|on)$/i.test(value) ? "true" : "false"}`;
  }
  if (wanted.has("array") && !Array.isArray(value) && value !== null && typeof value !== "object") {
    return `make it a list: ${key}[${written}]`;
  }
  if (value === null && wanted.has("object")) return "write its keys below it, indented";
  const words = typeof value === "string" ? enumOf(node) : [];
  const meant = typeof value === "string" ? closest(value, words) : null;
  if (meant !== null) return `did you mean ${meant}?`;
  if (words.length > 0) return `use one of ${words.join(", ")}`;
  return example === null ? "see docs/configuration.md for this key" : `write for example ${key}${example}`;
}

/** Walks a JSON schema of ours, through maps of any name, lists and unions. `{}` where the path leaves it. */
function schemaAt(schema: JsonSchema, path: KeyPath): JsonSchema {
  const [part, ...rest] = path;
  if (part === undefined) return schema;
  for (const option of [schema, ...optionsOf(schema)]) {
    const next = typeof part === "number" ? asSchema(option["items"]) : propertyOf(option, part);
    if (next !== null) return schemaAt(next, rest);
  }
  return {};
}

/** The keys that a map may have, with their schemas; of a union, those of its map. */
function propertiesOf(schema: JsonSchema): Readonly<Record<string, unknown>> {
  for (const option of [schema, ...optionsOf(schema)]) {
    const properties = asSchema(option["properties"]);
    if (properties !== null) return properties;
  }
  return {};
}

function propertyOf(schema: JsonSchema, name: string): JsonSchema | null {
  const properties = asSchema(schema["properties"]);
  if (properties !== null && Object.hasOwn(properties, name)) return asSchema(properties[name]);
  return asSchema(schema["additionalProperties"]);
}

function optionsOf(schema: JsonSchema): JsonSchema[] {
  const options = schema["anyOf"];
  return Array.isArray(options) ? options.map(asSchema).filter((option) => option !== null) : [];
}

function typesOf(schema: JsonSchema): Set<unknown> {
  return new Set([schema, ...optionsOf(schema)].map((option) => option["type"]));
}

function enumOf(schema: JsonSchema): string[] {
  return [schema, ...optionsOf(schema)]
    .flatMap((option): unknown[] => (Array.isArray(option["enum"]) ? option["enum"] : []))
    .filter((value) => typeof value === "string");
}

function exampleOf(schema: JsonSchema): string | null {
  for (const option of [schema, ...optionsOf(schema)]) {
    const examples = option["examples"];
    const items = asSchema(option["items"]);
    if (!Array.isArray(examples) && items !== null) return `[${exampleOf(items) ?? "..."}]`;
    if (Array.isArray(examples))
      return typeof examples[0] === "string" ? examples[0] : JSON.stringify(examples[0]);
  }
  return null;
}

/** Only durations carry a unit. */
function hasPatternOfUnit(schema: JsonSchema): boolean {
  return typeof schema["pattern"] === "string" && schema["pattern"].endsWith("(ms|s|m|h)$");
}

function asSchema(value: unknown): JsonSchema | null {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as JsonSchema) : null;
}
