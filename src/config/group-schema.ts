/** The shape of a group: targets, sources, balance, failover. */
import { z } from "zod";
import { healthSchema, probeSchema } from "./health-schema.ts";
import { checkNetwork } from "./ip-address.ts";
import { duration, flag, keys, listOf, oneOf, readBy, whole, word } from "./scalar.ts";
import { maxCalls, maxCallsPerSecond } from "./service-schema.ts";
import { checkTargetUri, TARGET_EXPECTED } from "./target-uri.ts";

/** Bounds on the lists of a group. */
export const TARGETS_MAX = 256;
export const SOURCES_MAX = 4_096;
/** Of a target that says nothing: in the middle, so that others can be put before and behind it. */
export const PRIORITY_DEFAULT = 10;
export const WEIGHT_DEFAULT = 100;

/** Final codes after which no other target may be asked: the callee was reached, or nobody will have the call. */
export const NEVER_FAILOVER: ReadonlySet<number> = new Set([486, 600, 603, 604]);
const CODE_EXPECTED = "a final code from 300 to 699, or a class such as 5xx";

/** The name of a group. */
export const groupNameSchema = word({
  expected: "the name of a group: letters, digits, '.', '_', '-', at most 63 characters",
  example: "pbx",
  pattern: /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/,
});

const code = z.union(
  [
    whole({ min: 300, max: 699, example: 503 }).refine((value) => !NEVER_FAILOVER.has(value), {
      error: "a final code after which another target may be asked",
      params: { remedy: "remove it: on 486, 600, 603 and 604 the call never goes on to another target" },
    }),
    z.enum(["3xx", "4xx", "5xx", "6xx"], { error: CODE_EXPECTED }),
  ],
  { error: CODE_EXPECTED },
);

const failoverKeys = {
  noAnswerAfter: duration({ min: "100ms", max: "60s", example: "2s" }).describe(
    "No provisional answer by then: try the next target.",
  ),
  noProgressAfter: duration({ min: "100ms", max: "10m", example: "20s" }).describe(
    "Only a 100 by then: try the next target.",
  ),
  on: listOf(code, { expected: "a list of final codes such as [408, 503]", min: 0, max: 400 }).describe(
    "Final codes, or classes such as 5xx, that lead to the next target. Never 486, 600, 603, 604.",
  ),
  afterProgress: flag().describe("Whether the codes of `on` count after a provisional above 100, too."),
  maxAttempts: whole({ min: 1, max: TARGETS_MAX, example: 4 }).describe(
    "Targets of the group that one call may try.",
  ),
};

const failover = keys(
  {
    noAnswerAfter: failoverKeys.noAnswerAfter.prefault("2s"),
    noProgressAfter: failoverKeys.noProgressAfter.prefault("20s"),
    on: failoverKeys.on.default([408, 500, 502, 503, 504]),
    afterProgress: failoverKeys.afterProgress.default(false),
    maxAttempts: failoverKeys.maxAttempts.default(4),
  },
  "a map of failover keys",
);

/** What a route may change: no defaults, as those are the groups'. */
export const routeFailoverSchema = keys(
  {
    noAnswerAfter: failoverKeys.noAnswerAfter.optional(),
    noProgressAfter: failoverKeys.noProgressAfter.optional(),
    on: failoverKeys.on.optional().describe("Final codes that are added to those of the group."),
    afterProgress: failoverKeys.afterProgress.optional(),
    maxAttempts: failoverKeys.maxAttempts.optional(),
  },
  "a map of failover keys",
);

const targetUri = readBy(checkTargetUri, { expected: TARGET_EXPECTED, example: "sip:10.1.0.11" });
const targetKeys = keys(
  {
    uri: targetUri.describe(
      "Where it is: a domain name (RFC 3263 finds its addresses) or a numeric address, with port and ;transport= where they differ.",
    ),
    priority: whole({ min: 0, max: 65_535, example: 1 })
      .default(PRIORITY_DEFAULT)
      .describe("Lower is tried first, as in SRV."),
    weight: whole({ min: 0, max: 65_535, example: 10 })
      .default(WEIGHT_DEFAULT)
      .describe("Share of the calls within one priority; 0: hardly ever."),
    maxCalls: maxCalls("to the target"),
    maxCallsPerSecond: maxCallsPerSecond("to the target"),
  },
  "a SIP URI, or a map with uri, priority and weight",
);
const target = z.union([targetUri, targetKeys], {
  error: "a SIP URI such as sip:10.1.0.11, or a map with uri, priority and weight",
});

/** One group. */
export const groupSchema = keys(
  {
    targets: listOf(target, {
      expected: "a list of targets such as [sip:10.1.0.11]",
      min: 0,
      max: TARGETS_MAX,
    })
      .prefault([])
      .describe("Where calls to the group go."),
    sources: listOf(readBy(checkNetwork, { expected: "an address or a network", example: "10.1.0.0/24" }), {
      expected: "a list of networks such as [10.1.0.0/24]",
      min: 0,
      max: SOURCES_MAX,
    })
      .optional()
      .describe("Who may speak as the group. Default: the addresses of its targets; []: nobody."),
    balance: oneOf(["weighted", "round-robin", "least-calls", "hash"])
      .default("weighted")
      .describe("Order of the targets of one priority."),
    failover: failover.prefault({}).describe("When a call goes on to the next target."),
    probe: probeSchema.prefault({}).describe("How its targets are asked whether they are well: OPTIONS."),
    health: healthSchema.prefault({}).describe("What is made of the answers, and of calls."),
    maxCalls: maxCalls("to the targets of the group"),
    maxCallsPerSecond: maxCallsPerSecond("to the targets of the group"),
  },
  "a map with targets or sources",
);
