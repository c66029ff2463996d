// A node as users run it, a process of its own, on loopback addresses that nobody else has.
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { until } from "../lab/until.ts";

const MAIN = join(import.meta.dirname, "../../src/main.ts");
const READY_TIMEOUT_MS = 20_000;
const STOP_TIMEOUT_MS = 10_000;

export interface NodeEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** INVITEs and others without a final response when it was told to stop. */
  readonly pending: number;
  /** Log lines of level error, and standard error. */
  readonly complaints: readonly string[];
  readonly counters: Readonly<Record<string, number>>;
}

export class LiveNode {
  /** First three bytes of its addresses, which no other process on this machine uses. */
  static readonly net = `127.${64 + (process.pid % 128)}.${(process.pid >> 7) & 255}`;
  static readonly port = 20_000 + (process.pid % 12_000);
  private readonly folder = mkdtempSync(join(tmpdir(), "tandem-fuzz-"));
  private readonly child: ChildProcess;

  private constructor() {
    const file = join(this.folder, "node.yaml");
    writeFileSync(file, this.config());
    const [out, err] = ["out", "err"].map((name) => openSync(join(this.folder, name), "w"));
    this.child = spawn(process.execPath, [MAIN, "run", "-c", file], { stdio: ["ignore", out, err] });
    for (const handle of [out, err]) if (handle !== undefined) closeSync(handle);
    process.on("exit", this.kill);
  }

  /** Resolves when it serves. */
  static async start(): Promise<LiveNode> {
    const node = new LiveNode();
    await until(
      "the node to be ready",
      READY_TIMEOUT_MS,
      () => {
        if (!node.isRunning) throw new Error("the node ended");
        return node.logs().some((line) => line["msg"] === "ready") ? true : null;
      },
      () => node.read("err") + node.read("out"),
    );
    return node;
  }

  /** Address of one of the hosts around the node; 1 is the node's own. */
  static host(number: number): string {
    return `${LiveNode.net}.${number}`;
  }

  private config(): string {
    const { host, port } = LiveNode;
    return `
node: fuzz
listen: ["udp://${host(1)}:${port}", "tcp://${host(1)}:${port}"]
identity: { secret: [a-secret-of-the-fuzzing-only] }
groups:
  carriers: { sources: [${host(8)}/29] }
  pbx:
    sources: [${host(16)}/29]
    targets: ["sip:${host(20)}:${port};transport=udp"]
routes: [{ from: carriers, to: pbx }]
limits: { connections: 12000, messageTimeout: 1s }
# Calls beside an attack are to be served on a busy machine, too; what overload refuses has tests of its own.
overload: { loopDelay: 10s, queueBytes: 67108864 }
control: { socket: ${join(this.folder, "control.sock")} }
`;
  }

  get isRunning(): boolean {
    return this.child.exitCode === null && this.child.signalCode === null;
  }

  /** Open file descriptors. */
  get descriptors(): number {
    return readdirSync(`/proc/${this.child.pid}/fd`).length;
  }

  /** Resident memory in bytes. */
  get residentBytes(): number {
    const status = readFileSync(`/proc/${this.child.pid}/status`, "latin1");
    return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) * 1024;
  }

  /** The error of a node that has ended by itself. */
  ended(when: string): Error {
    const { exitCode, signalCode } = this.child;
    return new Error(
      `the node has ended (${exitCode ?? signalCode}) ${when}: ${this.read("err").slice(-4_000)}`,
    );
  }

  /** Ends it at once. Safe at any time. */
  readonly kill = (): void => {
    this.child.kill("SIGKILL");
  };

  /** SIGTERM, as a service manager does; SIGKILL where it does not end. */
  async stop(): Promise<NodeEnd> {
    const timer = setTimeout(this.kill, STOP_TIMEOUT_MS);
    if (this.isRunning) {
      this.child.kill("SIGTERM");
      await new Promise((resolve) => this.child.once("exit", resolve));
    }
    clearTimeout(timer);
    process.off("exit", this.kill);
    const logs = this.logs();
    const stderr = this.read("err").trim();
    const line = (message: string) => logs.find((each) => each["msg"] === message);
    rmSync(this.folder, { recursive: true, force: true });
    return {
      code: this.child.exitCode,
      signal: this.child.signalCode,
      pending: Number(line("stopping")?.["pending"] ?? Number.NaN),
      complaints: [
        ...logs.filter((each) => Number(each["level"]) >= 50).map((each) => JSON.stringify(each)),
        ...(stderr === "" ? [] : [stderr]),
      ],
      counters: (line("stopped")?.["counters"] ?? {}) as Record<string, number>,
    };
  }

  private read(name: string): string {
    return readFileSync(join(this.folder, name), "utf8");
  }

  private logs(): Record<string, unknown>[] {
    return this.read("out")
      .split("\n")
      .filter((text) => text.startsWith("{") && text.endsWith("}"))
      .map((text) => JSON.parse(text) as Record<string, unknown>);
  }
}
