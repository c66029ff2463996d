/**
 * The configuration as the node uses it: checked, complete, durations in milliseconds, deeply frozen plain data.
 * A reload makes a new one and compares.
 */
import type { RedisConfig } from "./redis-config.ts";

export type TransportConfig = "udp" | "tcp";

/** How the targets of one priority are ordered for a call. */
export type Balance = "weighted" | "round-robin" | "least-calls" | "hash";

export interface Config {
  /** This node's name in the cluster. */
  readonly node: string;
  readonly listen: readonly ListenConfig[];
  readonly identity: IdentityConfig;
  /** In the order of the file. */
  readonly groups: readonly GroupConfig[];
  /** The first that matches is taken. */
  readonly routes: readonly RouteConfig[];
  readonly timers: TimersConfig;
  readonly limits: LimitsConfig;
  readonly dns: DnsConfig;
  readonly calls: CallsConfig;
  readonly cdr: CdrConfig;
  readonly overload: OverloadConfig;
  readonly state: StateConfig;
  readonly control: ControlConfig;
  /** null: the node runs alone. */
  readonly cluster: ClusterConfig | null;
  readonly redis: RedisConfig | null;
  readonly role: RoleConfig;
  readonly log: { readonly level: LogLevel };
}

export interface ListenConfig {
  readonly transport: TransportConfig;
  /** Canonical, IPv6 without brackets; 0.0.0.0 or :: for each address of the machine. */
  readonly address: string;
  readonly port: number;
}

export interface IdentityConfig {
  /** As a host stands in a URI: lower case, IPv6 in brackets, then `:port` where only that port is meant. */
  readonly aliases: readonly string[];
  /** The first signs, all verify. Empty: a random one for each start. */
  readonly secret: readonly string[];
}

export interface GroupConfig {
  readonly name: string;
  readonly targets: readonly TargetConfig[];
  /** Networks with their prefix length, in canonical spelling. Filled from numeric targets where the file says nothing. */
  readonly sources: readonly string[];
  /** The file names no sources: every address behind the names of its targets speaks as the group, too. */
  readonly sourcesByName: boolean;
  readonly balance: Balance;
  readonly failover: FailoverConfig;
  readonly probe: ProbeConfig;
  readonly health: HealthConfig;
  /** Calls to its targets, at once and new in a second; null: no limit. */
  readonly maxCalls: number | null;
  readonly maxCallsPerSecond: number | null;
}

export interface TargetConfig {
  /** As written. */
  readonly uri: string;
  /** A canonical address, IPv6 without brackets, or a lower-case name. */
  readonly host: string;
  readonly numeric: boolean;
  /** 0: the URI names none. */
  readonly port: number;
  /** null: the URI names none (RFC 3263 §4.1, RFC 3261 §18.1.1). */
  readonly transport: TransportConfig | null;
  /** 0..65535, lower is tried first; the priorities of a name's SRV records order within it. */
  readonly priority: number;
  /** 0..65535, higher is likelier; shared out among a name's addresses by their SRV weights. */
  readonly weight: number;
  /** Calls at once and new in a second; null: no limit. */
  readonly maxCalls: number | null;
  readonly maxCallsPerSecond: number | null;
}

export interface FailoverConfig {
  /** No provisional by then: the next target. */
  readonly noAnswerAfterMs: number;
  /** Only a 100 by then: the next target. */
  readonly noProgressAfterMs: number;
  /** Final codes that lead to the next target, ascending. */
  readonly on: readonly number[];
  /** Do the codes of `on` count after a provisional above 100, too? */
  readonly afterProgress: boolean;
  /** Targets of this group that one call may try. */
  readonly maxAttempts: number;
}

/** OPTIONS to the targets of a group. */
export interface ProbeConfig {
  readonly enabled: boolean;
  /** Between the starts of two probes; timeoutMs <= fastIntervalMs <= intervalMs. */
  readonly intervalMs: number;
  /** The same while a target is failing or recovering. */
  readonly fastIntervalMs: number;
  readonly timeoutMs: number;
  /** Failures in a row until down, successes in a row until up. */
  readonly fall: number;
  readonly rise: number;
  /** Received codes that count as failures, ascending. */
  readonly downOn: readonly number[];
}

/** What is made of that which probes and calls show. */
export interface HealthConfig {
  /** Do calls count, too? */
  readonly passive: boolean;
  /** At most so much of a Retry-After is honoured. */
  readonly retryAfterMaxMs: number;
  /** May probes bring a target back before its Retry-After is over? */
  readonly earlyRecovery: boolean;
  /** Until a target that came back has its whole weight. */
  readonly slowStartMs: number;
  /** Held down when it went down so often within the window, for longer each time up to the bound; 0: never. */
  readonly flaps: number;
  readonly flapWindowMs: number;
  readonly holdDownMs: number;
  readonly holdDownMaxMs: number;
  /** Are targets that are down tried where no other is left? */
  readonly panic: boolean;
}

