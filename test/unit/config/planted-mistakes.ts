/** A good file, and the mistakes that are planted in it, each with what the user must be told. */
import type { Mistake } from "./mistake.ts";
import { HEALTH_MISTAKES } from "./planted-health.ts";
import { PEER_MISTAKES } from "./planted-peers.ts";
import { RULE_MISTAKES } from "./planted-rules.ts";

export const GOOD = `node: edge-a
listen:
  - udp://198.51.100.10:5060
  - tcp://198.51.100.10:5060
identity:
  aliases: [edge.example.com]
groups:
  carriers:
    targets:
      - uri: sip:192.0.2.20:5060;transport=tcp
        priority: 1
        weight: 10
  phones:
    sources: [172.16.0.0/12]
  pbx:
    sources: [10.1.0.0/24]
    balance: weighted
    targets: [sip:10.1.0.11, sip:10.1.0.12]
    failover:
      noAnswerAfter: 2s
      on: [408, 503]
      maxAttempts: 4
routes:
  - from: carriers
    to: pbx
  - from: [pbx, phones]
    number: ^(911|112)$
    emergency: true
    to: [carriers]
  - from: [pbx, phones]
    number: ^\\+?1\\d{10}$
    strip: 1
    prefix: "+44"
    to: [carriers]
timers: { t1: 500ms, t2: 4s }
limits: { connections: 100 }
log: { level: info }
`;

export const MISTAKES: readonly Mistake[] = [...PEER_MISTAKES, ...RULE_MISTAKES, ...HEALTH_MISTAKES];

/** The good file with one mistake in it. */
export function planted(mistake: Pick<Mistake, "line" | "with">): string {
  const lines = GOOD.split("\n");
  lines[mistake.line - 1] = mistake.with;
  return lines.join("\n");
}
