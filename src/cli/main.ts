/** The command line: `tandem run`, `reload`, `targets`, `resolve`, `config check`, `config schema`. */
import { readFileSync } from "node:fs";
import { Command, CommanderError } from "commander";
import type { Config } from "../config/config.ts";
import { loadConfig } from "../config/load-config.ts";
import { ConfigError, formatProblem } from "../config/problem.ts";
import { CONFIG_JSON_SCHEMA } from "../config/schema.ts";
import { type ClusterOptions, cluster } from "./cluster.ts";
import { type ReloadCommand, reload } from "./reload.ts";
import { type ResolveCommand, resolve } from "./resolve.ts";
import { type TargetsCommand, targets } from "./targets.ts";

/** What a command line touches; a test passes its own. */
export interface CliEnvironment {
  readonly env: Readonly<Record<string, string | undefined>>;
  out(text: string): void;
  err(text: string): void;
  /** Starts the node; resolves when it runs, or when it has ended. */
  runNode(config: Config, options: { file: string }): Promise<void>;
}

/** 0: done. 1: the command failed, or was misspelt. 2: the configuration can't be used, and nothing was started. */
export type ExitCode = 0 | 1 | 2;

const realEnvironment: CliEnvironment = {
  env: process.env,
  out: (text) => process.stdout.write(text),
  err: (text) => process.stderr.write(text),
  // Loaded late: checking a file needs no engine.
  runNode: async (config, options) => (await import("../node/run-node.ts")).runNode(config, options),
};

/**
 * Runs one command line.
 * @param argv as in `process.argv`: the program's two words first
 * @returns the exit code; without an environment of its own the process's is set, too. Never throws.
 */
export async function main(argv: readonly string[], environment?: CliEnvironment): Promise<ExitCode> {
  const code = await runCommand(argv, environment ?? realEnvironment);
  if (environment === undefined && code !== 0) process.exitCode = code;
  return code;
}

async function runCommand(argv: readonly string[], environment: CliEnvironment): Promise<ExitCode> {
  let code: ExitCode = 0;
  const program = buildProgram(environment, (result) => {
    code = result;
  });
  try {
    await program.parseAsync([...argv]);
    return code;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 1;
    environment.err(`tandem: ${error instanceof Error ? error.message : String(error)}\n`);
    return 1;
  }
}

function buildProgram(environment: CliEnvironment, done: (code: ExitCode) => void): Command {
  // Before the sub-commands, which inherit both.
  const program = new Command("tandem")
    .exitOverride()
    .configureOutput({ writeOut: environment.out, writeErr: environment.err })
    .description("A SIP edge proxy that runs as a pair and keeps calls up")
    .version(packageVersion());
  program
    .command("run")
    .description("run a node in the foreground")
    .requiredOption("-c, --config <file>", "configuration file")
    .action(async ({ config: file }: { config: string }) => {
      const config = loadOrReport(file, environment);
      if (config === null) {
        environment.err("nothing was started\n");
        return done(2);
      }
      await environment.runNode(config, { file });
    });
  program
    .command("reload")
    .description("tell a running node to read its file again; with a fault nothing changes, exit code 2")
    .option("-c, --config <file>", "the file that the node runs with")
    .option("--node <name>", "name of the node (default: the host name)")
    .option("--socket <path>", "control socket of the node")
    .option("--json", "the node's answer as JSON on standard output")
    .action(async (options: ReloadCommand) => done(await reload(options, environment)));
  program
    .command("resolve")
    .description(
      "look the servers of a name up (RFC 3263), with each DNS step; exit code 1 where there are none",
    )
    .argument("<name>", "a name or a SIP URI: example.com, sip:example.com;transport=tcp")
    .option(
      "-c, --config <file>",
      "the file whose dns settings and listeners count (default: resolv.conf, all)",
    )
    .option("--json", "steps and result as JSON on standard output")
    .action(async (name: string, options: ResolveCommand) => done(await resolve(name, options, environment)));
  addTargets(program, environment, done);
  addCluster(program, environment, done);
  const config = program.command("config").description("check configurations");
  config
    .command("check")
    .description("say everything that is wrong with a file; exit code 2 if anything is")
    .requiredOption("-c, --config <file>", "configuration file")
    .option("--json", "problems as JSON on standard output")
    .action((options: { config: string; json?: true }) => done(check(options, environment)));
  config
    .command("schema")
    .description("write the JSON schema of the configuration")
    .action(() => environment.out(`${JSON.stringify(CONFIG_JSON_SCHEMA, null, 2)}\n`));
  return program;
}

