// The house rules that no linter knows: the layers of docs/architecture.md, purity, circles, names, length.
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { defaultExportFaults, lengthFaults, nameFaults } from "./tidy/house-style.ts";
import { circles, fileGraph, importFaults, layerGraph, purityFaults, type Sources } from "./tidy/layers.ts";
import { lockFaults } from "./tidy/lock-file.ts";
import { readImports } from "./tidy/source-imports.ts";

const ROOT = fileURLToPath(new URL("..", import.meta.url));

function readSources(folder: string): Map<string, string> {
  const names = readdirSync(join(ROOT, folder), { recursive: true, encoding: "utf8" });
  const paths = names.filter((name) => /\.m?[jt]s$/.test(name)).map((name) => join(folder, name));
  return new Map(paths.sort().map((path) => [path, readFileSync(join(ROOT, path), "utf8")]));
}

const source = readSources("src");
const everything = new Map([
  ...source,
  ...readSources("test"),
  ...readSources("scripts"),
  ...readSources("bin"),
]);

describe("the repository", () => {
  test("has sources to look at", () => assert.ok(source.size > 0));
  test("imports only what the table of layers allows", () => assert.deepEqual(importFaults(source), []));
  test("keeps clocks, chance and sockets out of the pure layers", () =>
    assert.deepEqual(purityFaults(source), []));
  test("has no circle of files", () => assert.deepEqual(circles(fileGraph(everything)), []));
  test("has no circle of layers", () => assert.deepEqual(circles(layerGraph(source)), []));
  test("has no file above 500 lines", () => assert.deepEqual(lengthFaults(everything), []));
  test("has no empty names", () => assert.deepEqual(nameFaults(everything.keys()), []));
  test("pins every package, of every platform", () => {
    assert.deepEqual(lockFaults(JSON.parse(readFileSync(join(ROOT, "package-lock.json"), "utf8"))), []);
  });
  test("has no default exports", () => assert.deepEqual(defaultExportFaults(everything), []));
});

/** A repository of `files`, in which every imported file exists. */
function planted(files: Record<string, string>): Sources {
  return new Map([
    ["src/config/config.ts", ""],
    ["src/sip/uri.ts", ""],
    ["src/proxy/proxy.ts", ""],
    ...Object.entries(files),
  ]);
}

describe("the rule of layers, on planted examples", () => {
  const bad = [
    { name: "sip imports proxy", path: "src/sip/a.ts", text: 'import { proxy } from "../proxy/proxy.ts";' },
    { name: "types upward", path: "src/sip/a.ts", text: 'import type { P } from "../proxy/proxy.ts";' },
    { name: "re-export", path: "src/transport/a.ts", text: 'export * from "../proxy/proxy.ts";' },
    { name: "bare import", path: "src/dns/a.ts", text: 'import "../sip/uri.ts";' },
    { name: "dynamic import", path: "src/dns/a.ts", text: 'const uri = await import("../sip/uri.ts");' },
    { name: "several lines", path: "src/dns/a.ts", text: 'import {\n  parseUri,\n} from "../sip/uri.ts";' },
    {
      name: "values of config",
      path: "src/routing/a.ts",
      text: 'import { load } from "../config/config.ts";',
    },
    {
      name: "a value among types",
      path: "src/sip/a.ts",
      text: 'import { type C, load } from "../config/config.ts";',
    },
    {
      name: "tests from src",
      path: "src/cli/a.ts",
      text: 'import { Clock } from "../../test/support/clock.ts";',
    },
    { name: "a missing file", path: "src/cli/a.ts", text: 'import { x } from "./gone.ts";' },
    { name: "a folder outside the table", path: "src/stuff/a.ts", text: "" },
    {
      name: "a socket in a pure layer",
      path: "src/proxy/a.ts",
      text: 'import { createSocket } from "node:dgram";',
    },
  ];
  for (const { name, path, text } of bad) {
    test(`fails on: ${name}`, () => {
      const faults = importFaults(planted({ [path]: text }));
      assert.equal(faults.length, 1, faults.join("\n"));
      assert.match(faults[0] ?? "", new RegExp(`^${path}`));
    });
  }

  const good = [
    { name: "downward", path: "src/proxy/a.ts", text: 'import { parseUri } from "../sip/uri.ts";' },
    { name: "within a layer", path: "src/sip/message/a.ts", text: 'import { parseUri } from "../uri.ts";' },
    { name: "types of config", path: "src/sip/a.ts", text: 'import type { C } from "../config/config.ts";' },
    {
      name: "a list of types",
      path: "src/sip/a.ts",
      text: 'import { type C, type D } from "../config/config.ts";',
    },
    { name: "cli imports all", path: "src/cli/a.ts", text: 'import { p } from "../proxy/proxy.ts";' },
    { name: "main imports all", path: "src/main.ts", text: 'import { p } from "./proxy/proxy.ts";' },
    {
      name: "a sample in a comment",
      path: "src/sip/a.ts",
      text: '/**\n * x\n import { p } from "../proxy/proxy.ts"; */',
    },
    {
      name: "a socket in transport",
      path: "src/transport/a.ts",
      text: 'import { createSocket } from "node:dgram";',
    },
  ];
  for (const { name, path, text } of good) {
    test(`accepts: ${name}`, () => assert.deepEqual(importFaults(planted({ [path]: text })), []));
  }

  test("tells where an import stands", () => {
    assert.deepEqual(readImports('// first\nimport { a, type B } from "./a.ts";\n'), [
      { specifier: "./a.ts", typesOnly: false, line: 2 },
    ]);
  });
});

