// Pairs: a proxy whose calls are replicated to a second node, which stands by and takes no calls.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { askNode } from "../../../src/admin/control-client.ts";
import { kamailioArgv } from "./kamailio.ts";
import { SIP_PORT, type Subject, type SubjectPlan, WATCHES_NOTHING } from "./subject.ts";

const STARTED_WITHIN_MS = 20_000;
const REDIS_PORT = 6_379;
const HEARTBEAT_PORT = 7_060;
const main = join(import.meta.dirname, "../../../src/main.ts");

/** A folder of its own: two nodes would meet in one. */
function folder(plan: SubjectPlan, name: string): string {
  const path = join(plan.directory, name);
  mkdirSync(path, { recursive: true });
  return path;
}

/** Two of Kamailio with its production allocator: the second one gets each dialog by DMQ. */
export async function startKamailioPair(plan: SubjectPlan, label: string): Promise<Subject> {
  const { addresses } = plan;
  const argv = (name: string, own: string, peer: string): string[] =>
    kamailioArgv({ label: name, directory: folder(plan, name), addresses, own, peer, fm: true });
  const second = `${label}-standby`;
  const standby = plan.startBeside(second, argv(second, addresses.standby, addresses.proxy));
  await standby.untilBound("udp", SIP_PORT, STARTED_WITHIN_MS);
  // It asks the other one at its start: after that each of them knows both.
  const program = plan.start(label, argv(label, addresses.proxy, addresses.standby));
  await program.untilBound("udp", SIP_PORT, STARTED_WITHIN_MS);
  return { ...plan, ...WATCHES_NOTHING, program, beside: [{ title: "standby", program: standby }] };
}

function tandemConfig(plan: SubjectPlan, node: "edge-a" | "edge-b", state: string): string {
  const { proxy, caller, callee, standby, redis } = plan.addresses;
  return `
node: ${node}
listen: ["udp://${proxy}:${SIP_PORT}"]
cluster:
  name: bench
  secret: [the-benchmark-needs-no-real-secret]
  floatingIp: { address: ${proxy}, driver: none }
  paths:
    - { edge-a: "${proxy}:${HEARTBEAT_PORT}", edge-b: "${standby}:${HEARTBEAT_PORT}" }
  priority: { edge-a: 10, edge-b: 20 }
  bootWait: 1s
redis: { url: "redis://${redis}:${REDIS_PORT}" }
state: { directory: ${state} }
control: { socket: ${join(state, "control.sock")} }
cdr: { file: ${join(state, "cdr.jsonl")} }
groups:
  callers: { sources: [${caller}] }
  callees: { sources: [], targets: ["sip:${callee}:${SIP_PORT}"] }
routes:
  - { from: callers, to: callees }
log: { level: info }
`;
}

/** What the standby says of itself; NaN: nothing. */
async function lagOf(socket: string): Promise<number> {
  const { journal } = await askNode(socket, { command: "status" });
  const isJournal = typeof journal === "object" && journal !== null && "lagMs" in journal;
  return isJournal ? Number(journal.lagMs) : Number.NaN;
}

/** An active node under its guardian, a Redis, and a node that follows it. */
export async function startTandemPair(plan: SubjectPlan, label: string): Promise<Subject> {
  const { redis: redisAddress } = plan.addresses;
  const argv = (name: string, node: "edge-a" | "edge-b"): string[] => {
    const state = folder(plan, name);
    const file = join(state, "tandem.yaml");
    writeFileSync(file, tandemConfig(plan, node, state));
    return [process.execPath, main, "run", "-c", file];
  };
  const redis = plan.startBeside(`${label}-redis`, [
    ...["redis-server", "--bind", redisAddress, "--port", `${REDIS_PORT}`, "--save", ""],
    ...["--protected-mode", "no", "--maxmemory-policy", "noeviction", "--dir", plan.directory],
  ]);
  await redis.untilBound("tcp", REDIS_PORT, STARTED_WITHIN_MS);
  const program = plan.start(label, argv(label, "edge-a"));
  await program.untilOutput(/"role":"active"/, STARTED_WITHIN_MS);
  const second = `${label}-standby`;
  const standby = plan.startBeside(second, argv(second, "edge-b"));
  // It has heard the active, and has all its records.
  await standby.untilOutput(/"row":"alive, active"/, STARTED_WITHIN_MS);
  return {
    ...plan,
    ...WATCHES_NOTHING,
    lagMs: () => lagOf(join(plan.directory, second, "control.sock")),
    program,
    beside: [
      { title: "standby", program: standby },
      { title: "Redis", program: redis },
    ],
  };
}
