// Which modules a TypeScript source names in its imports. A reader for our own house style, no parser.

/** `typesOnly`: it erases; every name that it brings in is a type. */
export interface SourceImport {
  specifier: string;
  typesOnly: boolean;
  line: number;
}

const STATEMENT =
  /^[ \t]*(?:import|export)\b(?<clause>[^;"'`()]*?)\bfrom\s*(?<quote>["'])(?<name>[^"']+)\k<quote>/gm;
const BARE = /^[ \t]*import\s*["'](?<name>[^"']+)["']/gm;
const DYNAMIC = /\bimport\s*\(\s*["'`](?<name>[^"'`]+)["'`]/g;

function onlyTypes(clause: string): boolean {
  if (/^\s*type\b(?!\s*,)/.test(clause)) return true;
  const names = /^\s*\{(?<names>[^}]*)\}\s*$/.exec(clause)?.groups?.["names"];
  if (names === undefined) return false;
  const items = names.split(",").filter((item) => item.trim() !== "");
  return items.length > 0 && items.every((item) => /^\s*type\s/.test(item));
}

/** Blanks comments that stand on lines of their own, so that a code sample in them is no import. */
function withoutComments(text: string): string {
  const blank = (comment: string) => comment.replace(/[^\n]/g, " ");
  return text.replace(/^[ \t]*\/\*[\s\S]*?\*\//gm, blank).replace(/^[ \t]*\/\/.*$/gm, blank);
}

/** @returns every import of `text`, `export … from`, `import "…"` and `import("…")` included. */
export function readImports(text: string): SourceImport[] {
  const code = withoutComments(text);
  const found: SourceImport[] = [];
  for (const pattern of [STATEMENT, BARE, DYNAMIC]) {
    for (const match of code.matchAll(pattern)) {
      const line = code.slice(0, match.index).split("\n").length;
      const clause = match.groups?.["clause"];
      const typesOnly = clause !== undefined && onlyTypes(clause);
      found.push({ specifier: match.groups?.["name"] ?? "", typesOnly, line });
    }
  }
  return found.sort((a, b) => a.line - b.line);
}
