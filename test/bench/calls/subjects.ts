// What is measured: each a proxy between the caller and the callee, started alike.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import type { Program, ProgramOptions } from "../../lab/program.ts";
import { until } from "../../lab/until.ts";

export type SubjectName = "tandem" | "other" | "kamailio" | "kamailio-fm" | "forwarder";

export const SUBJECT_TITLES: Readonly<Record<SubjectName, string>> = {
  tandem: "Tandem",
  other: "Tandem, other checkout",
  "kamailio-fm": "Kamailio, fm",
  kamailio: "Kamailio, default",
  forwarder: "Bare forwarder, Node dgram",
};

/** Addresses of one subject and its load, all of 127.0.0.0/8: several may run side by side. */
export interface Addresses {
  proxy: string;
  caller: string;
  callee: string;
}

export const SIP_PORT = 5060;

/** @param number 0..250 */
export function addressesOf(number: number): Addresses {
  return { proxy: `127.0.${number}.1`, caller: `127.0.${number}.2`, callee: `127.0.${number}.3` };
}

export interface SubjectPlan {
  name: SubjectName;
  addresses: Addresses;
  directory: string;
  /** Starts the program where it is to run. */
  start: (label: string, argv: readonly string[], options?: ProgramOptions) => Program;
  /** Tandem: profile while a window is open. */
  profile?: boolean;
  /** The checkout that `other` is of. */
  otherCheckout?: string;
}

/** What Tandem's own process says about a window of time (see node-hook.ts). */
export interface LoopWindow {
  maxMs: number;
  p99Ms: number;
}

export interface Subject {
  readonly name: SubjectName;
  readonly addresses: Addresses;
  readonly program: Program;
  /** Opens and closes a window of time that the process watches itself in; only Tandem does. */
  openWindow(): void;
  closeWindow(): Promise<LoopWindow | null>;
  /** The profile of the window that was closed last. */
  readonly profileFile: string;
}

const STARTED_WITHIN_MS = 15_000;
const SHARED_MEMORY_MIB = "1024";
const PRIVATE_MEMORY_MIB = "16";
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

function kamailioArgv(plan: SubjectPlan, label: string): string[] {
  const { proxy, callee } = plan.addresses;
  const template = readFileSync(join(here, "kamailio.cfg"), "utf8");
  const file = join(plan.directory, `${label}.cfg`);
  writeFileSync(
    file,
    template.replaceAll("LISTEN", `${proxy}:${SIP_PORT}`).replaceAll("CALLEE", `${callee}:${SIP_PORT}`),
  );
  const allocator = plan.name === "kamailio-fm" ? ["-x", "fm", "-X", "fm"] : [];
  // -DD: stays in the foreground with its children. -Y: its sockets and pid files go to the lab's directory.
  const memory = ["-m", SHARED_MEMORY_MIB, "-M", PRIVATE_MEMORY_MIB];
  return ["kamailio", "-f", file, "-DD", "-E", ...memory, "-Y", plan.directory, ...allocator];
}

function forwarderArgv({ addresses: { proxy, caller, callee } }: SubjectPlan): string[] {
  const endpoints = [proxy, caller, callee].map((address) => `${address}:${SIP_PORT}`);
  return [process.execPath, join(here, "forwarder.ts"), ...endpoints];
}

/** @throws Error when the proxy is no longer there: figures of a dead one look fine */
export function assertAlive({ name, program }: Subject): void {
  if (program.running) return;
  throw new Error(`${SUBJECT_TITLES[name]} ended by itself:\n${program.output().slice(-4_000)}`);
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
  const argv = plan.name === "forwarder" ? forwarderArgv(plan) : kamailioArgv(plan, label);
  const program = plan.start(label, argv);
  await program.untilBound("udp", SIP_PORT, STARTED_WITHIN_MS);
  return { ...plan, program, profileFile: "", openWindow: () => {}, closeWindow: async () => null };
}
