// The guardian over the stand-in engine, as a program of the lab.
import { join } from "node:path";
import { guardianLog } from "../../src/guardian/guardian-log.ts";
import { GUARDIAN_LIMITS, runGuardian } from "../../src/guardian/run-guardian.ts";

/** A stop that takes long is waited for no longer than a test can. */
const limits = { ...GUARDIAN_LIMITS, stopMs: 1_000 };
const engine = join(import.meta.dirname, "guarded-engine.ts");
process.exitCode = await runGuardian({
  command: [process.execPath, engine, ...process.argv.slice(2)],
  env: process.env,
  log: guardianLog("edge"),
  limits,
});
