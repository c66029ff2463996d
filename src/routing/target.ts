/** A place that calls can go to, and when a call goes on to the next one. */

import type { FailoverConfig, TargetConfig, TransportConfig } from "../config/config.ts";
import { hostOf, parseUri, type SipUri } from "../sip/uri.ts";

export interface Target {
  /** `udp:10.1.0.11:5060`: equal in two groups for one place. */
  readonly id: string;
  readonly group: string;
  readonly uri: SipUri;
  readonly transport: TransportConfig;
  /** IPv6 without brackets. */
  readonly address: string;
  readonly port: number;
  /** Lower is tried first. */
  readonly priority: number;
  readonly weight: number;
  /** The URI names no transport: a request too large for UDP may go by TCP (RFC 3261 §18.1.1). */
  readonly mayUseTcp: boolean;
}

export interface FailoverPolicy {
  /** No provisional by then: the next target. */
  readonly noAnswerAfterMs: number;
  /** Only a 100 by then: the next target. */
  readonly noProgressAfterMs: number;
  /** Final codes that lead to the next target. */
  readonly on: ReadonlySet<number>;
  /** Do the codes of `on` count after a provisional above 100, too? */
  readonly afterProgress: boolean;
  /** Targets of this group that one call may try; a plan is cut to it already. */
  readonly maxAttempts: number;
}

/** The target that a group's configuration names. */
export function targetOf(group: string, config: TargetConfig): Target {
  const { transport, address, port, priority, weight, mayUseTcp } = config;
  const id = `${transport}:${hostOf(address)}:${port}`;
  return { id, group, uri: parseUri(config.uri), transport, address, port, priority, weight, mayUseTcp };
}

/** The group's policy with what a route changes: codes are added, the rest replaced. */
export function failoverPolicy(group: FailoverConfig, route: Partial<FailoverConfig>): FailoverPolicy {
  return {
    noAnswerAfterMs: route.noAnswerAfterMs ?? group.noAnswerAfterMs,
    noProgressAfterMs: route.noProgressAfterMs ?? group.noProgressAfterMs,
    on: new Set([...group.on, ...(route.on ?? [])]),
    afterProgress: route.afterProgress ?? group.afterProgress,
    maxAttempts: route.maxAttempts ?? group.maxAttempts,
  };
}
