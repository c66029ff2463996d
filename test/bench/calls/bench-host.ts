// Where the benchmark runs: one network namespace with only its loopback in use, the proxy on one core, the load on the other.
import { readFileSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { runCommand } from "../../lab/command.ts";
import type { Host } from "../../lab/host.ts";
import { Lab } from "../../lab/lab.ts";
import type { Program, ProgramOptions } from "../../lab/program.ts";
import { type CoreTime, parseCore } from "./process-tree.ts";

const BUFFER_BYTES = 4 * 1024 * 1024;
const BUFFER_LIMITS = ["/proc/sys/net/core/rmem_max", "/proc/sys/net/core/wmem_max"];
const LOAD_CORE = 0;
const PROXY_CORE = 1;
/** What else runs on the machine is to wait for us. */
const FIRST = ["nice", "-n", "-15"];

/** Lets programs ask for large buffers. @returns how to put the old limits back */
function raiseBufferLimits(): () => void {
  const undo = BUFFER_LIMITS.map((file) => {
    const before = readFileSync(file, "latin1").trim();
    if (Number(before) >= BUFFER_BYTES) return () => {};
    writeFileSync(file, `${BUFFER_BYTES}`);
    return () => writeFileSync(file, before);
  });
  return () => {
    for (const each of undo) each();
  };
}

export class BenchHost {
  readonly directory: string;
  /** The proxy is alone on its core. */
  readonly twoCores = availableParallelism() > 1;
  /** Where the Tandem called `other` is. */
  readonly otherCheckout: string;
  readonly #lab: Lab;
  readonly #host: Host;
  readonly #restore: () => void;

  constructor(options: { otherCheckout?: string | undefined } = {}) {
    this.otherCheckout = options.otherCheckout ?? process.cwd();
    this.#lab = new Lab();
    this.#host = this.#lab.host("bench", { number: 1 });
    this.directory = this.#lab.directory;
    this.#restore = raiseBufferLimits();
    process.on("exit", this.#restore); // a signal ends the lab, and with it the process
    if (this.twoCores) runCommand(["taskset", "-a", "-p", "-c", `${LOAD_CORE}`, `${process.pid}`]);
  }

  startProxy(label: string, argv: readonly string[], options: ProgramOptions = {}): Program {
    return this.#start(PROXY_CORE, label, argv, options);
  }

  /** A program that computes all the time on the proxy's core, and has as much of it as the proxy may have. */
  startNeighbour(): Program {
    return this.#start(PROXY_CORE, "neighbour", ["sh", "-c", "while :; do :; done"], {});
  }

  startLoad(label: string, argv: readonly string[], options: ProgramOptions = {}): Program {
    return this.#start(LOAD_CORE, label, argv, options);
  }

  /** On any core: for what is not timed. */
  startAnywhere(label: string, argv: readonly string[], options: ProgramOptions = {}): Program {
    const cores = this.twoCores ? ["taskset", "-c", `${LOAD_CORE},${PROXY_CORE}`] : [];
    return this.#host.start(label, [...cores, ...argv], options);
  }

  /** Time that a core has been busy, whoever kept it so, and that the machine's host took from it. */
  coreTime(whose: "proxy" | "load"): CoreTime {
    const core = whose === "proxy" && this.twoCores ? PROXY_CORE : LOAD_CORE;
    return parseCore(readFileSync("/proc/stat", "latin1"), core);
  }

  close(): void {
    this.#lab.close();
    process.off("exit", this.#restore);
    this.#restore();
  }

  #start(core: number, label: string, argv: readonly string[], options: ProgramOptions): Program {
    const pinned = this.twoCores ? ["taskset", "-c", `${core}`] : [];
    return this.#host.start(label, [...pinned, ...FIRST, ...argv], options);
  }
}
