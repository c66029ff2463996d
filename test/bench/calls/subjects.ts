// Starts what is measured, each a proxy between the caller and the callee.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { until } from "../../lab/until.ts";
import { kamailioArgv } from "./kamailio.ts";
import { startKamailioPair, startTandemPair } from "./pairs.ts";
import { type LoopWindow, SIP_PORT, type Subject, type SubjectPlan, WATCHES_NOTHING } from "./subject.ts";

const STARTED_WITHIN_MS = 15_000;
const here = import.meta.dirname;
const nodeHook = join(here, "node-hook.ts");
const ownCheckout = join(here, "../../..");

function checkoutOf({ name, otherCheckout = ownCheckout }: SubjectPlan): string {
  return name === "other" ? resolve(otherCheckout) : ownCheckout;
}

/** An older version may not know all keys yet. */
async function tandemConfig(plan: SubjectPlan): Promise<string> {
  const { proxy, caller, callee } = plan.addresses;
  const schema: unknown = await import(join(checkoutOf(plan), "src/config/schema.ts"));
  const { configSchema } = schema as typeof import("../../../src/config/schema.ts");
  const records = "cdr" in configSchema.shape ? `cdr: { file: ${join(plan.directory, "cdr.jsonl")} }` : "";
  const control =
    "control" in configSchema.shape ? `control: { socket: ${join(plan.directory, `${proxy}.sock`)} }` : "";
  return `
node: bench
listen: [udp://${proxy}:${SIP_PORT}]
identity: { secret: [the-benchmark-needs-no-real-secret] }
groups:
  callers: { sources: [${caller}] }
  callees: { sources: [], targets: ["sip:${callee}:${SIP_PORT}"] }
routes:
  - { from: callers, to: callees }
log: { level: info }
${records}
${control}
`;
}

async function startTandem(plan: SubjectPlan, label: string): Promise<Subject> {
  const file = join(plan.directory, `${label}.yaml`);
  const hookFile = join(plan.directory, `${label}.windows`);
  const profileFile = join(plan.directory, `${label}.cpuprofile`);
  writeFileSync(file, await tandemConfig(plan));
  const env: Record<string, string> = { BENCH_HOOK_FILE: hookFile };
  if (plan.profile === true) env["BENCH_PROFILE_FILE"] = profileFile;
  const argv = [
    process.execPath,
    "--import",
    nodeHook,
    join(checkoutOf(plan), "src/main.ts"),
    "run",
    "-c",
    file,
  ];
  const program = plan.start(label, argv, { env });
  let windows = 0;
  return {
    ...plan,
    program,
    beside: [],
    lagMs: null,
    profileFile,
    openWindow: () => program.kill("SIGUSR2"),
    closeWindow: async () => {
      program.kill("SIGUSR2");
      windows += 1;
      return await until("the node's report", 20_000, () => {
        const lines = existsSync(hookFile) ? readFileSync(hookFile, "utf8").split("\n") : [];
        return lines.length > windows ? (JSON.parse(lines[windows - 1] ?? "") as LoopWindow) : null;
      });
    },
  };
}

function forwarderArgv({ addresses: { proxy, caller, callee } }: SubjectPlan): string[] {
  const endpoints = [proxy, caller, callee].map((address) => `${address}:${SIP_PORT}`);
  return [process.execPath, join(here, "forwarder.ts"), ...endpoints];
}

let started = 0;

/** Starts a proxy; resolves when it serves. */
export async function startSubject(plan: SubjectPlan): Promise<Subject> {
  const label = `${plan.name}-${started++}`;
  if (plan.name === "tandem" || plan.name === "other") {
    const subject = await startTandem(plan, label);
    await subject.program.untilOutput(/"msg":"ready"/, STARTED_WITHIN_MS);
    return subject;
  }
  if (plan.name === "kamailio-dmq") return await startKamailioPair(plan, label);
  if (plan.name === "tandem-redis") return await startTandemPair(plan, label);
  const { addresses } = plan;
  const argv =
    plan.name === "forwarder"
      ? forwarderArgv(plan)
      : kamailioArgv({ ...plan, label, own: addresses.proxy, fm: plan.name === "kamailio-fm" });
  const program = plan.start(label, argv);
  await program.untilBound("udp", SIP_PORT, STARTED_WITHIN_MS);
  return { ...plan, ...WATCHES_NOTHING, program, beside: [] };
}
