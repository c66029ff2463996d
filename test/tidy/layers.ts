// The house rules on which file may import which, as data; the table is that of docs/architecture.md, "Layers".
import { dirname, join } from "node:path/posix";
import { readImports } from "./source-imports.ts";

/** Source files by their path from the root of the repository, "src/sip/uri.ts". */
export type Sources = ReadonlyMap<string, string>;

const ALL = "all";

/** What a folder of src/ may import besides itself. Types of `config` are open to every layer. */
const LAYERS: Readonly<Record<string, readonly string[] | typeof ALL>> = {
  sip: [],
  transport: ["sip"],
  dns: [],
  health: ["sip", "dns"],
  routing: ["sip", "dns", "health"],
  proxy: ["sip", "transport", "dns", "health", "routing"],
  calls: ["sip"],
  replication: ["calls", "health"],
  cluster: ["replication"],
  "floating-ip": [],
  guardian: ["floating-ip"],
  admin: ALL,
  cli: ALL,
  dashboard: ALL,
  config: [],
  node: ALL,
  "main.ts": ALL,
};

/** Folders whose code takes an event and the time and touches no world of its own. */
const PURE = new Set(["sip", "dns", "health", "routing", "proxy", "calls", "cluster"]);

/** Files of those folders that do touch the world, and only that; each is named for it. */
const WORLDLY_FILES = new Set([
  "src/dns/udp-exchange.ts",
  "src/dns/tcp-exchange.ts",
  "src/dns/watched-file.ts",
]);

function isPure(path: string): boolean {
  return PURE.has(layerOf(path)) && !WORLDLY_FILES.has(path);
}

const WORLDLY_MODULE =
  /^(?:node:)?(?:child_process|cluster|dgram|dns|fs|http|http2|https|net|os|perf_hooks|readline|timers|tls|worker_threads)(?:\/.*)?$/;

const WORLDLY_CALL =
  /\b(?:Date\.now|new Date\(\)|performance\.now|process\.hrtime|Math\.random|randomUUID|setTimeout|setInterval|setImmediate)\b/;

/** "src/sip/message/x.ts" is of "sip"; a file directly in src/ stands for itself. */
function layerOf(path: string): string {
  return path.split("/")[1] ?? "";
}

function allowed(from: string, to: string, typesOnly: boolean): boolean {
  if (from === to || (to === "config" && typesOnly)) return true;
  const may = LAYERS[from];
  return may === ALL || (may?.includes(to) ?? false);
}

function resolve(importer: string, specifier: string): string {
  return join(dirname(importer), specifier);
}

/** @returns one sentence for each import that the table does not allow. */
export function importFaults(sources: Sources): string[] {
  const faults: string[] = [];
  for (const [path, text] of sources) {
    const layer = layerOf(path);
    if (!(layer in LAYERS)) faults.push(`${path}: "${layer}" is no layer of the table`);
    for (const { specifier, typesOnly, line } of readImports(text)) {
      const where = `${path}:${line}`;
      if (!specifier.startsWith(".")) {
        if (isPure(path) && !typesOnly && WORLDLY_MODULE.test(specifier)) {
          faults.push(`${where}: ${layer} is pure and must not import ${specifier}`);
        }
        continue;
      }
      const target = resolve(path, specifier);
      if (!target.startsWith("src/")) faults.push(`${where}: imports ${target}, which is outside src`);
      else if (!sources.has(target)) faults.push(`${where}: imports ${target}, which is not there`);
      else if (!allowed(layer, layerOf(target), typesOnly)) {
        faults.push(`${where}: ${layer} must not import ${layerOf(target)} (${target})`);
      }
    }
  }
  return faults;
}

/** @returns one sentence for each use of the clock or of chance in a layer that gets both passed in. */
export function purityFaults(sources: Sources): string[] {
  const faults: string[] = [];
  for (const [path, text] of sources) {
    if (!isPure(path)) continue;
    for (const [index, line] of text.split("\n").entries()) {
      const call = /^\s*(?:\/\/|\/?\*)/.test(line) ? null : WORLDLY_CALL.exec(line.replace(/\s\/\/.*$/, ""));
      if (call !== null)
        faults.push(`${path}:${index + 1}: ${layerOf(path)} is pure and must not use ${call[0]}`);
    }
  }
  return faults;
}

type Graph = ReadonlyMap<string, ReadonlySet<string>>;

/** The imports between files; those of types count too: a circle of types is a circle of concepts. */
export function fileGraph(sources: Sources): Graph {
  const graph = new Map<string, Set<string>>();
  for (const [path, text] of sources) {
    const targets = readImports(text).filter(({ specifier }) => specifier.startsWith("."));
    graph.set(path, new Set(targets.map(({ specifier }) => resolve(path, specifier))));
  }
  return graph;
}

/** The imports between layers, without those of bare types. */
export function layerGraph(sources: Sources): Graph {
  const graph = new Map<string, Set<string>>();
  for (const [path, text] of sources) {
    const layer = layerOf(path);
    const targets = graph.get(layer) ?? new Set<string>();
    graph.set(layer, targets);
    for (const { specifier, typesOnly } of readImports(text)) {
      const target = layerOf(resolve(path, specifier));
      if (specifier.startsWith(".") && !typesOnly && target !== layer) targets.add(target);
    }
  }
  return graph;
}

/** @returns the circles of a graph, each once, as "a -> b -> a". */
export function circles(graph: Graph): string[] {
  const found: string[] = [];
  const done = new Set<string>();
  const path: string[] = [];
  const visit = (node: string): void => {
    const at = path.indexOf(node);
    if (at >= 0) found.push([...path.slice(at), node].join(" -> "));
    if (at >= 0 || done.has(node)) return;
    path.push(node);
    for (const next of graph.get(node) ?? []) visit(next);
    path.pop();
    done.add(node);
  };
  for (const node of graph.keys()) visit(node);
  return found;
}
