/** The shape of the file: every key with its type, default and range. The JSON schema is published from it. */
import { z } from "zod";
import { checkAlias } from "./alias.ts";
import { bad, type Checked, good } from "./checked.ts";
import { clusterSchema, nodeName, roleSchema, secretText } from "./cluster-schema.ts";
import { dnsSchema } from "./dns-schema.ts";
import { groupNameSchema, groupSchema, routeFailoverSchema } from "./group-schema.ts";
import { checkListen, LISTEN_EXPECTED } from "./listen-address.ts";
import { checkNumberPattern } from "./number-pattern.ts";
import { redisSchema } from "./redis-schema.ts";
import { duration, flag, keys, listOf, oneOf, oneOrMore, readBy, whole, word } from "./scalar.ts";
import {
  callsSchema,
  cdrSchema,
  controlSchema,
  maxCalls,
  maxCallsPerSecond,
  overloadSchema,
  stateSchema,
} from "./service-schema.ts";

/** Bounds on the lists of a file: far above any network that one node serves. */
export const LISTENERS_MAX = 64;
export const GROUPS_MAX = 1_024;
export const ROUTES_MAX = 4_096;
export const ALIASES_MAX = 256;

/** Methods that follow their INVITE or their dialog, whatever the rules say. */
const NEVER_ROUTED: ReadonlySet<string> = new Set(["ACK", "CANCEL", "BYE"]);

