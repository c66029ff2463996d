// Every command line that the pages show, and what runs it. A command that is new to the pages needs a row here.

export interface KnownCommand {
  /** The whole command line, without its comment. */
  readonly line: RegExp;
  /** The file that runs it, and what stands there that does. */
  readonly by: string;
  readonly evidence: RegExp;
}

const HERE = "test/docs/commands.test.ts";

export const KNOWN_COMMANDS: readonly KnownCommand[] = [
  { line: /^npm test$/, by: ".ci/run", evidence: /^npm test$/m },
  { line: /^npm run check$/, by: "scripts/tests.mjs", evidence: /\.\.\.checks\(node\)/ }, // within `npm test`
  { line: /^npm run demo$/, by: "test/lab/demo.test.ts", evidence: /"run", "demo"/ },
  { line: /^npm run bench( -- --quick)?$/, by: "test/lab/bench.test.ts", evidence: /"run", "bench"/ },
  { line: /^npm run bench:takeover$/, by: "test/lab/bench.test.ts", evidence: /"run", "bench:takeover"/ },
  { line: /^kill -9$/, by: "test/lab/demo-pair-killed.ts", evidence: /SIGKILL/ },
  { line: /^npm pack$/, by: "test/package/pack.test.ts", evidence: /"npm", \["pack"/ },
  { line: /^npm start -- -c (config\/)?[\w.-]+$/, by: HERE, evidence: /`npm start -- -c \$\{file\}`/ },
  { line: /^npm run format$/, by: HERE, evidence: /"npm run format"/ },
  { line: /^npm install NAME$/, by: HERE, evidence: /"npm config get save-exact"/ }, // what is said of it: exact versions
  { line: /^npm run test:unit$/, by: HERE, evidence: /`npm run test:unit -- \$\{file\}`/ }, // the whole folder: `npm test`
  {
    line: /^npm run test:unit -- test\/unit\/routing\/router\.test\.ts$/,
    by: HERE,
    evidence: /router\.test\.ts"/,
  },
  { line: /^npm run test:unit -- --test-name-pattern='weight 0'$/, by: HERE, evidence: /pattern='weight 0'/ },
  {
    line: /^npx node --test test\/unit\/routing\/router\.test\.ts$/,
    by: HERE,
    evidence: /`npx node --test \$\{file\}`/,
  },
  {
    line: /^(TARGETS=\d+ DAYS=\d+ )?SEED=\d+ npm run test:simulation$/,
    by: HERE,
    evidence: /npm run test:simulation -- --test-name-pattern='targets for'/,
  },
  {
    line: /^npm run simulate( -- (--runs \d+ )?--seed \d+( --trace( --forgetful)?)?)?$/,
    by: HERE,
    evidence: /"npm run simulate -- --seed 464 --trace --forgetful"/,
  },
  { line: /^node --test$/, by: "scripts/tests.mjs", evidence: /node, "--test"/ },
  { line: /^(npx )?tandem …$/, by: HERE, evidence: /"npx tandem config schema"/ },
  { line: /^(npx )?tandem run( -c FILE)?$/, by: HERE, evidence: /tandem run -c \$\{file\}`/ },
  {
    line: /^(npx )?tandem config check( -c [\w./-]+)?( --json)?$/,
    by: HERE,
    evidence: /tandem config check -c \$\{file\} --json`/,
  },
  { line: /^(npx )?tandem config schema( > [\w.]+)?$/, by: HERE, evidence: /"npx tandem config schema"/ },
  {
    line: /^(npx )?tandem reload( -c FILE| --node NAME| --socket PATH)?$/,
    by: "test/integration/admin/reload-command.test.ts",
    evidence: /"tandem", "reload"/,
  },
  {
    line: /^(npx )?tandem resolve [\w.]+( -c FILE)?( --json)?$/,
    by: "test/integration/dns/resolve-command.test.ts",
    evidence: /"tandem", "resolve"/,
  },
  {
    line: /^(npx )?tandem targets( (drain|disable|enable) [\w.:]+)?( --json)?$/,
    by: "test/lab/health.test.ts",
    evidence: /"tandem", "targets"/,
  },
  {
    line: /^(npx )?tandem (status|switchover|maintenance|history)( on| off)?( -c FILE)?$/,
    by: "test/lab/cluster.test.ts",
    evidence: /tandem\(\w+(\.\w+)*, "(status|switchover)/,
  },
  {
    // The signal, without the service manager.
    line: /^systemctl kill --signal=HUP --kill-whom=main tandem\.service$/,
    by: "test/integration/admin/reload-command.test.ts",
    evidence: /process\.kill\(process\.pid, "SIGHUP"\)/,
  },
];

const PROGRAMS = [
  "npm",
  "npx",
  "node",
  "tandem",
  "bash",
  "sh",
  "docker",
  "git",
  "curl",
  "kill",
  "systemctl",
  "sudo",
];
const STARTS = new RegExp(`^(?:${PROGRAMS.join("|")}) `);

/** Does this line begin with a program that our pages tell a reader to run? */
export function isCommand(line: string): boolean {
  return STARTS.test(line);
}

/** The command of a line of a shell block, without prompt and comment; "" for none. */
export function commandOf(line: string): string {
  return line
    .replace(/^\$ /, "")
    .replace(/(^|\s+)#.*$/, "")
    .trim();
}

/** Commands in the comments of a configuration: at the start of a comment, or behind its colon. */
export function commentedCommands(yaml: string): string[] {
  return [...yaml.matchAll(/^\s*#\s+(?:[^#\n]*: )?(.*)$/gm)].map((match) => match[1] ?? "").filter(isCommand);
}
