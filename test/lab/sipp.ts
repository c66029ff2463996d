// SIPp in a host of the lab: callers and PBXs from the scenario files beside this one, and their statistics.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Host } from "./host.ts";
import { PEER_MACHINE } from "./own-machine.ts";
import type { Program, ProgramExit } from "./program.ts";
import { parseSippStatistics, type SippStatistics } from "./sipp-statistics.ts";

/** A file of scenarios/, without its ending. */
export type ScenarioName =
  | "uac-call"
  | "uac-callee-hangs-up"
  | "uac-cancel"
  | "uac-declined"
  | "uac-patient"
  | "uac-refused"
  | "uac-reinvite"
  | "uas-answer"
  | "uas-busy"
  | "uas-hangs-up"
  | "uas-late-answer"
  | "uas-late-ringing"
  | "uas-ring-answer"
  | "uas-ring-decline"
  | "uas-ring-only"
  | "uas-silent"
  | "uas-unavailable";

export interface SippOptions {
  scenario: ScenarioName;
  /** Default: udp. */
  transport?: "udp" | "tcp";
  /** Own address; default: the host's IPv4. An IPv6 address without brackets. */
  address?: string;
  /** Own port; default 5060. */
  port?: number;
  /** Gives it the processor before all others: for tests in which milliseconds count and the cores are shared. */
  ownMachine?: boolean;
}

export interface CallerOptions extends SippOptions {
  remote: { address: string; port?: number };
  calls: number;
  /** New calls a second. */
  rate: number;
  /** How long a call talks; default: at once BYE. */
  talkMs?: number;
  /** The number called; default 1000. */
  number?: string;
  /** A call fails that waits longer than this for an expected message; default 10 s. The scenario may have its own. */
  patienceMs?: number;
}

export interface PbxOptions extends SippOptions {
  /** `-d`: what the scenario pauses (ringing, or being late). Default 0. */
  pauseMs?: number;
  /**
   * A message that the scenario does not expect is passed over, and ends no call. SIPp takes an INVITE that is repeated after its 2xx for such
   * a one, where RFC 6026 §7.1 has a server absorb it: a node that took over repeats what its predecessor had an answer to. Default: no.
   */
  isPatient?: boolean;
}

/** SIPp wants fewer open calls than file descriptors. */
const OPEN_CALLS_MAX = 15_000;
const STATISTICS_INTERVAL_S = "0.25";
/** Of its sockets: a second of full load, so that a SIPp that waits for the processor drops nothing. */
const BUFFER_BYTES = 4_194_304;
const scenarios = join(import.meta.dirname, "scenarios");

function bracketed(address: string): string {
  return address.includes(":") ? `[${address}]` : address;
}

/** SIPp at work. */
export class Sipp {
  readonly program: Program;
  readonly #statisticsFile: string;
  readonly #errorFile: string;

  constructor(host: Host, options: SippOptions, extra: readonly string[]) {
    const stem = join(host.directory, `${host.name}-${options.scenario}-${process.hrtime.bigint()}`);
    this.#statisticsFile = `${stem}.csv`;
    this.#errorFile = `${stem}.errors`;
    const argv = [
      ...(options.ownMachine === true ? PEER_MACHINE : []),
      ...["sipp", "-sf", join(scenarios, `${options.scenario}.xml`), "-nostdin"],
      ...["-t", options.transport === "tcp" ? "t1" : "u1"],
      ...["-i", bracketed(options.address ?? host.ip4), "-p", `${options.port ?? 5060}`],
      ...["-trace_stat", "-stf", this.#statisticsFile, "-fd", STATISTICS_INTERVAL_S],
      ...["-trace_err", "-error_file", this.#errorFile, "-buff_size", `${BUFFER_BYTES}`],
      ...extra,
    ];
    // A terminal type for its screen, which nobody sees, as SIPp starts none of its modes without one.
    this.program = host.start(`sipp-${options.scenario}`, argv, { env: { TERM: "dumb" } });
  }

  /** The counts of its last report (four a second, and one at its end); null before the first. */
  statistics(): SippStatistics | null {
    return parseSippStatistics(readText(this.#statisticsFile));
  }

  /** What it noted about calls that failed; the first few, as one line a call adds up. */
  errors(): string {
    return readText(this.#errorFile).slice(0, 4_000);
  }

  /** SIPp's exit code is 0 only when every call ended as the scenario says. */
  async finished(): Promise<ProgramExit & { statistics: SippStatistics | null; errors: string }> {
    const exit = await this.program.exited;
    return { ...exit, statistics: this.statistics(), errors: this.errors() };
  }
}

function readText(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return ""; // SIPp creates its files when it has something to write
  }
}

/** Starts a caller; it ends by itself after its last call. */
export function startCaller(host: Host, options: CallerOptions): Sipp {
  const { remote, calls, rate, talkMs = 0, number = "1000", patienceMs = 10_000 } = options;
  return new Sipp(host, options, [
    ...[`${bracketed(remote.address)}:${remote.port ?? 5060}`, "-m", `${calls}`, "-r", `${rate}`],
    ...[
      "-l",
      `${Math.min(calls, OPEN_CALLS_MAX)}`,
      "-d",
      `${talkMs}`,
      "-s",
      number,
      "-recv_timeout",
      `${patienceMs}`,
    ],
  ]);
}

/** Starts a PBX, which answers OPTIONS with 200 (-aa); resolves when it listens. It runs until it is killed or the lab closes. */
export async function startPbx(host: Host, options: PbxOptions): Promise<Sipp> {
  const patience = options.isPatient === true ? ["-default_behaviors", "all,-abortunexp"] : [];
  const sipp = new Sipp(host, options, ["-aa", "-d", `${options.pauseMs ?? 0}`, ...patience]);
  await sipp.program.untilBound(options.transport ?? "udp", options.port ?? 5060);
  return sipp;
}