/** Exact: SIP methods know no case folding (RFC 3261 §7.1). */
const method = readBy(
  (text): Checked<string> => {
    const expected = "a SIP method such as INVITE";
    if (!/^[A-Za-z0-9.!%*_+`'~-]{1,32}$/.test(text)) return bad(expected, "mend the name of the method");
    if (text !== text.toUpperCase())
      return bad(expected, `methods are written in capitals: ${text.toUpperCase()}`);
    if (!NEVER_ROUTED.has(text)) return good(text);
    return bad(
      "a method that starts something",
      `remove it: ${text} follows its INVITE, whatever the rules say`,
    );
  },
  { expected: "a SIP method such as INVITE", example: "INVITE" },
);
const HOST_EXPECTED = "the host of a Request-URI such as example.com";
const host = readBy(
  (text): Checked<string> => {
    const checked = checkAlias(text);
    if (!checked.ok) return bad(HOST_EXPECTED, checked.remedy);
    return /[^\]]:\d+$|\]:\d+$/.test(checked.value) ? bad(HOST_EXPECTED, "leave the port out") : checked;
  },
  { expected: HOST_EXPECTED, example: "example.com" },
);

const route = keys(
  {
    from: oneOrMore(groupNameSchema, { expected: "a group or a list of groups", max: GROUPS_MAX }).describe(
      "Groups that the route takes calls of.",
    ),
    to: oneOrMore(groupNameSchema, { expected: "a group or a list of groups", max: GROUPS_MAX }).describe(
      "Groups to try, in this order.",
    ),
    number: readBy(checkNumberPattern, { expected: "a regular expression", example: "'^\\+?1\\d{10}$'" })
      .optional()
      .describe("Pattern (RE2) that the number of the Request-URI has to match. Default: any."),
    method: oneOrMore(method, { expected: "a method or a list of methods", max: 32 })
      .optional()
      .describe("Methods that the route is for. Default: any."),
    host: oneOrMore(host, { expected: "a host or a list of hosts", max: ALIASES_MAX })
      .optional()
      .describe("Hosts of the Request-URI that the route is for. Default: any."),
    emergency: flag().default(false).describe("Never refused by a limit; tries every target."),
    strip: whole({ min: 0, max: 32, example: 1 })
      .default(0)
      .describe("Digits taken off the front of the number."),
    prefix: word({
      expected: "up to 32 of the characters 0-9 * # +",
      example: '"+44"',
      pattern: /^\+?[0-9*#]{0,32}$/,
    })
      .default("")
      .describe("Digits put in front of what is left."),
    failover: routeFailoverSchema
      .prefault({})
      .describe("What the route changes in the failover of its groups."),
  },
  "a map with from and to",
);

const identity = keys(
  {
    aliases: listOf(readBy(checkAlias, { expected: "a domain or an address", example: "edge.example.com" }), {
      expected: "a list of domains and addresses",
      min: 0,
      max: ALIASES_MAX,
    })
      .prefault([])
      .describe("Domains and addresses, with or without a port, that are also us."),
    secret: listOf(secretText, { expected: "a list of secrets", min: 0, max: 8 })
      .prefault([])
      .describe(
        "Sign branches and flow tokens: the first signs, all verify. Default: those of the cluster, else a random one at each start.",
      ),
  },
  "a map with aliases and secret",
);

const timers = keys(
  {
    t1: duration({ min: "50ms", max: "5s", example: "500ms" })
      .prefault("500ms")
      .describe("Round trip (RFC 3261 §17)."),
    t2: duration({ min: "500ms", max: "30s", example: "4s" })
      .prefault("4s")
      .describe("Longest gap of retransmissions."),
    t4: duration({ min: "500ms", max: "30s", example: "5s" })
      .prefault("5s")
      .describe("How long a message may linger."),
    c: duration({ min: "181s", max: "1h", example: "185s" })
      .prefault("185s")
      .describe("Longest ringing without a new provisional (RFC 3261 §16.6, more than 3 minutes)."),
  },
  "a map of timers",
);

const limits = keys(
  {
    messageBytes: whole({ min: 1_400, max: 65_535, example: 65_535 })
      .default(65_535)
      .describe("Bytes of one message."),
    connections: whole({ min: 1, max: 1_000_000, example: 10_000 })
      .default(10_000)
      .describe("TCP connections in all."),
    connectionsPerAddress: whole({ min: 1, max: 1_000_000, example: 100 })
      .default(100)
      .describe("TCP connections of one remote address."),
    tcpIdle: duration({ min: "32s", max: "24h", example: "10m" })
      .prefault("10m")
      .describe("A TCP connection silent for so long is closed."),
    messageTimeout: duration({ min: "100ms", max: "10m", example: "10s" })
      .prefault("10s")
      .describe("Time for a message on TCP to be complete, from its first byte."),
    connectTimeout: duration({ min: "100ms", max: "60s", example: "2s" })
      .prefault("2s")
      .describe("Time for a TCP connection to open."),
    sendQueueBytes: whole({ min: 65_536, max: 67_108_864, example: 1_048_576 })
      .default(1_048_576)
      .describe("Bytes that may wait on one TCP connection before it is closed."),
    watchedTargets: whole({ min: 0, max: 65_536, example: 1_024 })
      .default(1_024)
      .describe("Targets with a UDP socket of their own, by which ICMP errors are learnt of at once."),
    maxCalls: maxCalls("on this node"),
    maxCallsPerSecond: maxCallsPerSecond("on this node"),
  },
  "a map of limits",
);

/** The whole file. `node` has no default here: it is the host's name. */
export const configSchema = keys(
  {
    node: nodeName.optional().describe("This node's name in the cluster. Default: the host name."),
    listen: listOf(readBy(checkListen, { expected: LISTEN_EXPECTED, example: "udp://198.51.100.10:5060" }), {
      expected: "a list with at least one address such as udp://198.51.100.10:5060",
      min: 1,
      max: LISTENERS_MAX,
    }).describe("Where SIP is served."),
    identity: identity.prefault({}).describe("Who we are."),
    groups: z
      .record(groupNameSchema, groupSchema, { error: "a map from the names of groups to their keys" })
      .refine((groups) => Object.keys(groups).length <= GROUPS_MAX, { error: `at most ${GROUPS_MAX} groups` })
      .prefault({})
      .describe("Peers: who may call, and where calls go."),
    routes: listOf(route, { expected: "a list of routes", min: 0, max: ROUTES_MAX })
      .prefault([])
      .describe("The first that matches is taken; a call that none matches is refused."),
    timers: timers.prefault({}).describe("Timers of RFC 3261."),
    limits: limits.prefault({}).describe("Everything has a limit."),
    dns: dnsSchema.prefault({}).describe("How names are resolved."),
    calls: callsSchema.prefault({}).describe("Calls that are up."),
    cdr: cdrSchema.prefault({}).describe("Call records."),
    overload: overloadSchema.prefault({}).describe("When new calls are refused to keep those that are up."),
    state: stateSchema.prefault({}).describe("What outlives the node."),
    control: controlSchema.prefault({}).describe("How commands reach the node."),
    cluster: clusterSchema
      .optional()
      .describe("Nodes that stand in for each other. Default: the node runs alone."),
    redis: redisSchema.optional().describe("Where the calls of a cluster are kept for its other nodes."),
    role: roleSchema.prefault({}).describe("What a change of role runs."),
    log: keys(
      {
        level: oneOf(["trace", "debug", "info", "warn", "error", "fatal", "silent"])
          .default("info")
          .describe("Least severe kind of line that is written."),
      },
      "a map with level",
    )
      .prefault({})
      .describe("The log, JSON lines on standard output."),
  },
  "a map with listen, groups and routes",
);

export type CheckedConfig = z.output<typeof configSchema>;

/** The JSON schema of the file (draft 2020-12), for editors and for `tandem config schema`. */
export const CONFIG_JSON_SCHEMA: Readonly<Record<string, unknown>> = {
  ...z.toJSONSchema(configSchema, { io: "input" }),
  title: "Tandem configuration",
};
