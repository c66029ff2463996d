// What the pages tell a reader to type works: commands are run here or by the test that a table names, examples of
// configurations are checked, keys exist.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { cp, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { loadConfig, parseConfig } from "../../src/config/load-config.ts";
import { ConfigError } from "../../src/config/problem.ts";
import { CONFIG_JSON_SCHEMA } from "../../src/config/schema.ts";
import { commandOf, commentedCommands, isCommand, KNOWN_COMMANDS } from "./example-commands.ts";
import { codeBlocks, codeSpans, prose, ROOT, readPage, readPages } from "./markdown.ts";

const WITHIN_MS = 30_000;
const EXAMPLE = "config/single-node.yaml";
/** What an example may take from the environment. */
const EXAMPLE_ENV = { TANDEM_SECRET: "a-secret-of-the-tests-only" };

/** Decision records tell what was done then; they are not followed today. */
const pages = readPages().filter(({ path }) => !path.startsWith("docs/adr/"));
/** Examples of configurations; the folders beside them hold what other programs read. */
const configs = (await readdir(join(ROOT, "config")))
  .filter((name) => name.endsWith(".yaml"))
  .map((name) => readPage(join("config", name)));

// npm and the test runner tell their children about themselves; what a reader types knows nothing of either.
const env = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => !/^(npm_|NODE_TEST_CONTEXT$|NODE_OPTIONS$)/.test(name)),
);

interface Outcome {
  readonly code: number | null;
  readonly output: string;
}

/** Runs a command line as a shell would. @param until a text at which it is told to stop, it and all that it started */
async function run(line: string, options: { cwd?: string; until?: string } = {}): Promise<Outcome> {
  const child = spawn("sh", ["-c", line], { cwd: options.cwd ?? ROOT, env, detached: true });
  const { pid } = child;
  let output = "";
  let stopped = false;
  const signal = (name: NodeJS.Signals): void => {
    if (pid !== undefined && child.exitCode === null) process.kill(-pid, name);
  };
  const take = (text: string): void => {
    output += text;
    if (options.until === undefined || stopped || !output.includes(options.until)) return;
    stopped = true;
    signal("SIGTERM");
  };
  child.stdout.setEncoding("utf8").on("data", take);
  child.stderr.setEncoding("utf8").on("data", take);
  const tooLate = setTimeout(() => signal("SIGKILL"), WITHIN_MS);
  const [code] = (await once(child, "close")) as [number | null];
  clearTimeout(tooLate);
  return { code, output };
}

function commandsOf(text: string): string[] {
  const shown = codeBlocks(text).flatMap(({ language, lines }) => {
    const commands = lines.map(commandOf).filter((line) => line !== "");
    return language === "sh" ? commands : language === "" ? commands.filter(isCommand) : [];
  });
  return [...shown, ...codeSpans(prose(text)).filter(isCommand)];
}

describe("commands in the pages", () => {
  const shown = [
    ...pages.flatMap(({ path, text }) => commandsOf(text).map((line) => ({ path, line }))),
    ...configs.flatMap(({ path, text }) => commentedCommands(text).map((line) => ({ path, line }))),
  ];

  test("each is run by a test", () => {
    assert.ok(shown.length > 0);
    const unknown = shown.filter(({ line }) => !KNOWN_COMMANDS.some((known) => known.line.test(line)));
    assert.deepEqual(
      unknown,
      [],
      "run it in commands.test.ts, or name the test that does in example-commands.ts",
    );
  });

  for (const { line, by, evidence } of KNOWN_COMMANDS) {
    test(`${line.source}: ${by} does`, async () => {
      assert.match(await readFile(join(ROOT, by), "utf8"), evidence);
    });
  }

  test("each script of package.json that the pages name is there", async () => {
    const { scripts } = JSON.parse(await readFile(join(ROOT, "package.json"), "utf8")) as { scripts: object };
    const named = shown.map(({ line }) => /^npm run ([\w:-]+)/.exec(line)?.[1]);
    assert.deepEqual(
      named.filter((name) => name !== undefined && !(name in scripts)),
      [],
    );
  });

  test("the reader: a new command in a block, a span or a comment is found", () => {
    const page = "Text `npm run nothing` and\n\n    npx tandem nothing   # why\n\n```sh\ntandem-ctl x\n```\n";
    assert.deepEqual(commandsOf(page), ["tandem-ctl x", "npx tandem nothing", "npm run nothing"]);
    assert.deepEqual(commentedCommands("# x: npm start\n#   npm x\nlisten: []  # npm y\n"), [
      "npm start",
      "npm x",
    ]);
  });
});

