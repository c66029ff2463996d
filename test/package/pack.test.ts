// What `npm pack` makes can be installed elsewhere and serves: it has JavaScript, its dependencies and its command.
import assert from "node:assert/strict";
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const START_WITHIN_MS = 15_000;
const STOP_WITHIN_MS = 15_000;
const RETRANSMIT_MS = 250;
const NO_NETWORK = /ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ENETUNREACH|ETIMEDOUT|ENOTCACHED/;

const runFile = promisify(execFile);
// npm sets npm_* of its own run in the environment; they would lead the inner one back to this checkout.
const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("npm_")));

/** @returns why there can be no installation: the registry is out of reach; null: it is installed. */
async function installPackage(folder: string): Promise<string | null> {
  await runFile("npm", ["pack", "--pack-destination", folder], { cwd: ROOT, env });
  const archive = (await readdir(folder)).find((name) => name.endsWith(".tgz"));
  assert.ok(archive !== undefined, "npm pack made no archive");
  await writeFile(join(folder, "package.json"), '{ "name": "user-of-tandem", "private": true }\n');
  const options = ["--prefer-offline", "--no-audit", "--no-fund", "--loglevel=error"];
  try {
    await runFile("npm", ["install", ...options, `./${archive}`], { cwd: folder, env });
    return null;
  } catch (error) {
    const reason = String((error as { stderr?: string }).stderr);
    const cause = NO_NETWORK.exec(reason);
    if (cause === null) throw error;
    return `the npm registry is out of reach (${cause[0]})`;
  }
}

async function bindLoopback(): Promise<Socket> {
  const socket = createSocket("udp4");
  socket.bind(0, "127.0.0.1");
  await once(socket, "listening");
  return socket;
}

async function freePort(): Promise<number> {
  const socket = await bindLoopback();
  const { port } = socket.address();
  socket.close();
  await once(socket, "close");
  return port;
}

function configuration(port: number, folder: string): string {
  return [
    "node: packed",
    `listen: ["udp://127.0.0.1:${port}"]`,
    "groups:",
    "  callers: { sources: [127.0.0.1/32] }",
    '  pbx: { sources: [], targets: ["sip:127.0.0.1:9"] }',
    "routes:",
    "  - { from: callers, to: pbx }",
    `control: { socket: ${join(folder, "packed.sock")} }`,
    "",
  ].join("\n");
}

function optionsRequest(port: number, from: number): string {
  return [
    `OPTIONS sip:127.0.0.1:${port} SIP/2.0`,
    `Via: SIP/2.0/UDP 127.0.0.1:${from};branch=z9hG4bKpack1;rport`,
    "Max-Forwards: 70",
    `From: <sip:tester@127.0.0.1:${from}>;tag=pack`,
    `To: <sip:127.0.0.1:${port}>`,
    "Call-ID: pack-1@127.0.0.1",
    "CSeq: 1 OPTIONS",
    `Contact: <sip:tester@127.0.0.1:${from}>`,
    "Content-Length: 0",
    "",
    "",
  ].join("\r\n");
}

/** Sends OPTIONS again and again until an answer comes. @returns its start line, or "" when none came in time. */
async function firstAnswer(socket: Socket, port: number): Promise<string> {
  const request = optionsRequest(port, socket.address().port);
  const answer = once(socket, "message", { signal: AbortSignal.timeout(START_WITHIN_MS) });
  const repeat = setInterval(() => socket.send(request, port, "127.0.0.1"), RETRANSMIT_MS);
  try {
    const [datagram] = await answer;
    return String(datagram).split("\r\n")[0] ?? "";
  } catch {
    return "";
  } finally {
    clearInterval(repeat);
  }
}

async function exitOf(node: ChildProcess): Promise<unknown> {
  if (node.exitCode !== null || node.signalCode !== null) return node.exitCode ?? node.signalCode;
  const timeout = delay(STOP_WITHIN_MS, "still running", { ref: false });
  return Promise.race([once(node, "exit").then(([code, signal]) => code ?? signal), timeout]);
}

describe("the package that npm pack makes", () => {
  let folder = "";
  let fault: string | null = null;
  let node: ChildProcess | null = null;
  const command = () => join(folder, "node_modules/.bin/tandem");

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "tandem-pack-"));
    fault = await installPackage(folder);
  });

  after(async () => {
    node?.kill("SIGKILL");
    await rm(folder, { recursive: true, force: true });
  });

  test("has JavaScript and no sources or tests", async (t) => {
    if (fault !== null) return t.skip(fault);
    const files = await readdir(join(folder, "node_modules/tandem"));
    for (const name of ["bin", "dist", "config", "README.md", "LICENSE", "CHANGELOG.md"]) {
      assert.ok(files.includes(name), `lacks ${name}`);
    }
    for (const name of ["src", "test", "scripts"]) assert.ok(!files.includes(name), `has ${name}`);
  });

  test("serves: OPTIONS is answered with 200, SIGTERM ends it with exit code 0", async (t) => {
    if (fault !== null) return t.skip(fault);
    const port = await freePort();
    const file = join(folder, "tandem.yaml");
    await writeFile(file, configuration(port, folder));
    const output: string[] = [];
    node = spawn(command(), ["run", "-c", file], { cwd: folder, env, stdio: ["ignore", "pipe", "pipe"] });
    node.stdout?.setEncoding("utf8").on("data", (text: string) => output.push(text));
    node.stderr?.setEncoding("utf8").on("data", (text: string) => output.push(text));
    const socket = await bindLoopback();
    const answer = await firstAnswer(socket, port);
    socket.close();
    assert.match(answer, /^SIP\/2\.0 200 /, `no 200; the node said:\n${output.join("")}`);
    node.kill("SIGTERM");
    assert.equal(await exitOf(node), 0, output.join(""));
  });
});
