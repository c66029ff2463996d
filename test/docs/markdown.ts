// The parts of a Markdown page that can be checked: tables, code, links.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const ROOT = fileURLToPath(new URL("../..", import.meta.url));

export interface Page {
  /** From the root of the repository. */
  readonly path: string;
  readonly text: string;
}

/** The pages of a reader of the repository, without the changelog: what it says was true when it was written. */
export function readPages(): Page[] {
  const below = readdirSync(join(ROOT, "docs"), { recursive: true, encoding: "utf8" });
  const pages = below.filter((name) => name.endsWith(".md")).map((name) => join("docs", name));
  return ["README.md", "CONTRIBUTING.md", ...pages.sort()].map(readPage);
}

export function readPage(path: string): Page {
  return { path, text: readFileSync(join(ROOT, path), "utf8") };
}

/** One row of a table, by the headings of its columns. */
export type Row = Readonly<Record<string, string>>;

/** Rows of all tables of a page that have a column with this heading. */
export function rowsWith(page: Page, heading: string): Row[] {
  const rows: Row[] = [];
  let headings: string[] | null = null;
  for (const line of page.text.split("\n")) {
    if (!line.startsWith("|")) headings = null;
    else if (headings === null) headings = cells(line);
    else if (!/^\|[-|: ]+$/.test(line) && headings.includes(heading)) {
      const values = cells(line);
      rows.push(Object.fromEntries(headings.map((name, index) => [name, values[index] ?? ""])));
    }
  }
  return rows;
}

function cells(line: string): string[] {
  return line
    .replace(/^\||\|\s*$/g, "")
    .split(/(?<!\\)\|/)
    .map((cell) => cell.trim());
}

/** What stands between back-ticks in a piece of text. */
export function codeSpans(text: string): string[] {
  return [...text.matchAll(/`([^`\n]+)`/g)].map((match) => match[1] ?? "");
}

export interface CodeBlock {
  /** "" where none is given, and for a block that is made by indentation. */
  readonly language: string;
  readonly lines: readonly string[];
}

/** Code blocks of a page, fenced or indented by four. */
export function codeBlocks(text: string): CodeBlock[] {
  const blocks: CodeBlock[] = [];
  const fences = /^```(\w*)\n([\s\S]*?)^```$/gm;
  for (const match of text.matchAll(fences))
    blocks.push({ language: match[1] ?? "", lines: (match[2] ?? "").trimEnd().split("\n") });
  for (const match of text.replace(fences, "").matchAll(/(?<=^\n)(?: {4}.*\n)+/gm))
    blocks.push({
      language: "",
      lines: match[0]
        .trimEnd()
        .split("\n")
        .map((line) => line.slice(4)),
    });
  return blocks;
}

/** A page without its code blocks. */
export function prose(text: string): string {
  return text.replace(/^```[\s\S]*?^```$/gm, "").replace(/(?<=^\n)(?: {4}.*\n)+/gm, "");
}

/** Targets of the links to places in the repository, without their anchors. */
export function relativeLinks(text: string): string[] {
  return [...text.matchAll(/\]\(([^)\s]+)\)/g)]
    .map((match) => match[1] ?? "")
    .filter((target) => !/^[a-z]+:|^#/.test(target))
    .map((target) => target.replace(/#.*$/, ""));
}
