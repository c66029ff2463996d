// Loaded into the Tandem node before its own code (--import): watches its event loop from within, and profiles it when asked to.
// SIGUSR2 opens a window, the next one closes it and appends a line of JSON to the file of BENCH_HOOK_FILE.
import { appendFileSync, writeFileSync } from "node:fs";
import { Session } from "node:inspector";
import { monitorEventLoopDelay } from "node:perf_hooks";

const RESOLUTION_MS = 10;
const SAMPLING_US = 1_000;

const file = process.env["BENCH_HOOK_FILE"] ?? "";
const profileFile = process.env["BENCH_PROFILE_FILE"];
const histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
let session: Session | null = null;
let open = false;

/** What lies between two samples beyond the time that was to lie between them. */
function pauseMs(nanoseconds: number): number {
  return Math.max(0, nanoseconds / 1e6 - RESOLUTION_MS);
}

function begin(): void {
  histogram.reset();
  histogram.enable();
  if (profileFile === undefined) return;
  session = new Session();
  session.connect();
  session.post("Profiler.enable");
  session.post("Profiler.setSamplingInterval", { interval: SAMPLING_US });
  session.post("Profiler.start");
}

function end(): void {
  histogram.disable();
  const line = {
    maxMs: pauseMs(histogram.max),
    p99Ms: pauseMs(histogram.percentile(99)),
    memory: process.memoryUsage(),
  };
  if (profileFile === undefined) {
    appendFileSync(file, `${JSON.stringify(line)}\n`);
    return;
  }
  session?.post("Profiler.stop", (error, result) => {
    if (error === null) writeFileSync(profileFile, JSON.stringify(result.profile));
    session?.disconnect();
    appendFileSync(file, `${JSON.stringify(line)}\n`);
  });
}

process.on("SIGUSR2", () => {
  open = !open;
  if (open) begin();
  else end();
});
