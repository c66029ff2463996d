/** The shape of `cluster` and `role`: who belongs together, which address moves, and how soon somebody counts as lost. */
import { z } from "zod";
import { bad, type Checked, good } from "./checked.ts";
import type { EndpointConfig } from "./config.ts";
import { canonicalAddress, familyOf, isUsableAddress, isWildcard } from "./ip-address.ts";
import { portNumber } from "./listen-address.ts";
import { duration, keys, listOf, oneOf, readBy, whole, word } from "./scalar.ts";

/** Shorter secrets are guessed offline from one signed branch. */
export const SECRET_CHARACTERS_MIN = 16;
const SECRETS_MAX = 8;
const PATHS_MAX = 4;
const FLOATING_IPS_MAX = 16;
const WITNESSES_MAX = 8;
const COMMAND_WORDS_MAX = 64;
const PRIORITY_MAX = 65_535;

const SECOND_MS = 1_000;

export const nodeName = word({
  expected:
    "a name of letters, digits, '.', '_' and '-' that begins with a letter or digit, at most 63 characters",
  example: "edge-a",
  pattern: /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/,
});

export const secretText = word({
  expected: `a secret of at least ${SECRET_CHARACTERS_MIN} characters`,
  example: "$" + "{TANDEM_SECRET}",
  pattern: new RegExp(`^[\\s\\S]{${SECRET_CHARACTERS_MIN},1024}$`),
});

const FLOATING_EXPECTED = "a single address such as 198.51.100.10/32 or 2001:db8::10/128";

/** Reads "198.51.100.10/32" or the address alone. */
export function checkFloatingAddress(text: string): Checked<string> {
  const [written = "", prefix] = text.split("/", 2);
  const address = canonicalAddress(written);
  if (address === null) return bad(FLOATING_EXPECTED, "write a numeric IP address");
  if (isWildcard(address) || !isUsableAddress(address) || address.startsWith("fe80:"))
    return bad(FLOATING_EXPECTED, "a wildcard, multicast, broadcast or link-local address can't float");
  const whole = familyOf(address) === 4 ? "32" : "128";
  if (prefix !== undefined && prefix !== whole)
    return bad(
      FLOATING_EXPECTED,
      `a wider prefix takes other addresses along when it goes: write ${address}/${whole}`,
    );
  return good(address);
}

const ENDPOINT_EXPECTED = "an address and a port such as 10.0.0.2:7060 or [2001:db8::2]:7060";

function checkEndpoint(text: string): Checked<EndpointConfig> {
  const match = /^(?:\[([^\]]*)\]|([^:]*)):(\d+)$/.exec(text);
  const address = canonicalAddress(match?.[1] ?? match?.[2] ?? "");
  const port = portNumber(match?.[3] ?? "");
  if (match === null || address === null || isWildcard(address) || !isUsableAddress(address))
    return bad(ENDPOINT_EXPECTED, "write a numeric address of that node, and the port after a colon");
  return port === null ? bad("a port from 1 to 65535", "7060 is usual") : good({ address, port });
}

const WITNESS_EXPECTED = "the numeric address of a machine on the floating IP's network";

function checkWitness(text: string): Checked<string> {
  const address = canonicalAddress(text);
  return address === null || isWildcard(address) || !isUsableAddress(address)
    ? bad(WITNESS_EXPECTED, "name a router or a switch that answers ARP, by its IP address")
    : good(address);
}

/** Program and arguments. */
function commandOf(what: string, min: number) {
  const item = word({ expected: "a word", example: "/usr/local/sbin/program", pattern: /^[^\0]{1,4095}$/ });
  return listOf(item, { expected: `a program and its arguments, ${what}`, min, max: COMMAND_WORDS_MAX });
}

const lifetime = readBy(
  (text): Checked<number> => {
    const expected = "a duration of whole seconds from 1s to 60s";
    const seconds = /^(\d{1,5})(s|ms)$/.exec(text);
    const ms = seconds === null ? Number.NaN : Number(seconds[1]) * (seconds[2] === "s" ? SECOND_MS : 1);
    return ms >= SECOND_MS && ms <= 60 * SECOND_MS && ms % SECOND_MS === 0
      ? good(ms)
      : bad(expected, "the kernel counts in seconds, and a taker waits for it: 1s is best");
  },
  { expected: "a duration of whole seconds from 1s to 60s", example: "1s" },
);

