/** `tandem status`, `switchover`, `maintenance` and `history`: a node's place in its cluster. */
import type { ClusterStatus } from "../admin/cluster-commands.ts";
import { askNode } from "../admin/control-client.ts";
import type { CommandAnswer, CommandRequest } from "../admin/handlers.ts";
import type { Environment } from "../config/environment.ts";
import { ConfigError, formatProblem } from "../config/problem.ts";
import { type NodeChoice, socketOf } from "./node-socket.ts";
import { table } from "./table.ts";

export interface ClusterOptions extends NodeChoice {
  readonly json?: true;
}

interface Terminal {
  readonly env: Environment;
  out(text: string): void;
  err(text: string): void;
}

/**
 * Runs one of the commands.
 * @returns 0: done. 1: no node was reached, or it refused. 2: the file that was to name the node has problems.
 */
export async function cluster(
  request: CommandRequest,
  options: ClusterOptions,
  terminal: Terminal,
): Promise<0 | 1 | 2> {
  let answer: CommandAnswer;
  try {
    answer = await askNode(socketOf(options, terminal.env), request);
  } catch (error) {
    const problems = error instanceof ConfigError ? error.problems : [];
    for (const problem of problems) terminal.err(`${formatProblem(problem)}\n`);
    if (problems.length > 0) return 2;
    answer = { ok: false, error: error instanceof Error ? error.message : String(error) };
  }
  if (options.json === true) terminal.out(`${JSON.stringify(answer, null, 2)}\n`);
  else if (!answer.ok) terminal.err(`tandem: ${answer.error ?? "the node did not say why"}\n`);
  else terminal.out(textOf(request.command, answer));
  return answer.ok ? 0 : 1;
}

function textOf(command: string, answer: CommandAnswer): string {
  // The node is of our own make: its answer has the shape of ours.
  if (command === "status") return statusText(answer as unknown as ClusterStatus);
  if (command === "history") return historyText(answer["entries"]);
  return `${String(answer["reason"])}\n`;
}

function statusText(status: ClusterStatus): string {
  const { node, cluster: name, role, epoch, active, journal, peers } = status;
  const lines = [
    `${node} of ${name}: ${role}${status.mayServe ? ", serving" : ""}, epoch ${epoch}; active: ${active ?? "nobody is heard"}`,
    `  ready: ${status.notReady ?? "yes"}`,
    `  floating IP: ${status.hasAddress ? "here" : "not here"}; its network: ${status.front}; Redis: ${status.redis}`,
    `  records: ${journal.records}, ${journal.lagMs} ms behind, ${journal.uncommitted} not yet committed; ${journal.reason}`,
    ...(journal.unconfirmed === 0
      ? []
      : [`  redis.confirm: ${journal.unconfirmed} messages have left without their commit`]),
    ...(status.disk === null ? [] : [`  disk: the epoch can't be stored: ${status.disk}`]),
    ...(status.decision === null ? [] : [`  last decision: ${status.decision}`]),
  ];
  const rows = peers.map((peer) => [
    peer.node,
    peer.role ?? "never heard",
    peer.alive ? "alive" : "silent",
    peer.silentMs.map((ms) => (ms === null ? "never" : `${ms} ms`)).join(", "),
    peer.front ?? "?",
    peer.redis ?? "?",
    peer.notReady ?? "yes",
  ]);
  return `${lines.join("\n")}\n${table([["PEER", "ROLE", "HEARD", "SINCE, BY PATH", "NETWORK", "REDIS", "READY"], ...rows], [])}`;
}

interface Shown {
  readonly at?: unknown;
  readonly node?: unknown;
  readonly role?: unknown;
  readonly epoch?: unknown;
  readonly what?: unknown;
  readonly reason?: unknown;
  readonly phases?: unknown;
  readonly restored?: unknown;
}

function historyText(entries: unknown): string {
  const list = Array.isArray(entries) ? (entries as readonly Shown[]) : [];
  const rows = list.map((shown) => [
    String(shown.at),
    String(shown.node),
    `${String(shown.role)} ${String(shown.epoch)}`,
    String(shown.what),
    `${String(shown.reason)}${phasesText(shown)}`,
  ]);
  return table([["TIME", "NODE", "ROLE, EPOCH", "WHAT", "REASON"], ...rows], []);
}

function phasesText({ phases, restored }: Shown): string {
  if (typeof phases !== "object" || phases === null) return "";
  const parts = Object.entries(phases).map(([name, ms]) => `${name} ${Math.round(Number(ms))}`);
  const open = restored === undefined ? "; not all restored yet, or ended before" : "";
  return ` (ms: ${parts.join(", ")}${open})`;
}
