/** One look-up past the cache, with each step told: what `tandem resolve` shows. */
import type { Known } from "./chase.ts";
import type { Clock } from "./clock.ts";
import type { DnsExchange, DnsReply, HostsFile } from "./exchange.ts";
import { hostsAnswer } from "./hosts-answer.ts";
import type { Location, ServerQuery } from "./location.ts";
import { locateName, locateNumeric, type Reach } from "./procedure.ts";
import { type DnsRecord, keyOf, type Question } from "./question.ts";

/** One question and what came of it. */
export interface ResolveStep {
  readonly question: Question;
  /** "10.0.0.53:53", or the path of the hosts file; null: nobody answered. */
  readonly server: string | null;
  readonly transport: DnsReply["transport"];
  /** Each record, or one line that says why there is none. */
  readonly answer: readonly string[];
  /** As the server gave it, before any bound; null: none. */
  readonly ttlS: number | null;
  readonly tookMs: number;
}

export interface Explanation {
  readonly steps: readonly ResolveStep[];
  readonly location: Location;
}

interface ExplainPorts {
  readonly clock: Clock;
  readonly exchange: DnsExchange;
  readonly hosts: HostsFile;
  readonly reach: Reach;
}

/** Asks for everything that the query needs. Resolves in bounded time, as each question does. Never rejects. */
export async function explain(query: ServerQuery, ports: ExplainPorts): Promise<Explanation> {
  const { hosts, reach, clock } = ports;
  const numeric = locateNumeric(query, reach);
  if (numeric !== null) return { steps: [], location: numeric };
  const steps: ResolveStep[] = [];
  const known = new Map<string, Known>();
  for (;;) {
    const missing = new Map<string, Question>();
    const look = (question: Question): Known => {
      const found = known.get(keyOf(question));
      if (found === undefined) missing.set(keyOf(question), question);
      return found ?? { answer: null, stale: false, expiresAt: 0, failure: null };
    };
    const location = locateName(query, { look, reach, inHosts: (name) => hosts.addresses(name) !== null });
    if (location !== null) return { steps, location };
    const asked = [...missing].map(async ([key, question]) => {
      const reply = await replyTo(question, ports);
      known.set(key, knownBy(reply, clock.now()));
      return stepOf(question, reply);
    });
    steps.push(...(await Promise.all(asked)));
  }
}

function replyTo(question: Question, { hosts, exchange }: ExplainPorts): Promise<DnsReply> {
  const answer = hostsAnswer(question, hosts);
  if (answer !== null) {
    return Promise.resolve({ outcome: answer, server: hosts.path, transport: "file", tookMs: 0 });
  }
  return new Promise((resolve) => exchange.ask(question, resolve));
}

function knownBy({ outcome }: DnsReply, now: number): Known {
  if (outcome.kind === "failure") {
    return { answer: { kind: "failure" }, stale: false, expiresAt: now, failure: outcome.reason };
  }
  return { answer: outcome, stale: false, expiresAt: now + (outcome.ttlS ?? 0) * 1_000, failure: null };
}

function stepOf(question: Question, { outcome, server, transport, tookMs }: DnsReply): ResolveStep {
  const ttlS = outcome.kind === "failure" ? null : outcome.ttlS;
  return { question, server, transport, answer: linesOf(question, outcome), ttlS, tookMs };
}

function linesOf({ type }: Question, outcome: DnsReply["outcome"]): string[] {
  switch (outcome.kind) {
    case "records":
      return outcome.records.map(lineOf);
    case "alias":
      return [`CNAME ${outcome.to}`];
    case "none":
      return [outcome.exists ? `no ${type} record` : "no such name"];
    case "failure":
      return [`failed: ${outcome.reason}`];
  }
}

function lineOf(record: DnsRecord): string {
  switch (record.type) {
    case "A":
    case "AAAA":
      return record.address;
    case "SRV":
      return `priority ${record.priority}, weight ${record.weight}, ${record.target}:${record.port}`;
    case "NAPTR":
      return `order ${record.order}, preference ${record.preference}, ${record.service} "${record.flags}" ${record.replacement}`;
  }
}
