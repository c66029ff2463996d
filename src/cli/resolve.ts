/** `tandem resolve NAME`: finds the servers of a name as the node would, and tells each step. Asks no running node. */
import type { Config, DnsConfig } from "../config/config.ts";
import type { Environment } from "../config/environment.ts";
import { loadConfig, parseConfig } from "../config/load-config.ts";
import { ConfigError, formatProblem } from "../config/problem.ts";
import type { Explanation, ResolveStep } from "../dns/explain.ts";
import type { Location, ServerAddress, ServerQuery } from "../dns/location.ts";
import type { Reach } from "../dns/procedure.ts";
import { normalName } from "../dns/question.ts";
import { reachOf, systemResolver } from "../dns/system-resolver.ts";
import { SystemClock } from "../node/system-clock.ts";
import { addressOf, parseUri, uriParam } from "../sip/uri.ts";

export interface ResolveCommand {
  readonly config?: string;
  readonly json?: true;
}

interface Terminal {
  readonly env: Environment;
  out(text: string): void;
  err(text: string): void;
}

/** What counts without a file: the defaults, and every transport and family. */
const WITHOUT_FILE = "listen: [udp://127.0.0.1, tcp://127.0.0.1, 'udp://[::1]']\n";

/**
 * Runs the command.
 * @param name a host, or a SIP URI
 * @returns 0: there are servers. 1: there are none, or the name can't be read. 2: the file has problems.
 */
export async function resolve(name: string, command: ResolveCommand, terminal: Terminal): Promise<0 | 1 | 2> {
  let config: Config;
  try {
    config =
      command.config === undefined
        ? parseConfig(WITHOUT_FILE, { file: "defaults", env: {} })
        : loadConfig(command.config, terminal.env);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    for (const problem of error.problems) terminal.err(`${formatProblem(problem)}\n`);
    return 2;
  }
  const query = queryOf(name);
  const explanation = await explain(query, config.dns, reachOf(config.listen));
  if (command.json === true)
    terminal.out(`${JSON.stringify({ name, query, ...explanation }, jsonTime, 2)}\n`);
  else report(explanation, terminal);
  return explanation.location.servers.length > 0 ? 0 : 1;
}

async function explain(query: ServerQuery, dns: DnsConfig, reach: Reach): Promise<Explanation> {
  const clock = new SystemClock();
  const { resolver } = systemResolver(dns, { clock, reach, onChange: () => {} });
  try {
    return await resolver.explain(query);
  } finally {
    clock.stop();
  }
}

/** @throws SipParseError where it is neither a host nor a SIP URI */
function queryOf(name: string): ServerQuery {
  const text = /^(sips?|tel):/i.test(name) ? name : `sip:${name}`;
  const uri = parseUri(text);
  if (uri.scheme === "tel") throw new Error(`${name} names no machine: write a host or a SIP URI`);
  const transport = uriParam(uri, "transport")?.toLowerCase() ?? null;
  return {
    host: normalName(addressOf(uri.host)),
    port: uri.port,
    transport: transport === "udp" || transport === "tcp" ? transport : null,
    secure: uri.scheme === "sips" || transport === "tls",
  };
}

/** JSON has no Infinity; the times of a clock that ends with the command say nothing. */
function jsonTime(key: string, value: unknown): unknown {
  if (key === "expiresAt" || key === "staleSinceMs") return undefined;
  return value;
}

function report({ steps, location }: Explanation, { out }: Terminal): void {
  for (const step of steps) out(`${headOf(step)}\n${step.answer.map((line) => `    ${line}\n`).join("")}`);
  const { servers, reason } = location;
  if (servers.length === 0) {
    out(`${location.status}: ${reason}\n`);
    return;
  }
  const count = servers.length === 1 ? "1 server" : `${servers.length} servers`;
  out(`${count} (${reason}), tried in this order:\n`);
  for (const line of orderOf(location)) out(`    ${line}\n`);
}

function headOf({ question, server, transport, ttlS, tookMs }: ResolveStep): string {
  const by =
    server === null ? "nobody answered" : transport === "file" ? server : `${server} by ${transport}`;
  const ttl = ttlS === null ? "no TTL" : `TTL ${ttlS} s`;
  return `${question.type} ${question.name} (${by}, ${tookMs.toFixed(1)} ms, ${ttl})`;
}

/** A line a server; those of one priority are drawn by weight for each call. */
function orderOf({ servers }: Location): string[] {
  return servers.map((server) => {
    const tier = servers.filter(({ priority }) => priority === server.priority);
    return `priority ${server.priority}: ${placeOf(server)} (${server.host})${shareOf(server, tier)}`;
  });
}

function shareOf({ weight }: ServerAddress, tier: readonly ServerAddress[]): string {
  if (tier.length === 1) return "";
  const sum = tier.reduce((total, each) => total + each.weight, 0);
  const percent = sum === 0 ? 100 / tier.length : (100 * weight) / sum;
  return `, first in ${percent.toFixed(0)}% of calls`;
}

function placeOf({ transport, address, port }: ServerAddress): string {
  return `${transport}:${address.includes(":") ? `[${address}]` : address}:${port}`;
}
