// The one door of every npm script: sets up what is missing, then runs the task with the pinned Node.
// Plain JavaScript that any Node from 18 on runs, for a fresh clone has nothing else.
import { rmSync } from "node:fs";
import { join } from "node:path";
import { prepareLab } from "./debian.mjs";
import { run } from "./processes.mjs";
import { say } from "./progress.mjs";
import { ROOT, SetupError, setUp } from "./setup.mjs";
import { check, format, SUITE_NAMES, testAll, testSuite } from "./tests.mjs";

async function start({ node, env }, args) {
  return (await run([node, join(ROOT, "src/main.ts"), "run", ...args], { env, output: "inherit" })).code;
}

async function demo({ node, env }, args) {
  const fault = await prepareLab("demo");
  if (fault !== null) {
    say(`The demo can't run here: ${fault}.`);
    return 1;
  }
  return (await run([node, join(ROOT, "test/lab/demo.ts"), ...args], { cwd: ROOT, env, output: "inherit" }))
    .code;
}

/** @param {string} program from the root */
function bench(program) {
  return async ({ node, env }, args) => {
    const fault = await prepareLab("test");
    if (fault !== null) {
      say(`The benchmark can't run here: ${fault}.`);
      return 1;
    }
    return (await run([node, join(ROOT, program), ...args], { cwd: ROOT, env, output: "inherit" })).code;
  };
}

/** On loopback addresses and in simulated time: it needs neither root nor other programs. */
async function fuzz({ node, env }, args) {
  return (await run([node, join(ROOT, "test/fuzz/run.ts"), ...args], { cwd: ROOT, env, output: "inherit" }))
    .code;
}

async function soak({ node, env }, args) {
  const fault = await prepareLab("demo");
  if (fault !== null) {
    say(`The soak can't run here: ${fault}.`);
    return 1;
  }
  return (await run([node, join(ROOT, "test/soak/run.ts"), ...args], { cwd: ROOT, env, output: "inherit" }))
    .code;
}

/** A cluster in simulated time: neither root nor other programs. */
async function simulate({ node, env }, args) {
  return (
    await run([node, join(ROOT, "test/simulation/cluster/run.ts"), ...args], {
      cwd: ROOT,
      env,
      output: "inherit",
    })
  ).code;
}

/** JavaScript for the package: Node strips no types below node_modules. */
async function build({ node, env }) {
  rmSync(join(ROOT, "dist"), { recursive: true, force: true });
  const tsc = join(ROOT, "node_modules/typescript/bin/tsc");
  return (await run([node, tsc, "-p", "tsconfig.build.json"], { cwd: ROOT, env, output: "inherit" })).code;
}

const TASKS = {
  start,
  demo,
  bench: bench("test/bench/calls/bench.ts"),
  "bench:takeover": bench("test/bench/takeover/takeover.ts"),
  fuzz,
  soak,
  simulate,
  build,
  check,
  format,
  test: testAll,
};
for (const suite of SUITE_NAMES) TASKS[`test:${suite}`] = (tools, args) => testSuite(suite, tools, args);

const [name, ...args] = process.argv.slice(2);
const task = TASKS[name];
if (task === undefined) {
  say(`usage: node scripts/run.mjs ${Object.keys(TASKS).join("|")} [arguments]`);
  process.exit(2);
}
try {
  process.exitCode = await task(await setUp(), args);
} catch (error) {
  if (!(error instanceof SetupError)) throw error;
  say(error.message);
  process.exitCode = 1;
}
