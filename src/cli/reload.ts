/** `tandem reload`: tells a running node to read its file again, and says what came of it. */
import { resolve as resolvePath } from "node:path";
import { askNode } from "../admin/control-client.ts";
import type { CommandAnswer } from "../admin/handlers.ts";
import type { Environment } from "../config/environment.ts";
import { ConfigError, type ConfigProblem, formatProblem } from "../config/problem.ts";
import { type NodeChoice, socketOf } from "./node-socket.ts";

export interface ReloadCommand extends NodeChoice {
  readonly json?: true;
}

const PROBLEMS = "the file has problems";

interface Terminal {
  readonly env: Environment;
  out(text: string): void;
  err(text: string): void;
}

/**
 * Runs the command.
 * @returns 0: the file is in use, but for keys that need a restart. 1: no node was reached, or it refused. 2: the
 *   file has problems, and nothing has changed.
 */
export async function reload(command: ReloadCommand, terminal: Terminal): Promise<0 | 1 | 2> {
  const answer = await ask(command, terminal.env);
  if (command.json === true) terminal.out(`${JSON.stringify(answer, null, 2)}\n`);
  else report(answer, terminal);
  if (answer.ok) return 0;
  return problemsOf(answer).length > 0 ? 2 : 1;
}

async function ask(command: ReloadCommand, env: Environment): Promise<CommandAnswer> {
  try {
    const file = command.config === undefined ? {} : { file: resolvePath(command.config) };
    return await askNode(socketOf(command, env), { command: "reload", ...file });
  } catch (error) {
    if (error instanceof ConfigError) return { ok: false, error: PROBLEMS, problems: error.problems };
    return { ok: false, error: error instanceof Error ? error.message : String(error) };
  }
}

function report(answer: CommandAnswer, { out, err }: Terminal): void {
  const problems = problemsOf(answer);
  for (const problem of problems) err(`${formatProblem(problem)}\n`);
  if (!answer.ok) {
    err(`tandem: not reloaded, nothing has changed: ${answer.error ?? "the node did not say why"}\n`);
    return;
  }
  const [changed, needsRestart] = [wordsOf(answer["changed"]), wordsOf(answer["needsRestart"])];
  const what = changed.length === 0 ? "nothing took effect" : changed.join(", ");
  if (changed.length + needsRestart.length === 0) out(`${String(answer["node"])}: nothing differs\n`);
  else out(`${String(answer["node"])}: reloaded ${String(answer["file"])}: ${what}\n`);
  for (const key of needsRestart) out(`  ${key} needs a restart: the old value stays until then\n`);
}

function wordsOf(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((word) => typeof word === "string") : [];
}

/** The node is of our own make: its problems have the shape of ours. */
function problemsOf(answer: CommandAnswer): readonly ConfigProblem[] {
  const { problems } = answer;
  return Array.isArray(problems) ? (problems as ConfigProblem[]) : [];
}
