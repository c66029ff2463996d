/** YAML text to plain data, with the place in the file of every key and value, and ${NAME} taken from the environment. */
import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Pair,
  parseDocument,
  type Scalar,
  visit,
  type YAMLMap,
  type YAMLParseError,
  type YAMLWarning,
} from "yaml";
import { type Environment, interpolate } from "./environment.ts";
import type { KeyPath } from "./problem.ts";

/** Bytes of a file: beyond it something else was named by mistake. */
export const FILE_BYTES_MAX = 1_048_576;
/** Values of a file once its aliases are written out: stops an alias that doubles itself thirty times. */
export const VALUES_MAX = 100_000;
/** Nesting: the schema needs six levels. */
export const DEPTH_MAX = 32;

/** A fault with its place, before the file's name is put to it. */
export interface Fault {
  readonly path: KeyPath;
  readonly offset: number;
  readonly expected: string;
  readonly found: string;
  readonly remedy: string;
}

interface Place {
  /** Where the key stands; for a list item, where the item does. */
  readonly key: number;
  readonly value: number;
  /** The scalar as the user wrote it; "" for maps and lists. */
  readonly source: string;
  /** Part of it came from the environment, so that numbers are strings still. */
  readonly interpolated: boolean;
}

/** A file that was read: its data, where each value stands, and what is wrong with it as YAML. */
export class ConfigDocument {
  readonly data: unknown;
  readonly faults: readonly Fault[];
  /** The text is no YAML, so that nothing can be said of its keys. */
  readonly broken: boolean;
  readonly #places: ReadonlyMap<string, Place>;
  readonly #lines: LineCounter;

  constructor(text: string, env: Environment) {
    this.#lines = new LineCounter();
    const document = parseDocument(text, {
      lineCounter: this.#lines,
      prettyErrors: false,
      uniqueKeys: false, // told with both places by the reader below
      merge: false,
    });
    const errors = [...document.errors, ...document.warnings];
    // What follows the first fault of this kind is its echo.
    const echoes = errors.slice(1).filter((error) => error.code === "UNEXPECTED_TOKEN");
    const told = errors.filter((error) => !echoes.includes(error));
    const syntax = told.map((error) => syntaxFault(error, document, text));
    this.broken = syntax.length > 0;
    const reader = new Reader(document, env, this.#lines);
    this.data = this.broken ? undefined : reader.read(document.contents, []);
    this.faults = this.broken ? syntax : reader.faults;
    this.#places = reader.places;
  }

  /** Line and column of an offset, from 1. */
  position(offset: number): { line: number; column: number } {
    const { line, col } = this.#lines.linePos(offset);
    return { line: Math.max(line, 1), column: Math.max(col, 1) };
  }

  /** Offset of the value at a path; where there is none, of the nearest key above it. */
  valueOffset(path: KeyPath): number {
    const place = this.#places.get(placeKey(path));
    if (place !== undefined) return place.value;
    return path.length === 0 ? 0 : this.keyOffset(path.slice(0, -1));
  }

  /** Offset of the key at a path; where there is none, of the nearest key above it. */
  keyOffset(path: KeyPath): number {
    const place = this.#places.get(placeKey(path));
    if (place !== undefined) return place.key;
    return path.length === 0 ? 0 : this.keyOffset(path.slice(0, -1));
  }

  /** The scalar at a path as the user wrote it, or "". */
  sourceOf(path: KeyPath): string {
    return this.#places.get(placeKey(path))?.source ?? "";
  }

  isInterpolated(path: KeyPath): boolean {
    return this.#places.get(placeKey(path))?.interpolated ?? false;
  }
}

function placeKey(path: KeyPath): string {
  return JSON.stringify(path);
}

class Reader {
  readonly faults: Fault[] = [];
  readonly places = new Map<string, Place>();
  #values = 0;
  readonly #document: Document;
  readonly #env: Environment;
  readonly #lines: LineCounter;

  constructor(document: Document, env: Environment, lines: LineCounter) {
    this.#document = document;
    this.#env = env;
    this.#lines = lines;
  }

