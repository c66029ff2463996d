/** The shape of a group's `probe` and `health`. */
import { z } from "zod";
import { duration, flag, keys, listOf, whole } from "./scalar.ts";

const DOWN_ON_EXPECTED = "a final code from 300 to 699, or a class such as 5xx";
const downCode = z.union(
  [
    whole({ min: 300, max: 699, example: 503 }),
    z.enum(["3xx", "4xx", "5xx", "6xx"], { error: DOWN_ON_EXPECTED }),
  ],
  { error: DOWN_ON_EXPECTED },
);

export const probeSchema = keys(
  {
    enabled: flag().default(true).describe("Whether OPTIONS is sent; without it calls alone tell."),
    interval: duration({ min: "1s", max: "1h", example: "10s" })
      .prefault("10s")
      .describe("Between two probes of a target that is up or down."),
    fastInterval: duration({ min: "100ms", max: "1h", example: "1s" })
      .prefault("1s")
      .describe("The same while it is failing or recovering; no longer than interval."),
    timeout: duration({ min: "50ms", max: "32s", example: "1s" })
      .prefault("1s")
      .describe("No answer by then is a failure; no longer than fastInterval."),
    fall: whole({ min: 1, max: 20, example: 3 }).default(3).describe("Failures in a row until it is down."),
    rise: whole({ min: 1, max: 20, example: 2 }).default(2).describe("Successes in a row until it is up."),
    downOn: listOf(downCode, { expected: "a list of final codes such as [408, 503]", min: 0, max: 400 })
      .default([408, 503])
      .describe("Received codes, or classes such as 5xx, that are failures; silence always is."),
  },
  "a map of probe keys; { enabled: false } for none",
);

export const healthSchema = keys(
  {
    passive: flag()
      .default(true)
      .describe("Whether calls count as probes do: silence, 503, errors, answers."),
    retryAfterMax: duration({ min: "0s", max: "1h", example: "60s" })
      .prefault("60s")
      .describe("At most so much of a Retry-After is honoured; 0s: none."),
    earlyRecovery: flag()
      .default(false)
      .describe("Whether probes may bring a target back before its Retry-After is over."),
    slowStart: duration({ min: "0s", max: "10m", example: "10s" })
      .prefault("10s")
      .describe("How long a target that came back takes to its whole weight."),
    flaps: whole({ min: 2, max: 20, example: 3 })
      .default(3)
      .describe("So often down within flapWindow: it is held down."),
    flapWindow: duration({ min: "10s", max: "24h", example: "10m" })
      .prefault("10m")
      .describe("See flaps; and a target that was up for so long is forgiven."),
    holdDown: duration({ min: "0s", max: "1h", example: "30s" })
      .prefault("30s")
      .describe("How long it is held down, twice as long each time; 0s: never."),
    holdDownMax: duration({ min: "0s", max: "24h", example: "10m" })
      .prefault("10m")
      .describe("Where the doubling ends; no shorter than holdDown."),
    panic: flag().default(true).describe("Whether targets that are down are tried where no other is left."),
  },
  "a map of health keys",
);
