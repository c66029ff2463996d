// The control socket on a real file system: who may open it, what it takes, what becomes of one that is left behind.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, describe, test } from "node:test";
import { askNode } from "../../../src/admin/control-client.ts";
import { ControlError } from "../../../src/admin/control-error.ts";
import {
  CLIENTS_MAX,
  type ControlSocket,
  openControlSocket,
  REQUEST_CHARACTERS_MAX,
} from "../../../src/admin/control-socket.ts";
import type { CommandHandler } from "../../../src/admin/handlers.ts";

const handlers = new Map<string, CommandHandler>([
  ["echo", (request) => ({ ok: true, word: request["word"] })],
  ["long", () => ({ ok: true, text: "x".repeat(1_000_000) })],
  [
    "fail",
    () => {
      throw new Error("a bug");
    },
  ],
]);

const isOtherUser = process.getuid?.() === 0 ? false : "needs root, to be another user";

describe("the control socket", () => {
  const folder = mkdtempSync(join(tmpdir(), "tandem-control-"));
  const path = join(folder, "edge.sock");
  const open: ControlSocket[] = [];
  const clients: Socket[] = [];
  const start = async (at = path, idleMs?: number): Promise<ControlSocket> => {
    const socket = await openControlSocket({
      path: at,
      handlers,
      ...(idleMs === undefined ? {} : { idleMs }),
    });
    open.push(socket);
    return socket;
  };
  const refusal = async (at: string): Promise<{ code: string; message: string }> => {
    try {
      await start(at);
    } catch (error) {
      assert.ok(error instanceof ControlError, String(error));
      return error;
    }
    return assert.fail("it was opened");
  };
  /** Says this, and hears until the other end closes. */
  const converse = async (text: string): Promise<unknown[]> => {
    const client = connect({ path, allowHalfOpen: true });
    client.end(text);
    let heard = "";
    for await (const chunk of client.setEncoding("utf8")) heard += String(chunk);
    return heard
      .split("\n")
      .filter(Boolean)
      .map((line): unknown => JSON.parse(line));
  };
  before(() => chmodSync(folder, 0o700));
  afterEach(async () => {
    for (const client of clients.splice(0)) client.destroy();
    for (const socket of open.splice(0)) await socket.close();
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  test("is its owner's alone, and gone with the node", async () => {
    const socket = await start();
    assert.equal(statSync(path).mode & 0o777, 0o600);
    assert.deepEqual(await askNode(path, { command: "echo", word: "ä" }), { ok: true, word: "ä" });
    await socket.close();
    assert.equal(existsSync(path), false);
    await assert.rejects(askNode(path, { command: "echo" }), /no node runs with the control socket/);
  });

  test("makes its directory, for its owner alone", async () => {
    const inner = join(folder, "run", "tandem");
    await start(join(inner, "edge.sock"));
    assert.equal(statSync(inner).mode & 0o777, 0o700);
  });

  test("can't be opened by another user", { skip: isOtherUser }, async () => {
    chmodSync(folder, 0o755);
    try {
      await start();
      const client = `require("net").connect(${JSON.stringify(path)}).on("error", (e) => console.log(e.code)).on("connect", () => process.exit(1))`;
      const { stdout } = spawnSync(process.execPath, ["-e", client], {
        uid: 65_534,
        gid: 65_534,
        encoding: "utf8",
        cwd: "/",
      });
      assert.equal(stdout.trim(), "EACCES");
    } finally {
      chmodSync(folder, 0o700);
    }
  });

  test("of a node that was killed is replaced", async () => {
    const node = `process.umask(0o177); require("net").createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, "SIGKILL"))`;
    assert.equal(spawnSync(process.execPath, ["-e", node]).signal, "SIGKILL");
    assert.equal(existsSync(path), true);
    await start();
    assert.deepEqual(await askNode(path, { command: "echo", word: 1 }), { ok: true, word: 1 });
  });

  test("of a node that lives is an error, and goes on", async () => {
    await start();
    const { code, message } = await refusal(path);
    assert.equal(code, "CONTROL_IN_USE");
    assert.match(
      message,
      /another node runs with the control socket .*edge\.sock: stop it, or give this one/,
    );
    assert.deepEqual(await askNode(path, { command: "echo", word: 2 }), { ok: true, word: 2 });
  });

  test("never takes the place of a file", async () => {
    const file = join(folder, "precious.txt");
    writeFileSync(file, "x");
    assert.equal((await refusal(file)).code, "CONTROL_FAILED");
    assert.equal(statSync(file).size, 1);
  });

  test("is refused in a directory that others may change, and in one of theirs", async () => {
    const shared = join(folder, "shared");
    mkdirSync(shared);
    chmodSync(shared, 0o777);
    assert.equal((await refusal(join(shared, "edge.sock"))).code, "CONTROL_UNSAFE");
    chmodSync(shared, 0o1777); // as /tmp is
    await start(join(shared, "edge.sock"));
    symlinkSync(shared, join(folder, "link"));
    await start(join(folder, "link", "other.sock"));
  });

  test("of a path that can't be made is an error", async () => {
    writeFileSync(join(folder, "file"), "");
    const { code, message } = await refusal(join(folder, "file", "edge.sock"));
    assert.equal(code, "CONTROL_FAILED");
    assert.match(message, /cannot open the control socket .*: E/);
  });

  test("answers several requests in their order, the last one without a line end, too", async () => {
    await start();
    const ask = (word: number): string => JSON.stringify({ command: "echo", word });
    assert.deepEqual(
      await converse(`${ask(1)}\n${JSON.stringify({ command: "long" })}\nnonsense\n${ask(2)}`).then(
        (answers) =>
          answers.map((answer) => Object.values(answer as object).map((value) => String(value).slice(0, 4))),
      ),
      [
        ["true", "1"],
        ["true", "xxxx"],
        ["fals", "a re"],
        ["true", "2"],
      ],
    );
  });

  test("tells a command that failed, and serves on", async () => {
    await start();
    assert.deepEqual(await askNode(path, { command: "fail" }), {
      ok: false,
      error: "the command failed: a bug",
    });
    assert.deepEqual(await askNode(path, { command: "echo", word: 3 }), { ok: true, word: 3 });
  });

  test("a request at the limit is taken, one past it refused", async () => {
    await start();
    const frame = JSON.stringify({ command: "echo", word: "" }).length;
    const request = (size: number): string =>
      JSON.stringify({ command: "echo", word: "x".repeat(size - frame) });
    const [taken] = (await converse(`${request(REQUEST_CHARACTERS_MAX)}\n`)) as { ok: boolean }[];
    assert.equal(taken?.ok, true);
    for (const end of ["\n", ""]) {
      const answers = await converse(`${request(REQUEST_CHARACTERS_MAX + 1)}${end}`);
      assert.deepEqual(answers, [
        { ok: false, error: `a request has at most ${REQUEST_CHARACTERS_MAX} characters` },
      ]);
    }
  });

  test("takes so many clients, and one more when one of them has left", async () => {
    await start();
    for (let index = 0; index < CLIENTS_MAX; index++) {
      const client = connect(path);
      clients.push(client);
      await once(client, "connect");
    }
    await assert.rejects(askNode(path, { command: "echo" }), /ended, or has too many clients|cannot reach/);
    const gone = clients.pop();
    assert.ok(gone);
    gone.destroy();
    await once(gone, "close");
    // The server notices in its own time.
    let answer: unknown = null;
    while (answer === null) answer = await askNode(path, { command: "echo", word: 4 }).catch(() => null);
    assert.deepEqual(answer, { ok: true, word: 4 });
  });

  test("closes a client that says nothing", async () => {
    await start(path, 50);
    const client = connect(path).resume();
    clients.push(client);
    await once(client, "close");
  });

  test("a client that leaves in the middle harms nobody", async () => {
    await start();
    for (const text of ["{", `${JSON.stringify({ command: "long" })}\n`.repeat(20)]) {
      const client = connect(path);
      client.on("error", () => {});
      client.write(text, () => client.destroy());
      await once(client, "close");
    }
    assert.deepEqual(await askNode(path, { command: "echo", word: 5 }), { ok: true, word: 5 });
  });
});