  /**
   * Of a map or list over several lines it is the key that the user looks for.
   * @returns plain data: scalars, arrays, and maps without a prototype
   */
  read(node: unknown, path: KeyPath, key?: number): unknown {
    const offset = offsetOf(node) ?? key ?? 0;
    this.#values += 1;
    if (this.#values > VALUES_MAX || path.length > DEPTH_MAX) return this.#tooLarge(path, offset);
    if (isAlias(node)) {
      const target = node.resolve(this.#document);
      if (target !== undefined) return this.read(target, path, offset);
      this.#fault(
        path,
        offset,
        "an anchor that stands above",
        `*${node.source}`,
        `write &${node.source} where it begins`,
      );
      return undefined;
    }
    if (isMap(node)) {
      this.#place(path, { key: key ?? offset, value: node.flow ? offset : (key ?? offset) });
      return this.#readMap(node, path);
    }
    if (isSeq(node)) {
      this.#place(path, { key: key ?? offset, value: node.flow ? offset : (key ?? offset) });
      return node.items.map((item, index) => this.read(item, [...path, index]));
    }
    if (isScalar(node)) return this.#readScalar(node, path, key);
    this.#place(path, { key: key ?? offset, value: offset });
    return null;
  }

  #readMap(map: YAMLMap, path: KeyPath): Record<string, unknown> {
    const data: Record<string, unknown> = Object.create(null);
    for (const pair of map.items as Pair[]) {
      const offset = offsetOf(pair.key) ?? 0;
      if (!isScalar(pair.key) || pair.key.value === null) {
        this.#fault(path, offset, "a plain word as key", "another kind of key", "write key: value");
        continue;
      }
      const key = String(pair.key.value);
      const own = [...path, key];
      if (key === "__proto__") {
        this.#fault(own, offset, "another name", key, "choose another name: this one is JavaScript's own");
        continue;
      }
      if (key in data) {
        const first = this.#lines.linePos(this.places.get(placeKey(own))?.key ?? 0).line;
        this.#fault(
          own,
          offset,
          "each key once",
          `the key ${key} again`,
          `it stands on line ${first} already: keep one`,
        );
        continue;
      }
      data[key] = this.read(pair.value, own, offset);
    }
    return data;
  }

  #readScalar(scalar: Scalar, path: KeyPath, key: number | undefined): unknown {
    const offset = scalar.range?.[0] ?? key ?? 0;
    const source = scalar.source ?? String(scalar.value ?? "");
    // An empty value has its offset after the colon, or even on the next line: the key is what the user sees.
    const empty = scalar.value === null && source === "";
    const interpolated = typeof scalar.value === "string" && scalar.value.includes("${");
    this.#place(path, { key: key ?? offset, value: empty ? (key ?? offset) : offset, source, interpolated });
    if (!interpolated) return scalar.value;
    const { text, faults } = interpolate(String(scalar.value), this.#env);
    this.faults.push(...faults.map((fault) => ({ path, offset, ...fault })));
    return text;
  }

  #place(
    path: KeyPath,
    place: { key: number; value: number; source?: string; interpolated?: boolean },
  ): void {
    const { key, value, source = "", interpolated = false } = place;
    this.places.set(placeKey(path), { key, value, source, interpolated });
  }

  #tooLarge(path: KeyPath, offset: number): undefined {
    if (this.faults.some((fault) => fault.expected.startsWith("at most"))) return undefined;
    const expected = `at most ${VALUES_MAX} values, nested ${DEPTH_MAX} deep`;
    this.#fault(path, offset, expected, "more", "look for an alias that contains itself");
    return undefined;
  }

  #fault(path: KeyPath, offset: number, expected: string, found: string, remedy: string): void {
    this.faults.push({ path, offset, expected, found, remedy });
  }
}

function offsetOf(node: unknown): number | null {
  const range = isMap(node) || isSeq(node) || isScalar(node) || isAlias(node) ? node.range : null;
  return range?.[0] ?? null;
}

const SYNTAX_REMEDIES: Readonly<Record<string, string>> = {
  TAB_AS_INDENT: "indent with spaces: YAML takes no tabs",
  BAD_INDENT: "indent the keys of one map alike",
  BLOCK_AS_IMPLICIT_KEY: "indent the keys of one map alike, and quote a value that holds ': '",
  BAD_DQ_ESCAPE: "in double quotes a backslash is written twice: use single quotes, as in '^\\d+$'",
  BAD_SCALAR_START: "put the value in quotes",
  MISSING_CHAR: "close the quote or bracket that is open",
  MULTIPLE_DOCS: "remove the --- line: one file holds one configuration",
  TAG_RESOLVE_FAILED: "remove the word that begins with !, or quote the value",
  BAD_ALIAS: "quote a value that begins with *",
};

const SYNTAX_REMEDY = "look at this line and the one above; quote values that hold ': ' or ' #'";
const BARE_REFERENCE_REMEDY = "between { } and [ ] a reference to the environment is put in quotes";

function syntaxFault(error: YAMLParseError | YAMLWarning, document: Document, text: string): Fault {
  const [offset] = error.pos;
  const line = text.slice(text.lastIndexOf("\n", offset - 1) + 1).split("\n", 1)[0] ?? "";
  const bareReference = line.includes("$" + "{") && error.code === "UNEXPECTED_TOKEN";
  return {
    path: [],
    offset: error.code === "MISSING_CHAR" ? quoteAround(offset, document) : offset,
    expected: "valid YAML",
    found: error.message.replace(/\s+/g, " "),
    remedy: bareReference ? BARE_REFERENCE_REMEDY : (SYNTAX_REMEDIES[error.code] ?? SYNTAX_REMEDY),
  };
}

/** A quote that is missing is missed where the file ends; the user looks for where it was opened. */
function quoteAround(offset: number, document: Document): number {
  let opened = offset;
  visit(document, {
    Scalar(_, scalar) {
      const [start, end] = scalar.range ?? [offset, -1];
      if (scalar.type?.startsWith("QUOTE") && start < offset && offset <= end) opened = start;
    },
  });
  return opened;
}