describe("the other rules, on planted examples", () => {
  test("purity: clock and chance are found, comments are not", () => {
    const text =
      "const a = Date.now();\n// Date.now()\n * setTimeout\nconst b = Math.random();\nclock.now();";
    const faults = purityFaults(
      new Map([
        ["src/sip/a.ts", text],
        ["src/node/b.ts", text],
      ]),
    );
    assert.deepEqual(faults, [
      "src/sip/a.ts:1: sip is pure and must not use Date.now",
      "src/sip/a.ts:4: sip is pure and must not use Math.random",
    ]);
  });

  test("circles: of files and of layers", () => {
    const sources = planted({
      "src/cli/a.ts": 'import "../node/b.ts";',
      "src/node/b.ts": 'import "./c.ts";',
      "src/node/c.ts": 'import "../cli/a.ts";',
    });
    assert.deepEqual(circles(fileGraph(sources)), [
      "src/cli/a.ts -> src/node/b.ts -> src/node/c.ts -> src/cli/a.ts",
    ]);
    assert.deepEqual(circles(layerGraph(sources)), ["cli -> node -> cli"]);
  });

  test("lock file: a platform's package that is not locked, and a registry by name", () => {
    const platform = { optionalDependencies: { "cli-mac": "1.0.0" } };
    const packages = {
      "": { version: "0.1.0" },
      "node_modules/cli": { version: "1.0.0", resolved: "https://mirror.example/cli.tgz", ...platform },
    };
    assert.deepEqual(lockFaults({ packages }), [
      "node_modules/cli: names the registry mirror.example",
      "node_modules/cli: its optional dependency cli-mac is not locked, and npm ci would refuse",
    ]);
    const mac = { version: "1.0.0", resolved: "https://registry.npmjs.org/cli-mac.tgz" };
    assert.deepEqual(
      lockFaults({ packages: { "node_modules/cli": platform, "node_modules/cli-mac": mac } }),
      [],
    );
  });

  test("length: 500 lines pass, 501 do not", () => {
    const lines = (count: number) => "x\n".repeat(count);
    assert.deepEqual(lengthFaults(new Map([["a.ts", lines(500)]])), []);
    assert.equal(lengthFaults(new Map([["a.ts", lines(501)]])).length, 1);
  });

  test("names: whole words only", () => {
    const paths = [
      "src/sip/utils.ts",
      "src/common/uri.ts",
      "src/proxy/call-manager.ts",
      "src/cli/commander.ts",
    ];
    assert.equal(nameFaults(paths).length, 3);
  });

  test("default exports, plain and renamed", () => {
    const texts = ["export default 1;", "const a = 1;\nexport { a as default };", "export const a = 1;"];
    assert.equal(defaultExportFaults(new Map(texts.map((text, index) => [`${index}.ts`, text]))).length, 2);
  });
});
