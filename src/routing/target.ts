/** A place that calls can go to, and when a call goes on to the next one. */

import type { FailoverConfig, TargetConfig, TransportConfig } from "../config/config.ts";
import { hostOf, parseUri, type SipUri } from "../sip/uri.ts";

export interface Target {
  /** `udp:10.1.0.11:5060`: equal in two groups for one place. */
  readonly id: string;
  readonly group: string;
  /** What the configuration calls it, as written there. */
  readonly name: string;
  readonly uri: SipUri;
  readonly transport: TransportConfig;
  /** IPv6 without brackets. */
  readonly address: string;
  readonly port: number;
  /** Of the configuration; lower is tried first. */
  readonly priority: number;
  /** Of the name's SRV record, within the priority of the configuration; 0 where there is none. */
  readonly srvPriority: number;
  readonly weight: number;
  /** Reached by UDP, and the URI does not say so: a request too large for it may go by TCP (RFC 3261 §18.1.1). */
  readonly mayUseTcp: boolean;
  /** Calls at once and new in a second; null: no limit. */
  readonly maxCalls: number | null;
  readonly maxCallsPerSecond: number | null;
}

/** One place behind the host of a target, as the resolver has it (RFC 3263 §4.2). */
export interface Place {
  readonly transport: TransportConfig;
  /** IPv6 without brackets. */
  readonly address: string;
  readonly port: number;
  /** 0 where no SRV record says one. */
  readonly priority: number;
  readonly weight: number;
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

/** Equal for one place, whoever names it. */
export function placeId({ transport, address, port }: Pick<Place, "transport" | "address" | "port">): string {
  return `${transport}:${hostOf(address)}:${port}`;
}

/**
 * The targets that one entry of a group stands for. The weight of the entry is shared out among the places of one SRV
 * priority by their SRV weights (RFC 2782), so that several names in a group keep the shares that the file gives them.
 * @param places those behind its host; two of one place count once
 */
export function targetsOf(group: string, config: TargetConfig, places: readonly Place[]): Target[] {
  const sums = new Map<number, { weight: number; count: number }>();
  for (const { priority, weight } of places) {
    const sum = sums.get(priority) ?? { weight: 0, count: 0 };
    sums.set(priority, { weight: sum.weight + weight, count: sum.count + 1 });
  }
  const uri = parseUri(config.uri);
  const targets = new Map<string, Target>();
  for (const place of places) {
    const id = placeId(place);
    if (targets.has(id)) continue;
    const sum = sums.get(place.priority) ?? { weight: 0, count: 1 };
    const share = sum.weight === 0 ? 1 / sum.count : place.weight / sum.weight;
    targets.set(id, {
      id,
      group,
      name: config.uri,
      uri,
      transport: place.transport,
      address: place.address,
      port: place.port,
      priority: config.priority,
      srvPriority: place.priority,
      weight: config.weight * share,
      mayUseTcp: config.transport === null && place.transport === "udp",
      maxCalls: config.maxCalls,
      maxCallsPerSecond: config.maxCallsPerSecond,
    });
  }
  return [...targets.values()];
}

/** Where a numeric host leads without a resolver (RFC 3263 §4.1, §4.2). */
export function numericPlace({ host, port, transport }: TargetConfig): Place {
  return {
    transport: transport ?? "udp",
    address: host,
    port: port === 0 ? 5060 : port,
    priority: 0,
    weight: 0,
  };
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
