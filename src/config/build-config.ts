/** A file that passed every check, in the form that the node uses. */
import { buildCluster } from "./build-cluster.ts";
import type {
  Config,
  DnsConfig,
  FailoverConfig,
  GroupConfig,
  HealthConfig,
  IdentityConfig,
  ProbeConfig,
  RouteConfig,
  TargetConfig,
} from "./config.ts";
import { defaultControlSocket, type SocketOwner } from "./control-socket-path.ts";
import { deepFreeze } from "./deep-freeze.ts";
import { NEVER_FAILOVER, PRIORITY_DEFAULT, WEIGHT_DEFAULT } from "./group-schema.ts";
import { bracketed, hostNetwork } from "./ip-address.ts";
import { redisConfigFrom } from "./redis-schema.ts";
import type { CheckedConfig } from "./schema.ts";
import { defaultStateDirectory } from "./state-directory.ts";

type CheckedGroup = CheckedConfig["groups"][string];
type CheckedRoute = CheckedConfig["routes"][number];
type CheckedCode = CheckedGroup["failover"]["on"][number];

/**
 * @param defaults.node the name of a node whose file gives none
 * @returns the configuration, deeply frozen
 */
export function buildConfig(checked: CheckedConfig, defaults: SocketOwner): Config {
  const { timers, limits, overload } = checked;
  const node = checked.node ?? defaults.node;
  return deepFreeze<Config>({
    node,
    listen: checked.listen,
    identity: buildIdentity(checked),
    groups: Object.entries(checked.groups).map(([name, group]) => buildGroup(name, group)),
    routes: checked.routes.map(buildRoute),
    timers: { t1Ms: timers.t1, t2Ms: timers.t2, t4Ms: timers.t4, cMs: timers.c },
    limits: {
      messageBytes: limits.messageBytes,
      connections: limits.connections,
      connectionsPerAddress: limits.connectionsPerAddress,
      tcpIdleMs: limits.tcpIdle,
      messageTimeoutMs: limits.messageTimeout,
      connectTimeoutMs: limits.connectTimeout,
      sendQueueBytes: limits.sendQueueBytes,
      watchedTargets: limits.watchedTargets,
      maxCalls: limits.maxCalls ?? null,
      maxCallsPerSecond: limits.maxCallsPerSecond ?? null,
    },
    dns: buildDns(checked.dns),
    calls: { setupTimeoutMs: checked.calls.setupTimeout, maxDurationMs: checked.calls.maxDuration },
    cdr: { file: checked.cdr.file ?? null, bufferBytes: checked.cdr.bufferBytes },
    overload: {
      loopDelayMs: overload.loopDelay,
      queueBytes: overload.queueBytes ?? null,
      retryAfterS: Math.ceil(overload.retryAfter / 1_000),
    },
    state: { directory: checked.state.directory ?? defaultStateDirectory({ ...defaults, node }) },
    control: { socket: checked.control.socket ?? defaultControlSocket({ ...defaults, node }) },
    cluster: checked.cluster === undefined ? null : buildCluster(checked.cluster),
    redis: checked.redis === undefined ? null : redisConfigFrom(checked.redis),
    role: checked.role,
    log: checked.log,
  });
}

/** What is signed by one node is verified by all, and what was sent to a floating IP is for whichever node reads it. */
function buildIdentity({ identity, cluster }: CheckedConfig): IdentityConfig {
  if (cluster === undefined) return identity;
  const floating = [cluster.floatingIp].flat().map(({ address }) => bracketed(address));
  return {
    aliases: [...new Set([...identity.aliases, ...floating])],
    secret: identity.secret.length > 0 ? identity.secret : cluster.secret,
  };
}

function buildDns(dns: CheckedConfig["dns"]): DnsConfig {
  return {
    servers: dns.servers,
    timeoutMs: dns.timeout ?? null,
    attempts: dns.attempts ?? null,
    minTtlMs: dns.minTtl,
    maxTtlMs: dns.maxTtl,
    negativeTtlMs: dns.negativeTtl,
    staleForMs: dns.staleFor,
    firstAnswerWithinMs: dns.firstAnswerWithin,
  };
}