async function freePort(): Promise<number> {
  const socket = createSocket("udp4").bind(0, "127.0.0.1");
  await once(socket, "listening");
  const { port } = socket.address();
  socket.close();
  await once(socket, "close");
  return port;
}

describe("commands that are run here", { concurrency: 3 }, () => {
  let folder = "";
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "tandem-docs-"));
  });
  after(() => rm(folder, { recursive: true, force: true }));

  // A node of a pair needs its networks, its peer and Redis: test/lab/cluster.test.ts starts those.
  const alone = configs.filter(({ text }) => !/^cluster:/m.test(text));
  for (const [index, { path, text }] of alone.entries()) {
    test(`npm start: ${path} serves, and SIGTERM ends it`, async () => {
      const stem = join(folder, `edge-${index}`);
      const file = `${stem}.yaml`;
      const port = await freePort();
      // Not where a node of this machine may have its own.
      const own = `control: { socket: ${stem}.sock }\nstate: { directory: ${stem}-state }\n`;
      const here = text
        .replaceAll("127.0.0.1:5060", `127.0.0.1:${port}`)
        .replace(/(?<=cdr: \{ file: )\S+/, `${stem}.jsonl`);
      await writeFile(file, here + own);
      const { output } = await run(`npm start -- -c ${file}`, { until: '"msg":"ready"' });
      assert.match(output, /"msg":"ready"/);
      assert.match(output, /"msg":"stopped"/);
      assert.doesNotMatch(output, /"level":[56]0/);
    });
  }

  test("tandem run: a file with a mistake starts nothing, exit code 2", async () => {
    const file = join(folder, "mistake.yaml");
    await writeFile(file, "listen: [udp://127.0.0.1:1]\nlisen: []\n");
    const { code, output } = await run(`node_modules/.bin/tandem run -c ${file}`);
    assert.equal(code, 2, output);
    assert.match(output, /nothing was started/);
    const checked = await run(`node_modules/.bin/tandem config check -c ${file} --json`);
    assert.equal(checked.code, 2, checked.output);
    assert.equal((JSON.parse(checked.output) as { ok: boolean }).ok, false);
  });

  test("tandem config check: the example is good", async () => {
    const { code, output } = await run(`node_modules/.bin/tandem config check -c ${EXAMPLE}`);
    assert.equal(code, 0, output);
  });

  test("npx tandem config schema: JSON of a JSON schema", async () => {
    const { code, output } = await run("npx tandem config schema");
    assert.equal(code, 0, output);
    assert.match(output, /"\$schema": "https:\/\/json-schema.org\//);
  });

  test("one file of tests, bare", async () => {
    const file = "test/unit/routing/router.test.ts";
    const { code, output } = await run(`npx node --test ${file}`);
    assert.equal(code, 0, output);
    assert.match(output, /^. pass [1-9]/m);
  });

  test("one file of tests by npm, and by their name", async () => {
    const file = "test/unit/routing/target-order.test.ts --test-name-pattern='weight 0'";
    const { code, output } = await run(`npm run test:unit -- ${file}`);
    assert.equal(code, 0, output);
    assert.match(output, /^. pass [1-9]/m);
  });

  test("a simulation: the history that the environment asks for", async () => {
    const asked = "TARGETS=50 DAYS=0.1 SEED=4711";
    const { code, output } = await run(
      `${asked} npm run test:simulation -- --test-name-pattern='targets for'`,
    );
    assert.equal(code, 0, output);
    assert.match(output, /50 targets for 0\.1 days, seed 4711/);
    assert.match(output, /^. pass [1-9]/m);
  });

  test("npm run simulate: one seed, with what happened in it", async () => {
    const { code, output } = await run("npm run simulate -- --seed 464 --trace --forgetful");
    assert.equal(code, 0, output);
    assert.match(output, /Redis grants epoch 1 to boot-/);
    assert.match(output, /^1 runs in .*, 0 broken$/m);
  });

  test("npm install: versions are pinned exactly", async () => {
    const { output } = await run("npm config get save-exact");
    assert.match(output, /^true$/m);
  });

  test("npm run format: mends a file, in a copy", async () => {
    const copy = join(folder, "copy");
    for (const name of ["package.json", "package-lock.json", "biome.json", ".gitignore", "scripts"])
      await cp(join(ROOT, name), join(copy, name), { recursive: true });
    await symlink(join(ROOT, "node_modules"), join(copy, "node_modules"));
    await writeFile(join(copy, "odd.ts"), "export const a = 'b'\n");
    const { code, output } = await run("npm run format", { cwd: copy });
    assert.equal(code, 0, output);
    assert.equal(await readFile(join(copy, "odd.ts"), "utf8"), 'export const a = "b";\n');
  });
});

