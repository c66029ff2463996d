// What the sources name: error codes, counters, limits. Read from their text, so that nothing has to be exported for it.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "./markdown.ts";

/** From path to text without comments, of every file below `src/`. */
export function readSource(): ReadonlyMap<string, string> {
  const names = readdirSync(join(ROOT, "src"), { recursive: true, encoding: "utf8" });
  const paths = names.filter((name) => name.endsWith(".ts")).map((name) => join("src", name));
  return new Map(paths.sort().map((path) => [path, withoutComments(readFileSync(join(ROOT, path), "utf8"))]));
}

function withoutComments(text: string): string {
  return text.replace(/^[ \t]*\/\*[\s\S]*?\*\//gm, "").replace(/(^|[\s;,{(])\/\/ .*$/gm, "$1");
}

/** The text between the brackets of each call of `name`. */
export function callsOf(text: string, name: string): string[] {
  const calls: string[] = [];
  for (let at = text.indexOf(`${name}(`); at >= 0; at = text.indexOf(`${name}(`, at + 1)) {
    const before = text.slice(Math.max(0, at - 9), at);
    if (/[\w$]$/.test(before) || before.endsWith("function ")) continue;
    const start = at + name.length + 1;
    calls.push(text.slice(start, closing(text, start)));
  }
  return calls;
}

/** Index of the bracket that closes the one before `start`. */
function closing(text: string, start: number): number {
  let depth = 1;
  for (let at = start; at < text.length; at++) {
    const letter = text[at];
    if (letter === "(") depth++;
    else if (letter === ")" && --depth === 0) return at;
  }
  return text.length;
}

/** Arguments of a call, split at its own commas. */
export function argumentsOf(call: string): string[] {
  const parts: string[] = [];
  let depth = 0;
  let quote = "";
  let start = 0;
  for (let at = 0; at < call.length; at++) {
    const letter = call[at] ?? "";
    if (quote !== "") quote = letter === quote ? "" : quote;
    else if (letter === '"' || letter === "`") quote = letter;
    else if ("([{".includes(letter)) depth++;
    else if (")]}".includes(letter)) depth--;
    else if (letter === "," && depth === 0) {
      parts.push(call.slice(start, at).trim());
      start = at + 1;
    }
  }
  return [...parts, call.slice(start).trim()].filter((part) => part !== "");
}

/**
 * Values that an expression may have: its strings and templates, but for those that something is compared with. A template
 * keeps its back-ticks, and loses the dollar sign of its places.
 */
export function stringsOf(expression: string): string[] {
  const plain = expression.replace(/[!=]== "[^"]*"/g, "");
  return [...plain.matchAll(/"([^"]*)"|(`[^`]*`)/g)].map(
    (match) => match[1] ?? match[2]?.replaceAll("$" + "{", "{") ?? "",
  );
}

/** Members of `type NAME = "a" | "b"` or of a property `name: 1 | 2`. */
export function unionOf(text: string, name: string): string[] {
  const body = new RegExp(`\\b(?:type ${name} =|${name}:)([^;]*);`).exec(text)?.[1] ?? "";
  return [...body.matchAll(/"([^"]+)"|\b(\d+)\b/g)].map((match) => match[1] ?? match[2] ?? "");
}

export interface Constant {
  readonly file: string;
  readonly name: string;
  readonly value: number;
}

/** A constant with such a name bounds something: a number of things, a size, a time. */
const LIMIT_NAME = /^[A-Z][A-Z0-9_]*_(MAX|MIN|MS|S|BYTES|DEFAULT)$/;

/** Units of time and of text, which bound nothing. */
const UNITS: ReadonlySet<string> = new Set(["SECOND_MS", "MINUTE_MS", "HOUR_MS", "UNIT_BYTES_MAX"]);

/** Every limit that is a named number of a module; NaN where the number can't be told from the text. */
export function limitConstants(source: ReadonlyMap<string, string>): Constant[] {
  const found: { file: string; name: string; expression: string }[] = [];
  for (const [file, text] of source) {
    for (const match of text.matchAll(/^(?:export )?const ([A-Z][A-Z0-9_]*)(?::[^=\n]*)? = ([^;\n]+);/gm)) {
      const [, name = "", expression = ""] = match;
      if (LIMIT_NAME.test(name) && !UNITS.has(name) && /^[\dA-Z]/.test(expression))
        found.push({ file, name, expression });
    }
  }
  const numberIn = (expression: string): number => {
    const factors = expression.split("*").map((factor) => {
      const text = factor.trim().replaceAll("_", "");
      if (/^(0x[0-9a-f]+|[\d.]+)$/i.test(text)) return Number(text);
      const other = found.find(({ name }) => name === factor.trim());
      return other === undefined ? Number.NaN : numberIn(other.expression);
    });
    return factors.reduce((product, factor) => product * factor, 1);
  };
  return found.map(({ file, name, expression }) => ({ file, name, value: numberIn(expression) }));
}
