// What `npm run check` and `npm test` run, and how their outcome is told.
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { prepareLab } from "./debian.mjs";
import { run, stopping } from "./processes.mjs";
import { say, showing } from "./progress.mjs";
import { ROOT } from "./setup.mjs";

const COVERAGE_LINES_MIN = 95;

const COVERAGE = [
  "--experimental-test-coverage",
  "--test-coverage-include=src/sip/**",
  "--test-coverage-include=src/proxy/**",
  `--test-coverage-lines=${COVERAGE_LINES_MIN}`,
];
const FIXED_SEED = `--import=${pathToFileURL(join(ROOT, "test/support/fixed-seed.ts"))}`;
const QUICK = ["--test-timeout=120000", FIXED_SEED];
const SIMULATION = ["--test-timeout=1800000"];
const SERIAL = ["--test-timeout=300000", "--test-concurrency=1"];

/** Each is a folder of `test/`, and the flags that its tests are run with. */
const SUITES = {
  unit: QUICK,
  property: QUICK,
  conformance: QUICK,
  docs: QUICK,
  simulation: SIMULATION,
  integration: SERIAL,
  package: SERIAL,
  lab: SERIAL,
};

function hasTests(pattern) {
  const folder = join(ROOT, pattern.split("/*")[0]);
  if (!existsSync(folder)) return false;
  if (!pattern.includes("*")) return true;
  return readdirSync(folder, { recursive: true }).some((name) => String(name).endsWith(".test.ts"));
}

function pattern(suite) {
  return `test/${suite}/**/*.test.ts`;
}

/** A command of node's test runner over those patterns that match something; null: none does. */
function nodeTest(node, flags, patterns) {
  const some = patterns.filter(hasTests);
  if (some.length === 0) return null;
  return [node, "--test", "--test-reporter=spec", ...flags, ...some];
}

const plain = (text) => text.replace(/\x1b\[[0-9;]*m/g, "");

/** The numbers of the runner's closing lines. */
function counts(output) {
  const read = (word) => Number(plain(output).match(new RegExp(`^ℹ ${word} (\\d+)$`, "m"))?.[1] ?? 0);
  return {
    passed: read("pass"),
    failed: read("fail") + read("cancelled"),
    skipped: read("skipped") + read("todo"),
  };
}

/** Of a run that passed only its closing lines are worth reading. */
function closingLines(output) {
  return plain(output)
    .split("\n")
    .filter(
      (line) =>
        /^ℹ (tests|suites|pass|fail|cancelled|skipped|todo|duration_ms) /.test(line) ||
        /^ℹ all files/.test(line),
    )
    .map((line) => `  ${line}`)
    .join("\n");
}

/** Runs one job without its output; tells it afterwards: all of it when it failed. */
async function runHeld(job, env) {
  const start = Date.now();
  const { code, output } = await showing(job.name, () => run(job.argv, { cwd: ROOT, env }));
  const seconds = ((Date.now() - start) / 1000).toFixed(1);
  say(`${code === 0 ? "✔" : "✖"} ${job.name} (${seconds} s)`);
  const text = code !== 0 ? output.trimEnd() : closingLines(output);
  if (text !== "") say(text);
  return { name: job.name, code, ...counts(output) };
}

/** Runs one job with its output shown as it comes. */
async function runShown(job, env) {
  say(`▶ ${job.name}`);
  const { code, output } = await showing(job.name, () => run(job.argv, { cwd: ROOT, env, output: "stream" }));
  say(`${code === 0 ? "✔" : "✖"} ${job.name}`);
  return { name: job.name, code, ...counts(output) };
}

/** Runs quick jobs two at a time. */
async function runTogether(jobs, env) {
  const results = [];
  const waiting = jobs.filter((job) => job.argv !== null);
  const work = async () => {
    for (let job = waiting.shift(); job !== undefined && !stopping(); job = waiting.shift()) {
      results.push(await runHeld(job, env));
    }
  };
  await Promise.all([work(), work()]);
  return results;
}

function conclude(results) {
  const bad = results.filter((result) => result.code !== 0).map((result) => result.name);
  if (bad.length > 0) say(`\nfailed: ${bad.join(", ")}`);
  return bad.length === 0 ? 0 : 1;
}

function checks(node) {
  const bin = (path) => join(ROOT, "node_modules", path);
  return [
    { name: "types", argv: [node, bin("typescript/bin/tsc"), "--noEmit"] },
    { name: "knip", argv: [node, bin("knip/bin/knip.js"), "--no-progress"] },
    { name: "biome", argv: [node, bin("@biomejs/biome/bin/biome"), "check", "--error-on-warnings", "."] },
    { name: "tidy", argv: nodeTest(node, QUICK, ["test/tidy.test.ts"]) },
  ];
}

export async function check({ node, env }) {
  return conclude(await runTogether(checks(node), env));
}

export async function format({ node, env }, args) {
  const biome = join(ROOT, "node_modules/@biomejs/biome/bin/biome");
  return (await run([node, biome, "check", "--write", ...args, "."], { cwd: ROOT, env, output: "inherit" }))
    .code;
}

/** One suite. Arguments: files or patterns instead of all, and options of `node --test`. */
export async function testSuite(suite, { node, env }, args) {
  if (suite === "lab") {
    const fault = await prepareLab("test");
    if (fault !== null) return skipLab(fault);
  }
  const options = args.filter((arg) => arg.startsWith("-"));
  const files = args.filter((arg) => !arg.startsWith("-"));
  const argv = nodeTest(node, [...SUITES[suite], ...options], files.length > 0 ? files : [pattern(suite)]);
  if (argv === null) {
    say(files.length > 0 ? `no such test: ${files.join(" ")}` : `no tests in test/${suite} yet`);
    return files.length > 0 ? 1 : 0;
  }
  return (await run(argv, { cwd: ROOT, env, output: "inherit" })).code;
}

function skipLab(fault) {
  say(`SKIPPED: the tests of test/lab, because ${fault}`);
  return 0;
}

/** Everything: quick things side by side, then what measures time on its own. */
export async function testAll({ node, env }) {
  const start = Date.now();
  const fault = await prepareLab("test");
  const covered = ["unit", "property", "conformance"].map(pattern);
  const together = [
    {
      name: `unit, property and conformance tests (${COVERAGE_LINES_MIN}% of lines)`,
      argv: nodeTest(node, [...QUICK, ...COVERAGE], [...covered, "test/coverage.test.ts"]),
    },
    ...checks(node),
    { name: "simulation", argv: nodeTest(node, SUITES.simulation, [pattern("simulation")]) },
    { name: "docs tests", argv: nodeTest(node, SUITES.docs, [pattern("docs")]) },
    { name: "package test", argv: nodeTest(node, SUITES.package, [pattern("package")]) },
  ];
  const results = await runTogether(together, env);
  for (const suite of fault === null ? ["integration", "lab"] : ["integration"]) {
    const argv = nodeTest(node, SUITES[suite], [pattern(suite)]);
    if (argv !== null && !stopping()) results.push(await runShown({ name: `${suite} tests`, argv }, env));
  }
  const sum = (key) => results.reduce((total, result) => total + result[key], 0);
  const code = conclude(results);
  if (fault !== null) skipLab(fault);
  say(`took ${Math.round((Date.now() - start) / 1000)} s`);
  say(`Total: ${sum("passed")} passed, ${sum("failed")} failed, ${sum("skipped")} skipped`);
  return code;
}

export const SUITE_NAMES = Object.keys(SUITES);