/** A command to a running node. */
function command(parent: Command, words: string, description: string): Command {
  return parent
    .command(words)
    .description(description)
    .option("-c, --config <file>", "the file that the node runs with")
    .option("--node <name>", "name of the node (default: the host name)")
    .option("--socket <path>", "control socket of the node")
    .option("--json", "the node's answer as JSON on standard output");
}

function addCluster(program: Command, environment: CliEnvironment, done: (code: ExitCode) => void): void {
  command(program, "status", "a node's place in its cluster: role, peers, what a takeover would have").action(
    async (options: ClusterOptions) => done(await cluster({ command: "status" }, options, environment)),
  );
  command(
    program,
    "switchover",
    "let another node serve: calls go on; refused with the reason where none is ready",
  )
    .option("--to <node>", "which one (default: the best that is ready)")
    .option("--force", "pass over readiness, and the bound on switchovers a minute")
    .action(async ({ to, force, ...options }: ClusterOptions & { to?: string; force?: true }) =>
      done(
        await cluster({ command: "switchover", to: to ?? null, force: force === true }, options, environment),
      ),
    );
  for (const word of ["on", "off"] as const) {
    const what =
      word === "on"
        ? "set a node aside: it hands over, and takes nothing over"
        : "a node may take over again";
    command(maintenanceOf(program), word, `${what}; kept over restarts`).action(
      async (_: ClusterOptions, self: Command) =>
        done(
          await cluster(
            { command: "maintenance", on: word === "on" },
            self.optsWithGlobals<ClusterOptions>(),
            environment,
          ),
        ),
    );
  }
  command(program, "history", "what the nodes decided, and why; of each takeover its phases").action(
    async (options: ClusterOptions) => done(await cluster({ command: "history" }, options, environment)),
  );
}

/** Made with its first sub-command. */
function maintenanceOf(program: Command): Command {
  const known = program.commands.find((each) => each.name() === "maintenance");
  return known ?? program.command("maintenance").description("set a node aside, or back");
}

function addTargets(program: Command, environment: CliEnvironment, done: (code: ExitCode) => void): void {
  const list = command(
    program,
    "targets",
    "show the targets of a running node, with the reason of each state",
  );
  list.action(async (options: TargetsCommand) => done(await targets(null, options, environment)));
  const verbs = {
    drain: "no new calls; those that are there go on",
    disable: "no new calls, and no probes",
    enable: "in service again, as far as its probes allow",
  } as const;
  for (const verb of ["drain", "disable", "enable"] as const) {
    command(list, `${verb} <target>`, `${verbs[verb]}; kept over reloads and restarts`).action(
      async (target: string, _: TargetsCommand, self: Command) =>
        done(await targets({ verb, target }, self.optsWithGlobals<TargetsCommand>(), environment)),
    );
  }
}

function check(options: { config: string; json?: true }, environment: CliEnvironment): ExitCode {
  const file = options.config;
  if (options.json !== true) {
    const config = loadOrReport(file, environment);
    if (config === null) return 2;
    environment.out(`${file}: good: ${summary(config)}\n`);
    return 0;
  }
  const problems = problemsOf(() => loadConfig(file, environment.env));
  environment.out(`${JSON.stringify({ file, ok: problems.length === 0, problems }, null, 2)}\n`);
  return problems.length === 0 ? 0 : 2;
}

/** @returns null after all problems were written to the error stream */
function loadOrReport(file: string, environment: CliEnvironment): Config | null {
  let config: Config | null = null;
  const problems = problemsOf(() => {
    config = loadConfig(file, environment.env);
  });
  if (problems.length === 0) return config;
  for (const problem of problems) environment.err(`${formatProblem(problem)}\n`);
  environment.err(`${file}: ${counted(problems.length, "problem")}\n`);
  return null;
}

function problemsOf(load: () => void): ConfigError["problems"] {
  try {
    load();
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
}

function summary({ listen, groups, routes }: Config): string {
  const targets = groups.reduce((count, group) => count + group.targets.length, 0);
  const [addresses, peers] = [
    counted(listen.length, "listen address", "es"),
    counted(groups.length, "group"),
  ];
  return `${addresses}, ${peers}, ${counted(targets, "target")}, ${counted(routes.length, "route")}`;
}

function counted(count: number, noun: string, plural = "s"): string {
  return `${count} ${noun}${count === 1 ? "" : plural}`;
}

function packageVersion(): string {
  const file = new URL("../../package.json", import.meta.url);
  return String((JSON.parse(readFileSync(file, "utf8")) as { version?: unknown }).version);
}