function buildGroup(name: string, group: CheckedGroup): GroupConfig {
  const targets = group.targets.map(buildTarget);
  const { noAnswerAfter, noProgressAfter, on, afterProgress, maxAttempts } = group.failover;
  return {
    name,
    targets,
    sources: group.sources ?? [
      ...new Set(targets.flatMap(({ host, numeric }) => (numeric ? [hostNetwork(host)] : []))),
    ],
    sourcesByName: group.sources === undefined,
    balance: group.balance,
    failover: {
      noAnswerAfterMs: noAnswerAfter,
      noProgressAfterMs: noProgressAfter,
      on: expandCodes(on).filter((code) => !NEVER_FAILOVER.has(code)),
      afterProgress,
      maxAttempts,
    },
    probe: buildProbe(group.probe),
    health: buildHealth(group.health),
    maxCalls: group.maxCalls ?? null,
    maxCallsPerSecond: group.maxCallsPerSecond ?? null,
  };
}

function buildProbe(probe: CheckedGroup["probe"]): ProbeConfig {
  const { enabled, interval, fastInterval, timeout, fall, rise, downOn } = probe;
  return {
    enabled,
    intervalMs: interval,
    fastIntervalMs: fastInterval,
    timeoutMs: timeout,
    fall,
    rise,
    downOn: expandCodes(downOn),
  };
}

function buildHealth(health: CheckedGroup["health"]): HealthConfig {
  const { passive, earlyRecovery, flaps, panic } = health;
  return {
    passive,
    retryAfterMaxMs: health.retryAfterMax,
    earlyRecovery,
    slowStartMs: health.slowStart,
    flaps,
    flapWindowMs: health.flapWindow,
    holdDownMs: health.holdDown,
    holdDownMaxMs: health.holdDownMax,
    panic,
  };
}

function buildTarget(target: CheckedGroup["targets"][number]): TargetConfig {
  const bare = !("priority" in target);
  return {
    ...(bare ? target : target.uri),
    priority: bare ? PRIORITY_DEFAULT : target.priority,
    weight: bare ? WEIGHT_DEFAULT : target.weight,
    maxCalls: bare ? null : (target.maxCalls ?? null),
    maxCallsPerSecond: bare ? null : (target.maxCallsPerSecond ?? null),
  };
}

function buildRoute(route: CheckedRoute): RouteConfig {
  return {
    from: asList(route.from),
    to: asList(route.to),
    number: route.number ?? null,
    method: route.method === undefined ? [] : asList(route.method),
    host: route.host === undefined ? [] : asList(route.host),
    emergency: route.emergency,
    strip: route.strip,
    prefix: route.prefix,
    failover: buildRouteFailover(route.failover),
  };
}

function buildRouteFailover(failover: CheckedRoute["failover"]): Partial<FailoverConfig> {
  const { noAnswerAfter, noProgressAfter, on, afterProgress, maxAttempts } = failover;
  return {
    ...(noAnswerAfter === undefined ? {} : { noAnswerAfterMs: noAnswerAfter }),
    ...(noProgressAfter === undefined ? {} : { noProgressAfterMs: noProgressAfter }),
    ...(on === undefined ? {} : { on: expandCodes(on).filter((code) => !NEVER_FAILOVER.has(code)) }),
    ...(afterProgress === undefined ? {} : { afterProgress }),
    ...(maxAttempts === undefined ? {} : { maxAttempts }),
  };
}

/** Classes written out, ascending. */
function expandCodes(codes: readonly CheckedCode[]): number[] {
  const expanded = codes.flatMap((code) =>
    typeof code === "number"
      ? [code]
      : Array.from({ length: 100 }, (_, index) => Number(code[0]) * 100 + index),
  );
  return [...new Set(expanded)].sort((a, b) => a - b);
}

function asList(value: string | string[]): string[] {
  return typeof value === "string" ? [value] : value;
}
