// The guardian over the stand-in engine, as a program of the lab.
import { join } from "node:path";
import { guardianLog } from "../../src/guardian/guardian-log.ts";
import { runGuardian } from "../../src/guardian/run-guardian.ts";

const engine = join(import.meta.dirname, "guarded-engine.ts");
process.exitCode = await runGuardian({
  command: [process.execPath, engine, ...process.argv.slice(2)],
  env: process.env,
  log: guardianLog("edge"),
});
