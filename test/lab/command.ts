// Short system commands (ip, nft, sysctl), run to their end. Synchronous, as a lab must also be able to clean up
// while its process exits, when nothing asynchronous runs any more.
import { spawnSync } from "node:child_process";

const COMMAND_TIMEOUT_MS = 15_000;

/**
 * Runs a command and waits for it.
 * @returns its standard output
 * @throws when it cannot be started, exits with another code than 0 or takes over 15 s; the message has its stderr
 */
export function runCommand(argv: readonly string[], input = ""): string {
  const [program, ...args] = argv;
  if (program === undefined) throw new Error("runCommand: empty command");
  const result = spawnSync(program, args, { input, encoding: "utf8", timeout: COMMAND_TIMEOUT_MS });
  if (result.error !== undefined) throw new Error(`${argv.join(" ")}: ${result.error.message}`);
  if (result.status !== 0) {
    const why = result.stderr.trim() || `exit code ${result.status ?? result.signal}`;
    throw new Error(`${argv.join(" ")}: ${why}${input === "" ? "" : `\n${input}`}`);
  }
  return result.stdout;
}

/** The same for cleaning up: what fails is returned instead of thrown, as the rest must still be removed. */
export function tryCommand(argv: readonly string[], input = ""): Error | null {
  try {
    runCommand(argv, input);
    return null;
  } catch (error) {
    return error as Error;
  }
}
