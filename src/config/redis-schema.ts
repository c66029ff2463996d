/** The shape of `redis`: where the calls of a cluster are kept for its other nodes. */
import { bad, type Checked, good } from "./checked.ts";
import { keys, oneOf, readBy } from "./scalar.ts";

const URL_EXPECTED = "a URL such as redis://10.0.0.5:6379";

function checkRedisUrl(text: string): Checked<string> {
  return /^rediss?:\/\/\S+$/.test(text) && URL.canParse(text)
    ? good(text)
    : bad(URL_EXPECTED, "begin with redis://, or rediss:// for TLS");
}

export const redisSchema = keys(
  {
    url: readBy(checkRedisUrl, { expected: URL_EXPECTED, example: "redis://10.0.0.5:6379" }).describe(
      "The Redis that all nodes of the cluster use.",
    ),
    confirm: oneOf(["off", "invite", "2xx"])
      .default("off")
      .describe("What waits for its commit, 10 ms at most, before it leaves."),
  },
  "a map with url",
);