const floatingIp = keys(
  {
    address: readBy(checkFloatingAddress, {
      expected: FLOATING_EXPECTED,
      example: "198.51.100.10/32",
    }).describe("The address that moves."),
    interface: word({
      expected: "the name of a network interface, at most 15 characters",
      example: "eth0",
      pattern: /^[^\s/]{1,15}$/,
    })
      .optional()
      .describe("Where it is put; needed for the driver linux, and for witnesses."),
    driver: oneOf(["linux", "script", "none"]).default("linux").describe("What moves it."),
    lifetime: lifetime
      .prefault("1s")
      .describe("The kernel removes an address that was not renewed for so long (driver linux)."),
    command: commandOf("for the driver script", 1)
      .optional()
      .describe("The script and its arguments (driver script)."),
    timeout: duration({ min: "100ms", max: "60s", example: "10s" })
      .prefault("10s")
      .describe("One run of the script."),
    tries: whole({ min: 1, max: 10, example: 3 }).default(3).describe("Runs of the script for one change."),
  },
  "a map with address and interface",
);

const heartbeat = keys(
  {
    interval: duration({ min: "10ms", max: "10s", example: "100ms" })
      .prefault("100ms")
      .describe("Between two heartbeats to a peer."),
    deadAfter: duration({ min: "50ms", max: "60s", example: "300ms" })
      .prefault("300ms")
      .describe("A peer that was silent for so long on every path is lost."),
  },
  "a map with interval and deadAfter",
);

const lease = keys(
  {
    ttl: duration({ min: "100ms", max: "60s", example: "400ms" })
      .prefault("400ms")
      .describe("The active node serves so long after its last acknowledged renewal."),
    renew: duration({ min: "10ms", max: "10s", example: "100ms" })
      .prefault("100ms")
      .describe("Between two renewals, and between two looks of a standby."),
  },
  "a map with ttl and renew",
);

const endpoint = readBy(checkEndpoint, { expected: ENDPOINT_EXPECTED, example: "10.0.0.2:7060" });

export const clusterSchema = keys(
  {
    name: nodeName.describe("Name of the cluster; its keys in Redis begin with it."),
    secret: listOf(secretText, { expected: "a list of secrets", min: 1, max: SECRETS_MAX }).describe(
      "Signs heartbeats, branches and flow tokens: the first signs, all verify.",
    ),
    floatingIp: z
      .union(
        [
          floatingIp,
          listOf(floatingIp, { expected: "a list of floating IPs", min: 1, max: FLOATING_IPS_MAX }),
        ],
        {
          error: "a map with address and interface, or a list of them",
        },
      )
      .describe("The address, or addresses, that callers know."),
    heartbeat: heartbeat.prefault({}).describe("Who lives."),
    lease: lease.prefault({}).describe("Who may serve, by Redis."),
    paths: listOf(
      z.record(nodeName, endpoint, { error: "a map from the names of nodes to their addresses" }),
      {
        expected: "a list with at least one path such as { edge-a: 10.0.0.2:7060, edge-b: 10.0.0.3:7060 }",
        min: 1,
        max: PATHS_MAX,
      },
    ).describe("Heartbeat networks: where each node listens on each of them."),
    priority: z
      .record(nodeName, whole({ min: 0, max: PRIORITY_MAX, example: 10 }), {
        error: "a map from the names of nodes to numbers",
      })
      .prefault({})
      .describe("Lower is preferred; a node without a number has 100."),
    witnesses: listOf(readBy(checkWitness, { expected: WITNESS_EXPECTED, example: "198.51.100.1" }), {
      expected: "a list of addresses",
      min: 0,
      max: WITNESSES_MAX,
    })
      .prefault([])
      .describe("Machines on the floating IP's network: who hears one is not the node that is cut off."),
    withoutRedis: oneOf(["takeover", "hold"])
      .default("takeover")
      .describe("May a standby take over while Redis does not answer?"),
    bootWait: duration({ min: "0ms", max: "10m", example: "5s" })
      .prefault("5s")
      .describe("A node that never heard a peer waits so long for one."),
    failback: oneOf(["manual", "auto"])
      .default("manual")
      .describe("Does a preferred node that is back become the active by itself?"),
    stableFor: duration({ min: "1s", max: "24h", example: "5m" })
      .prefault("5m")
      .describe("For how long it must have been ready before that."),
    fence: keys(
      {
        command: commandOf("that cuts a peer's power; its name is added as the last one", 0)
          .prefault([])
          .describe("Run where a wait for a frozen peer would be needed (STONITH). Default: wait."),
      },
      "a map with command",
    )
      .prefault({})
      .describe("How a peer that does not answer is made harmless."),
  },
  "a map with name, secret, floatingIp and paths",
);

export const roleSchema = keys(
  {
    hook: commandOf("run at every change of role; the role is added as the last one", 0)
      .prefault([])
      .describe("Program and arguments, run at every change of role. Default: none."),
  },
  "a map with hook",
);
