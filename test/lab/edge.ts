// A Tandem node in a host of the lab.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Host } from "./host.ts";
import type { Program, ProgramExit } from "./program.ts";
import { until } from "./until.ts";

/** Starting takes a second or two on a machine whose cores are shared. */
const READY_TIMEOUT_MS = 15_000;
const OWN_MACHINE_NICENESS = -15;
const main = join(import.meta.dirname, "../../src/main.ts");

/** A line of the log: JSON by pino. */
export type LogLine = Readonly<Record<string, unknown>>;

export interface EdgeOptions {
  /**
   * Gives it the processor before others, as if it had a machine of its own: for tests that measure its speed while
   * callers, PBXs and a capture share its cores.
   */
  ownMachine?: boolean;
}

export class Edge {
  readonly program: Program;

  private constructor(program: Program) {
    this.program = program;
  }

  /**
   * Starts a node with this configuration, resolves when it serves.
   * TANDEM_LAB_COMMAND names another program to start in its place (words divided by blanks): an installed package,
   * a rival, a stand-in. It gets the same arguments: `run -c FILE`.
   */
  static async start(host: Host, yaml: string, options: EdgeOptions = {}): Promise<Edge> {
    const file = join(host.directory, `${host.name}.yaml`);
    // A network namespace has no file system of its own: by default nodes of one name in two labs would meet.
    const socket = `control: { socket: ${join(host.directory, `${host.name}.sock`)} }\n`;
    writeFileSync(file, /^control:/m.test(yaml) ? yaml : `${yaml.trimEnd()}\n${socket}`);
    const command = process.env["TANDEM_LAB_COMMAND"]?.split(" ") ?? [process.execPath, main];
    const nice = options.ownMachine === true ? ["nice", "-n", `${OWN_MACHINE_NICENESS}`] : [];
    // Where nothing is timed, a second of processor time at each start is better spent on the test.
    const env: Record<string, string> = options.ownMachine === true ? {} : { TANDEM_REHEARSAL: "off" };
    const edge = new Edge(host.start("tandem", [...nice, ...command, "run", "-c", file], { env }));
    await until(
      `${host.name} to be ready`,
      READY_TIMEOUT_MS,
      () => {
        if (edge.logs().some((line) => line["msg"] === "ready")) return true;
        if (!edge.program.running) throw new Error(`${host.name} ended before it was ready`);
        return null;
      },
      () => edge.program.output().slice(-2_000),
    );
    return edge;
  }

  /** Its log so far, without what is no JSON. */
  logs(): LogLine[] {
    return readFileSync(this.program.stdoutFile, "utf8").split("\n").flatMap(parseLine);
  }

  /** Log lines of level error and fatal (pino: 50, 60), and whatever it wrote to standard error. */
  complaints(): string[] {
    const errors = this.logs().filter((line) => Number(line["level"]) >= 50);
    const stderr = readFileSync(this.program.stderrFile, "utf8").trim();
    return [...errors.map((line) => JSON.stringify(line)), ...(stderr === "" ? [] : [stderr])];
  }

  /** SIGTERM, as a service manager does. */
  async stop(): Promise<ProgramExit> {
    return await this.program.stop("SIGTERM");
  }
}

function parseLine(line: string): LogLine[] {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === "object" && value !== null ? [value as LogLine] : [];
  } catch {
    return [];
  }
}
