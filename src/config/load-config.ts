/** From a file to a `Config`, or to every problem of the file at once. */
import { readFileSync, statSync } from "node:fs";
import { hostname } from "node:os";
import { buildConfig } from "./build-config.ts";
import type { Config } from "./config.ts";
import { crossFaults } from "./cross-check.ts";
import { ConfigDocument, type Fault, FILE_BYTES_MAX } from "./document.ts";
import type { Environment } from "./environment.ts";
import { valueAt } from "./found.ts";
import { ConfigError, type ConfigProblem, formatKeyPath } from "./problem.ts";
import { CONFIG_JSON_SCHEMA, configSchema } from "./schema.ts";
import { schemaFaults } from "./schema-fault.ts";

export interface ParseOptions {
  /** Name of the file, for the problems. */
  readonly file: string;
  /** Where ${NAME} is looked up. */
  readonly env: Environment;
  /** Name of a node whose file gives none. Default: the host name. */
  readonly hostName?: string;
  /** Of the process, for the default of `control.socket`. */
  readonly uid?: number;
}

/**
 * Reads and checks a file.
 * @throws ConfigError with every problem of it; no other error
 */
export function loadConfig(file: string, env: Environment): Config {
  return parseConfig(readText(file), { file, env });
}

/**
 * Checks the text of a file.
 * @throws ConfigError with every problem of it; no other error
 */
export function parseConfig(text: string, options: ParseOptions): Config {
  const document = new ConfigDocument(text, options.env);
  if (document.broken) throw problemsOf(document, document.faults, options.file);
  const { env, hostName: node = hostname(), uid = process.getuid?.() ?? 0 } = options;
  const result = configSchema.safeParse(withNumbers(document));
  const faults = [
    ...document.faults,
    ...(result.success ? [] : schemaFaults(result.error.issues, document, CONFIG_JSON_SCHEMA)),
    ...crossFaults(document, node),
  ];
  if (faults.length > 0 || !result.success) throw problemsOf(document, withoutEchoes(faults), options.file);
  return buildConfig(result.data, { node, env, uid });
}

/** A variable that is missing leaves an empty value, of which nothing more needs to be said. */
function withoutEchoes(faults: readonly Fault[]): Fault[] {
  const told = new Set<string>();
  return faults.filter((fault) => {
    const key = formatKeyPath(fault.path);
    if (key !== "" && told.has(key) && !fault.expected.startsWith("the environment")) return false;
    told.add(key);
    return true;
  });
}

/** Values from the environment are strings: where the schema wants a number or a flag, they are read as one. */
function withNumbers(document: ConfigDocument): unknown {
  const first = configSchema.safeParse(document.data);
  for (const issue of first.error?.issues ?? []) {
    const path = issue.path.filter((part) => typeof part !== "symbol");
    const key = path.at(-1);
    const text = valueAt(document.data, path);
    if (key === undefined || typeof text !== "string" || !document.isInterpolated(path)) continue;
    const holder = valueAt(document.data, path.slice(0, -1)) as Record<string | number, unknown>;
    if (/^\d{1,15}$/.test(text)) holder[key] = Number(text);
    if (text === "true" || text === "false") holder[key] = text === "true";
  }
  return document.data;
}

function problemsOf(document: ConfigDocument, faults: readonly Fault[], file: string): ConfigError {
  const problems = faults.map(({ path, offset, expected, found, remedy }): ConfigProblem => {
    return { file, ...document.position(offset), key: formatKeyPath(path), expected, found, remedy };
  });
  return new ConfigError(problems.sort((a, b) => a.line - b.line || a.column - b.column));
}

function readText(file: string): string {
  const problem = (expected: string, found: string, remedy: string): ConfigError =>
    new ConfigError([{ file, line: 1, column: 1, key: "", expected, found, remedy }]);
  let bytes: Buffer;
  try {
    const { size } = statSync(file);
    if (size > FILE_BYTES_MAX) {
      throw problem(`at most ${FILE_BYTES_MAX} bytes`, `${size} bytes`, "name the configuration file");
    }
    bytes = readFileSync(file);
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    const code = error instanceof Error && "code" in error ? String(error.code) : String(error);
    throw problem(
      "a file that can be read",
      REASONS[code] ?? code,
      "name the file after -c, and see that tandem may read it",
    );
  }
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw problem("text in UTF-8", "other bytes", "save the file as UTF-8");
  }
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: "no such file",
  EACCES: "a file that this user may not read",
  EISDIR: "a directory",
};
