/** The shape of what a node does beside forwarding: calls, their records, overload, the control socket. */
import { bad, type Checked, good } from "./checked.ts";
import { checkSocketPath } from "./control-socket-path.ts";
import { duration, keys, readBy, whole } from "./scalar.ts";
import { checkStateDirectory } from "./state-directory.ts";

/** PATH_MAX of Linux, less its NUL. */
const PATH_BYTES_MAX = 4_095;
const FILE_EXPECTED = "the path of a file such as /var/log/tandem/cdr.jsonl";

const CALLS_MAX = 1_000_000;
const CALLS_PER_SECOND_MAX = 100_000;

/** Calls at once; of the node, a group or a target. */
export function maxCalls(of: string) {
  return whole({ min: 1, max: CALLS_MAX, example: 500 })
    .optional()
    .describe(`Calls at once ${of}; one more is refused with 503. Default: no limit.`);
}

/** New calls in a second; of the node, a group or a target. */
export function maxCallsPerSecond(of: string) {
  return whole({ min: 1, max: CALLS_PER_SECOND_MAX, example: 50 })
    .optional()
    .describe(`New calls a second ${of}; one more is refused with 503. Default: no limit.`);
}

export const callsSchema = keys(
  {
    setupTimeout: duration({ min: "1s", max: "10m", example: "60s" })
      .prefault("60s")
      .describe(
        "From an INVITE to a target that rings or answers, over all targets that are tried; then the caller gets the best answer there is.",
      ),
    maxDuration: duration({ min: "1s", max: "168h", example: "12h" })
      .prefault("12h")
      .describe("A call that is up for so long is ended with a BYE to both sides."),
  },
  "a map with setupTimeout and maxDuration",
);

const filePath = readBy(
  (text): Checked<string> => {
    if (text === "" || text.includes("\0") || text.endsWith("/")) {
      return bad(FILE_EXPECTED, "name the file itself, or leave the key out for no call records");
    }
    const short = Buffer.byteLength(text) <= PATH_BYTES_MAX;
    return short ? good(text) : bad(FILE_EXPECTED, `at most ${PATH_BYTES_MAX} bytes: choose a shorter path`);
  },
  { expected: FILE_EXPECTED, example: "/var/log/tandem/cdr.jsonl" },
);

export const cdrSchema = keys(
  {
    file: filePath
      .optional()
      .describe("Where call records are appended, a JSON line each. Default: no records."),
    bufferBytes: whole({ min: 65_536, max: 1_073_741_824, example: 8_388_608 })
      .default(8_388_608)
      .describe("Bytes of records kept while the file can't be written; beyond it the oldest are dropped."),
  },
  "a map with file",
);

export const overloadSchema = keys(
  {
    loopDelay: duration({ min: "10ms", max: "10s", example: "100ms" })
      .prefault("100ms")
      .describe("New calls are refused while the event loop is later than this."),
    queueBytes: whole({ min: 16_384, max: 67_108_864, example: 524_288 })
      .optional()
      .describe("New calls are refused while more bytes than this wait in the receive queue."),
    retryAfter: duration({ min: "1s", max: "1h", example: "5s" })
      .prefault("5s")
      .describe("Retry-After of a refused call, in whole seconds."),
  },
  "a map of overload keys",
);

export const stateSchema = keys(
  {
    directory: readBy(checkStateDirectory, {
      expected: "the absolute path of a directory",
      example: "/var/lib/tandem/edge-a",
    })
      .optional()
      .describe("Where the node keeps what outlives it. Default: a path made of the node's name."),
  },
  "a map with directory",
);

export const controlSchema = keys(
  {
    socket: readBy(checkSocketPath, {
      expected: "the absolute path of a UNIX socket",
      example: "/run/tandem/edge-a.sock",
    })
      .optional()
      .describe("UNIX socket for `tandem reload`. Default: a path made of the node's name."),
  },
  "a map with socket",
);