export interface RouteConfig {
  /** Groups that it takes calls of. */
  readonly from: readonly string[];
  /** Groups to try, in this order. */
  readonly to: readonly string[];
  /** RE2 pattern, found anywhere in the number; null: any. */
  readonly number: string | null;
  /** Empty: any. */
  readonly method: readonly string[];
  /** Hosts of the Request-URI in lower case, IPv6 in brackets; empty: any. */
  readonly host: readonly string[];
  /** Never refused by a limit; tries every target. */
  readonly emergency: boolean;
  /** Digits taken off the front of the number. */
  readonly strip: number;
  /** Put in front of what is left. */
  readonly prefix: string;
  /** What this route changes in the groups' failover: `on` is added to theirs, the rest replaces. */
  readonly failover: Partial<FailoverConfig>;
}

/** RFC 3261 §17 and Table 4. */
export interface TimersConfig {
  readonly t1Ms: number;
  readonly t2Ms: number;
  readonly t4Ms: number;
  /** Timer C (§16.6 item 11). */
  readonly cMs: number;
}

export interface LimitsConfig {
  readonly messageBytes: number;
  /** TCP connections, whole and for one remote address. */
  readonly connections: number;
  readonly connectionsPerAddress: number;
  readonly tcpIdleMs: number;
  /** A message on a stream must be complete this long after its first byte. */
  readonly messageTimeoutMs: number;
  readonly connectTimeoutMs: number;
  /** Bytes that may wait on one connection. */
  readonly sendQueueBytes: number;
  /** Targets with a connected UDP socket of their own. */
  readonly watchedTargets: number;
  /** Calls of the whole node, at once and new in a second; null: no limit. */
  readonly maxCalls: number | null;
  readonly maxCallsPerSecond: number | null;
}

export interface DnsConfig {
  /** Asked in this order; empty: those of resolv.conf. */
  readonly servers: readonly DnsServerConfig[];
  /** Of one try at one server, and rounds over all of them; null: as resolv.conf says. */
  readonly timeoutMs: number | null;
  readonly attempts: number | null;
  /** Bounds on how long an answer is used without asking again. */
  readonly minTtlMs: number;
  readonly maxTtlMs: number;
  readonly negativeTtlMs: number;
  /** How long an expired answer is used while no server gives a new one. */
  readonly staleForMs: number;
  /** How long a call waits for a name that was never asked for. */
  readonly firstAnswerWithinMs: number;
}

export interface DnsServerConfig {
  /** Canonical, IPv6 without brackets. */
  readonly address: string;
  readonly port: number;
}

export interface CallsConfig {
  /** From an INVITE to a target that rings or answers. */
  readonly setupTimeoutMs: number;
  /** From the answer; then the call is ended by a BYE to both sides. */
  readonly maxDurationMs: number;
}

export interface CdrConfig {
  /** null: no call records. */
  readonly file: string | null;
  /** Bytes of records kept while the file can't be written. */
  readonly bufferBytes: number;
}

/** Bounds beyond which new calls are refused. */
export interface OverloadConfig {
  readonly loopDelayMs: number;
  /** Bytes that wait in the receive queue; null: what suits the buffer that the kernel gives. */
  readonly queueBytes: number | null;
  readonly retryAfterS: number;
}

export interface StateConfig {
  /** Absolute path. */
  readonly directory: string;
}

export interface ControlConfig {
  /** Absolute path of the UNIX socket. */
  readonly socket: string;
}

/** Program and arguments, run at every change of role; empty: none. */
export interface RoleConfig {
  readonly hook: readonly string[];
}

export interface EndpointConfig {
  /** Canonical, IPv6 without brackets. */
  readonly address: string;
  readonly port: number;
}

export interface FloatingIpConfig {
  readonly driver: "linux" | "script" | "none";
  readonly addresses: readonly {
    /** Canonical. */
    readonly address: string;
    /** "": none named. */
    readonly interface: string;
  }[];
  /** Whole seconds. */
  readonly lifetimeMs: number;
  /** Of the driver script; empty with the others. */
  readonly command: readonly string[];
  readonly timeoutMs: number;
  readonly tries: number;
}

export interface ClusterConfig {
  readonly name: string;
  /** The first signs, all verify. */
  readonly secret: readonly string[];
  readonly floatingIp: FloatingIpConfig;
  readonly heartbeat: { readonly intervalMs: number; readonly deadAfterMs: number };
  readonly lease: { readonly ttlMs: number; readonly renewMs: number };
  /** Each has every node. */
  readonly paths: readonly Readonly<Record<string, EndpointConfig>>[];
  /** Every node, by name; lower is preferred. */
  readonly priority: Readonly<Record<string, number>>;
  readonly witnesses: readonly string[];
  readonly withoutRedis: "takeover" | "hold";
  readonly bootWaitMs: number;
  readonly failback: "manual" | "auto";
  readonly stableForMs: number;
  readonly fence: { readonly command: readonly string[] };
}

export type LogLevel = "trace" | "debug" | "info" | "warn" | "error" | "fatal" | "silent";
