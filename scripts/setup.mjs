// Sets up what a fresh clone lacks: the npm packages, the pinned Node, and `npx tandem`.
import { existsSync, mkdirSync, readFileSync, symlinkSync } from "node:fs";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { run } from "./processes.mjs";
import { say, showing } from "./progress.mjs";

export const ROOT = fileURLToPath(new URL("..", import.meta.url)).replace(/\/$/, "");
const MODULES = join(ROOT, "node_modules");
const PINNED = join(MODULES, "node/bin/node");
const NODE_MAJOR_MIN = 24;

/** A step of the set-up that failed; the message says what to do. */
export class SetupError extends Error {
  name = "SetupError";
}

function readJson(path) {
  return JSON.parse(readFileSync(join(ROOT, path), "utf8"));
}

/** npm writes its hidden lock file last: it tells a whole installation from a broken or an old one. */
function packagesInstalled() {
  const hidden = "node_modules/.package-lock.json";
  if (!existsSync(join(ROOT, hidden))) return false;
  const have = readJson(hidden).packages;
  const wanted = Object.keys(readJson("package.json").optionalDependencies).map(
    (name) => `node_modules/${name}`,
  );
  return Object.entries(readJson("package-lock.json").packages).every(
    ([path, entry]) =>
      path === "" ||
      (entry.optional === true && !wanted.includes(path)) ||
      have[path]?.version === entry.version,
  );
}

function npm(...args) {
  const program = process.env.npm_execpath;
  return program?.endsWith(".js") ? [process.execPath, program, ...args] : ["npm", ...args];
}

async function installPackages() {
  if (packagesInstalled()) return;
  const argv = npm("ci", "--include=dev", "--no-audit", "--no-fund");
  const { code, output } = await showing("installing npm packages", () => run(argv, { cwd: ROOT }));
  if (code !== 0) {
    const reason = output.split("\n").filter((line) => line.startsWith("npm error"));
    throw new SetupError(`${reason.slice(0, 30).join("\n")}\nnpm ci failed: is the npm registry in reach?`);
  }
  say("installed the npm packages");
}

async function works(node) {
  const { code, output } = await run([node, "--version"]);
  return code === 0 && output.trim() === `v${readJson("package.json").devDependencies.node}`;
}

/** The path of the Node to run everything with. npm may have been told to run no package's scripts: do it here. */
async function pinnedNode() {
  if (existsSync(PINNED) && (await works(PINNED))) return PINNED;
  const folder = join(MODULES, "node");
  const argv = [process.execPath, "installArchSpecificPackage.js"];
  const { output } = await showing("installing the pinned Node", () => run(argv, { cwd: folder }));
  if (existsSync(PINNED) && (await works(PINNED))) return PINNED;
  if (Number.parseInt(process.versions.node, 10) >= NODE_MAJOR_MIN) {
    say(`the pinned Node could not be installed; going on with ${process.execPath} (${process.version})`);
    return process.execPath;
  }
  throw new SetupError(
    `${output}\nThe pinned Node could not be installed. Install Node ${NODE_MAJOR_MIN} or newer, then run this again.`,
  );
}

/** Links node_modules/.bin/NAME, which `npx` and shells look up. */
function link(name, target) {
  const path = join(MODULES, ".bin", name);
  mkdirSync(join(MODULES, ".bin"), { recursive: true });
  if (!existsSync(path)) symlinkSync(target, path);
}

/**
 * Brings the checkout into a state in which everything runs. Quick and silent when there is nothing to do.
 * @returns {Promise<{ node: string, env: object }>} the Node to use, and an environment in which `node` is that one
 */
export async function setUp() {
  await installPackages();
  const node = await pinnedNode();
  if (node === PINNED) link("node", "../node/bin/node");
  link("tandem", "../../bin/tandem.mjs");
  const path = [join(node, ".."), process.env.PATH, "/usr/sbin", "/sbin"].join(delimiter);
  return { node, env: { ...process.env, PATH: path } };
}
