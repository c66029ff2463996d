/** What differs between the configuration that runs and a new one, and how much of it can be had without a restart. */
import { isDeepStrictEqual } from "node:util";
import type { Config, ListenConfig, TargetConfig } from "../config/config.ts";
import { bracketed, familyOf } from "../config/ip-address.ts";

export interface ConfigChange {
  /** Key paths that take effect at once, as a user writes them: "groups.pbx", "timers.t1". */
  readonly changed: readonly string[];
  /** Key paths that keep their old value until the node is started anew. */
  readonly needsRestart: readonly string[];
  /** The new configuration with the old values of `needsRestart`. */
  readonly effective: Config;
}

type Section = keyof Config;

/** Sections that stay as they are while the node runs. */
const FIXED_SECTIONS: ReadonlySet<Section> = new Set<Section>([
  "node",
  "listen",
  "dns",
  "cdr",
  "state",
  "control",
  "cluster",
  "redis",
  "role",
]);
/** Limits that the calls are held to; the rest belong to sockets that are open. */
const CHANGING_LIMITS: ReadonlySet<string> = new Set(["maxCalls", "maxCallsPerSecond"]);

/** Compares; neither is changed. */
export function compareConfigs(current: Config, next: Config): ConfigChange {
  const keys = (Object.keys(next) as Section[]).flatMap((section) => differences(section, current, next));
  const needsRestart = keys.filter((key) => isFixed(key, current, next));
  const held = new Set(needsRestart);
  const effective: Config = {
    ...next,
    node: current.node,
    listen: current.listen,
    dns: current.dns,
    cdr: current.cdr,
    state: current.state,
    control: current.control,
    cluster: current.cluster,
    redis: current.redis,
    role: current.role,
    limits: {
      ...current.limits,
      maxCalls: next.limits.maxCalls,
      maxCallsPerSecond: next.limits.maxCallsPerSecond,
    },
    identity: {
      aliases: next.identity.aliases,
      secret: held.has("identity.secret") ? current.identity.secret : next.identity.secret,
    },
  };
  return { changed: keys.filter((key) => !held.has(key)), needsRestart, effective };
}

/**
 * Targets that no listener of the node can reach, where the listeners of the file would: it is good as a whole, but
 * not with the old `listen`.
 * @returns one sentence, or null where all is well
 */
export function unreachableTarget({ listen, groups }: Config): string | null {
  for (const { name, targets } of groups) {
    const lost = targets.find((target) => !listen.some((own) => reaches(own, target)));
    if (lost === undefined) continue;
    const transport = lost.transport ?? "udp";
    const over = lost.numeric ? ` over IPv${familyOf(lost.host)}` : "";
    return `groups.${name}: ${bracketed(lost.host)} needs a listener of ${transport}${over}, and a new listener needs a restart`;
  }
  return null;
}

function reaches(own: ListenConfig, { host, numeric, transport }: TargetConfig): boolean {
  if (!numeric) return transport === null || own.transport === transport;
  return own.transport === (transport ?? "udp") && familyOf(own.address) === familyOf(host);
}

function isFixed(key: string, current: Config, next: Config): boolean {
  const [section = "", name = ""] = key.split(".");
  if (FIXED_SECTIONS.has(section as Section)) return true;
  if (section === "limits") return !CHANGING_LIMITS.has(name);
  return key === "identity.secret" && !stillVerifies(current.identity.secret, next.identity.secret);
}

/** Calls that are up carry what the first secret signed: whoever takes it away needs to mean it. */
function stillVerifies(current: readonly string[], next: readonly string[]): boolean {
  const [signs] = current;
  return signs !== undefined && next.includes(signs);
}

function differences(section: Section, current: Config, next: Config): string[] {
  const [before, after]: unknown[] = [current[section], next[section]];
  if (isDeepStrictEqual(before, after)) return [];
  if (section === "groups") return groupDifferences(current.groups, next.groups);
  if (!isRecord(before) || !isRecord(after)) return [section];
  return Object.keys(after)
    .filter((name) => !isDeepStrictEqual(before[name], after[name]))
    .map((name) => `${section}.${name.replace(/(Ms|S)$/, "")}`);
}

/** Groups by name; their order alone says nothing. */
function groupDifferences(current: Config["groups"], next: Config["groups"]): string[] {
  const before = new Map(current.map((group) => [group.name, group]));
  const after = new Map(next.map((group) => [group.name, group]));
  return [...new Set([...before.keys(), ...after.keys()])]
    .filter((name) => !isDeepStrictEqual(before.get(name), after.get(name)))
    .map((name) => `groups.${name}`);
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
