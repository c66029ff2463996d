/** The shape of `redis`: where it is, how we log in, what waits for a commit. */
import type { z } from "zod";
import { bad, type Checked, good } from "./checked.ts";
import { parseRedisUrl, parseSentinel, type RedisUrl } from "./redis-address.ts";
import type { RedisConfig, RedisHost, RedisTlsFiles } from "./redis-config.ts";
import { duration, keys, listOf, oneOf, readBy, word } from "./scalar.ts";

/** Three are usual; each attempt may ask all of them. */
const SENTINELS_MAX = 16;

const URL_EXPECTED = "a URL such as redis://10.0.0.5:6379 or rediss://user:password@redis.example";
const SENTINEL_EXPECTED = "a host with or without a port such as 10.0.0.5:26379";

const url = readBy(
  (text): Checked<RedisUrl> => {
    const parsed = parseRedisUrl(text);
    return parsed === null ? bad(URL_EXPECTED, "percent-encode what is special in a password") : good(parsed);
  },
  { expected: URL_EXPECTED, example: "redis://10.0.0.5:6379" },
);

const sentinel = readBy(
  (text): Checked<RedisHost> => {
    const parsed = parseSentinel(text);
    return parsed === null
      ? bad(SENTINEL_EXPECTED, "leave the scheme out; an IPv6 address in brackets")
      : good(parsed);
  },
  { expected: SENTINEL_EXPECTED, example: "10.0.0.5:26379" },
);

const text = word({
  expected: "a text of 1 to 512 characters",
  example: "tandem",
  pattern: /^[\s\S]{1,512}$/,
});

const pemFile = word({
  expected: "the path of a PEM file",
  example: "/etc/tandem/redis-ca.pem",
  pattern: /^[^\0]{1,4095}$/,
});

const tls = keys(
  {
    ca: pemFile
      .optional()
      .describe("Authorities that may have signed the server's certificate. Default: the system's."),
    cert: pemFile.optional().describe("Our certificate, where the server asks for one."),
    key: pemFile.optional().describe("The key of `cert`."),
    servername: text.optional().describe("Name that the server's certificate must have. Default: the host."),
  },
  "a map of TLS keys",
);

export const redisSchema = keys(
  {
    url: url.optional().describe("The server; `rediss:` for TLS. Or `sentinels` and `master`."),
    sentinels: listOf(sentinel, { expected: "a list of Sentinels", min: 1, max: SENTINELS_MAX })
      .optional()
      .describe("Sentinels that know the master, asked in this order."),
    master: text.optional().describe("Name of the master at the Sentinels."),
    username: text.optional().describe("ACL user. Default: that of the URL, or none."),
    password: text.optional().describe("Its password. Default: that of the URL, or none."),
    sentinelUsername: text.optional().describe("ACL user at the Sentinels."),
    sentinelPassword: text.optional().describe("Its password."),
    tls: tls
      .optional()
      .describe("TLS to servers and Sentinels; not needed with `rediss:` and the system's authorities."),
    confirm: oneOf(["off", "invite", "2xx"])
      .default("off")
      .describe("What waits for its commit, 10 ms at most: nothing, an INVITE, or a 2xx."),
    commandTimeout: duration({ min: "50ms", max: "10s", example: "250ms" })
      .prefault("250ms")
      .describe("Without an answer within it the connection is given up."),
    flushEvery: duration({ min: "1ms", max: "100ms", example: "5ms" })
      .prefault("5ms")
      .describe("Changes are gathered for so long."),
  },
  "a map with url, or with sentinels and master",
).check((context) => {
  const { url, sentinels, master, tls } = context.value;
  const fault = (key: string, message: string, remedy: string): void => {
    context.issues.push({ code: "custom", input: context.value, path: [key], message, params: { remedy } });
  };
  if ((url === undefined) === (sentinels === undefined)) {
    fault(
      "url",
      "either url, or sentinels and master",
      url === undefined ? "add one of them" : "remove one of them",
    );
  } else if ((sentinels === undefined) !== (master === undefined)) {
    fault("master", "sentinels and master together", "add the other, or remove this one");
  }
  if (tls !== undefined && (tls.cert === undefined) !== (tls.key === undefined)) {
    fault("tls", "cert and key together", "add the other, or remove this one");
  }
});

/** What the node uses, from what the schema has checked. */
export function redisConfigFrom(checked: z.output<typeof redisSchema>): RedisConfig {
  const { url, sentinels, master, sentinelUsername, sentinelPassword } = checked;
  const login = {
    username: checked.username ?? url?.login.username ?? null,
    password: checked.password ?? url?.login.password ?? null,
  };
  const sentinelLogin = { username: sentinelUsername ?? null, password: sentinelPassword ?? null };
  return {
    at:
      url === undefined
        ? { kind: "sentinel", sentinels: sentinels ?? [], master: master ?? "", login: sentinelLogin }
        : { kind: "direct", server: url.server },
    login,
    database: url?.database ?? 0,
    tls: tlsFrom(checked),
    confirm: checked.confirm,
    commandTimeoutMs: checked.commandTimeout,
    flushEveryMs: checked.flushEvery,
  };
}

function tlsFrom({ url, tls }: z.output<typeof redisSchema>): RedisTlsFiles | null {
  if (tls === undefined && url?.isTls !== true) return null;
  const { ca = null, cert = null, key = null, servername = null } = tls ?? {};
  return { ca, cert, key, servername };
}
