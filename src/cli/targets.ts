/** `tandem targets`: the targets of a running node, and taking them out of service and back. */
import { userInfo } from "node:os";
import { askNode } from "../admin/control-client.ts";
import type { CommandAnswer } from "../admin/handlers.ts";
import type { NameRow, TargetRow, UnresolvedRow } from "../admin/target-commands.ts";
import type { Environment } from "../config/environment.ts";
import { ConfigError, formatProblem } from "../config/problem.ts";
import { type NodeChoice, socketOf } from "./node-socket.ts";
import { table } from "./table.ts";

export interface TargetsCommand extends NodeChoice {
  readonly json?: true;
}

interface Terminal {
  readonly env: Environment;
  out(text: string): void;
  err(text: string): void;
}

/** What is done to a target; null: all are listed. */
export interface TargetChange {
  readonly verb: "drain" | "disable" | "enable";
  readonly target: string;
}

/**
 * Runs the command.
 * @returns 0: done. 1: no node was reached, or it refused. 2: the file that was to name the node has problems.
 */
export async function targets(
  change: TargetChange | null,
  command: TargetsCommand,
  terminal: Terminal,
): Promise<0 | 1 | 2> {
  const request =
    change === null
      ? { command: "targets" }
      : { command: `targets.${change.verb}`, target: change.target, by: userInfo().username };
  let answer: CommandAnswer;
  try {
    answer = await askNode(socketOf(command, terminal.env), request);
  } catch (error) {
    const problems = error instanceof ConfigError ? error.problems : [];
    for (const problem of problems) terminal.err(`${formatProblem(problem)}\n`);
    if (problems.length > 0) return 2;
    answer = { ok: false, error: error instanceof Error ? error.message : String(error) };
  }
  if (command.json === true) terminal.out(`${JSON.stringify(answer, null, 2)}\n`);
  else report(answer, terminal);
  return answer.ok ? 0 : 1;
}

/** The node is of our own make: its rows have the shape of ours. */
function listOf<T>(answer: CommandAnswer, key: string): readonly T[] {
  const value = answer[key];
  return Array.isArray(value) ? (value as T[]) : [];
}

const HEADINGS = [
  "GROUP",
  "TARGET",
  "STATE",
  "FOR",
  "CALLS",
  "ASR",
  "RTT",
  "NEXT",
  "PRIO",
  "WEIGHT",
  "DEAD IN",
];

function report(answer: CommandAnswer, { out, err }: Terminal): void {
  if (!answer.ok) err(`tandem: ${answer.error ?? "the node did not say why"}\n`);
  const rows = listOf<TargetRow>(answer, "targets");
  if (rows.length > 0) out(table([HEADINGS, ...rows.map(cellsOf)], rows.map(noteOf)));
  for (const { group, name, why } of listOf<UnresolvedRow>(answer, "unresolved")) {
    out(`${group}: ${name} leads nowhere: ${why}\n`);
  }
  for (const { name, status, staleMs, why } of listOf<NameRow>(answer, "names")) {
    if (staleMs !== null) out(`${name}: ${status} for ${time(staleMs)}: ${why}\n`);
  }
}

function cellsOf(row: TargetRow): string[] {
  const { group, id, state, forMs, calls, answerSeizureRatio, rttMs, nextProbeMs, detectionMs } = row;
  return [
    group,
    id,
    state,
    time(forMs),
    `${calls}`,
    answerSeizureRatio === null ? "-" : `${Math.round(100 * answerSeizureRatio)}%`,
    rttMs === null ? "-" : time(rttMs),
    nextProbeMs === null ? "-" : time(nextProbeMs),
    row.srvPriority === 0 ? `${row.priority}` : `${row.priority}.${row.srvPriority}`,
    `${row.weight}`,
    detectionMs === null ? "-" : time(detectionMs),
  ];
}

function noteOf({ name, why, heldMs, server }: TargetRow): string {
  const held = heldMs > 0 ? `; held down for ${time(heldMs)} more` : "";
  return `${name}: ${why}${held}${server === "" ? "" : ` (${server})`}`;
}

/** "12 ms", "3.5 s", "4 min", "2 h", "5 d" */
export function time(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${Math.round(ms / 100) / 10} s`;
  if (ms < 3_600_000) return `${Math.floor(ms / 60_000)} min`;
  return ms < 172_800_000 ? `${Math.floor(ms / 3_600_000)} h` : `${Math.floor(ms / 86_400_000)} d`;
}
