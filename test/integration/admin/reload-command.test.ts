// `tandem reload` and SIGHUP against what a node installs, through a real socket and a real file.
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { main } from "../../../src/cli/main.ts";
import type { Config } from "../../../src/config/config.ts";
import { loadConfig } from "../../../src/config/load-config.ts";
import { type Installed, installReload } from "../../../src/node/reload.ts";
import { cli } from "../../unit/cli/cli-double.ts";

describe("tandem reload", () => {
  const folder = mkdtempSync(join(tmpdir(), "tandem-reload-"));
  const [file, socket] = [join(folder, "edge.yaml"), join(folder, "edge.sock")];
  const used: Config[] = [];
  let told = Promise.withResolvers<string>();
  let installed: Installed;

  const write = (more: string): void =>
    writeFileSync(file, `node: edge-a\nlisten: [udp://10.0.0.1]\ncontrol: { socket: ${socket} }\n${more}`);
  const run = async (...args: string[]) => {
    const { environment, seen } = cli();
    const code = await main(["node", "tandem", "reload", ...args], environment);
    return { code, ...seen };
  };

  before(async () => {
    write("");
    const log = (_fields: object, message: string): void => told.resolve(message);
    installed = await installReload({
      file,
      env: { LEVEL: "warn" },
      log: { info: log, error: log },
      current: loadConfig(file, {}),
      prepare: async (next) => () => void used.push(next),
    });
  });
  after(async () => {
    await installed.close();
    rmSync(folder, { recursive: true, force: true });
  });

  test("says what changed, and what needs a restart", async () => {
    write("log: { level: debug }\nlimits: { connections: 7 }\n");
    const { code, out, err } = await run("-c", file);
    assert.deepEqual([code, err], [0, ""]);
    assert.equal(
      out,
      `edge-a: reloaded ${file}: log.level\n  limits.connections needs a restart: the old value stays until then\n`,
    );
    assert.equal(used.at(-1)?.log.level, "debug");
  });

  test("says when nothing differs", async () => {
    write("log: { level: debug }\n");
    assert.equal((await run("--socket", socket)).out, "edge-a: nothing differs\n");
  });

  test("takes variables from the node's environment, not from its own", async () => {
    write(`log: { level: "$\{LEVEL}" }\n`);
    const { code, err } = await run("-c", file);
    assert.deepEqual([code, err], [0, ""]);
    assert.equal(used.at(-1)?.log.level, "warn");
  });

  test("of a bad file tells every problem, and nothing changes", async () => {
    const before = used.length;
    write("log: { level: loud }\nx: 1\n");
    const { code, out, err } = await run("-c", file);
    assert.deepEqual([code, out], [2, ""]);
    assert.match(
      err,
      /edge\.yaml:4:15: log\.level: expected one of.*edge\.yaml:5:1: x: .*nothing has changed/s,
    );
    assert.equal(used.length, before);
    const answer: unknown = JSON.parse((await run("-c", file, "--json")).out);
    assert.deepEqual(Object.entries(answer as object).slice(0, 2), [
      ["ok", false],
      ["node", "edge-a"],
    ]);
  });

  test("of a file that is no YAML tells why, without a node", async () => {
    write('log: "\n');
    const { code, err } = await run("-c", file);
    assert.equal(code, 2);
    assert.match(err, /expected valid YAML/);
  });

  test("without a node says so", async () => {
    const nowhere = join(folder, "none.sock");
    const { code, err } = await run("--socket", nowhere);
    assert.equal(code, 1);
    assert.equal(
      err,
      `tandem: not reloaded, nothing has changed: no node runs with the control socket ${nowhere}\n`,
    );
    assert.match((await run("--node", "no-such-node")).err, /no-such-node\.sock/);
    assert.match((await run("-c", join(folder, "none.yaml"))).err, /no such file/);
  });

  test("SIGHUP does the same", async () => {
    write("log: { level: error }\n");
    told = Promise.withResolvers<string>();
    process.kill(process.pid, "SIGHUP");
    assert.equal(await told.promise, "reloaded");
    assert.equal(used.at(-1)?.log.level, "error");
  });

  test("SIGHUP with a bad file tells the log", async () => {
    write("x: 1\n");
    told = Promise.withResolvers<string>();
    process.kill(process.pid, "SIGHUP");
    assert.match(await told.promise, /not reloaded: the file has problems/);
  });
});
