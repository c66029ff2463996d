// A whole node as a process: guardian and engine, from a file, on the loopback interface and without a floating IP to move.
import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ClusterStatus } from "../../../src/admin/cluster-commands.ts";
import { askNode } from "../../../src/admin/control-client.ts";
import { freePort } from "../replication/redis-server.ts";

const MAIN = join(import.meta.dirname, "../../../src/main.ts");
/** As if it had a machine of its own: a guardian kills an engine that is starved for half a second. */
const OWN_MACHINE = process.getuid?.() === 0 ? ["chrt", "--rr", "10"] : [];
/** Of a process that starts beside others on two cores. */
const STATE_MS_MAX = 30_000;

/** Where the callers are, the floating IP, and the PBX that answers. */
export const CALLER = "127.0.0.11";
export const FLOATING_IP = "127.0.0.9";
export const PBX = "127.0.0.12";

export interface PairPorts {
  readonly sip: number;
  readonly pbx: number;
  readonly heartbeats: Readonly<Record<"edge-a" | "edge-b", number>>;
}

export async function pairPorts(): Promise<PairPorts> {
  return {
    sip: await freePort(),
    pbx: await freePort(),
    heartbeats: { "edge-a": await freePort(), "edge-b": await freePort() },
  };
}

export class WholeNode {
  readonly name: string;
  private readonly directory: string;
  private readonly child: ChildProcess;
  private readonly output: string;

  /** @param redis the block of that name, in one line of YAML */
  constructor(name: "edge-a" | "edge-b", at: { folder: string; ports: PairPorts; redis: string }) {
    this.name = name;
    this.directory = join(at.folder, name);
    this.output = join(this.directory, "log");
    const { sip, heartbeats } = at.ports;
    const paths = Object.entries(heartbeats).map(([node, port]) => `${node}: "127.0.0.1:${port}"`);
    const text = `
node: ${name}
listen: ["udp://${FLOATING_IP}:${sip}"]
cluster:
  name: edge
  secret: [a-secret-of-this-test-only]
  floatingIp: { address: ${FLOATING_IP}, driver: none }
  paths: [{ ${paths.join(", ")} }]
  priority: { edge-a: 10, edge-b: 20 }
  bootWait: 1s
  # Not how fast is asked here, and a node that is starved of its core gives up.
  lease: { ttl: 4s }
  heartbeat: { deadAfter: 2s }
redis: ${at.redis}
state: { directory: ${this.directory} }
cdr: { file: ${this.accounts} }
control: { socket: ${this.socket} }
groups:
  carriers: { sources: [${CALLER}], targets: ["sip:192.0.2.20"] }
  pbx: { sources: [], targets: ["sip:${PBX}:${at.ports.pbx}"] }
routes: [{ from: carriers, to: pbx }]
`;
    mkdirSync(this.directory, { recursive: true });
    const file = join(this.directory, "tandem.yaml");
    writeFileSync(file, text);
    writeFileSync(this.output, "");
    const node = [process.execPath, MAIN, "run", "-c", file];
    const command = [...OWN_MACHINE, ...node].map((word) => `'${word}'`).join(" ");
    this.child = spawn("sh", ["-c", `exec ${command} > ${this.output} 2>&1`], { stdio: "ignore" });
  }

  /** Its CDRs. */
  get accounts(): string {
    return join(this.directory, "cdr.jsonl");
  }

  private get socket(): string {
    return join(this.directory, "control.sock");
  }

  get log(): string {
    return readFileSync(this.output, "utf8");
  }

  /** Its lines with this message. */
  lines(message: string): Readonly<Record<string, unknown>>[] {
    const lines = this.log.split("\n").filter((line) => line.includes(`"msg":"${message}"`));
    return lines.map((line) => JSON.parse(line) as Readonly<Record<string, unknown>>);
  }

  /** What `tandem status` shows; null: it does not answer. */
  async status(): Promise<ClusterStatus | null> {
    try {
      return (await askNode(this.socket, { command: "status" })) as unknown as ClusterStatus;
    } catch {
      return null; // it has not started yet, or is between two lives
    }
  }

  async until(what: string, isSo: (status: ClusterStatus) => boolean): Promise<ClusterStatus> {
    const deadline = performance.now() + STATE_MS_MAX;
    for (;;) {
      const status = await this.status();
      if (status !== null && isSo(status)) return status;
      if (performance.now() > deadline || this.child.exitCode !== null)
        throw new Error(
          `${this.name}: waited for ${what} in vain: ${JSON.stringify(status)}\n${this.log.slice(-4_000)}`,
        );
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  /** Guardian and engine at once, as a machine dies. */
  kill(): void {
    const engine = Number(this.lines("ready").at(-1)?.["pid"] ?? 0);
    this.child.kill("SIGKILL");
    if (engine > 0) process.kill(engine, "SIGKILL");
  }

  /** As an operator does. */
  async stop(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const gone = new Promise((resolve) => this.child.once("exit", resolve));
    this.child.kill("SIGTERM");
    await gone;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}
