import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Config } from "../../../src/config/config.ts";
import { parseConfig } from "../../../src/config/load-config.ts";
import type { ConfigProblem } from "../../../src/config/problem.ts";
import type { Loaded } from "../../../src/node/config-thread.ts";
import { loadInThread } from "../../../src/node/config-thread.ts";
import { Reloader, type ReloadOptions } from "../../../src/node/reload.ts";
import { withFile } from "../cli/cli-double.ts";

const parse = (more = ""): Config =>
  parseConfig(`node: edge-a\nlisten: [udp://10.0.0.1]\n${more}`, { file: "edge.yaml", env: {}, uid: 0 });
const problem: ConfigProblem = {
  file: "/edge.yaml",
  line: 1,
  column: 1,
  key: "listen",
  expected: "x",
  found: "y",
  remedy: "z",
};

function world(loads: (() => Loaded | Promise<Loaded>)[], prepare?: ReloadOptions["prepare"]) {
  const used: Config[] = [];
  const lines: string[] = [];
  const log = (fields: object, message: string): void =>
    void lines.push(`${message} ${JSON.stringify(fields)}`);
  const reloader = new Reloader({
    file: "/edge.yaml",
    env: {},
    log: { info: log, error: log },
    current: parse(),
    prepare: prepare ?? (async (next) => () => void used.push(next)),
    load: async () => (loads.shift() ?? assert.fail("read too often"))(),
  });
  return { reloader, used, lines };
}

describe("a reload", () => {
  test("uses the new file, and says which keys", async () => {
    const next = parse("log: { level: debug }\nlimits: { connections: 5 }\n");
    const { reloader, used, lines } = world([() => ({ config: next })]);
    const answer = await reloader.reload();
    assert.deepEqual(answer, {
      ok: true,
      node: "edge-a",
      file: "/edge.yaml",
      changed: ["log.level"],
      needsRestart: ["limits.connections"],
      problems: [],
    });
    assert.deepEqual(
      used.map(({ log, limits }) => [log.level, limits.connections]),
      [["debug", 10_000]],
    );
    assert.match(lines.join("\n"), /^reloaded .*log\.level.*limits\.connections/);
  });

  test("of a bad file gives all problems and changes nothing", async () => {
    const { reloader, used, lines } = world([() => ({ problems: [problem] }), () => ({ config: parse() })]);
    const answer = await reloader.reload();
    assert.deepEqual([answer.ok, answer.problems, used.length], [false, [problem], 0]);
    assert.match(lines.join("\n"), /not reloaded.*nothing has changed.*expected x/);
    assert.equal((await reloader.reload()).ok, true);
  });

  test("whose parts can't be built changes nothing", async () => {
    const { reloader } = world([() => ({ config: parse("log: { level: debug }\n") })], () => {
      throw new Error("no such pattern");
    });
    const { ok, error, changed } = await reloader.reload();
    assert.deepEqual([ok, error, changed], [false, "no such pattern", []]);
  });

  test("with a target that needs a new listener is refused", async () => {
    const text = `node: edge-a\nlisten: [udp://10.0.0.1, tcp://10.0.0.1]
groups: { a: { targets: ["sip:10.0.0.2;transport=tcp"] } }\nroutes: [{ from: a, to: a }]\n`;
    const next = parseConfig(text, { file: "edge.yaml", env: {}, uid: 0 });
    const { reloader, used } = world([() => ({ config: next })]);
    const { ok, error } = await reloader.reload();
    assert.deepEqual([ok, used.length], [false, 0]);
    assert.match(error ?? "", /needs a listener of tcp over IPv4, and a new listener needs a restart/);
  });

  test("waits for the one that runs; those that come meanwhile are one", async () => {
    const first = Promise.withResolvers<Loaded>();
    const { reloader, used } = world([
      () => first.promise,
      () => ({ config: parse("log: { level: warn }\n") }),
    ]);
    const one = reloader.reload();
    await Promise.resolve();
    const [two, three] = [reloader.reload(), reloader.reload()];
    first.resolve({ config: parse("log: { level: debug }\n") });
    assert.deepEqual((await one).changed, ["log.level"]);
    assert.equal(await two, await three);
    assert.deepEqual(
      used.map(({ log }) => log.level),
      ["debug", "warn"],
    );
  });

  test("for another file than the node's is refused", async () => {
    const { reloader } = world([]);
    const { ok, error } = await reloader.onCommand({ command: "reload", file: "/other.yaml" });
    assert.equal(ok, false);
    assert.match(error ?? "", /started with \/edge\.yaml, not with \/other\.yaml/);
  });
});

describe("a file that is read in a thread", () => {
  test("gives the same configuration, as frozen", async () => {
    await withFile("node: $" + "{NAME}\nlisten: [udp://10.0.0.1]\n", async (file) => {
      const loaded = await loadInThread(file, { NAME: "edge-z" });
      assert.ok("config" in loaded);
      const wanted = parseConfig("node: edge-z\nlisten: [udp://10.0.0.1]\n", { file, env: {} });
      assert.deepEqual(loaded.config, wanted);
      assert.ok(Object.isFrozen(loaded.config.limits));
    });
  });

  test("gives the problems", async () => {
    await withFile("listen: []\nx: 1\n", async (file) => {
      const loaded = await loadInThread(file, {});
      assert.ok("problems" in loaded);
      assert.deepEqual(
        loaded.problems.map(({ key }) => key),
        ["listen", "x"],
      );
    });
  });
});