/** Names of all keys, and all paths, of the configuration. */
function keysOf(schema: unknown, path: string): { name: string; path: string }[] {
  if (typeof schema !== "object" || schema === null) return [];
  const node = schema as Record<string, unknown>;
  const own = Object.entries((node["properties"] ?? {}) as Record<string, unknown>).flatMap(
    ([name, inner]) => {
      const at = path === "" ? name : `${path}.${name}`;
      return [{ name, path: at }, ...keysOf(inner, at)];
    },
  );
  const options = Array.isArray(node["anyOf"]) ? node["anyOf"].flatMap((option) => keysOf(option, path)) : [];
  return [
    ...own,
    ...options,
    ...keysOf(node["items"], `${path}[]`),
    ...keysOf(node["additionalProperties"], `${path}.NAME`),
  ];
}

describe("configurations in the pages", () => {
  const keys = keysOf(CONFIG_JSON_SCHEMA, "");
  const names = new Set(keys.map(({ name }) => name));
  const paths = new Set(keys.map(({ path }) => path));
  const top = [...paths].filter((path) => !path.includes("."));

  for (const { path, text } of configs) {
    test(`${path}: is good as it stands`, () => assert.ok(loadConfig(join(ROOT, path), EXAMPLE_ENV)));

    for (const [line, space = "", key = ""] of text.matchAll(/^( *)# ((?:\w+): \S.*)$/gm)) {
      if (!names.has(key.split(":")[0] ?? "")) continue;
      test(`${path}: is good with ${key.split(/ {2,}#/)[0]}`, () => {
        const changed = text.replace(line, `${space}${key}`);
        assert.ok(parseConfig(changed, { file: path, env: EXAMPLE_ENV }));
      });
    }
  }

  for (const { path, text } of pages) {
    for (const [index, { language, lines }] of codeBlocks(text).entries()) {
      if (language !== "yaml") continue;
      test(`${path}: block ${index + 1} is good`, () => {
        const block = lines.join("\n");
        const whole = /^listen:/m.test(block) ? block : `listen: [udp://127.0.0.1:5060]\n${block}`;
        assert.ok(parseConfig(`${whole}\n`, { file: path, env: EXAMPLE_ENV }));
      });
    }

    // docs/errors.md shows mistakes, which its own test runs.
    if (path === "docs/errors.md") continue;
    test(`${path}: the keys that it names exist`, () => {
      const named = codeSpans(prose(text));
      const dotted = named.filter(
        (span) => top.some((key) => span.startsWith(`${key}.`)) && /^[\w.[\]]+\w$/.test(span),
      );
      const withValue = named.flatMap((span) => /^([a-z]\w*): [^:]+$/.exec(span)?.[1] ?? []);
      assert.deepEqual(
        [...dotted.filter((span) => !paths.has(span)), ...withValue.filter((name) => !names.has(name))],
        [],
      );
    });
  }

  test("the checker: a fragment with a mistake is none", () => {
    const text = "listen: [udp://127.0.0.1:5060]\nlisen: []\n";
    assert.throws(() => parseConfig(text, { file: "x", env: {} }), ConfigError);
  });
});
