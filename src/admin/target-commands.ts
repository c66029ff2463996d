/** The commands that show targets and take them out of service, whichever door they come through. */
import type { CommandAnswer, CommandHandlers, CommandRequest } from "./handlers.ts";

/** One target of one group, as an operator sees it. Durations are milliseconds; null: not known, or none. */
export interface TargetRow {
  readonly group: string;
  /** As the configuration has it. */
  readonly name: string;
  /** Transport, address and port: equal in every group that names the place. */
  readonly id: string;
  /** `up`, `failing`, `down`, `recovering` or `unknown`; `draining` or `disabled` where an operator has said so. */
  readonly state: string;
  /** What probes and calls show, whatever an operator has said. */
  readonly observed: string;
  readonly forMs: number;
  readonly why: string;
  readonly priority: number;
  readonly srvPriority: number;
  readonly weight: number;
  /** Calls that are there now; since the start of the node those that were tried there, and those that were answered. */
  readonly calls: number;
  readonly tried: number;
  readonly answered: number;
  /** Share of the tried that were answered, 0 to 1. */
  readonly answerSeizureRatio: number | null;
  readonly rttMs: number | null;
  readonly lastProbe: string;
  readonly nextProbeMs: number | null;
  /** How long it stays down whatever it answers. */
  readonly heldMs: number;
  /** The longest time until probes alone see that it died. */
  readonly detectionMs: number | null;
  readonly allow: string;
  readonly server: string;
}

/** A name that leads to no target now. */
export interface UnresolvedRow {
  readonly group: string;
  readonly name: string;
  readonly why: string;
}

/** A name and the servers behind it, as the node has them. */
export interface NameRow {
  readonly name: string;
  readonly status: string;
  readonly why: string;
  /** How long it has been served past its time to live; null: it is fresh. */
  readonly staleMs: number | null;
  readonly servers: readonly string[];
}

export type OperatorWord = "enabled" | "draining" | "disabled";

/** What the commands need of a node. */
export interface TargetsPort {
  rows(): TargetRow[];
  unresolved(): UnresolvedRow[];
  names(): NameRow[];
  /** @returns the error where some were not changed, or where the states can't be kept beyond this run; null: all is done */
  operate(ids: readonly string[], state: OperatorWord, by: string): { readonly error: string | null };
}

const WORDS: Readonly<Record<string, OperatorWord>> = {
  drain: "draining",
  disable: "disabled",
  enable: "enabled",
};
const BY_CHARACTERS_MAX = 64;

/** `targets` lists; `targets.drain`, `targets.disable`, `targets.enable` change those that `target` names. */
export function targetCommands(targets: TargetsPort): CommandHandlers {
  const list = (): CommandAnswer => {
    return { ok: true, targets: targets.rows(), unresolved: targets.unresolved(), names: targets.names() };
  };
  const changes = Object.entries(WORDS).map(
    ([verb, state]) =>
      [`targets.${verb}`, (request: CommandRequest) => change(targets, request, state)] as const,
  );
  return new Map([["targets", list], ...changes]);
}

function change(targets: TargetsPort, request: CommandRequest, state: OperatorWord): CommandAnswer {
  const { target, by } = request;
  if (typeof target !== "string" || target === "")
    return { ok: false, error: "which target? its id, its address or its name" };
  const rows = targets.rows();
  const named = rows.filter((row) => isNamed(row, target));
  if (named.length === 0) {
    const ids = [...new Set(rows.map(({ id }) => id))];
    return { ok: false, error: `no target is called ${target}; there are: ${ids.join(", ")}` };
  }
  const ids = [...new Set(named.map(({ id }) => id))];
  const who = typeof by === "string" && by !== "" ? by.slice(0, BY_CHARACTERS_MAX) : "an operator";
  const { error } = targets.operate(ids, state, who);
  const changed = targets.rows().filter(({ id }) => ids.includes(id));
  return error === null ? { ok: true, targets: changed } : { ok: false, error, targets: changed };
}

/** `udp:10.1.0.11:5060`, `10.1.0.11:5060`, `10.1.0.11`, `sip:pbx.example`, `pbx.example`: all places behind it. */
function isNamed({ id, name }: TargetRow, asked: string): boolean {
  const place = id.slice(id.indexOf(":") + 1);
  const address = place.slice(0, place.lastIndexOf(":"));
  const host = /^sip:(\[[^\]]*\]|[^:;]*)/i.exec(name)?.[1] ?? name;
  return [id, place, address, name, host].some((known) => known.toLowerCase() === asked.toLowerCase());
}
